"""What gives the margin: boosted trees, or a classifier of scikit-learn's kind in their place."""
