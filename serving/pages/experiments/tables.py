"""The tables of experiments as rows: what the pages show, for spreadsheets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from serving.pages.common.downloads import CsvTable
from serving.pages.experiments.gate import GatePart
from serving.pages.experiments.offers import OffersOfStep, WordedOffer
from serving.pages.experiments.told import TrialCard

__all__ = ["course_table", "gate_table", "goals_table", "offers_table", "words_table"]

_GOALS = (
    *("experiment", "state", "since", "goal", "days", "way", "compared_with"),
    *("leads", "still_have_time", "time_over", "reached", "rate"),
    *("difference", "low", "high", "verdict", "aside"),
)
_OFFERS = (
    *("step", "days", "offer", "since", "asked", "asked_reached", "asked_share"),
    *(
        "alone",
        "alone_reached",
        "alone_share",
        "still_have_time",
        "difference",
        "low",
        "high",
        "verdict",
        "aside",
    ),
)


def goals_table(cards: Sequence[TrialCard]) -> CsvTable:
    """A row a way and goal of each experiment."""
    return _GOALS, _goal_rows(cards)


def _goal_rows(cards: Sequence[TrialCard]) -> Iterator[Sequence[object]]:
    for card in cards:
        since = None if card.since is None else card.since.iso
        for goal in card.goals:
            for row in goal.rows:
                effect, said = row.effect, row.said
                yield (
                    *(card.title, card.state, since, goal.title, goal.days, row.name),
                    card.control if effect else None,
                    *(row.leads, row.pending, row.over, row.reached, row.rate),
                    *((effect["value"], effect["low"], effect["high"]) if effect else (None,) * 3),
                    *((said.text, said.aside) if said else (None, None)),
                )


def course_table(card: TrialCard) -> CsvTable:
    """How sure each difference was after so many leads."""
    columns = ("goal", "way", "leads", "difference", "low", "high")
    rows = (
        (goal.title, course.name, at["leads"], at["value"], at["low"], at["high"])
        for goal in card.goals
        for course in goal.courses
        for at in course.points
    )
    return columns, rows


def offers_table(steps: Sequence[OffersOfStep]) -> CsvTable:
    """A row an offer that was given by lot."""
    rows = (
        (
            *(step.title, step.days, one.title, one.since.iso),
            *(one.asked[1], one.asked[0], one.asked_share),
            *(one.alone[1], one.alone[0], one.alone_share, one.pending),
            *(one.effect["value"], one.effect["low"], one.effect["high"]),
            *(one.said.text, one.said.aside),
        )
        for step in steps
        for one in step.offers
    )
    return _OFFERS, rows


def words_table(offers: Sequence[WordedOffer]) -> CsvTable:
    """A row a way to put an offer, with what it adds to the first one."""
    columns = (
        *("step", "days", "offer", "since", "words"),
        *("leads", "still_have_time", "time_over", "reached", "rate"),
        *("difference", "low", "high", "verdict", "aside"),
    )
    rows = (
        (
            *(one.step, one.days, one.title, one.since.iso, row.name),
            *(row.leads, row.pending, row.over, row.reached, row.rate),
            *(
                (row.effect["value"], row.effect["low"], row.effect["high"])
                if row.effect
                else (None,) * 3
            ),
            *((row.said.text, row.said.aside) if row.said else (None, None)),
        )
        for one in offers
        for row in one.rows
    )
    return columns, rows


def gate_table(part: GatePart) -> CsvTable:
    """A row a thing that the gate asks for."""
    columns = ("policy", "asked", "met", "share", "aside")
    rows = ((part.candidate, one.text, one.is_met, one.share, one.aside) for one in part.asked)
    return columns, rows
