"""Many scored leads, column by column, and the rows that are stored of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import SEEK_END
from math import isnan
from tempfile import TemporaryFile
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import orjson

from features.arrays import Bools, Floats
from features.events.log import DAY_US
from features.signals.fold import NONE
from features.store.kept.scores import OUT_OF_QUEUE, Former, StoredScore
from serving.scoring.bands import band_of
from serving.scoring.changes import Cause
from serving.scoring.ranking import Ranking
from serving.scoring.scorer import Scorer
from serving.scoring.work import Work, tab_of

__all__ = ["Findings", "Scored", "SpilledTexts", "stored_rows", "usual_chances"]

_SOURCE: Final = "source"
"""The trait that says where a lead came from."""


@dataclass(frozen=True, eq=False, slots=True)
class Scored:
    """Leads with what the queue needs of their scores; NaN where a lead has bought.

    Parameters
    ----------
    traits : JSON text, an object of each: what is known of those that the ladder names.
    """

    leads: list[str]
    step: list[str]
    waiting_since: list[int | None]
    work: list[Work]
    traits: list[str]
    position: npt.NDArray[np.int64]
    last_active: npt.NDArray[np.int64]
    advance: Floats
    low: Floats
    high: Floats
    purchase: Floats

    @classmethod
    def joined(cls, parts: Sequence[Scored]) -> Scored:
        """All parts as one."""
        none, no_times = np.empty(0), np.empty(0, dtype=np.int64)
        return cls(
            [lead for part in parts for lead in part.leads],
            [step for part in parts for step in part.step],
            [since for part in parts for since in part.waiting_since],
            [one for part in parts for one in part.work],
            [one for part in parts for one in part.traits],
            np.concatenate([no_times, *(part.position for part in parts)]),
            np.concatenate([no_times, *(part.last_active for part in parts)]),
            *(
                np.concatenate([none, *(getattr(part, name) for part in parts)])
                for name in ("advance", "low", "high", "purchase")
            ),
        )

    def queued(self, as_of: int, scorer: Scorer) -> Bools:
        """Shape (n,): whether a lead has a next step, and has not been silent for too long.

        Who waits for a reply is never left out for its silence.
        """
        bundle = scorer.bundle
        days = bundle.ladder.dormant_after_days if bundle else 0.0
        awake = (self.last_active != NONE) & (self.last_active >= as_of - days * DAY_US)
        waits = np.array([since is not None for since in self.waiting_since], dtype=np.bool_)
        is_queued: Bools = (awake | waits) & ~np.isnan(self.advance)
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
    """What is told of scores beside what was scored; by lead, where that is known."""

    ranking: Ranking | None
    reasons: Mapping[str, str]
    week_ago: dict[str, float]
    cause: Cause


def stored_rows(
    scorer: Scorer, scored: Scored, priority: Floats, told: Findings, as_of: int
) -> Iterator[StoredScore]:
    """The rows of scored leads, with what each was before.

    Parameters
    ----------
    priority : shape (n,), where each lead stands in the queue.
    """
    bundle = scorer.model.bundle
    name, identity = bundle.ladder.name, bundle.identity
    steps = {goal.id: goal for goal in bundle.ladder.goals}
    former = scorer.store.scores.former(scored.leads)
    accounts = scorer.store.accounts.of(scored.leads)
    scored_at = scorer.clock()
    has_source = any(trait.id == _SOURCE for trait in bundle.ladder.traits)
    advance, purchase = _numbers(scored.advance), _numbers(scored.purchase)
    low, high = _numbers(scored.low), _numbers(scored.high)
    positions, actives = scored.position.tolist(), scored.last_active.tolist()
    shares = told.ranking.shares(scored.advance).tolist() if told.ranking else None
    for at, lead in enumerate(scored.leads):
        before, place = former.get(lead), float(priority[at])
        probability, step = advance[at], scored.step[at]
        percentile, band, work = None, None, scored.work[at]
        if probability is not None and place > OUT_OF_QUEUE:
            percentile = shares[at] if shares else None
            stood_in = before.band if before and before.step == step else None
            band = band_of(probability, steps[step], stood_in)
        yield StoredScore(
            lead_id=lead,
            ladder=name,
            as_of=as_of,
            step=step,
            position=positions[at],
            p_advance=probability,
            low=low[at],
            high=high[at],
            p_purchase=purchase[at],
            priority=place,
            percentile=percentile,
            reasons=told.reasons.get(lead, ""),
            bundle=identity,
            scored_at=scored_at,
            last_active=None if actives[at] == NONE else actives[at],
            band=band,
            waiting_since=scored.waiting_since[at],
            cause=_cause(before, (probability, step, band), identity, told.cause),
            p_week_ago=told.week_ago.get(lead),
            tab=tab_of(place),
            offer_id=work.option_id,
            gain=work.gain,
            rep_minutes=work.rep_minutes,
            traits=scored.traits[at],
            account_id=accounts.get(lead),
            source=_source(scored.traits[at]) if has_source else None,
        )


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


def usual_chances(scored: Scored, queued: Bools) -> dict[str, float]:
    """The mean chance of the queued leads that stand before each step."""
    steps = np.array(scored.step, dtype=object)
    return {
        step: float(scored.advance[queued & (steps == step)].mean())
        for step in dict.fromkeys(steps[queued].tolist())
    }
