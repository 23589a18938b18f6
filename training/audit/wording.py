"""What an audit says, in sentences for whoever has to act on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from features.ladder.words import in_percent, things
from models.judging import foreign_scores as judging
from training.audit.results import Audit, Beside

__all__ = ["not_judged", "verdicts", "who_was_judged"]

_ORDER: Final = (
    "dated_after_win", "too_good", "inverted", "useless", "level", "spread", "drift",
)  # fmt: skip
_LEAST: Final = 0.01


def verdicts(audit: Audit) -> tuple[str, ...]:
    """The sentences, faults first; where there is too little to tell, that alone."""
    said = [_fault(audit, name) for name in _ORDER if name in audit.faults]
    lacking = judging.leads_wanted(audit.wins, audit.judged - audit.wins)
    if lacking:
        kind = "wins" if audit.wins < audit.judged - audit.wins else "leads that did not win"
        said.append(
            f"Not enough data to judge these scores: {audit.wins:,} of {audit.judged:,} leads won"
            f" in time. It takes about {lacking:,} more {kind}."
        )
    elif not audit.faults:
        nothing = "Nothing else" if audit.warnings else "Nothing"
        said.append(f"{nothing} was found to be wrong with these scores.")
    if not lacking and not {"inverted", "useless"} & set(audit.faults) and audit.auc is not None:
        said.append(_order(audit))
    if audit.found is not None and not lacking:
        said.append(_found(audit))
    if audit.scale in ("points", "grade"):
        said.append(
            "These scores claim no probabilities, so they are judged by their order and by the rate"
            " of each band alone."
        )
    if audit.beside and not (lacking or audit.unknown_to_rung):
        said.append(_beside(audit))
    if audit.unknown_to_rung and not lacking:
        said.append(
            "Rung knows too few of these leads to stand beside the scores: it takes"
            f" {judging.FEWEST} that won, and as many that did not."
        )
    return tuple(said)


def not_judged(counts: Mapping[str, int]) -> str:
    """How many leads with a score are not judged, by why; "" where all are."""
    said = {
        "pending": ("has a horizon that is not over", "have a horizon that is not over"),
        "won_before_score": ("had won before it", "had won before it"),
        "dated_after_until": (
            "has it dated after all that is known",
            "have it dated after all that is known",
        ),
    }
    return ", ".join(
        f"{counts[name]:,} {words[counts[name] > 1]}"
        for name, words in said.items()
        if counts[name]
    )


def who_was_judged(audit: Audit) -> str:
    """How many of the leads with a score are judged, and why the others are left out."""
    leads, unscored = audit.counts["leads"], audit.counts["won_unscored"]
    if audit.judged == leads:
        said = f"All {leads:,} leads with a score are judged."
    else:
        why = not_judged(audit.counts)
        said = f"Of {leads:,} leads with a score {audit.judged:,} are judged: {why}."
    if unscored:
        said += f" {unscored:,} won without ever having had a score."
    return said


def _found(audit: Audit) -> str:
    assert audit.found is not None  # noqa: S101 asked for where it is there
    assert audit.low is not None and audit.high is not None  # noqa: S101, PT018 and these
    assert audit.by_chance is not None  # noqa: S101 and this with it
    missed = round(audit.missed or 0.0)
    of_week = f"{audit.capacity:,.0f} of each week, " if audit.capacity >= 1 else ""
    return (
        f"Calling the best {of_week}{audit.called:,} of {audit.judged:,} leads"
        f"{',' if of_week else ''} finds {_part(audit.found)} of the {things(audit.wins, 'win')}"
        f" (likely {in_percent(audit.low)} to {in_percent(audit.high)}); a random order finds"
        f" {_part(audit.by_chance)}. {things(missed, 'win')} {'is' if missed == 1 else 'are'}"
        " missed."
    )


def _part(share: float) -> str:
    """A share in whole percent; 0 and 100 are said of nothing and of all alone."""
    if 0.0 < share < _LEAST:
        return f"under {in_percent(_LEAST)}"
    return f"over {in_percent(1.0 - _LEAST)}" if 1.0 - _LEAST < share < 1.0 else in_percent(share)


def _order(audit: Audit) -> str:
    # there is an interval wherever there is an AUC
    assert audit.auc_low is not None and audit.auc_high is not None  # noqa: S101, PT018
    told = (
        "of two leads, one that won and one that did not,"
        f" {_part(audit.auc or 0.0)} of the time the winner"
    )
    if audit.auc_low <= 0.5:
        return f"Whether they order leads better than chance cannot be told: {told} stands higher."
    return (
        f"They order leads better than chance: {told} stands higher (likely"
        f" {in_percent(audit.auc_low)} to {in_percent(audit.auc_high)}; 50 % is chance)."
    )


def _fault(audit: Audit, name: str) -> str:
    if name == "level":
        assert audit.expected_wins is not None  # noqa: S101 of probabilities alone
        way = "too high" if audit.expected_wins > audit.wins else "too low"
        return (
            f"The probabilities are {way}: they promised"
            f" {things(round(audit.expected_wins), 'win')}, and {audit.wins:,} came."
        )
    if name == "spread":
        assert audit.slope is not None  # noqa: S101 likewise
        if audit.slope < 1:
            return "The scores are too sure of themselves: high ones too high, low ones too low."
        return "The scores are too timid: high ones are too low, low ones too high."
    return {
        "dated_after_win": (
            f"{audit.counts['won_before_score']:,} winners have their first score on the day of the"
            " win or later: such scores predict nothing, and are left out here."
        ),
        "too_good": (
            "The order is too good to be true: ask whether the scores were written, or changed,"
            " after the outcome was known."
        ),
        "inverted": "The scores stand on their head: leads with low scores win more often.",
        "useless": "The scores order leads hardly better than chance.",
        "drift": "The scores order later leads differently than earlier ones: they are not stable.",
    }[name]


def _beside(audit: Audit) -> str:
    beside = audit.beside
    assert beside is not None  # noqa: S101 asked for where it is there
    if beside.low <= 0 <= beside.high:
        than = "Which of the two orders better cannot be told"
    else:
        than = "Rung orders better" if beside.high < 0 else "These scores order better than Rung"
    return (
        f"On the same {beside.leads:,} leads and dates Rung puts the winner higher"
        f" {_part(beside.auc)} of the time. {than}: the difference is"
        f" {100 * beside.difference:+.1f} points (likely {100 * beside.low:+.1f} to"
        f" {100 * beside.high:+.1f}).{_flattered(beside)}"
    )


def _flattered(beside: Beside) -> str:
    if not beside.flattered:
        return ""
    return (
        f" Rung is flattered here: its model was trained on the time of {beside.flattered:,} of"
        " these scores; a bundle trained until the first of them would show what it is worth."
    )
