"""How good what serves is, by reports that a worker kept; what served before; and to change it."""
