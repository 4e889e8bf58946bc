"""The graph: nodes, abstract values, sizes, facts, ops as an interface, closed functions, the cache."""
