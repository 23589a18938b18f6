"""How good the chances of one goal are: what came, beside what was said and beside baselines."""
