"""From Python functions to graphs: handles, traces, containers, and the transforms that users call."""
