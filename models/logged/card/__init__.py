"""The model card: what is known of a bundle on one page, for whoever has to answer for it."""
