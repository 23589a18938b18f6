"""Actions that a caller describes itself: which of them is rewarded, told by their features."""
