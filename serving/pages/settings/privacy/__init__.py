"""Privacy: who must be left alone, what was erased, and what an id has consented to."""
