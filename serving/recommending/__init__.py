"""What to offer next: a suggestion to look at, or a recommendation that is kept."""
