"""The command line: one file a group of verbs, which parses, wires and prints.

It is the only package that sees both training and serving. Importing it is instant: a verb imports
what it needs when it runs.
"""

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code."""
    try:
        from rung import command
    except KeyboardInterrupt:  # a cold start reads files for a second, or two
        print("\nrung: stopped", file=sys.stderr)
        return 130
    return command.main(arguments)
