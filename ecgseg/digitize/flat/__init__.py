"""Picture → flat page: the grid measured, the paper flattened."""
