"""What whole ways of working bring in simulated worlds that are stepped by day."""
