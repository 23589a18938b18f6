"""What is told of what a worker found: that leads stop at a step, or that signals have moved."""
