"""The test suite. Helpers are imported by their full name, as in ``from tests.oracles import richardson``."""
