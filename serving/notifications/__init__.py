"""Notifications to other systems, as Standard Webhooks 1.0.0 has them."""
