"""Scores of stored leads: one at a time, all in the background, the queue by them."""
