"""Many scored leads, column by column, and the rows that are stored of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from io import SEEK_END
from math import isnan
from tempfile import TemporaryFile
from typing import Any, Final, Self

import numpy as np
import orjson

from features.arrays import Bools, Floats, Ints
from features.events.log import DAY_US
from features.signals.fold import NONE
from features.store.kept.scores import OUT_OF_QUEUE, TOGETHER, Former, StoredScore, Unsaved
from models.bundle import Bundle
from serving.scoring.bands import band_of
from serving.scoring.changes import Cause
from serving.scoring.ranking import Ranking
from serving.scoring.scorer import Scorer
from serving.scoring.work import Works, tab_of

__all__ = ["Findings", "Scored", "SpilledTexts", "stored_rows", "usual_chances"]

_SOURCE: Final = "source"
"""The trait that says where a lead came from."""


@dataclass(frozen=True, eq=False, slots=True)
class Scored:
    """Leads with what the queue needs of their scores; NaN where a lead has bought, or is lost.

    Parameters
    ----------
    waiting_since, asked_at : when a lead that waits for a reply asked first, and when its last
        question became known; microseconds since the epoch, NONE where there is no such instant.
    last_active : when it did something last, likewise.
    traits : JSON text, an object of each: what is known of those that the ladder names.
    week_ago : the chance a week before, of those that stood in the queue before the same step; NaN
        for the others, and where it was not looked for.
    """

    leads: list[str]
    step: list[str]
    waiting_since: Ints
    asked_at: Ints
    works: Works
    traits: list[str]
    position: Ints
    last_active: Ints
    advance: Floats
    low: Floats
    high: Floats
    purchase: Floats
    week_ago: Floats

    @classmethod
    def joined(cls, parts: Sequence[Scored]) -> Scored:
        """All parts as one."""
        none, no_times = np.empty(0), np.empty(0, dtype=np.int64)
        return cls(
            [lead for part in parts for lead in part.leads],
            [step for part in parts for step in part.step],
            np.concatenate([no_times, *(part.waiting_since for part in parts)]),
            np.concatenate([no_times, *(part.asked_at for part in parts)]),
            Works.joined([part.works for part in parts]),
            [one for part in parts for one in part.traits],
            np.concatenate([no_times, *(part.position for part in parts)]),
            np.concatenate([no_times, *(part.last_active for part in parts)]),
            *(
                np.concatenate([none, *(getattr(part, name) for part in parts)])
                for name in ("advance", "low", "high", "purchase", "week_ago")
            ),
        )

    def queued(self, as_of: int, dormant_after_days: float) -> Bools:
        """Shape (n,): whether a lead has a next step, and has not been silent for too long.

        Who waits for a reply is never left out, be it for its silence or for want of a next step.
        """
        since = as_of - dormant_after_days * DAY_US
        awake = (self.last_active != NONE) & (self.last_active >= since)
        waits = self.waiting_since != NONE
        is_queued: Bools = waits | (awake & ~np.isnan(self.advance))
        return is_queued


class SpilledTexts(Mapping[str, str]):
    """Texts without line breaks, by lead, in a file that goes with them.

    Of a million leads the reasons would fill the memory.
    """

    def __init__(self) -> None:
        self._file = TemporaryFile()  # noqa: SIM115 - its end is ours
        self._place: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def put(self, texts: Mapping[str, str]) -> None:
        """Keep some more; those that are kept stay where they are."""
        place = self._file.seek(0, SEEK_END)
        for lead, text in texts.items():
            self._place[lead] = place
            place += self._file.write(f"{text}\n".encode())

    def __getitem__(self, lead: str) -> str:
        self._file.seek(self._place[lead])
        return self._file.readline().decode().removesuffix("\n")

    def __iter__(self) -> Iterator[str]:
        return iter(self._place)

    def __len__(self) -> int:
        return len(self._place)


@dataclass(frozen=True, slots=True)
class Findings:
    """What is told of scores beside what was scored; reasons by lead, where they are known."""

    ranking: Ranking | None
    reasons: Mapping[str, str]
    cause: Cause


def stored_rows(
    scorer: Scorer, scored: Scored, priority: Floats, told: Findings, as_of: int
) -> Iterator[Unsaved]:
    """The rows of scored leads, some at a time, to be made when it is known what each was before.

    Parameters
    ----------
    priority : shape (n,), where each lead stands in the queue.
    """
    accounts = scorer.store.accounts.of(scored.leads)
    rows = _Rows(scorer.model.bundle, scored, priority, told, as_of, scorer.clock(), accounts)
    for first in range(0, len(scored.leads), TOGETHER):
        part = slice(first, first + TOGETHER)
        # All that can be is made here: while rows are made of the former ones nobody else writes.
        yield Unsaved(scored.leads[part], partial(rows.made, part, rows.columns(part)))


@dataclass(frozen=True, eq=False, slots=True)
class _Rows:
    """What `stored_rows` makes rows of."""

    bundle: Bundle
    scored: Scored
    priority: Floats
    told: Findings
    as_of: int
    scored_at: int
    accounts: Mapping[str, str]

    def made(
        self, part: slice, columns: dict[str, Sequence[Any]], former: Mapping[str, Former]
    ) -> list[StoredScore]:
        """The rows of some leads, of the columns that they have already and the former rows."""
        leads, steps, advance = columns["lead_id"], columns["step"], columns["p_advance"]
        before = [former.get(lead) for lead in leads]
        bands = self._bands(steps, self.priority[part] > OUT_OF_QUEUE, advance, before)
        after = zip(advance, steps, bands, strict=True)
        identity, cause = self.bundle.identity, self.told.cause
        causes = [_cause(*pair, identity, cause) for pair in zip(before, after, strict=True)]
        whole = {**columns, "band": bands, "cause": causes}
        ordered = (whole[field.name] for field in fields(StoredScore))
        return [StoredScore(*row) for row in zip(*ordered, strict=True)]

    def columns(self, part: slice) -> dict[str, Sequence[Any]]:
        """All columns of some leads that do not depend on what the leads were before."""
        scored, told = self.scored, self.told
        leads, traits = scored.leads[part], scored.traits[part]
        places, works = self.priority[part].tolist(), scored.works
        options = [works.options[at] for at in works.option[part].tolist()]
        is_queued, count = self.priority[part] > OUT_OF_QUEUE, len(leads)
        return {
            "lead_id": leads,
            "ladder": [self.bundle.ladder.name] * count,
            "as_of": [self.as_of] * count,
            "step": scored.step[part],
            "position": scored.position[part].tolist(),
            "p_advance": _numbers(scored.advance[part]),
            "low": _numbers(scored.low[part]),
            "high": _numbers(scored.high[part]),
            "p_purchase": _numbers(scored.purchase[part]),
            "priority": places,
            "percentile": self._percentiles(part, is_queued),
            "reasons": [told.reasons.get(lead, "") for lead in leads],
            "bundle": [self.bundle.identity] * count,
            "scored_at": [self.scored_at] * count,
            "last_active": _instants(scored.last_active[part]),
            "waiting_since": _instants(scored.waiting_since[part]),
            "asked_at": _instants(scored.asked_at[part]),
            "p_week_ago": _numbers(scored.week_ago[part]),
            "tab": list(map(tab_of, places)),
            "offer_id": [option.option_id for option in options],
            "gain": works.gain[part].tolist(),
            "rep_minutes": [option.rep_minutes for option in options],
            "traits": traits,
            "account_id": list(map(self.accounts.get, leads)),
            "source": self._sources(traits),
        }

    def _bands(
        self,
        steps: Sequence[str],
        is_queued: Bools,
        advance: Sequence[float | None],
        before: Sequence[Former | None],
    ) -> list[str | None]:
        """The bands of queued leads; a lead stays in that of before the same step for a while."""
        goals = {goal.id: goal for goal in self.bundle.ladder.goals}
        return [
            band_of(chance, goals[step], was.band if was and was.step == step else None)
            if queued and chance is not None
            else None
            for step, queued, chance, was in zip(
                steps, is_queued.tolist(), advance, before, strict=True
            )
        ]

    def _percentiles(self, part: slice, is_queued: Bools) -> list[float | None]:
        ranking, scored = self.told.ranking, self.scored
        if ranking is None:
            return [None] * len(is_queued)
        shares = ranking.shares(scored.position[part], scored.advance[part])
        return _numbers(np.where(is_queued, shares, np.nan))

    def _sources(self, traits: Sequence[str]) -> list[str | None]:
        """Where leads came from, by their traits as JSON."""
        if all(trait.id != _SOURCE for trait in self.bundle.ladder.traits):
            return [None] * len(traits)
        found = {text: _source(text) for text in set(traits)}
        return [found[text] for text in traits]


def _cause(
    before: Former | None,
    after: tuple[float | None, str, str | None],
    bundle: str,
    scored_for: Cause,
) -> str:
    """Why a lead has another chance, step or band; that of its last change where it has not."""
    if before is None:
        return "events"
    if (before.p_advance, before.step, before.band) == after:
        return before.cause
    if _hash(before.bundle) != _hash(bundle):
        return "model"
    return scored_for if before.bundle == bundle or scored_for == "events" else "recalibration"


def _source(traits: str) -> str | None:
    """Where a lead came from, by its traits as JSON."""
    value = orjson.loads(traits).get(_SOURCE)
    return None if value is None else str(value)


def _hash(identity: str) -> str:
    return identity.partition("+")[0]


def _numbers(values: Floats) -> list[float | None]:
    """Each as a number, or None where it is none."""
    return [None if isnan(value) else value for value in values.tolist()]


def _instants(values: Ints) -> list[int | None]:
    """Each in microseconds, or None where it is none."""
    return [None if value == NONE else value for value in values.tolist()]


def usual_chances(scored: Scored, queued: Bools) -> dict[str, float]:
    """The mean chance of the queued leads that stand before each step."""
    steps = np.array(scored.step, dtype=object)
    going_on = queued & ~np.isnan(scored.advance)
    return {
        step: float(scored.advance[going_on & (steps == step)].mean())
        for step in dict.fromkeys(steps[going_on].tolist())
    }
