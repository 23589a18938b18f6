"""Keys as the settings show them: what each may do in words, the form of a new one, what goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from serving.edge.access.access import Asker
from serving.edge.access.keys import SCOPES, Key, Keys
from serving.edge.errors import InvalidKey
from serving.pages.common import words
from serving.pages.settings.sections import Moment, moment

__all__ = [
    "RIGHTS",
    "KeyForm",
    "KeyShown",
    "keys_shown",
    "last_setter",
    "make_key",
    "read_key_form",
    "rights_words",
]

RIGHTS: Final[Mapping[str, tuple[str, str]]] = {
    "ingest": ("Send events", "a website or a tool that tells what leads do"),
    "read": ("See", "scores, the queue and leads: somebody who looks, a CRM"),
    "decide": ("Act", "work with leads and ask for next steps: a salesperson, who sees as well"),
    "admin": ("Change settings", "all of these, keys and webhooks, and erase leads"),
}
"""What a key may do: in a word, and who needs it."""
_LONGEST_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class KeyShown:
    """A key in the list.

    Parameters
    ----------
    rights : in words.
    is_yours : whether it is the one that the reader came with.
    """

    id: str
    name: str
    rights: str
    scopes: tuple[str, ...]
    source: str
    ladder: str
    origins: tuple[str, ...]
    made_at: Moment | None
    revoked_at: Moment | None
    is_yours: bool


@dataclass(frozen=True, slots=True)
class KeyForm:
    """What stands in the form of a new key, and what is wrong with it, by field."""

    name: str = ""
    scopes: frozenset[str] = frozenset()
    source: str = ""
    ladder: str = ""
    origins: str = ""
    wrong: Mapping[str, str] = field(default_factory=dict)

    def mistake(self, name: str) -> str:
        """What is wrong with a field; "" where nothing is."""
        return self.wrong.get(name, "")


def keys_shown(keys: Sequence[Key], asker: Asker, now: int) -> list[KeyShown]:
    """The keys, the newest first."""
    return [
        KeyShown(
            one.id,
            one.name,
            rights_words(one.scopes),
            tuple(scope for scope in SCOPES if scope in one.scopes),
            one.source,
            one.ladder,
            one.origins,
            moment(one.created_at, now),
            moment(one.revoked_at, now),
            one.id == asker.key_id,
        )
        for one in reversed(keys)
    ]


def rights_words(scopes: frozenset[str]) -> str:
    """What a key may do: "See and act"."""
    if "admin" in scopes:
        return "Everything"
    told = [RIGHTS[scope][0] for scope in SCOPES if scope in scopes]
    told = [*told[:1], *(one.lower() for one in told[1:])]
    return " and ".join([", ".join(told[:-1]), told[-1]] if len(told) > 1 else told)


def last_setter(keys: Sequence[Key], key_id: str) -> bool:
    """Whether no other key that holds may change settings."""
    return not any(
        one.revoked_at is None and "admin" in one.scopes and one.id != key_id for one in keys
    )


def read_key_form(given: Mapping[str, str]) -> KeyForm:
    """The form as it was filled in."""
    scopes = frozenset(scope for scope in SCOPES if f"may-{scope}" in given)
    name, source, ladder = (given.get(one, "").strip() for one in ("name", "source", "ladder"))
    return KeyForm(name, scopes, source, ladder, given.get("origins", ""))


def make_key(keys: Keys, form: KeyForm, as_of: int) -> tuple[Key, str] | KeyForm:
    """A new key with its text, or the form with what is wrong.

    A name that a key has already is not taken: what is kept of who did what goes by names. Nor is a
    form made into two keys when it is sent again.
    """
    wrong = _wrong(form, [one.name for one in keys.all() if one.revoked_at is None])
    if not wrong:
        try:
            origins = form.origins.split()
            return keys.create(
                form.name, form.scopes, form.source, form.ladder, origins, as_of=as_of
            )
        except InvalidKey as error:
            wrong[_field_of(str(error))] = f"{words.sentence(str(error))}."
    return KeyForm(form.name, form.scopes, form.source, form.ladder, form.origins, wrong)


def _wrong(form: KeyForm, taken: Sequence[str]) -> dict[str, str]:
    wrong = {}
    if not form.name:
        wrong["name"] = "Write who will have the key, such as Ann, website or CRM."
    elif len(form.name) > _LONGEST_NAME or not form.name.isprintable():
        wrong["name"] = f"A name is one line of {_LONGEST_NAME} letters at most."
    elif form.name in taken:
        wrong["name"] = "There is a key of this name already. Choose another name, or revoke it."
    if not form.scopes:
        wrong["scopes"] = "Tick what the key may do."
    elif form.origins.split() and form.scopes != {"ingest"}:
        wrong["scopes"] = "A key for web pages can be read by everybody: it may send events alone."
    return wrong


def _field_of(said: str) -> str:
    """Which field an error of a key is about; they are single sentences that name their value."""
    for name, sign in (("source", "no source"), ("ladder", "name of a ladder")):
        if sign in said:
            return name
    return "origins" if "origin" in said else "name"
