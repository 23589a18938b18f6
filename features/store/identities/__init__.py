"""Which ids are one lead: the rule, the links that were told, and what is read of them."""
