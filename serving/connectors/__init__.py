"""What outside tools tell of leads: one vendor, one file."""
