"""The settings: the ladder, offers, keys, connections, webhooks, checks, privacy, who did what."""
