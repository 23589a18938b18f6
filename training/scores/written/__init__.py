"""How figures are told: pages, pictures, words."""
