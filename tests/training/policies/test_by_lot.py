"""What is known of offers by lot: who counts where, and that what is said holds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.ladder.ladder import Framing, Ladder
from features.offers.decisions import decision_event
from features.signals.program import compile_ladder
from features.store.events import Event
from models.judging.trials.comparison import WORTH, Drawn, compared
from models.judging.trials.shapes import ArmComparison, FramingsByLot, OfferByLot
from models.offers.options import NO_ASK
from tests.training.policies.scene import LADDER, drawn, event, log_of, us
from training.policies import by_lot
from training.policies.by_lot import offers_by_lot

OPTIONS = ("clip", "guide", NO_ASK)


def told(*events: Event, until: float = 60) -> dict[str, OfferByLot]:
    """What is known of each offer by a log in which every lead was seen on the first day."""
    seen = [event(lead, "page", 0) for lead in sorted({one.lead_id for one in events} | {"zoe"})]
    log = log_of([*seen, *events, event("zoe", "export", until)])
    return {one["offer"]: one for one in offers_by_lot(log, LADDER, us(until))["offers"]}


def lot(
    lead: str,
    day: float,
    chosen: str,
    options: tuple[str, ...] = OPTIONS,
    chances: tuple[float, ...] | None = None,
) -> Event:
    made = drawn(lead, day, chosen, options)
    return decision_event(replace(made, probabilities=chances or made.probabilities), LADDER)


def watched(lead: str, day: float) -> Event:
    return event(lead, "video", day, fraction=0.9)


def test_counts_by_hand():
    """Each is asked or left alone by its first such draw, over or not, shown or not."""
    found = told(
        *[lot("ann", 1, "clip"), watched("ann", 5)],
        *[lot("bob", 1, NO_ASK), watched("bob", 20)],
        *[lot("cid", 1, "guide"), lot("cid", 3, "clip")],
        lot("dan", 58, "clip"),
    )
    clip = found["clip"]
    assert (clip["step"], clip["horizon_days"], clip["leads"]) == ("look", 7.0, 3)
    assert clip["asked"] == {"arm": "asked", "leads": 3, "pending": 1, "reached": 1, "rate": 0.5}
    assert clip["alone"] == {"arm": "alone", "leads": 1, "pending": 0, "reached": 0, "rate": 0.0}
    assert clip["since"] == "2026-01-06T00:00:00Z"
    assert (clip["verdict"], found["guide"]["asked"]["leads"]) == ("unknown", 1)


def test_the_first_draw_counts_whatever_came_later():
    """Who was left alone first and asked later was left alone."""
    found = told(lot("ann", 1, NO_ASK), lot("ann", 4, "clip"), lot("bob", 1, "clip"))
    assert (found["clip"]["alone"]["leads"], found["clip"]["asked"]["leads"]) == (1, 1)


def test_what_no_lot_could_have_given_counts_nowhere():
    """Where leaving alone, or the offer, could not be drawn nothing was left to chance."""
    found = told(
        lot("ann", 1, "clip", ("clip", "guide")),
        lot("bob", 1, NO_ASK, ("guide", NO_ASK)),
        lot("cid", 1, "guide", ("guide", NO_ASK)),
    )
    assert set(found) == {"guide"}
    assert found["guide"]["leads"] == 2


def test_what_others_drew_is_in_no_figure_that_is_watched():
    """Who brings a file may have seen what came of it: always-valid intervals know no such look."""
    others = drawn("bob", 1, "clip", OPTIONS, policy="experiment:mail")
    found = told(lot("ann", 1, "clip"), decision_event(others, LADDER))
    assert (found["clip"]["asked"]["leads"], found["clip"]["leads"]) == (1, 1)


def test_nobody_was_drawn_anything():
    """Without a draw there is nothing to tell of any offer."""
    assert told(watched("ann", 5)) == {}


def climbed(lead: str, *, bought: bool = False) -> list[Event]:
    """A lead that has the purchase alone before it, or nothing."""
    more = [event(lead, "order", 2)] if bought else []
    return [watched(lead, 0.5), event(lead, "trial", 1), *more]


EVENTS = [
    *[lot("zed", 1, "clip", chances=(0.6, 0.1, 0.3)), watched("zed", 3)],
    *[lot("ann", 1.5, "guide"), lot("ann", 2, NO_ASK, chances=(0.2, 0.7, 0.1))],
    *[lot("ann", 4, "clip"), watched("ann", 20), event("ann", "identify", 1, industry="tools")],
    lot("bob", 50, "clip", chances=(0.1, 0.5, 0.4)),
    lot("cid", 58, NO_ASK),
    *[*climbed("dan", bought=True), lot("dan", 5, "clip")],
    *[*climbed("eve"), lot("eve", 30, "contract", ("contract", NO_ASK)), event("eve", "order", 45)],
]


@pytest.mark.parametrize("worth", [None, 0.05])
def test_what_is_compared(monkeypatch, worth):
    """In the order of the lots: who was asked, how likely of the two, and what came of it.

    A window of the step is enough, that of the value may be open. Customers are not in it. All
    offers of one step hold together.
    """
    seen: list[tuple[Drawn, tuple[object, ...], int]] = []

    def spied(of: Drawn, *said: object, together: int) -> list[ArmComparison]:
        seen.append((of, said, together))
        return compared(of, *said, together=together)  # type: ignore[arg-type]

    monkeypatch.setattr(by_lot, "compared", spied)
    found = offers_by_lot(log_of([*EVENTS, event("zoe", "export", 60)]), LADDER, worth=worth)
    assert (found["as_of"], found["worth"]) == ("2026-03-06T00:00:00Z", worth or WORTH)
    assert [one["offer"] for one in found["offers"]] == ["clip", "guide", "contract"]
    assert [one["horizon_days"] for one in found["offers"]] == [7.0, 7.0, 21.0]
    assert [together for *_, together in seen] == [2, 2, 1]
    assert {said for _, said, _ in seen} == {(("alone", "asked"), 0, worth)}
    clip, _, contract = (of for of, *_ in seen)
    assert clip.arm.tolist() == [1, 0, 1, 0]
    np.testing.assert_allclose(clip.share, [[1 / 3, 2 / 3], [1 / 3, 2 / 3], [0.8, 0.2], [0.5, 0.5]])
    assert clip.reached.tolist() == [True, False, False, False]
    assert clip.is_mature.tolist() == [True, True, True, False]
    assert (contract.arm.tolist(), contract.reached.tolist()) == ([1], [True])
    numbers = [one for one in compile_ladder(LADDER).signals if not one.is_category]
    assert clip.known.shape == (4, len(numbers))
    assert [one["leads"] for one in found["offers"]] == [3, 1, 1]


def world(rng: np.random.Generator, effect: float, leads: int = 500) -> list[Event]:
    """Leads of whom keen ones go on more often; guides do nothing, nor what comes after a clip."""
    events: list[Event] = []
    for at in range(leads):
        lead, day, keen = f"lead-{at:03}", float(rng.uniform(1, 40)), 0.25 + 0.3 * (at % 2)
        draws = [OPTIONS[one] for one in rng.integers(0, 3, 3)]
        events += [lot(lead, day + 0.5 * place, one) for place, one in enumerate(draws)]
        first = next((one for one in draws if one != "guide"), NO_ASK)
        if rng.random() < keen + effect * (first == "clip"):
            events.append(watched(lead, day + 3.0))
    return events


def test_whom_a_policy_likes_to_ask_does_not_make_an_offer_better():
    """Clips do nothing, and go to keen leads nine times in ten: of them far more went on."""
    events, options = [], ("clip", NO_ASK)
    rng = np.random.default_rng(3)
    for at in range(600):
        lead, day = f"lead-{at:03}", float(rng.uniform(1, 40))
        chance, keen = ((0.9, 0.5), (0.1, 0.1))[at % 2]
        chosen = "clip" if rng.random() < chance else NO_ASK
        made = drawn(lead, day, chosen, options, probabilities=(chance, 1.0 - chance))
        events.append(decision_event(made, LADDER))
        if rng.random() < keen:
            events.append(watched(lead, day + 3.0))
    clip = told(*events)["clip"]
    asked, alone = clip["asked"], clip["alone"]
    apart = [one["reached"] / (one["leads"] - one["pending"]) for one in (asked, alone)]
    assert apart[0] - apart[1] > 0.25
    assert abs(clip["effect"]["value"] or 0.0) < 0.1
    assert clip["effect"]["value"] == pytest.approx((asked["rate"] or 0) - (alone["rate"] or 0))


@pytest.mark.parametrize(("effect", "verdict"), [(0.3, "helps"), (-0.25, "hurts")])
def test_planted_effects_are_found(effect, verdict):
    """An offer that helps, and one that hurts, are told so, with an interval that has the truth."""
    found = told(*world(np.random.default_rng(5), effect))
    assert found["clip"]["verdict"] == verdict
    high = found["clip"]["effect"]["high"]
    assert high is not None
    assert found["clip"]["effect"]["low"] <= effect <= high


def test_an_offer_that_does_nothing_is_not_told_to_help_or_hurt():
    """In 20 worlds without any effect hardly one verdict is sure."""
    sure = [
        one["verdict"]
        for seed in range(20)
        for one in told(*world(np.random.default_rng(seed), 0.0, leads=120)).values()
        if one["verdict"] in ("helps", "hurts")
    ]
    assert len(sure) <= 1


# ------------------------------------------------------------------------------------ how it is put


def worded(*events: Event, until: float = 60, ladder: Ladder = LADDER) -> FramingsByLot | None:
    """What is known of the ways to put the guide."""
    seen = [event(lead, "page", 0) for lead in sorted({one.lead_id for one in events} | {"zoe"})]
    log = log_of([*seen, *events, event("zoe", "export", until)])
    found = {one["offer"]: one for one in offers_by_lot(log, ladder, us(until))["framings"]}
    assert set(found) <= {"guide"}
    return found.get("guide")


def put(
    lead: str,
    day: float,
    framing: str,
    chance: float = 0.5,
    others: tuple[tuple[str, float], ...] | None = None,
    chosen: str = "guide",
) -> Event:
    """A draw that puts an offer so."""
    other = {"short": "deep", "deep": "short"}.get(framing, "short")
    made = drawn(lead, day, chosen, framing=framing, framing_probability=chance)
    told = ((other, 1.0 - chance),) if others is None else others
    return decision_event(replace(made, other_framings=told), LADDER)


def test_framings_by_hand():
    """Each lead counts in the way that it was to be put first, over or not, shown or not."""
    found = worded(
        *[put("ann", 1, "short"), watched("ann", 5), put("ann", 2, "deep")],
        *[put("bob", 1, "deep"), watched("bob", 20)],
        *[put("cid", 1, "deep", chance=0.25), watched("cid", 2)],
        put("dan", 58, "short"),
        lot("eve", 1, "clip"),
    )
    assert found is not None
    assert (found["offer"], found["step"], found["horizon_days"]) == ("guide", "look", 7.0)
    assert (found["control"], found["since"]) == ("short", "2026-01-06T00:00:00Z")
    short, deep = found["arms"]
    assert short == {"arm": "short", "leads": 2, "pending": 1, "reached": 1, "rate": 1.0}
    assert (deep["arm"], deep["leads"], deep["reached"]) == ("deep", 2, 1)
    assert deep["rate"] == pytest.approx((1 / 0.25) / (1 / 0.5 + 1 / 0.25))  # by one over chance
    (other,) = found["comparisons"]
    assert (other["arm"], other["leads"], other["verdict"]) == ("deep", 3, "unknown")


def test_what_was_put_with_certainty_counts_nowhere():
    """A way that a person gave, a former one, and an offer with one way only."""
    assert worded(put("ann", 1, "short", 1.0, ()), put("bob", 1, "deep", 1.0, ())) is None
    assert worded(put("ann", 1, "former", 0.5, (("short", 0.5),))) is None
    assert worded(lot("ann", 1, "clip")) is None
    found = worded(put("ann", 1, "short", 1.0, ()), put("ann", 2, "deep"))
    assert found is not None
    assert [arm["leads"] for arm in found["arms"]] == [0, 1]


def test_a_decision_that_does_not_say_the_other_ways():
    """Of two ways the other has the rest; of three nothing is known."""
    old = [put(f"lead-{at}", 1, ("short", "deep")[at % 2], 0.5, ()) for at in range(6)]
    found = worded(*old)
    assert found is not None
    assert [arm["leads"] for arm in found["arms"]] == [3, 3]
    three = (*LADDER.offers[1].framings, Framing("calm", "Calmly"))
    offers = tuple(
        replace(one, framings=three) if one.id == "guide" else one for one in LADDER.offers
    )
    wider = replace(LADDER, offers=offers)
    assert worded(*old, ladder=wider) is None
    found = worded(
        *[put(f"new-{at}", 1, ("short", "deep")[at % 2]) for at in range(6)],
        put("zed", 1, "calm", 0.2, (("deep", 0.8),)),
        ladder=wider,
    )
    assert found is not None
    assert [arm["leads"] for arm in found["arms"]] == [3, 3, 1]
    assert [one["leads"] for one in found["comparisons"]] == [6, 0]  # calm was never beside short


def wordy(rng: np.random.Generator, effect: float, leads: int = 500) -> list[Event]:
    """Leads of whom keen ones go on more often, and are put the short way far more often."""
    events: list[Event] = []
    for at in range(leads):
        lead, day = f"lead-{at:03}", float(rng.uniform(1, 40))
        chance, keen = ((0.8, 0.5), (0.3, 0.25))[at % 2]
        framing = "short" if rng.random() < chance else "deep"
        events.append(put(lead, day, framing, chance if framing == "short" else 1.0 - chance))
        if rng.random() < keen + effect * (framing == "deep"):
            events.append(watched(lead, day + 3.0))
    return events


@pytest.mark.parametrize(("effect", "verdict"), [(0.35, "helps"), (-0.25, "hurts")])
def test_planted_words_are_found(effect, verdict):
    """Words that help, and words that hurt, are told so, with an interval that has the truth."""
    found = worded(*wordy(np.random.default_rng(5), effect))
    assert found is not None
    (other,) = found["comparisons"]
    assert other["verdict"] == verdict
    high = other["effect"]["high"]
    assert high is not None
    assert other["effect"]["low"] <= effect <= high


def test_words_that_do_nothing_are_not_told_to():
    """In 20 worlds without any effect hardly one verdict is sure."""
    sure = 0
    for seed in range(20):
        found = worded(*wordy(np.random.default_rng(seed), 0.0, leads=150))
        assert found is not None
        sure += found["comparisons"][0]["verdict"] in ("helps", "hurts")
    assert sure <= 1
