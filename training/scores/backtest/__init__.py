"""Rolling-origin backtests: train on what was known by an instant, judge on what came after it."""
