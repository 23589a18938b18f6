"""Leads found by words: of their name, their company, their address, as their traits tell them.

A word is found by how it begins. Words that a lead was known by once still find it. Kept under the
id that was sent; which lead that is now, who looks finds out. Where ids are one lead each of them
may have told a part of what it is called.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from features.ladder.field_names import taken_apart
from features.store.database import Database, insert_into, is_storable
from features.store.identities.members import leads_of, memberships
from features.store.places import places_of
from features.store.schema import identities, lead_words

__all__ = ["MOST_FOUND", "LeadNames", "are_found", "note_words", "words_of"]

_KEYS: Final = (
    *("name", "full_name", "fullName", "first_name", "firstName", "last_name", "lastName"),
    *("company", "company_name", "companyName", "organization", "organisation"),
    *("email", "email_address", "emailAddress", "phone", "mobile"),
)
"""The traits that a lead is found by."""
_SIGN: Final = re.compile(r"[^\w\s.,'’@+()-]")
_WORD: Final = re.compile(r"[^\W_]+", re.UNICODE)
_MOST_WORDS: Final = 16
_LONGEST: Final = 40
_SHORTEST: Final = 2
"""One letter is an initial, which very many have; where letters have no case it can be a name."""
_LAST: Final = "\U0010ffff"
MOST_FOUND: Final = 1000
"""Leads that a search finds at most."""
_COUNTED: Final = 20_000

_Row = Sequence[Any]
"""As `Event`: a message id, an id of a lead, a name, two instants, the text of properties."""


def words_of(text: str) -> list[str]:
    """The words of a text as they are compared: small letters, without accents, each once.

    >>> words_of("Chloé O'Neill-Grant")
    ['chloe', 'neill', 'grant']
    >>> words_of("李 A")
    ['李']
    """
    plain = taken_apart(text).casefold()
    letters = "".join(letter for letter in plain if not unicodedata.combining(letter))
    found = (word[:_LONGEST] for word in _WORD.findall(letters))
    return list(dict.fromkeys(word for word in found if _tells(word)))


def _tells(word: str) -> bool:
    return len(word) >= _SHORTEST or unicodedata.category(word) == "Lo"


def are_found(text: str, traits: Mapping[str, object]) -> bool:
    """Whether each word of a text, and there are any, begins one that some traits tell."""
    told, asked = _words(traits), words_of(text)
    return bool(asked) and all(any(one.startswith(word) for one in told) for word in asked)


def _told(properties: str) -> list[str]:
    """The words of a lead's traits."""
    return _words(json.loads(properties))


def _words(traits: Mapping[str, object]) -> list[str]:
    values = (_text(traits.get(key)) for key in _KEYS)
    return words_of(" ".join(value for value in values if value))[:_MOST_WORDS]


def _text(value: object) -> str:
    if isinstance(value, Mapping):  # Segment writes company: {name: ...}
        value = value.get("name")
    return value if isinstance(value, str) and is_storable(value) else ""


def note_words(connection: sa.Connection, rows: Iterable[_Row], traits_event: str) -> None:
    """Keep the words of those events that tell traits."""
    found = {(word, row[1]) for row in rows if row[2] == traits_event for word in _told(row[5])}
    if found:
        insert = insert_into(connection.engine, lead_words).on_conflict_do_nothing()
        ordered = sorted(found)  # two writers never wait for each other
        connection.execute(insert, [{"word": word, "id": id_} for word, id_ in ordered])


class LeadNames:
    """The words of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, text: str, most: int = MOST_FOUND) -> list[str]:
        """The leads of whom each word of a text begins a word, sorted; at most so many.

        Also the lead of which the text is an id, whatever it is called, be it a former one; where
        the id has signs in it, as no name has, that one alone. Of a word that very many have in
        common only some are looked at: another word, or more of it, finds the others.
        """
        words = words_of(text)[:8]
        exact = text.strip()
        ids: set[str] = set()
        with self._database.reading() as connection:
            if exact and is_storable(exact):
                own = places_of(connection.dialect.name, [exact])
                ids |= set(connection.scalars(sa.select(own.c.lead_id).limit(1)))
                # One that came only beside another: no event was sent under it.
                ids |= set(memberships(connection, [exact]))
            if words and not (ids and _SIGN.search(exact)):
                ids |= set(connection.scalars(_having(_rarest_first(connection, words), most)))
            return sorted(set(leads_of(connection, sorted(ids)).values()))[:most]


def _having(words: Sequence[str], most: int) -> sa.Select[tuple[str]]:
    """Leads of which each word begins one that an id of theirs is known by.

    The first word narrows most. Leads and not ids, so that `most` of them are as many as there are.
    """
    first, *others = words
    whose = identities.alias()
    lead = sa.func.coalesce(whose.c.lead_id, lead_words.c.id)
    held = lead_words.outerjoin(whose, whose.c.id == lead_words.c.id)
    wanted = sa.select(lead).select_from(held).distinct().where(_begins(lead_words, first))
    for word in others:
        also, elsewhere = lead_words.alias(), lead_words.alias()
        own = sa.select(also.c.id).where(also.c.id == lead_words.c.id, _begins(also, word))
        mine, theirs = identities.alias(), identities.alias()
        of_lead = (
            sa.select(elsewhere.c.id)
            .join_from(mine, theirs, theirs.c.lead_id == mine.c.lead_id)
            .join(elsewhere, elsewhere.c.id == theirs.c.id)
            .where(mine.c.id == lead_words.c.id, _begins(elsewhere, word))
        )
        wanted = wanted.where(sa.or_(own.exists(), of_lead.exists()))
    return wanted.limit(most)


def _rarest_first(connection: sa.Connection, words: Sequence[str]) -> list[str]:
    """Words, those first that few have; how many that is, is counted up to a bound."""
    if len(words) < 2:
        return list(words)

    def count(word: str) -> int:
        some = sa.select(lead_words.c.id).where(_begins(lead_words, word)).limit(_COUNTED)
        return connection.scalar(sa.select(sa.func.count()).select_from(some.subquery())) or 0

    return sorted(words, key=lambda word: (count(word), -len(word)))


def _begins(table: Any, word: str) -> sa.ColumnElement[bool]:
    condition: sa.ColumnElement[bool] = sa.and_(table.c.word >= word, table.c.word < word + _LAST)
    return condition
