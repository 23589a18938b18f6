"""Ids that stand for nobody: what programs write where they have none.

Under such an id strangers would become one lead, for good: whoever is not logged in shares it. So
it names no lead and links none, at whatever door it comes in. What is listed here is unmistakable:
no person and no row of a customer table is called so by anyone's choice. "0" is not listed, because
tables are numbered from it, and neither are "user", "test", "id", "admin" or "anon", which somebody
may mean; a lead that grows out of one of those is named by `rung doctor`.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["FOR_NOBODY", "JUNK_IDS", "LIKE_JUNK", "is_junk"]

FOR_NOBODY: Final = "what programs write for nobody, such as null or undefined"
"""What junk is, to follow the name of a member and "is"."""

JUNK_IDS: Final = frozenset(
    {
        # Nothing at all, as languages and formats write it: JSON, JavaScript, Python, Ruby, Lua,
        # Go, Objective-C, Java and spreadsheets.
        *("", "null", "(null)", "<null>", "none", "<none>", "(none)", "nil", "<nil>", "(nil)"),
        *("undefined", "nan", "n/a", "#n/a", "%!s(<nil>)", "\\n"),
        # Another value than the one that was meant, made a text.
        *("[object object]", "[object undefined]", "[object null]", "[]", "{}", "true", "false"),
        # What tools say of a visitor who is not known.
        *("anonymous", "guest", "unknown", "unauthenticated", "not_authenticated", "-1"),
        *("not set", "not_set", "(not set)", "not provided", "(not provided)"),
        # Folders: an address that ends in one leads elsewhere before it is sent.
        *(".", ".."),
        # Numbers without any of their bits: a UUID that nobody made, an advertiser's id of a device
        # that gives none away.
        *("00000000-0000-0000-0000-000000000000", "00000000000000000000000000000000"),
    }
)
"""In lower case, without blanks around them."""
_TEMPLATE: Final = re.compile(r"\{\{.*\}\}|\$\{.*\}|<%.*%>|\*\|.*\|\*", re.DOTALL)
"""A place in a text that nobody filled."""
_QUOTES: Final = "\"'`"
_LONGEST: Final = max(map(len, JUNK_IDS)) + 8
_WORDS: Final = "|".join(re.escape(word) for word in sorted(JUNK_IDS, reverse=True) if word)
LIKE_JUNK: Final = rf"""^[\s"'`]*({_WORDS})?[\s"'`]*$|^\s*(\{{\{{|\$\{{|<%|\*\|)"""
"""What all junk matches, and little else, for who looks through many ids at once."""


def is_junk(id_: str) -> bool:
    """Whether an id stands for nobody, in any letters, with blanks or quotes around it."""
    text = id_.strip()
    if len(text) <= _LONGEST and text.strip(_QUOTES).strip().casefold() in JUNK_IDS:
        return True
    return text[:1] in ("{", "$", "<", "*") and _TEMPLATE.fullmatch(text) is not None
