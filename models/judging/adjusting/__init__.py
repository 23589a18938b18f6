"""What would have come otherwise: comparisons of leads that nobody drew by lot."""
