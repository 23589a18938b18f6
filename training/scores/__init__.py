"""How scores are judged on later outcomes, reported, and let through the gate."""
