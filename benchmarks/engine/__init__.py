"""What one process does with a lead or with many: signals, trees, scores, next steps, training."""
