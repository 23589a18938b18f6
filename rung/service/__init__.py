"""Verbs of the service: who may ask it, it runs, it is examined, assistants ask it."""

from rung.service.key import add_key
from rung.service.mcp import add_mcp
from rung.service.running import add_doctor, add_serve, add_work, run_service

__all__ = ["add_doctor", "add_key", "add_mcp", "add_serve", "add_work", "run_service"]
