"""Running: a function as a plan, interpreted or compiled from its own source."""
