"""The ops, one class each, one file for each family; every derivative is stated here, once."""
