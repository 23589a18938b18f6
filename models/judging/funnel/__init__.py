"""What is told of stays on a ladder: rates that are true, causes, content, replies."""
