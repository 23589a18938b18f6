"""Who somebody is by an address, or the id of another tool, as a ladder's `identify_by` says.

Such a value becomes an id of its own, a keyed hash: it joins the ids that it was given with, by the
rule of all links, and can be undone like any other. The store never holds an address as an id. The
key is made with the store and stays in it: whoever has the store can ask whether somebody with an
address is in it, as the service does; nobody can list addresses.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import sqlalchemy as sa

from features.events.field_names import means_mail, plain
from features.events.junk_ids import is_junk
from features.ladder.ladder import Identity
from features.store.database import Database, insert_into
from features.store.identities.mailboxes import own_mailbox, shared_of
from features.store.identities.rule import ALIAS, CLAIM
from features.store.schema import meta

__all__ = ["Identification", "links_between"]

_KEY: Final = "identification_key"
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
    """

    names: Mapping[str, str]
    shared: frozenset[str]
    key: bytes

    @classmethod
    def of(cls, database: Database, identity: Identity) -> Identification | None:
        """That of a ladder; None where it identifies nobody by anything."""
        if not identity.identify_by:
            return None
        with database.reading() as connection:
            held = connection.scalar(sa.select(meta.c.value).where(meta.c.key == _KEY))
        if held is None:
            with database.writing() as connection:
                made = {"key": _KEY, "value": secrets.token_hex(_KEY_BYTES)}
                insert = insert_into(connection.engine, meta).on_conflict_do_nothing()
                connection.execute(insert, made)
                wanted = sa.select(meta.c.value).where(meta.c.key == _KEY)
                held = connection.execute(wanted).scalar_one()
        names = {plain(name): name for name in identity.identify_by}
        return cls(names, shared_of(identity), bytes.fromhex(held))

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
