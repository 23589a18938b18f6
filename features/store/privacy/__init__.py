"""What a lead may ask of those who keep data about it: to see it, not to be profiled, to go.

An id stands for all ids of its lead. Each question is one transaction; what it reads and writes
stands in the modules of this room.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

import sqlalchemy as sa

from features.store.changes import ScoreChanges
from features.store.database import Database, Prepared, is_storable
from features.store.identities.members import leads_of
from features.store.identities.turns import Erased
from features.store.privacy.erasures import (
    Erasure,
    KeptErasure,
    erase,
    erased_since,
    kept_erasures,
    wipe,
)
from features.store.privacy.held import AfterLists, AfterRows, Held, Lead
from features.store.privacy.opt_outs import (
    opt_in,
    opt_out,
    opt_out_of_one,
    opted_out_asking,
    opted_out_count,
    opted_out_of,
)
from features.store.privacy.pages import held_lead
from features.store.privacy.rows import Document
from features.store.privacy.suppressions import (
    any_suppressed,
    suppressed_among,
    unsuppress,
    wait_for_arrivals,
)
from features.store.privacy.trainings import Training, keep_training
from features.store.schema import identity_links

__all__ = ["Privacy", "not_to_be_scored"]


class Privacy:
    """Opt-outs, what is held, erasures, and the models that were trained on it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._any_suppressed = Prepared.of(sa.select(any_suppressed()), database.engine)
        both = sa.select(opt_out_of_one().exists(), any_suppressed())  # one question for both
        self._is_out = Prepared.of(both, database.engine)

    # ----------------------------------------------------------------------------------- opting out

    def opt_out(self, ids: Iterable[str], opted_out_at: int, reason: str = "") -> None:
        """Profile the leads of some ids no more, until `opt_in`.

        Their scores are gone when it returns, and a CRM is told nothing more of them. An id need
        not be known yet. Whoever is opted out already stays so since then.

        Parameters
        ----------
        opted_out_at : now, in microseconds since the epoch.

        Raises
        ------
        UnknownLead : an id of which nothing is held, and under which nothing can come.
        """
        with self._database.writing() as connection:
            opt_out(connection, ids, opted_out_at, reason)
        ScoreChanges(self._database).settle()

    def opt_in(self, ids: Iterable[str], opted_in_at: int) -> None:
        """The leads of some ids may be profiled again, and are to be scored.

        Parameters
        ----------
        opted_in_at : now, in microseconds since the epoch.

        Raises
        ------
        UnknownLead : an id that no store holds.
        """
        with self._database.writing() as connection:
            opt_in(connection, ids, opted_in_at)

    def is_opted_out(self, lead_id: str) -> bool:
        """Whether the lead of an id has opted out by any id, or was erased and must not come back.

        To everybody who scores, recommends or tries something both are one: leave it alone.
        """
        if not is_storable(lead_id):
            return False
        ((is_out, is_any),) = self._is_out.all(self._database, asked=lead_id)
        return bool(is_out) or (bool(is_any) and self.is_suppressed(lead_id))

    def opted_out_of(self, lead_ids: Iterable[str]) -> set[str]:
        """Those of some ids of which `is_opted_out` holds."""
        ids = set(lead_ids)
        with self._database.reading() as connection:
            return opted_out_of(connection, ids) | suppressed_among(connection, ids)

    def opted_out_count(self) -> int:
        """How many leads opted out."""
        with self._database.reading() as connection:
            return opted_out_count(connection)

    def opted_out_asking(self, asked: str, after: int) -> list[str]:
        """The leads that opted out and have asked something since; see `opt_outs`."""
        with self._database.reading() as connection:
            return opted_out_asking(connection, asked, after)

    def is_suppressed(self, lead_id: str) -> bool:
        """Whether an id was erased with its lead, and nothing is stored under it any more."""
        ((is_any,),) = self._any_suppressed.all(self._database)
        if not is_any:  # as in most stores
            return False
        with self._database.reading() as connection:
            return bool(suppressed_among(connection, [lead_id]))

    # --------------------------------------------------------------------------------- what is held

    def lead(self, lead_id: str, limit: int | None = None, after: AfterLists | None = None) -> Lead:
        """Who a lead is, by any of its ids; see `Lead.read`.

        Raises
        ------
        UnknownLead : nothing is held of it.
        """
        with self._database.reading() as connection:
            return Lead.read(connection, lead_id, limit, after)

    def held(self, lead_id: str, limit: int | None = None, after: AfterRows | None = None) -> Held:
        """Everything that is kept of a lead, by any id of it, or a page of that; see `Held.read`.

        Raises
        ------
        UnknownLead : nothing is held of it.
        """
        with self._database.reading() as connection:
            return Held.read(connection, lead_id, limit, after)

    def export(self, lead_id: str, exported_at: int) -> Document:
        """Everything that is kept of a lead, as a JSON object; UnknownLead where that is nothing.

        Parameters
        ----------
        exported_at : now, in microseconds since the epoch.
        """
        return self.held(lead_id).exported(exported_at)

    def has_link(self, lead_id: str, kind: str, source: str, target: str) -> bool:
        """Whether such a link of a lead stands; UnknownLead where nothing is held of the lead."""
        with self._database.reading() as connection:
            lead = held_lead(connection, lead_id)
            if lead not in leads_of(connection, [source, target]).values():
                return False
            link = {"kind": kind, "source": source, "target": target}
            wanted = sa.select(identity_links.c.undone_at).filter_by(**link)
            found = connection.execute(wanted).first()
            return found is not None and found.undone_at is None

    # -------------------------------------------------------------------------------------- erasing

    def erase(
        self,
        lead_id: str,
        erased_at: int,
        serving: Training | None = None,
        *,
        is_suppressed: bool = False,
    ) -> Erasure:
        """Erase everything that is kept of a lead, by any of its ids, its opt-out included.

        All in one transaction. That there was an erasure is kept, and nothing of whom.

        Parameters
        ----------
        erased_at : now, in microseconds since the epoch.
        serving : the model that serves; it may have seen the lead wherever it was trained.
        is_suppressed : store nothing under any of its ids any more, until `unsuppress`; of each a
            keyed hash is kept.

        Raises
        ------
        UnknownLead : nothing is kept of it.
        """
        with self._database.writing() as connection:
            erasure = erase(connection, lead_id, erased_at, serving, is_suppressed=is_suppressed)
        return replace(erasure, is_wiped=wipe(self._database))

    def erasures(self, limit: int | None = None) -> list[KeptErasure]:
        """What is kept of erasures, the latest first; of whom nobody can tell."""
        with self._database.reading() as connection:
            return kept_erasures(connection, limit)

    def unsuppress(self, lead_id: str) -> int:
        """Let events of a lead be stored again that was erased; how many ids it had then.

        Raises
        ------
        UnknownLead : the id is not suppressed.
        """
        with self._database.writing() as connection:
            wait_for_arrivals(connection)
            return unsuppress(connection, lead_id)

    # ------------------------------------------------------------------------------------ trainings

    def record_training(
        self,
        bundle: str,
        ladder: str,
        until: int,
        trained_at: int,
        known: Collection[str] | None = None,
    ) -> None:
        """Keep that a bundle was trained on this store; see `Training` and `keep_training`."""
        with self._database.writing() as connection:
            keep_training(connection, Training(bundle, ladder, until, trained_at), known)


def not_to_be_scored(
    connection: sa.Connection, leads: Sequence[str], erased: Erased | None
) -> set[str]:
    """Those of some leads whose scores must not be kept: opted out, or erased meanwhile.

    It is a part of the transaction that would keep them.

    Parameters
    ----------
    erased : as it was before their events were read; None where nobody asked.
    """
    return opted_out_of(connection, leads) | erased_since(connection, leads, erased)
