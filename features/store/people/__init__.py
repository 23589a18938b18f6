"""People: the words that a lead is found by, in whose hands it is, and what was done with it."""
