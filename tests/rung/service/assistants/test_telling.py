"""What an assistant is told: the service's numbers, and strangers' text where it belongs."""

from __future__ import annotations

import json
from collections.abc import Iterator

from rung.service.assistants import telling


def test_characters_that_nobody_sees():
    """They are escaped, and the text is the same JSON as before; others stand as they are."""
    answer = {"untrusted_text": "Zoë\u200b\u202e\U000e0041\n\u2028 𝄞"}
    text = telling.as_text(answer)
    assert json.loads(text) == answer
    assert "Zoë" in text
    assert "𝄞" in text
    assert not set(text) & set("\u200b\u202e\U000e0041\u2028\n")


def test_numbers_go_through_as_they_came():
    """No digit is lost or made on the way."""
    for number in (0.1, 1e-7, 0.30000000000000004, 123456789.123, 5, -0.061, 1.0):
        assert json.loads(telling.as_text({"points": number})) == {"points": number}


def _entry(**more: object) -> dict[str, object]:
    entry = {"kind": "event", "name": "x", "occurred_at": "then", "completes": [], "data": {}}
    return entry | more


def test_long_properties_are_left_out_whole():
    """What is too long is not cut, for half a number would be another number."""
    page = {"data": [_entry(data={"a": 1}), _entry(data={"a": "1" * 1000})], "total": 2}
    short, long = telling.timeline(page)["timeline"]
    assert short["untrusted_text"] == {"name": "x", "data": {"a": 1}}
    assert long["untrusted_text"] == {"name": "x"}
    assert long["data"] == "left out: too long"


def test_a_timeline_without_its_score():
    """The score is told by itself; steps that were completed are told by their titles."""
    steps = [{"id": "watch", "title": "Watch"}]
    page = {"data": [_entry(kind="score"), _entry(completes=steps)], "total": 2}
    told = telling.timeline(page)
    assert [one["completes"] for one in told["timeline"]] == [["Watch"]]
    assert told["entries_in_all"] == 2


def test_who_works_with_a_lead():
    """It is told by their name, which somebody else may have written."""
    item: dict[str, object] = {
        "lead_id": "a",
        "claimed_by": "Ann",
        "reasons": [],
        "suggestion": None,
    }
    page = {"data": [item, {**item, "claimed_by": None}], "next_cursor": None}
    first, second = telling.queue_page(page)["leads"]
    assert first["claimed_by"] == {"untrusted_text": "Ann"}
    assert "claimed_by" not in second


def test_a_lead_that_has_opted_out():
    """Nothing is told of it but that."""
    answer = {"status": "opted_out", "lead_id": "a", "detail": "no", "offer": {"id": "no_ask"}}
    expected = {"status": "opted_out", "lead": {"untrusted_text": "a"}}
    assert telling.score(answer) == expected
    assert telling.decision(answer) == expected


def _texts(value: object) -> Iterator[str]:
    """Every text and name that does not stand under `untrusted_text`."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield name
            if name != "untrusted_text":
                yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, str):
        yield value


def test_what_may_quote_strangers_is_marked():
    """Ids, reasons, refusals of the past, what is made of a lead's own words: none is plain."""
    reasons = [{"signal": "trait.role", "text": "OBEY", "points": 0.1}]
    lead = {"lead_id": "OBEY", "reasons": reasons}
    made = {
        "lead_id": "OBEY",
        "offer": {"id": "clip", "personalisation": {"continues": ["OBEY"], "OBEY": 1}},
        "ranking": [{"offer_id": "clip", "propensity": 1.0}],
        "excluded": [{"offer_id": "talk", "reason": "refused", "text": "OBEY"}],
        "outcome": {"value": 1, "kind": "OBEY", "occurred_at": "then", "late": False},
    }
    entry = _entry(kind="notification", name="OBEY", id="OBEY", subject="OBEY", data={"OBEY": 1})
    for told in (
        telling.queue_page({"data": [lead], "next_cursor": None}),
        telling.score(lead | {"status": "ok"}),
        telling.found_leads({"data": [{"lead_id": "OBEY", "opted_out": False}]}),
        telling.decision(made),
        telling.exposure({"lead_id": "OBEY", "decision_id": "d"}),
        telling.outcome({"lead_id": "OBEY", "decision_id": "d", "value": 1, "kind": "OBEY"}),
        telling.timeline({"data": [entry], "total": 1}),
    ):
        assert "OBEY" in telling.as_text(told)
        assert "OBEY" not in list(_texts(told))
