"""Trees as arrays: what they say of a row, and what each column adds to it."""
