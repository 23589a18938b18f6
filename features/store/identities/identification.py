"""Who somebody is by an address, or the id of another tool, as a ladder's `identify_by` says.

Such a value becomes an id of its own, a keyed hash: it joins the ids that it was given with, by the
rule of all links, and can be undone like any other. The store never holds an address as an id. The
key is made with the store and stays in it: whoever has the store can ask whether somebody with an
address is in it, as the service does; nobody can list addresses.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import sqlalchemy as sa

from features.events.junk_ids import is_junk
from features.ladder.field_names import means_mail, plain
from features.ladder.ladder import Identity
from features.store.database import Database, insert_into
from features.store.identities.mailboxes import own_mailbox, shared_of
from features.store.identities.rule import ALIAS, CLAIM
from features.store.schema import meta

__all__ = ["Identification", "links_between"]

_KEY: Final = "identification_key"
_RULE: Final = "identified_by"
_KEY_BYTES: Final = 32
_HASH_BYTES: Final = 16
_MAIL: Final = "email"
_LONGEST: Final = 200
"""A longer value is no id of a tool."""


@dataclass(frozen=True, slots=True)
class Identification:
    """What tells who somebody is, and how it is hashed.

    Parameters
    ----------
    names : the traits that do, by their plain names, with the names that the ladder gives them.
    shared : mailboxes of several people beside the usual ones, in lower case.
    traits_event : what the event is called that holds traits.
    """

    names: Mapping[str, str]
    shared: frozenset[str]
    key: bytes
    traits_event: str = ""

    @classmethod
    def of(
        cls, database: Database, identity: Identity, traits_event: str = ""
    ) -> Identification | None:
        """That of a ladder; None where it identifies nobody by anything.

        The store keeps it for whoever brings events and has no ladder at hand.

        Parameters
        ----------
        traits_event : what the event is called that holds traits.
        """
        if not identity.identify_by:
            return None
        names = {plain(name): name for name in identity.identify_by}
        shared = shared_of(identity)
        rule = json.dumps([names, sorted(shared), traits_event])
        with database.reading() as connection:
            held = _held(connection)
        if held.get(_RULE) != rule or _KEY not in held:
            with database.writing() as connection:
                made = {"key": _KEY, "value": secrets.token_hex(_KEY_BYTES)}
                insert = insert_into(connection.engine, meta)
                connection.execute(insert.on_conflict_do_nothing(), made)
                latest = insert.on_conflict_do_update(
                    index_elements=["key"], set_={"value": insert.excluded.value}
                )
                connection.execute(latest, {"key": _RULE, "value": rule})
                held = _held(connection)
        return cls(names, shared, bytes.fromhex(held[_KEY]), traits_event)

    @classmethod
    def kept(cls, connection: sa.Connection) -> Identification | None:
        """What the ladder that was used last tells people by; None where none did."""
        held = _held(connection)
        if len(held) < 2:
            return None
        names, shared, traits_event = json.loads(held[_RULE])
        return cls(names, frozenset(shared), bytes.fromhex(held[_KEY]), traits_event)

    @property
    def by_mail(self) -> bool:
        """Whether an e-mail address does."""
        return any(map(means_mail, self.names))

    def of_mail(self, text: str) -> str | None:
        """The id of an address; None where that is none, or is shared, or says nothing here."""
        address = own_mailbox(text, self.shared) if self.by_mail else None
        return None if address is None else self._hashed(_MAIL, address)

    def of_trait(self, name: str, value: object) -> str | None:
        """The id of a value of a trait; None where it says nothing of who somebody is."""
        known = self.names.get(plain(name))
        if known is None or isinstance(value, bool) or not isinstance(value, str | int):
            return None
        text = str(value).strip()
        if means_mail(known):
            return self.of_mail(text)
        if len(text) > _LONGEST or is_junk(text):
            return None
        return self._hashed(known, text)

    def of_traits(self, traits: Mapping[str, object]) -> tuple[str, ...]:
        """The ids of all traits that say who somebody is, each once."""
        found = (self.of_trait(name, value) for name, value in traits.items())
        return tuple(dict.fromkeys(one for one in found if one is not None))

    def of_external(self, text: str) -> tuple[str, ...]:
        """The ids of a text as a value of any trait that says who somebody is."""
        found = (self.of_trait(name, text) for name in self.names)
        return tuple(one for one in found if one is not None)

    def _hashed(self, kind: str, text: str) -> str:
        told = f"{kind}\0{text}".encode("utf-8", "surrogatepass")
        return f"{kind}:{blake2b(told, digest_size=_HASH_BYTES, key=self.key).hexdigest()}"


def _held(connection: sa.Connection) -> dict[str, str]:
    wanted = sa.select(meta.c.key, meta.c.value).where(meta.c.key.in_([_KEY, _RULE]))
    return {row.key: row.value for row in connection.execute(wanted)}


def links_between(
    sent_id: str, others: Iterable[str], *, is_anonymous: bool
) -> tuple[tuple[str, str, str], ...]:
    """Kind, source and target of what follows for an id that was sent together with such ids.

    An address claims an anonymous id as a user does: the first who says so has it. It is itself
    given up for a user's id, by which the lead is called then.
    """
    return tuple(
        (CLAIM, sent_id, one) if is_anonymous else (ALIAS, one, sent_id)
        for one in others
        if one != sent_id
    )
