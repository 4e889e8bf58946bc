"""Which NumPy functions are answered, and by what."""
