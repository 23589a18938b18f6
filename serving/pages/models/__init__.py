"""The page of models: can the figures be trusted, since when, what changed, what is next."""
