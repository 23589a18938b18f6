"""Who to talk to next: leads, and the companies that they belong to."""
