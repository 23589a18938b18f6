"""The webhooks: where notifications go, what became of them, and what is sent again."""
