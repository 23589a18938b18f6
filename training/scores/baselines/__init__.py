"""What a model is judged beside: simple and usual ways to score."""
