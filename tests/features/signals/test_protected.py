"""Protected traits: the group of a lead at an instant, and events without what tells it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import EventsError
from features.events.log import DAY_US, EventLog, LogColumns
from features.ladder.file import read_ladder
from features.ladder.ladder import Trait
from features.signals.protected import (
    ProtectedTrait,
    names_protected,
    protected_traits,
    without_protected,
)
from features.signals.table import ladder_columns
from tests.features.signals.scene import thorough
from tests.features.strategies import START_US

B2B = read_ladder("b2b")
LADDER = replace(B2B, protected=(Trait("gender", "category"), Trait("age", "number")))


def told(rows, ladder=LADDER) -> EventLog:
    """A log of (lead, day it happened, day it became known, gender, age)."""
    lead, occurred, known, gender, age = (list(one) for one in zip(*rows, strict=True))
    return EventLog.from_columns(
        lead,
        ["identify"] * len(lead),
        START_US + (np.array(occurred) * DAY_US).astype(np.int64),
        START_US + (np.array(known) * DAY_US).astype(np.int64),
        numbers={"age": np.array(age, dtype=np.float64)},
        texts={"gender": gender},
        columns=LogColumns(*ladder_columns(ladder)),
    )


def groups_at(log: EventLog, lead: str, *days: float) -> list[list[str | None]]:
    """What each trait says of a lead at some days."""
    index = np.full(len(days), log.leads.index(lead), dtype=np.int64)
    as_of = START_US + (np.array(days) * DAY_US).astype(np.int64)
    return [
        [one.groups[at] if at >= 0 else None for at in one.group]
        for one in protected_traits(log, LADDER, index, as_of)
    ]


def test_the_last_value_known_by_then():
    """Nothing before it is known, later values from when they are known, an absent one for none."""
    log = told([
        ("ann", 1, 1, "f", 30), ("ann", 2, 6, "x", np.nan), ("ann", 8, 8, None, 40),
        ("ben", 1, 1, "m", np.nan),
    ])  # fmt: skip
    gender, age = groups_at(log, "ann", 0.5, 1, 5, 6, 9)
    assert gender == [None, "f", "f", "x", "x"]
    assert [one is not None for one in age] == [False, True, True, True, True]
    assert groups_at(log, "ben", 3) == [["m"], [None]]


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(("ann", "ben")),
        st.integers(0, 9),
        st.integers(0, 4),
        st.sampled_from(("f", "m", None)),
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda row: row[:2],
)


@thorough
@given(EVENTS, st.integers(0, 15))
def test_beside_a_loop(events, day):
    """Of what was known by then, the value of the latest event that has one."""
    log = told([(lead, at, at + late, gender, np.nan) for lead, at, late, gender in events])
    for lead in log.leads:
        known = [
            (at, gender) for who, at, late, gender in events
            if who == lead and at + late <= day and gender
        ]  # fmt: skip
        wanted = max(known)[1] if known else None
        assert groups_at(log, lead, day)[0] == [wanted]


def test_a_number_is_four_groups_of_as_many_leads():
    """Leads count, not how often each is looked at; the groups are called by their edges."""
    log = told([(f"l{at:02}", 0, 0, "f", at) for at in range(40)])
    lead = np.concatenate([np.arange(40), np.zeros(500, dtype=np.int64)])
    found = protected_traits(log, LADDER, lead, np.full(len(lead), START_US + DAY_US))[1]
    assert found.groups == (
        "up to 9", "above 9 up to 19", "above 19 up to 29", "above 29"
    )  # fmt: skip
    assert np.bincount(found.group[:40]).tolist() == [10, 10, 10, 10]
    assert found.group[[0, 9, 10, 19, 20, 39]].tolist() == [0, 0, 1, 1, 2, 3]


@pytest.mark.parametrize(
    ("ages", "groups"), [([5.0] * 9, ("all",)), ([1, 1, 1, 1, 1, 2], ("up to 1", "above 1"))]
)
def test_few_numbers(ages, groups):
    """Where leads have the same number there are fewer groups, and none is empty."""
    log = told([(f"l{at}", 0, 0, "f", age) for at, age in enumerate(ages)])
    at = np.full(len(ages), START_US)
    found = protected_traits(log, LADDER, np.arange(len(ages)), at)[1]
    assert found.groups == groups
    assert set(found.group.tolist()) == set(range(len(groups)))


def test_rare_words_are_one_group():
    """The twelve values that most leads have, and the others together."""
    words = [f"w{at:02}" for at in range(15) for _ in range(20 - at)]
    log = told([(f"l{at:03}", 0, 0, word, np.nan) for at, word in enumerate(words)])
    lead = np.arange(len(words))
    found = protected_traits(log, LADDER, lead, np.full(len(lead), START_US))[0]
    assert found.groups == (*(f"w{at:02}" for at in range(12)), "3 others")
    assert [found.groups[at] for at in found.group[[0, 20, -1]]] == ["w00", "w01", "3 others"]
    assert np.bincount(found.group)[-1] == 8 + 7 + 6


def test_thirteen_words_are_thirteen_groups():
    """One value alone is no group of others."""
    log = told([(f"l{at:02}", 0, 0, f"w{at:02}", np.nan) for at in range(13)])
    found = protected_traits(log, LADDER, np.arange(13), np.full(13, START_US))[0]
    assert sorted(found.groups) == [f"w{at:02}" for at in range(13)]


def test_nobody_told():
    """A trait that no event holds has no group, and every row is unknown."""
    log = told([("ann", 0, 0, None, np.nan)])
    for found in protected_traits(log, LADDER, np.zeros(3, dtype=np.int64), np.full(3, START_US)):
        assert isinstance(found, ProtectedTrait)
        assert (found.groups, found.group.tolist()) == ((), [-1, -1, -1])


def test_no_protected_trait():
    """Without one there is nothing to read."""
    log = told([("ann", 0, 0, "f", 3)], B2B)
    assert protected_traits(log, B2B, np.zeros(1, dtype=np.int64), np.full(1, START_US)) == ()


def test_a_log_of_another_ladder():
    """A log that was read without the trait is refused, not taken for one where nobody has it."""
    log = told([("ann", 0, 0, "f", 3)], B2B)
    with pytest.raises(EventsError, match="lacks the columns"):
        protected_traits(log, LADDER, np.zeros(1, dtype=np.int64), np.full(1, START_US))


HIDDEN = "zzprotectedzz"


@pytest.mark.parametrize(
    "properties",
    [
        {"gender": HIDDEN},
        {"Gender ": HIDDEN, "GENDER": HIDDEN, "your_gender": HIDDEN, "user-gender": HIDDEN},
        {"traits": {"gender": HIDDEN}},
        {"a": {"b": [{"gender": HIDDEN}, [{"Gender": HIDDEN}]]}},
        {"fields": [{"name": "gender", "value": HIDDEN}]},
        {"fields": [{"label": "Your gender", "answer": HIDDEN}, {"label": "age", "x": HIDDEN}]},
        {"field": {"name": "gender", "value": HIDDEN}},
        {"gender": {"value": HIDDEN}},
        {"fields": [{"id": "q1", "title": "Gender", "answer": {"text": HIDDEN}}]},
        {"answers": [{"field": {"id": "q", "type": "text", "ref": "gender"}, "text": HIDDEN}]},
        {"answers": [{"field": {"id": "q", "title": "Your gender"}, "choice": {"label": HIDDEN}}]},
        {"answers": {"3": {"name": "q3", "text": "Gender", "answer": HIDDEN}}},
        {"fields": [{"Question": "GENDER", "response": HIDDEN}, {"property": "age", "v": HIDDEN}]},
        {"fields": [["gender", HIDDEN], ("Age", HIDDEN)]},
        {"profile.gender": HIDDEN, "answers[gender]": HIDDEN, "gender/value": HIDDEN},
        {"url": f"https://a.org/form?b=1&gender={HIDDEN}&c=2"},
        {"url": f"https://a.org/form#step=2&Your+Gender={HIDDEN}"},
        {
            "context": {
                "page": {"search": f"?user%5Bgender%5D={HIDDEN}", "path": f"/x;age={HIDDEN}"}
            }
        },
        {"query": f"b=1&gender={HIDDEN}"},
        {"body": json.dumps({"form": {"gender": HIDDEN}})},
        {"body": json.dumps({"question": "gender", "answer": HIDDEN})},
        {"referrer": f"//a.org/go?next=%2Fform%3Fgender%3D{HIDDEN}%26b%3D1"},
    ],
)
def test_nothing_of_it_is_left(properties):
    """At any depth, in any spelling, and as the answer to a question of a form."""
    left = without_protected(LADDER, {**properties, "page": "pricing"})
    assert HIDDEN not in json.dumps(left)
    assert left["page"] == "pricing"


@pytest.mark.parametrize(
    "properties",
    [
        {"question": "gender", "answer": HIDDEN},
        {"field": "Gender", "response": HIDDEN},
        {"field": {"ref": "age", "type": "number"}, "number": HIDDEN},
        {"form": "signup", "Label": "Your gender", "value": [HIDDEN]},
    ],
)
def test_nothing_is_left_of_properties_that_are_an_answer(properties):
    """An event that is one answer says nothing, just as an object in a list of answers does."""
    assert without_protected(LADDER, properties) == {}
    assert without_protected(LADDER, {"a": [properties]}) == {"a": []}
    assert without_protected(B2B, properties) == properties


def test_the_rest_of_an_address_stays():
    """What is taken out of it is the value; other parameters and addresses are as they came."""
    url = "https://a.org/form?b=1%202&gender=f&b=%C3%A4&c#top"
    other = {
        "to": "/a?engender=1&page=2",
        "json": '{"a":1}',
        "list": "[gender",
        "code": "if gender=f then",
        "note": "gender=f or not",
    }
    assert without_protected(LADDER, {"url": url, **other}) == {
        "url": "https://a.org/form?b=1%202&gender=redacted&b=%C3%A4&c#top",
        **other,
    }


def _nested(levels):
    value: object = "deep"
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("levels", [500, 900, 20_000])
@pytest.mark.parametrize("within", ["[", '{"name":', '{"a":'])
def test_json_that_nests_too_deep_is_left_out(levels, within):
    """A visitor may send such a text: what cannot be looked through is not shown."""
    end = "]" if within == "[" else "}"
    told = without_protected(LADDER, {"a": within * levels + "1" + end * levels, "b": 1})
    assert len(told["a"]) < 1000
    assert told["b"] == 1


def test_values_that_nest_too_deep_are_left_out():
    """What an event may hold stays as it is; beyond, it ends."""
    held = {"a": _nested(60)}
    assert without_protected(LADDER, held) == held
    assert "deep" not in json.dumps(without_protected(LADDER, {"a": _nested(900)}))


@pytest.mark.parametrize(
    ("path", "is_meant"),
    [
        ("gender", True), ("profile.Gender", True), ("a[your_age]", True), ("age.value", True),
        ("engender", False), ("page.views", False), ("", False),
    ],
)  # fmt: skip
def test_names_of_paths(path, is_meant):
    """Any name of a path may be the one; without a protected trait none is."""
    assert names_protected(LADDER, path) == is_meant
    assert not names_protected(B2B, path)


@pytest.mark.parametrize("ladder", [LADDER, B2B])
def test_all_else_stays(ladder):
    """What names nothing protected is as it came; without a protected trait everything is."""
    properties = {"fields": [{"name": "mail", "value": "a"}, 3, None], "gendered": 1, "agenda": [1]}
    properties |= {} if ladder is LADDER else {"gender": "f"}
    assert without_protected(ladder, properties) == properties
