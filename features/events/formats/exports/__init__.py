"""Exports of other tools: how each is recognised, and its rows as ours."""
