"""What each piece of content adds to the share of leads that go on at the next step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

import numpy as np

from features.arrays import Bools, Floats, Ints
from features.clock import rfc3339
from features.events.log import EventLog
from features.funnel.activity_rows import activity_rows, known_then
from features.funnel.contents import Contents, Piece, contents_of, ends_of_stays, piece_properties
from features.funnel.sample import LogPart, lot_of, sampled
from features.funnel.states import State
from features.funnel.stays import Stays
from features.ladder.ladder import Ladder
from features.offers.decisions import Decided, decisions_of
from models.judging.adjusting.discoveries import false_discovery_rates
from models.judging.adjusting.doubly_robust import (
    Compared,
    Lift,
    drawn_lift,
    matched_lift,
)
from models.judging.adjusting.known_traits import activity_columns, trait_columns
from models.judging.funnel.cause_shapes import ContentLifts, PieceLift
from models.judging.funnel.wording import of_100

__all__ = ["content_lifts"]

_MOST_PIECES: Final = 20
"""Of a step, those that most leads had there."""
_MOST_WITH: Final = 3_000
_WITHOUT_EACH: Final = 4
"""Instants without a piece for each with it; more tell little more."""
_FEWEST_WITHOUT: Final = 1_500
_SURE: Final = 0.05

_Verdict = Literal["more", "less", "no sure effect", "unknown"]


def content_lifts(
    log: EventLog, ladder: Ladder, stays: Stays, part: LogPart | None = None
) -> ContentLifts:
    """The lift of each piece that leads had while they stood before a step.

    A lead that had a piece for the first time is compared, from that instant on, with leads that
    did something else at such an instant at the same step, without any piece where enough did, and
    had not had it by then. Only stays whose time is over count. Of a large log a part is read, the
    same at each call.

    Parameters
    ----------
    part : what `sampled` gives for the log and the stays, where it is at hand.

    Raises
    ------
    EventsError : a decision in the log whose record cannot be read.
    """
    log, stays = part or sampled(log, stays)
    stays = stays.rows(stays.is_mature & ~stays.passed)
    rows = activity_rows(log, ladder)
    contents = contents_of(log, stays, rows.interest)
    decided = _decided(log, ladder, contents)
    found: list[tuple[PieceLift, float]] = []
    for goal in range(len(ladder.goals)):
        step = _AtStep(log, stays, contents, rows.interest, goal)
        drawn = [one for one in decided if one.decision.step == ladder.goals[goal].id]
        found += [_judged(step, piece, drawn) for piece in step.most_had()]
    rates = false_discovery_rates(np.array([p for _, p in found], dtype=np.float64))
    titles = {goal.id: goal.title for goal in ladder.goals}
    lifts = [
        _with_verdict(one, rate, titles[one["step"]])
        for (one, _), rate in zip(found, rates.tolist(), strict=True)
    ]
    lifts.sort(key=_rank)
    return {
        "ladder": ladder.name,
        "as_of": rfc3339(stays.until),
        "pieces": lifts,
        "notes": list(_notes(ladder, log, contents, lifts)),
    }


class _AtStep:
    """The instants of engagement of the stays before one step, and what was known at them."""

    def __init__(
        self, log: EventLog, stays: Stays, contents: Contents, interest: Bools, goal: int
    ) -> None:
        self.log, self.stays, self.contents, self.goal = log, stays, contents, goal
        self.interest = interest
        self.rows = np.flatnonzero(stays.goal[contents.stay] == goal)
        self.stay = contents.stay[self.rows]
        self.piece, self.instant = contents.piece[self.rows], contents.instant[self.rows]
        self.lead = stays.lead[self.stay]
        self.went = stays.state == State.ADVANCED
        self.ends = ends_of_stays(stays)
        self.traits = trait_columns(stays)

    def most_had(self) -> list[int]:
        """The pieces that most leads had at this step."""
        had = self.piece >= 0
        pairs = np.unique(self.piece[had] * (len(self.stays) + 1) + self.stay[had])
        leads = np.bincount(pairs // (len(self.stays) + 1), minlength=len(self.contents.pieces))
        most = np.argsort(-leads, kind="stable")[:_MOST_PIECES]
        return [at for at in most.tolist() if leads[at]]

    def leads_with(self, piece: int) -> int:
        return len(np.unique(self.lead[self.piece == piece]))

    def compared(self, piece: int, *, others: bool) -> Compared:
        """Instants at which leads first had a piece, and such at which they had not had it yet.

        Parameters
        ----------
        others : whether the latter may name another piece.
        """
        first = self.contents.first_by_lead(piece, len(self.stays.leads))[self.lead]
        with_it = np.flatnonzero((self.piece == piece) & (first == self.instant))
        with_it = _some(with_it, _MOST_WITH)
        before = (self.piece != piece) & (first > self.instant)
        without = np.flatnonzero(before & ((self.piece < 0) | others))
        without = _some(without, max(_WITHOUT_EACH * len(with_it), _FEWEST_WITHOUT))
        taken = np.concatenate([with_it, without])
        taken.sort()
        return Compared(
            has=self.piece[taken] == piece,
            later=first[taken] < self.ends[self.stay[taken]],
            went=self.went[self.stay[taken]],
            X=self.known(taken),
            lead=self.lead[taken],
        )

    def known(self, taken: Ints) -> Floats:
        """What was known before some of the instants."""
        lead, instant = self.lead[taken], self.instant[taken]
        ordinal = self.contents.ordinal[self.rows[taken]]
        return self.columns(self.stay[taken], lead, instant, ordinal)

    def columns(self, stay: Ints, lead: Ints, instant: Ints, ordinal: Ints) -> Floats:
        """Shape (n, n_columns)."""
        days = (instant - self.stays.entered[stay]) / 86_400e6
        age = (instant - self.stays.began[stay]) / 86_400e6
        told = known_then(self.log, self.interest, lead, instant)
        return np.column_stack(
            [
                np.log1p(days),
                days,
                days == 0.0,
                np.log1p(ordinal),
                np.log1p(age),
                activity_columns(told),
                self.traits[stay],
            ]
        )

    def naive(self, piece: int) -> float | None:
        """The share of stays that went on, with the piece at any time of it less without."""
        here = np.flatnonzero(self.stays.goal == self.goal)
        has = np.isin(here, self.stay[self.piece == piece])
        if has.all() or not has.any():
            return None
        return float(self.went[here[has]].mean() - self.went[here[~has]].mean())

    def drawn(self, piece: Piece, decided: list[Decided]) -> tuple[Compared, Floats] | None:
        """Decisions in which an offer of the piece could be drawn, and with which chance."""
        rows: list[tuple[int, int, bool, float]] = []
        for one in decided:
            options = one.decision.options
            chance = sum(
                share
                for option, share in zip(options, one.decision.probabilities, strict=True)
                if option in piece.offers
            )
            if 0.0 < chance < 1.0:
                rows.append(
                    (one.lead, one.decision.as_of, one.decision.chosen in piece.offers, chance)
                )
        if not rows:
            return None
        lead, as_of, has, chance_of = (np.array(column) for column in zip(*rows, strict=True))
        stay = self._stay_at(lead, as_of)
        kept = stay >= 0
        lead, as_of, stay, has = lead[kept], as_of[kept], stay[kept], has[kept]
        compared = Compared(
            has=has,
            later=has,
            went=self.went[stay],
            X=self.columns(stay, lead, as_of, np.zeros(len(stay), np.int64)),
            lead=lead,
        )
        return compared, chance_of[kept]

    def _stay_at(self, lead: Ints, as_of: Ints) -> Ints:
        """Shape (n,): the stay before this step that a lead was in at an instant; -1 for none."""
        here = np.flatnonzero(self.stays.goal == self.goal)
        found = np.full(len(lead), -1, dtype=np.int64)
        if not len(here):
            return found
        order = np.lexsort([self.stays.entered[here], self.stays.lead[here]])
        here = here[order]
        last = _last_not_after(self.stays.lead[here], self.stays.entered[here], lead, as_of)
        held = last >= 0
        stay = here[np.maximum(last, 0)]
        held &= (self.stays.lead[stay] == lead) & (as_of < self.ends[stay])
        found[held] = stay[held]
        return found


def _last_not_after(leads: Ints, times: Ints, lead: Ints, instant: Ints) -> Ints:
    """The last of some rows, by lead and time, that is not after each wanted one; -1 for none."""
    both = np.concatenate([np.zeros(len(leads), np.int64), np.ones(len(lead), np.int64)])
    order = np.lexsort([both, np.concatenate([times, instant]), np.concatenate([leads, lead])])
    before = np.cumsum(both[order] == 0) - 1
    found = np.empty(len(lead), dtype=np.int64)
    wanted = both[order] == 1
    found[order[wanted] - len(leads)] = before[wanted]
    return found


def _some(rows: Ints, most: int) -> Ints:
    """At most so many of some rows, the same ones at each call."""
    return rows if len(rows) <= most else rows[np.argsort(lot_of(rows), kind="stable")[:most]]


def _decided(log: EventLog, ladder: Ladder, contents: Contents) -> list[Decided]:
    """The decisions of the log, where an offer is or leads to a piece."""
    if not any(piece.offers for piece in contents.pieces):
        return []
    return decisions_of(log, ladder)


def _judged(step: _AtStep, at: int, decided: list[Decided]) -> tuple[PieceLift, float]:
    """One piece at one step, and how likely its lift is by chance; NaN where it has none."""
    piece = step.contents.pieces[at]
    lift: Lift | str = ""
    evidence: Literal["randomised", "observational"] = "randomised"
    drawn = step.drawn(piece, decided) if piece.offers and decided else None
    if drawn is not None:
        lift = drawn_lift(*drawn)
    beside: Literal["no piece", "other pieces"] = "no piece"
    if isinstance(lift, str):
        evidence = "observational"
        lift = matched_lift(step.compared(at, others=False))
    if isinstance(lift, str):
        # Beside another piece that works, one that does nothing would seem to do harm: so only
        # where there is nobody like them at an instant without any piece.
        beside = "other pieces"
        lift = matched_lift(step.compared(at, others=True))
    told: PieceLift = {
        "step": step.stays.ladder.goals[step.goal].id,
        "property": piece.property,
        "piece": piece.value,
        "leads": step.leads_with(at),
        "evidence": "unknown",
        "beside": None,
        "verdict": "unknown",
        "lift": None,
        "low": None,
        "high": None,
        "share_with": None,
        "share_without": None,
        "leads_with": 0,
        "leads_without": 0,
        "naive": step.naive(at),
        "false_discovery_rate": None,
        "why": lift if isinstance(lift, str) else None,
        "says": "",
    }
    if isinstance(lift, str):
        return told, np.nan
    told["evidence"], told["beside"], told["lift"] = evidence, beside, lift.value
    told["low"], told["high"] = lift.low, lift.high
    told["share_with"], told["share_without"] = lift.share_with, lift.share_without
    told["leads_with"], told["leads_without"] = lift.leads_with, lift.leads_without
    return told, lift.p


def _with_verdict(one: PieceLift, rate: float, title: str) -> PieceLift:
    if one["lift"] is not None:
        one["false_discovery_rate"] = rate
        is_sure = rate <= _SURE
        word: _Verdict = "more" if one["lift"] > 0 else "less"
        one["verdict"] = word if is_sure else "no sure effect"
    one["says"] = _sentence(one, title)
    return one


def _rank(one: PieceLift) -> tuple[int, float, str, str]:
    place = ("more", "less", "no sure effect", "unknown").index(one["verdict"])
    return place, -abs(one["lift"] or 0.0), one["step"], one["piece"]


def _sentence(one: PieceLift, title: str) -> str:
    name = f"{one['piece']!r}"
    if one["lift"] is None or one["low"] is None or one["high"] is None:
        return f"What {name} does for {title!r} is unknown: {one['why']}."
    like_them = "with something else" if one["beside"] == "other pieces" else "without it"
    shares = (
        f"{of_100(one['share_with'] or 0.0)} go on to {title!r} after {name}, and about"
        f" {of_100(one['share_without'] or 0.0)} of leads like them {like_them}"
    )
    if one["evidence"] == "randomised":
        shares = (
            f"{of_100(one['share_with'] or 0.0)} go on to {title!r} when {name} is offered, and"
            f" about {of_100(one['share_without'] or 0.0)} when it is not"
        )
    span = f"{_points(one['low'])} to {_points(one['high'])}"
    is_by_lot = one["evidence"] == "randomised"
    differ = f"the difference is {span} in 100, which need not be its doing"
    end = {
        "more": f"it adds {span} in 100" if is_by_lot else differ,
        "less": f"it takes leads away: {span} in 100" if is_by_lot else differ,
    }.get(one["verdict"], f"among so many pieces that can be chance ({span} in 100)")
    how = "drawn by lot" if is_by_lot else "observational, not drawn by lot"
    return f"{shares}; {end} ({how})."


def _points(share: float) -> str:
    return f"{round(100 * share):+d}"  # never "-0"


def _notes(
    ladder: Ladder, log: EventLog, contents: Contents, lifts: list[PieceLift]
) -> Iterator[str]:
    names = piece_properties(ladder)
    if not names:
        yield "the ladder names no property that names a piece of content: see pieces in [ladder]"
    elif not contents.pieces:
        yield f"no event that engages with a step has the property {' or '.join(map(repr, names))}"
    elif not lifts:
        yield "no lead whose time at a step is over had a piece of content there"
    if any(one["evidence"] == "observational" for one in lifts):
        yield (
            "observational lifts compare leads that looked alike by what the log knows; what it"
            " does not know can still tell them apart: an offer by lot settles it"
        )
    if not len(log):
        yield "the log has no events yet"
