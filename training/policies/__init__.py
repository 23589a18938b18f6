"""How policies are learned from decisions, judged on logs, and let through the gate."""
