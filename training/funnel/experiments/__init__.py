"""What an experiment brought: leads by their arm, and what came of them."""
