"""What keeps a champion up: training again on what has matured, and watching."""
