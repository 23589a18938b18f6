"""What an assistant is told: the service's numbers, and strangers' text where it belongs."""

from __future__ import annotations

import json

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


def test_a_lead_that_has_opted_out():
    """Nothing is told of it but that."""
    answer = {"status": "opted_out", "lead_id": "a", "detail": "no", "offer": {"id": "no_ask"}}
    expected = {"status": "opted_out", "lead": {"untrusted_text": "a"}}
    assert telling.score(answer) == expected
    assert telling.decision(answer) == expected
