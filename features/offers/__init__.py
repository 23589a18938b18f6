"""What was decided for a lead, and what became of the offers it was made."""
