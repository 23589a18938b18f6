"""Exports of other tools as events."""
