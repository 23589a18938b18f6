"""Somebody else's experiment becomes decisions with known chances, or it is said why it cannot."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from features.errors import ExperimentConflict, ExperimentError
from features.ladder.controls import Arm, Experiment
from features.offers.decisions import decisions_of
from features.offers.history import history_of
from features.store.events import Event
from features.store.whole_log.message_ids import events_of
from models.offers.eligibility import UNRESTRICTED, limit_against
from tests.training.policies.scene import LADDER, event, extended, log_of, us
from training.policies.assignments_file import NEVER, Assignments
from training.policies.decisions import drawn_decisions, lots_of_others
from training.policies.experiments_of_others import ImportedExperiment, WhoIsWhom, import_experiment

MAIL = Experiment(
    "mail", "offer", (Arm("blue", 0.5, ("clip",)), Arm("none", 0.5, ("no_ask",))), "none"
)
NOW = us(60)


def lives(leads: int, until: float = 40) -> list[Event]:
    """Leads that look at a page on the first day, and the last of them on a later day again."""
    events = [event(f"lead-{at:03}", "page", at / 1000) for at in range(leads)]
    return [*events, event(f"lead-{leads - 1:03}", "page", until)]


def assigned(
    leads: int, arms: Sequence[str] = ("blue", "none"), reached: Sequence[float] = ()
) -> Assignments:
    """Leads by turns in the arms, on the second day."""
    return Assignments(
        tuple(f"lead-{at:03}" for at in range(leads)),
        np.array([us(2 + at / 1000) for at in range(leads)]),
        tuple(arms[at % len(arms)] for at in range(leads)),
        np.array([us(day) if day > 0 else NEVER for day in reached]) if len(reached) else None,
        again=0,
    )


def taken(
    events: Sequence[Event],
    who: Assignments,
    experiment: Experiment = MAIL,
    known: WhoIsWhom = WhoIsWhom(),  # noqa: B008 frozen
) -> tuple[list[Event], ImportedExperiment]:
    """The events that are new, and what was told."""
    table, told = import_experiment(log_of(events), LADDER, experiment, who, known, now=NOW)
    return events_of(table), told


def refused(events: Sequence[Event], who: Assignments, experiment: Experiment = MAIL) -> str:
    with pytest.raises((ExperimentError, ExperimentConflict)) as caught:
        taken(events, who, experiment)
    return str(caught.value)


def test_each_lead_is_a_decision_with_the_chances_of_its_lot():
    """Decided at the last instant before it was assigned, known with the last of the log."""
    events = lives(10)
    made, told = taken(events, assigned(10))
    found = decisions_of(log_of([*events, *made]), LADDER)
    assert len(found) == told.learnable == 10
    first = found[0].decision
    assert (first.policy, first.lead_id, first.as_of) == ("experiment:mail", "lead-000", us(2) - 1)
    assert (first.options, first.probabilities) == (("clip", "no_ask"), (0.5, 0.5))
    assert (first.chosen, first.step, first.propensity) == ("clip", "look", 0.5)
    assert found[0].exposed_at == us(2)
    assert {one.known_at for one in made} == {us(40)}
    lots, elsewhere = lots_of_others(log_of([*events, *made]), LADDER, us(40))
    assert (len(lots), elsewhere) == (10, 0)
    assert len(drawn_decisions(log_of([*events, *made]), LADDER, us(40))) == 0


def test_who_was_asked_counts_as_asked_then():
    """The limits of the ladder count the ask of another tool, from when it was; no ask is none."""
    events = lives(2, until=12)
    made, _ = taken(events, assigned(2))

    def against(lead: str, day: float) -> str:
        rows = [
            (one.name, one.occurred_at, one.known_at, json.loads(one.properties))
            for one in [*events, *made]
            if one.lead_id == lead
        ]
        history = history_of(rows, LADDER, us(day))
        found = limit_against(LADDER, "clip", history, us(day), UNRESTRICTED)
        return "" if found is None else found.reason

    assert [against("lead-000", day) for day in (11, 13, 24)] == ["", "again_too_soon", ""]
    assert against("lead-001", 13) == ""


def test_to_import_again_adds_nothing():
    events = lives(10)
    made, _ = taken(events, assigned(10))
    again, told = taken([*events, *made], assigned(12, ("blue", "none")))
    new = {one.message_id for one in again} - {one.message_id for one in made}
    assert {one.lead_id for one in again if one.message_id in new} == {"lead-010", "lead-011"}
    assert told.unknown == 2


@pytest.mark.parametrize(
    ("who", "experiment", "said"),
    [
        (assigned(10, ("none", "blue")), MAIL, "lead 'lead-000' in another arm"),
        (
            replace(assigned(10), at=assigned(10).at + 1),
            MAIL,
            "lead 'lead-000' at another time",
        ),
        (
            assigned(10),
            replace(MAIL, arms=(Arm("blue", 0.6, ("clip",)), Arm("none", 0.4, ("no_ask",)))),
            "with other arms or shares",
        ),
        (assigned(10), replace(MAIL, id="mails"), "10 of its 10 leads were put into the same arms"),
    ],
)
def test_what_was_imported_is_not_changed(who, experiment, said):
    events = lives(10)
    made, _ = taken(events, assigned(10))
    assert said in refused([*events, *made], who, experiment)


def test_another_experiment_at_the_same_instants_is_another_one():
    """Flags that are looked up together put leads into arms at one instant."""
    events = lives(10)
    made, _ = taken(events, assigned(10))
    _, told = taken(
        [*events, *made], assigned(10, ("blue", "blue", "none", "none")), replace(MAIL, id="page")
    )
    assert told.learnable == 10


def test_leads_that_stood_elsewhere_are_counted_and_not_learned_from():
    """Whoever had done the step, had bought or was never heard of is told; each was asked."""
    events = [
        *lives(12),
        event("lead-000", "video", 1, fraction=1.0),
        event("lead-001", "video", 1, fraction=1.0),
        event("lead-002", "order", 1),
        event("lead-003", "order", 1),
    ]
    made, told = taken(events, assigned(14))
    assert (told.learnable, told.other_step) == (10, {"try": 2, "bought": 2})
    assert told.unknown == 2
    assert sum(one.name == LADDER.events.offer_extended for one in made) == 7
    lots, elsewhere = lots_of_others(log_of([*events, *made]), LADDER, us(40))
    assert (len(lots), elsewhere) == (10, 4)
    assert {"lead-012", "lead-013"} <= {log_of([*events, *made]).leads[at] for at in lots.lead}


def test_among_arms_for_several_steps_those_of_the_next_one_are_the_lot():
    """Of a third each, a lead before the first step could have got a clip or nothing: one half."""
    three = replace(
        MAIL, arms=(*(replace(arm, share=0.4) for arm in MAIL.arms), Arm("call", 0.2, ("demo",)))
    )
    who = assigned(10, ("blue", "none", "blue", "none", "call"))
    made, told = taken(lives(10), who, three)
    assert (told.learnable, told.other_step) == (8, {"look": 2})
    lots, elsewhere = lots_of_others(log_of([*lives(10), *made]), LADDER, us(40))
    assert elsewhere == 2
    np.testing.assert_allclose(lots.probability.max(axis=1), 0.5)
    np.testing.assert_allclose(lots.probability.sum(axis=1), 1.0)


def test_arms_with_the_same_offer_share_its_chance():
    words = replace(
        MAIL,
        arms=(
            Arm("short", 0.25, ("clip",)),
            Arm("long", 0.25, ("clip",)),
            Arm("none", 0.5, ("no_ask",)),
        ),
    )
    made, _ = taken(lives(8), assigned(8, ("short", "none", "long", "none")), words)
    found = decisions_of(log_of([*lives(8), *made]), LADDER)
    assert {one.decision.probabilities for one in found} == {(0.5, 0.5)}


def test_an_ask_that_the_log_has_is_not_counted_twice():
    """What the mail tool told of its mail is the exposure: no ask beside it, none by others."""
    events = [*lives(4), extended("lead-000", 2.5, "clip"), extended("lead-002", 1.0, "clip")]
    made, _ = taken(events, assigned(4))
    found = decisions_of(log_of([*events, *made]), LADDER)
    assert [one.exposed_at for one in found] == [us(2.5), us(2.001), us(2.002), us(2.003)]
    asked = [one for one in made if one.name == LADDER.events.offer_extended]
    assert [one.lead_id for one in asked] == ["lead-002"]


def test_who_was_not_reached_was_not_asked():
    """They stay in the lot: those who open a mail are others than those who were left alone."""
    made, told = taken(lives(4), assigned(4, reached=(3, 0, 0, 0)))
    found = decisions_of(log_of([*lives(4), *made]), LADDER)
    assert [one.exposed_at for one in found] == [us(3), us(2.001), None, us(2.003)]
    assert (told.learnable, told.unreached) == (4, 1)
    assert sum(one.name == LADDER.events.offer_extended for one in made) == 1


def test_ids_that_are_one_lead():
    """The first arm of a lead counts, however many ids it was put into arms under."""
    known = WhoIsWhom({"lead-001": "lead-000"}, {"lead-002"})
    made, told = taken(lives(6), assigned(6), known=known)
    assert (told.crossed, told.opted_out) == (1, 1)
    assert not any(one.lead_id == "lead-002" for one in made)
    together = [one._replace(lead_id=known.lead_of.get(one.lead_id, one.lead_id)) for one in made]
    lots, _ = lots_of_others(log_of([*lives(6), *together]), LADDER, us(40))
    assert len(lots) == 4


# ---------------------------------------------------------------------------------------- refused


def test_what_came_after_the_log_waits():
    who = replace(assigned(4), at=np.array([us(2), us(2), us(2), us(41)]))
    made, told = taken(lives(4), who)
    assert told.later == 1
    assert not any(one.lead_id == "lead-003" for one in made)
    after = replace(who, at=np.full(4, us(41)))
    assert "import what they did first" in refused(lives(4), after)
    assert "1 lead assigned in the future, such as 'lead-003'" in refused(
        lives(4), replace(who, at=np.array([us(2), us(2), us(2), NOW + 1]))
    )


def test_arms_that_are_not_described():
    said = refused(lives(4), assigned(4, ("blue", "non")))
    assert "arms that are not described: 'non' (2); described are 'blue', 'none'" in said
    assert "did you mean 'none'?" in said


def test_ids_of_another_tool():
    who = replace(assigned(4), ids=("a", "b", "c", "d"))
    assert "nothing is known of any of its leads, such as 'a'" in refused(lives(4), who)


def test_shares_that_the_arms_contradict():
    said = refused(lives(400), assigned(400, ("blue", "blue", "blue", "none")))
    assert "blue has 300 leads and was to have about 200, none has 100" in said
    assert "either the shares were others" in said


def test_times_that_are_later_than_what_the_arms_did():
    """By the time that is named many of one arm have done the step: what is left is no lot."""
    done = [event(f"lead-{at:03}", "video", 1, fraction=1.0) for at in range(0, 300, 2)]
    said = refused([*lives(400), *done], assigned(400))
    assert "among leads whose next step was the offer's when they were assigned" in said
    assert "blue has 50 leads and was to have about 125" in said
    assert "either the times are later than what the arms did" in said
