"""The command line: one file a group of verbs, which parses, wires and prints.

It is the only package that sees both training and serving. Importing it is instant: a verb imports
what it needs when it runs.
"""

from rung.command import main

__all__ = ["main"]
