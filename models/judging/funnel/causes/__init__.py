"""What a diagnosis is made of: evidence, its words, and the experiment that would settle it."""
