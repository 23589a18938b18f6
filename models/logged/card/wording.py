"""How a model card writes things down, and what it says where nobody has measured anything."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final

__all__ = [
    "EVALUATE",
    "EVALUATE_POLICY",
    "bullets",
    "listed",
    "number",
    "plain",
    "sentence",
    "table",
    "unmeasured",
]

EVALUATE: Final = "rung evaluate EVENTS --ladder BUNDLE/ladder.toml --bundle BUNDLE --report REPORT"
EVALUATE_POLICY: Final = "rung policy evaluate EVENTS --bundle BUNDLE --report REPORT"


def plain(text: object) -> str:
    """Words that somebody wrote, on one line, and as words alone in Markdown: no tag, no link."""
    return " ".join(str(text).split()).translate(_PLAIN)


_PLAIN: Final = str.maketrans({"<": "&lt;", "|": "\\|", "[": "\\["})


def sentence(words: str) -> str:
    """Words with a capital and a full stop."""
    return f"{words[:1].upper()}{words[1:].rstrip('.')}." if words else ""


def number(value: float | None, form: str = ".4f") -> str:
    """A figure in a format of Python's; a dash where there is none."""
    return "–" if value is None else format(value, form).replace("-", "\N{MINUS SIGN}")


def listed(names: Iterable[str]) -> str:
    """Names as code, in a row."""
    return ", ".join(f"`{plain(name)}`" for name in names)


def bullets(lines: Iterable[str]) -> str:
    """A list of them; "" of none."""
    return "\n".join(f"* {line}" for line in lines)


def table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], texts: Collection[int] = (0,)
) -> str:
    """A table; the columns that are words, `texts`, stand to the left."""
    lines = [heads, [":--" if at in texts else "--:" for at in range(len(heads))], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def unmeasured(command: str = EVALUATE) -> str:
    """That nobody has measured something, and the command that does."""
    return f"**Not measured.** To measure it: `{command}`."
