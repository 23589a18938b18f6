"""Versions of offers beside the ladder file: read by its rules, the newest holds."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import LadderError
from features.ladder.catalogue import (
    as_far_as_it_fits,
    newest,
    offer_of_table,
    offer_table,
    with_catalogue,
)
from features.ladder.file import read_ladder, shipped_ladders
from features.ladder.ladder import Condition, EventRule, Ladder, Offer, OfferVersion

B2B = read_ladder("b2b")
FIRST = B2B.offers[0]
EACH = pytest.mark.parametrize("ladder", [read_ladder(name) for name in shipped_ladders()])


def version(table: dict[str, object], number: int = 1, status: str = "active") -> OfferVersion:
    return OfferVersion(str(table["id"]), number, json.dumps(table), status, 0, 0, "ann")  # type: ignore[arg-type]


def edited(offer: Offer = FIRST, **keys: object) -> dict[str, object]:
    return {**offer_table(offer), **keys}


@EACH
def test_a_table_says_all_of_an_offer(ladder: Ladder):
    """Every shipped offer, written as a table and through JSON, is read back as it was."""
    for offer in ladder.offers:
        table = json.loads(json.dumps(offer_table(offer)))
        assert offer_of_table(ladder, table) == offer


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "again_after_days": st.floats(0.5, 90),
            "value_minutes": st.floats(0, 500),
            "topics": st.lists(st.sampled_from(["a", "b", "c"]), unique=True).map(tuple),
            "channels": st.lists(st.sampled_from(["page", "rep"]), unique=True).map(tuple),
            "status": st.sampled_from(["active", "paused", "retired"]),
            "valid_from": st.just(datetime(2027, 1, 1, 9, tzinfo=UTC)),
            "only_after": st.just(
                (
                    EventRule(
                        "tool_used",
                        (
                            Condition("tool", "one_of", ("x", "y")),
                            Condition("minutes", "at_least", 3.0),
                            Condition("minutes", "below", 9.0),
                        ),
                    ),
                )
            ),
        },
    )
)
def test_any_table_says_all_of_an_offer(keys):
    """So is one with any of its keys."""
    offer = replace(FIRST, **keys)
    assert offer_of_table(B2B, json.loads(json.dumps(offer_table(offer)))) == offer


def test_the_newest_version_holds():
    """Of two versions the later number holds, whichever comes first; a new offer comes last."""
    new = edited(id="new-video", title="New")
    one = with_catalogue(B2B, [version(edited(title="Two"), 2), version(edited(title="One"), 1)])
    assert (one.offers[0].title, one.offers[0].version) == ("Two", 2)
    two = with_catalogue(one, [version(new), version(edited(title="Three"), 3, "paused")])
    assert [offer.id for offer in two.offers] == [*(o.id for o in B2B.offers), "new-video"]
    assert (two.offers[0].title, two.offers[0].status) == ("Three", "paused")
    assert two.offers[1:-1] == B2B.offers[1:]
    assert with_catalogue(two, [version(edited(title="Two"), 2)]) is two


def test_a_later_instant_holds():
    """A change that was planned for later holds from then on, whatever was made in between."""
    planned = replace(version(edited(title="Planned"), 2), from_at=100)
    at_once = replace(version(edited(title="At once"), 3), from_at=50)
    assert newest([planned, at_once]) == newest([at_once, planned]) == (planned,)


def test_newest_keeps_the_order_in_which_offers_came():
    """The catalogue is told in the order of first versions."""
    a, b = edited(), edited(B2B.offers[1])
    found = newest([version(a, 1), version(b, 1), version(a, 2)])
    assert [(one.offer_id, one.version) for one in found] == [
        (FIRST.id, 2),
        (B2B.offers[1].id, 1),
    ]


def test_what_scores_follow_from_stays():
    """Whatever offers there are, a model goes on."""
    changed = with_catalogue(B2B, [version(edited(title="Other", topics=["x"]), 1, "retired")])
    assert changed != B2B
    assert changed.fingerprint == B2B.fingerprint
    assert changed.steps == B2B.steps


@pytest.mark.parametrize(
    ("keys", "path", "problem"),
    [
        ({"step": "contnt"}, "step", "there is no step 'contnt'; did you mean 'content'?"),
        ({"titel": "x"}, "titel", "is not a key; did you mean 'title'?"),
        ({"valid_from": "soon"}, "valid_from", "must be an instant with an offset"),
        ({"valid_from": 3}, "valid_from", "must be an instant with an offset"),
        ({"effort": {"minutes": -1}}, "effort.minutes", "must not be negative"),
        ({"effort": None}, "effort", "is missing"),
        ({"status": "gone"}, "status", "cannot be 'gone'"),
        ({"during": ["sesion"]}, "during", "there is no commitment 'sesion'"),
        ({"topics": "bottlenecks"}, "topics", "must be a list of texts"),
        ({"repeats_days": 7}, "repeats_days", "needs valid_from and valid_until"),
        ({"repeats_until": "2027-01-01T00:00:00Z"}, "repeats_until", "stands without repeats_days"),
        ({"only_after": [{"event": "x", "where": {"fit": {"at_least": 1}}}]}, None, "reads 'fit'"),
    ],
)
def test_mistakes_are_told_by_the_keys_of_the_offer(keys, path, problem):
    """What is wrong is told as it would be of the file, with all that it is."""
    with pytest.raises(LadderError) as error:
        offer_of_table(B2B, edited(**keys))
    told = [(one.path, one.problem) for one in error.value.mistakes]
    assert any(problem in what and path in (None, where) for where, what in told), told


@pytest.mark.parametrize("offer_id", [None, 7, "no_ask", "Ünï", ""])
def test_an_id_that_is_none(offer_id):
    """An offer has an id of its own; those of leaving alone and of nurturing are taken."""
    with pytest.raises(LadderError, match="id"):
        offer_of_table(B2B, {**edited(), "id": offer_id})


def test_a_ladder_without_a_file_has_nothing_to_stand_beside():
    """The file's own offers are read from its text."""
    with pytest.raises(LadderError, match="was not read from a file"):
        with_catalogue(replace(B2B, source=""), [version(edited(title="x"))])


def test_a_version_that_no_longer_fits():
    """One for a step that the ladder has no more is refused, not dropped."""
    with pytest.raises(LadderError, match="there is no step 'gone'"):
        with_catalogue(B2B, [version(edited(step="gone"))])


def test_one_that_does_not_fit_leaves_the_others():
    """The others hold; what was paused stays so, by a version that the ladder cannot read, too."""
    unfit = version(edited(step="gone"), 2, "paused")
    new = version(edited(id="new-video", title="New"))
    other = version(edited(B2B.offers[1]), 1, "paused")
    ladder, problems = as_far_as_it_fits(B2B, [unfit, new, other])
    (said,) = problems
    assert said.startswith(f"offer {FIRST.id!r} version 2 does not fit: ")
    assert "there is no step 'gone'" in said
    assert (ladder.offers[0].title, ladder.offers[0].status) == (FIRST.title, "paused")
    assert ladder.offers[1].status == "paused"
    assert ladder.offers[-1].id == "new-video"
    assert as_far_as_it_fits(B2B, [new, other]) == (with_catalogue(B2B, [new, other]), ())
