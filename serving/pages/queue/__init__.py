"""The first page: whom to talk to, why, what to say; and what was done about it."""
