"""What becomes of leads on the ladder: how many go on at each step, when, and who they are."""
