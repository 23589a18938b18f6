"""The parser of the command: how verbs are added, and what it says of one that there is not."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from rung.call.printing import folded

__all__ = [
    "Progress",
    "add_verb",
    "group",
    "new_parser",
]

Progress = Callable[[str], None]
"""Is told what is being done."""


class _Parser(argparse.ArgumentParser):
    """Says what was meant by a verb or an option that there is not, and how the verb is called."""

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        verbs = action.choices
        if isinstance(verbs, dict) and value not in verbs:
            from features.errors import did_you_mean

            hint = did_you_mean(value, verbs) or f"; there is {', '.join(verbs)}"
            raise argparse.ArgumentError(action, f"invalid choice: {value!r}{hint}")
        super()._check_value(action, value)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As the library's; the verb itself refuses what it does not know, not the command."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}{self._meant(unknown)}")
        return found, unknown

    def _meant(self, unknown: Sequence[str]) -> str:
        from features.errors import did_you_mean

        named = (word.partition("=")[0] for word in unknown if word.startswith("--"))
        return next((did_you_mean(word, self._option_string_actions) for word in named), "")

    def error(self, message: str) -> NoReturn:
        """As the library's, folded in a terminal."""
        self.print_usage(sys.stderr)
        self.exit(2, folded(f"{self.prog}: error: {message}", sys.stderr) + "\n")


def new_parser(adders: Iterable[Callable[[Any], None]]) -> argparse.ArgumentParser:
    """A parser with some verbs; each adder adds its own."""
    parser = _Parser(
        prog="rung",
        description="Lead scoring and next steps for micro-commitment ladders.",
    )
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for add in adders:
        add(verbs)
    return parser


def group(verbs: Any, name: str, summary: str, description: str) -> Any:
    """A verb that has verbs of its own, such as `rung lead show`; to add them to."""
    parser = verbs.add_parser(name, help=summary, description=description)
    return parser.add_subparsers(metavar="VERB", required=True)


def add_verb(
    verbs: Any, name: str, run: Callable[[argparse.Namespace, Progress], int | None], summary: str
) -> argparse.ArgumentParser:
    """A verb with what runs it; its parser takes the options."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        name, help=summary, description=f"{summary[0].upper()}{summary[1:]}."
    )
    parser.set_defaults(verb=run)
    return parser
