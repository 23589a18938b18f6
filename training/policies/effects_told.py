"""What is said of effects that have changed, and of those that what was seen lately contradicts."""

from __future__ import annotations

from collections import defaultdict

from features.clock import rfc3339
from models.offers.learning import OutcomeEffects
from models.offers.offer_model import OfferModel

__all__ = ["changes_told", "contradictions_told"]


def changes_told(model: OfferModel) -> list[str]:
    """What offers did once and do no more, of a lead whose signals are average."""
    told: dict[tuple[str, str], list[str]] = defaultdict(list)
    for learned, unit in _by_unit(model):
        for change in learned.effects.changes:
            now = float(learned.effects.mean[change.option, 0])
            told[rfc3339(change.since)[:10], unit].append(
                f"{model.options.ids[change.option]} {now + change.before:+.2f} then,"
                f" {now:+.2f} now"
            )
    return [
        f"offers that do not do what they did until about {day}, in {unit}: {'; '.join(each)}"
        for (day, unit), each in told.items()
    ]


def contradictions_told(model: OfferModel) -> list[str]:
    """Where what was only observed lately contradicts what is believed, of an average lead.

    What contradicts it of the step is not told of what follows from that as well.
    """
    told: dict[tuple[str, str], list[str]] = defaultdict(list)
    seen: set[int] = set()
    for learned, unit in _by_unit(model):
        for one in learned.effects.contradicted:
            at = one.change.option
            if at not in seen:
                believed = float(learned.effects.mean[at, 0])
                told[rfc3339(one.change.since)[:10], unit].append(
                    f"{model.options.ids[at]} {believed:+.2f} is believed,"
                    f" {one.lately + one.change.before:+.2f} until then, {one.lately:+.2f} since"
                )
        seen |= {one.change.option for one in learned.effects.contradicted}
    return [
        f"offers that others extended and that lately, since about {day}, seem to do something else"
        f" than is believed, the average of all time, in {unit}: {'; '.join(each)}. They do, or"
        " others choose other leads than before: only a lot can tell"
        for (day, unit), each in told.items()
    ]


def _by_unit(model: OfferModel) -> tuple[tuple[OutcomeEffects, str], ...]:
    """What was learned of the step and of what is beyond it, and what its effects are told in."""
    beyond = (
        "shares of what is expected of the lead"
        if model.value.kind == "amount"
        else "log-odds of the purchase beyond their step"
    )
    return (model.advance, "log-odds of their step"), (model.value, beyond)
