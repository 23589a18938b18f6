"""Why leads stop before the steps that are below their bands, and what to try next.

Two causes are told apart. Where the jump is too large, leads come to the offer and turn away
whoever they are, those that used what came before deeply among them. Where too little value came
before, those that used it deeply do go on. A cause is named only where its evidence is sure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from scipy.special import ndtr, ndtri

from features.arrays import Bools, Floats, Ints
from features.clock import rfc3339
from features.events.log import DAY_US, EventLog
from features.funnel.activity_rows import ActivityRows, activity_rows, known_then
from features.funnel.depth import Depths, depths_of
from features.funnel.drops import Drops, drops_of
from features.funnel.sample import LogPart, sampled
from features.funnel.states import State
from features.funnel.stays import Stays
from features.ladder.ladder import Band, Ladder
from models.judging.adjusting.discoveries import false_discovery_rates
from models.judging.adjusting.known_traits import activity_columns, trait_columns
from models.judging.funnel.cause_shapes import (
    AudienceCell,
    CauseSegment,
    DepthEvidence,
    Diagnosis,
    DiagnosisAnswer,
    DropCause,
    FieldsCell,
    JumpEvidence,
    StepDiagnosis,
)
from models.judging.funnel.causes.cause_wording import sentence_of_step
from models.judging.funnel.causes.evidence import (
    FEWEST,
    Observed,
    began_of,
    below_p,
    by_fields,
    depth_evidence,
    depth_p,
    jump_evidence,
    share_of,
)
from models.judging.funnel.causes.next_experiment import draft_experiment, leads_a_week
from models.judging.funnel.incidence import Waited, incidence
from models.judging.funnel.shapes import Rate

__all__ = ["diagnosis"]

_SURE: Final = 0.05
_FEWEST_IN_SEGMENT: Final = 60
_POWER_Z: Final = 2.8
"""A difference of so many standard errors is found four times in five at 5 % (two-sided)."""


def diagnosis(
    log: EventLog,
    ladder: Ladder,
    stays: Stays,
    part: LogPart | None = None,
    rates: Sequence[Rate] | None = None,
) -> Diagnosis:
    """Why leads stop at each step that is surely below its band.

    Over all steps and causes a cause is named wrongly in at most 5 % of logs. Rates count all
    leads; of a large log the evidence is that of a part, the same at each call.

    Parameters
    ----------
    part : what `sampled` gives for the log and the stays, where it is at hand.
    rates : of the steps, as `funnel` gives them for the same stays, where they are at hand.
    """
    rates = rates or [_rate(stays.at(at)) for at in range(len(ladder.goals))]
    came = np.bincount(stays.goal, minlength=len(ladder.goals)).tolist()
    below = [_is_below(rate, goal.band) for rate, goal in zip(rates, ladder.goals, strict=True)]
    asks = [any(one.effort.form_fields for one in ladder.asks_of(goal.id)) for goal in ladder.goals]
    facts = _Facts(*(part or sampled(log, stays))) if any(below) or any(asks) else None
    level = _SURE / max(2 * sum(below), 1)
    steps = []
    for at in range(len(ladder.goals)):
        told = _undiagnosed(ladder, at, rates[at], came[at])
        band = ladder.goals[at].band
        if facts is not None and below[at] and band is not None:
            pace = leads_a_week(stays.entered[stays.goal == at], stays.counted_until)
            _diagnose(told, facts.before(at), band, level, pace)
        if facts is not None and asks[at]:
            told["by_fields"] = facts.by_fields(at)
        told["says"] = sentence_of_step(told, (at and ladder.goals[at - 1].title) or "")
        steps.append(told)
    return {
        "ladder": ladder.name,
        "as_of": rfc3339(stays.until),
        "steps": steps,
        "notes": list(_notes(stays, below)),
    }


def _rate(stays: Stays) -> Rate:
    advanced = stays.state == State.ADVANCED
    found = incidence(
        Waited(
            took=np.where(advanced, stays.advanced - stays.entered, stays.followed),
            advanced=advanced,
            is_mature=stays.is_mature,
            group=np.zeros(len(stays), dtype=np.int64),
            lead=stays.lead,
        ),
        1,
    )
    value = float(found.value[0])
    return {
        "value": None if np.isnan(value) else value,
        "low": float(found.low[0]),
        "high": float(found.high[0]),
        "leads": round(float(found.effective[0]), 1),
    }


def _is_below(rate: Rate, band: Band | None) -> bool:
    return band is not None and rate["value"] is not None and rate["high"] < band.low


class _Facts:
    """What the log has of the stays, read once for all steps."""

    def __init__(self, log: EventLog, stays: Stays) -> None:
        self.log, self.stays = log, stays
        self.rows: ActivityRows = activity_rows(log, stays.ladder)
        self._here: dict[int, tuple[Ints, Drops]] = {}

    def _came(self, goal: int) -> tuple[Ints, Drops]:
        """The stays before a step, as `before` has them, and what they did; worked out once."""
        if goal not in self._here:
            stays = self.stays
            here = np.flatnonzero((stays.goal == goal) & ~stays.passed & stays.is_mature)
            _, first = np.unique(stays.lead[here], return_index=True)
            here = here[first]
            self._here[goal] = here, drops_of(self.log, stays.rows(here), self.rows)
        return self._here[goal]

    def by_fields(self, goal: int) -> list[FieldsCell]:
        """Completion of a step by how many fields its offers ask for."""
        here, drops = self._came(goal)
        return by_fields(self.stays.ladder, drops.offer, self.stays.state[here] == State.ADVANCED)

    def before(self, goal: int) -> Observed:
        """The leads that stood before a step and whose time is over: their first time there."""
        stays, ladder = self.stays, self.stays.ladder
        here, drops = self._came(goal)
        came = _previous(stays, here)
        some = stays.rows(here)
        depths: Depths = depths_of(self.log, some)
        known = known_then(self.log, self.rows.interest, some.lead, stays.entered[came])
        waited = (some.entered - some.began) / DAY_US
        brought = [np.log1p(waited), activity_columns(known)[:, :1], trait_columns(some)]
        band = ladder.goals[goal].band
        return Observed(
            goal=goal,
            ladder=ladder,
            stays=some,
            went=some.state == State.ADVANCED,
            brought=np.column_stack(brought),
            came_in_days=(some.entered - stays.entered[came]) / DAY_US,
            drops=drops,
            depths=depths,
            least=1.0 if band is None else band.low,
        )


def _previous(stays: Stays, here: Ints) -> Ints:
    """The stay before each, of the same lead and round; itself where it is the first."""
    earlier = np.maximum(here - 1, 0)  # stays are in the order of leads and of time
    same = (stays.lead[earlier] == stays.lead[here]) & (stays.began[earlier] == stays.began[here])
    return np.asarray(np.where(same, earlier, here))


def _undiagnosed(ladder: Ladder, at: int, rate: Rate, leads: int) -> StepDiagnosis:
    goal = ladder.goals[at]
    return {
        "id": goal.id,
        "title": goal.title,
        "band": None if goal.band is None else {"low": goal.band.low, "high": goal.band.high},
        "rate": rate,
        "leads": leads,
        "answer": "not below",
        "causes": [],
        "more_leads": None,
        "by_fields": [],
        "jump": None,
        "value": None,
        "segments": [],
        "audience": [],
        "experiments": [],
        "says": "",
    }


def _diagnose(told: StepDiagnosis, seen: Observed, band: Band, level: float, pace: float) -> None:
    """Fill in what is found of a step that is below its band."""
    jump, value = jump_evidence(seen), depth_evidence(seen)
    told["jump"], told["value"] = jump, value
    causes: list[DropCause] = []
    if jump["p"] is not None and jump["p"] < level:
        causes.append("jump")
    if value["p"] is not None and value["p"] < level:
        causes.append("value")
    told["causes"] = causes
    told["answer"], told["more_leads"] = _answer(seen, jump, value, causes, level)
    told["segments"] = _segments(seen, causes)
    told["audience"] = _audience(seen)
    step = seen.ladder.goals[seen.goal]
    before = seen.ladder.goals[seen.goal - 1] if seen.goal else None
    rate = told["rate"]["value"] or 0.0
    told["experiments"] = [
        draft_experiment(cause, step, before, rate, band, pace, jump) for cause in causes
    ]


# ----------------------------------------------------------------------------------------- answer


def _answer(
    seen: Observed,
    jump: JumpEvidence,
    value: DepthEvidence,
    causes: list[DropCause],
    level: float,
) -> tuple[DiagnosisAnswer, int | None]:
    """What can be said, and how many more leads it takes where nothing can yet."""
    if causes:
        return "named", None
    size = len(seen.went)
    if size < 2 * FEWEST:
        return "not enough data", 2 * FEWEST - size
    wanted = [_more_for(one["p"], size, level) for one in (jump, value)]
    wanted += [_more_to_see_depth(seen, value)]
    more = [one for one in wanted if one is not None]
    return ("not enough data", max(more)) if more else ("neither", None)


def _more_for(p: float | None, size: int, level: float) -> int | None:
    """So many more leads would make evidence sure that points to a cause; None where none does.

    Evidence that is likelier than one in three by chance points nowhere.
    """
    if p is None or p > 1.0 / 3.0:
        return None
    z, wanted = _z_of(p), _z_of(level) + 0.84
    return max(1, int(np.ceil(size * ((wanted / z) ** 2 - 1.0))))


def _z_of(p: float) -> float:
    return float(-ndtri(max(p, 1e-300)))


def _more_to_see_depth(seen: Observed, value: DepthEvidence) -> int | None:
    """So many more leads would show a difference by depth that closes half of the gap."""
    deep, shallow = value["deep"]["leads"], value["shallow"]["leads"]
    if not deep or not shallow:
        return None
    share = float(seen.went.mean())
    spread = np.sqrt(max(share * (1.0 - share), 1e-4) * (1.0 / deep + 1.0 / shallow))
    worth = max(seen.least - share, 0.01)  # deep above shallow: half of the gap, on either side
    size = len(seen.went)
    needed = size * (_POWER_Z * spread / worth) ** 2
    return int(np.ceil(needed - size)) if needed > size else None


# --------------------------------------------------------------------------------------- segments


def _groups(seen: Observed) -> Iterator[tuple[str, str | None, Bools]]:
    """Each segment that is large enough: a trait, a value, and whose it is."""
    stays = seen.stays
    for row, trait in enumerate(stays.trait_ids):
        codes = stays.traits[row]
        for code in np.unique(codes).tolist():
            own = codes == code
            if own.sum() >= _FEWEST_IN_SEGMENT:
                yield trait, stays.values[row][code] if code >= 0 else None, own


def _segments(seen: Observed, causes: list[DropCause]) -> list[CauseSegment]:
    """Where the evidence of the named causes holds by itself, false discoveries kept to 5 %."""
    began = began_of(seen.drops, seen.went)
    rows: list[tuple[DropCause, str, str | None, Bools, float]] = []
    for trait, value, own in _groups(seen):
        if "jump" in causes:
            rows.append(("jump", trait, value, own, below_p(seen.went[own & began], seen.least)))
        if "value" in causes:
            nothing = np.zeros((int(own.sum()), 0))
            p = depth_p(seen.depths.rank[own], nothing, seen.went[own])
            rows.append(("value", trait, value, own, p))
    rates = false_discovery_rates(np.array([row[4] for row in rows], dtype=np.float64))
    return [
        {
            "cause": cause,
            "trait": trait,
            "value": value,
            "rate": share_of(seen.went[own]),
            "false_discovery_rate": rate,
        }
        for (cause, trait, value, own, _), rate in zip(rows, rates.tolist(), strict=True)
        if rate <= _SURE
    ]


def _audience(seen: Observed) -> list[AudienceCell]:
    """Segments that go on less or more than the others, false discoveries kept to 5 %."""
    rows = [(trait, value, own, _apart_p(seen.went, own)) for trait, value, own in _groups(seen)]
    rates: Floats = false_discovery_rates(np.array([row[3] for row in rows], dtype=np.float64))
    return [
        {
            "trait": trait,
            "value": value,
            "rate": share_of(seen.went[own]),
            "others": share_of(seen.went[~own]),
            "false_discovery_rate": rate,
        }
        for (trait, value, own, _), rate in zip(rows, rates.tolist(), strict=True)
        if rate <= _SURE
    ]


def _apart_p(went: Bools, own: Bools) -> float:
    """How likely two shares differ so by chance, either way."""
    if own.all():
        return 1.0
    share = float(went.mean())
    spread = np.sqrt(share * (1.0 - share) * (1.0 / own.sum() + 1.0 / (~own).sum()))
    if spread == 0.0:
        return 1.0
    return float(2.0 * ndtr(-abs(went[own].mean() - went[~own].mean()) / spread))


def _notes(stays: Stays, below: list[bool]) -> Iterator[str]:
    if not len(stays):
        yield "no lead has come to the ladder yet"
    elif not stays.is_mature.any():
        yield "no lead's time at a step is over yet: nothing can be said of why any stop"
    elif not any(below):
        yield "no step is surely below its band"
    elif not stays.trait_ids:
        yield "no trait is known that tells leads apart: who they are may be a cause unseen"
