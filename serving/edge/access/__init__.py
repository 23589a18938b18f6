"""Who may ask: keys, sessions, who it is that asks, and what a route needs of them."""
