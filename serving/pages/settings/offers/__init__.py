"""The offers: a list with their states, and a form for each."""
