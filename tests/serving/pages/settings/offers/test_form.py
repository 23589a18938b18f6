"""The form of an offer: there and back, and what is wrong beside its field."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import LadderError
from features.ladder.catalogue import offer_of_table, offer_table
from features.ladder.file import read_ladder
from serving.pages.settings.offers.form import (
    LABELS,
    OfferForm,
    form_of_table,
    kept_as_it_was,
    new_id,
    read_offer_form,
    underway,
    wrong_fields,
)

LADDERS = [read_ladder(name) for name in ("b2b", "b2b-assessment", "b2c")]
DATED = {
    **{"id": "dated", "step": "value", "title": "Dated", "kind": "webinar", "effort": {}},
    **{"valid_from": "2027-03-01T08:00:00Z", "valid_until": "2027-03-01T09:00:00Z"},
    **{"repeats_days": 7, "repeats_until": "2027-07-01T08:00:00Z", "not_while": ["pilot"]},
}


def sent(form: OfferForm) -> dict[str, str]:
    """What a browser sends of a form that nobody changed."""
    typed = {name: one for name, one in form.values.items() if name != "status"}
    return typed | dict.fromkeys(sorted(form.ticked), "on")


@pytest.mark.parametrize("ladder", LADDERS, ids=lambda one: one.name)
def test_nothing_changes_unasked(ladder):
    """An offer whose form is saved as it is shown is the same offer."""
    for offer in ladder.offers:
        form = form_of_table(offer_table(offer), "Europe/Berlin")
        read, back, from_at = read_offer_form(sent(form), form.kept, "Europe/Berlin")
        assert (read.wrong, from_at) == ({}, None)
        assert offer_of_table(ladder, {"id": offer.id, **back}) == offer


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York"])
def test_dates_there_and_back(zone):
    """Instants are shown and read by the same clock."""
    form = form_of_table(DATED, zone)
    _, back, _ = read_offer_form(sent(form), form.kept, zone)
    assert {"id": "dated", **back, "role": "ask"} == {**DATED, "role": "ask"}


def test_what_was_not_touched_stays():
    """Seconds and commas that the form cannot show stay, where nobody wrote something else."""
    told = {
        **{"id": "t", "step": "value", "title": "T", "kind": "quiz", "channels": ["a, b"]},
        **{"effort": {"form_fields": ["x,y"]}, "valid_from": "2027-10-31T01:30:15Z"},
        "framings": [{"id": "a", "text": "one"}, {"id": "b", "text": "two"}],
    }
    shown = form_of_table(told, "Europe/Berlin")
    given = {**sent(shown), "framings": shown.value("framings").replace("\n", "\r\n")}
    _, read, _ = read_offer_form(given, {}, "Europe/Berlin")
    assert kept_as_it_was(read, told, given, shown) == {**told, "role": "ask"} | {"id": "t"}
    given["valid_from"] = "2027-11-01T09:00"
    _, read, _ = read_offer_form(given, {}, "Europe/Berlin")
    assert kept_as_it_was(read, told, given, shown)["valid_from"] == "2027-11-01T08:00:00Z"


def test_zone():
    """What is written by a clock on a wall is an instant."""
    _, table, from_at = read_offer_form(
        {"valid_from": "2027-07-01T09:00", "from_at": "2027-01-01 09:00"}, {}, "Europe/Berlin"
    )
    assert table["valid_from"] == "2027-07-01T07:00:00Z"
    assert from_at == 1_798_790_400_000_000


@pytest.mark.parametrize(
    ("field", "text", "why"),
    [
        ("minutes", "a few", "Write a number"),
        ("money", "1,200", "Write a number"),
        ("scope_days", "2.5", "Write a whole number"),
        ("valid_from", "soon", "Write a date and a time"),
        ("valid_from", "9999-12-31T23:59", "Write a date and a time"),
        ("from_at", "0001-01-01T00:00", "Write a date and a time"),
        ("framings", "no colon", "a short name, a colon"),
        ("title", "x" * 3000, "letters"),
    ],
)
def test_what_cannot_be_read(field, text, why):
    """What is no number, no date, no line is said beside its field, and what was typed stays."""
    form, _, _ = read_offer_form({field: text}, {}, "UTC")
    assert why in form.mistake(field)
    assert form.value(field) == text


@pytest.mark.parametrize(
    ("change", "field", "why"),
    [
        ({"title": ""}, "title", "This is empty."),
        ({"kind": " "}, "kind", "This is empty."),
        ({"minutes": "-5"}, "minutes", "This must not be negative."),
        ({"rep_minutes": "nan"}, "rep_minutes", "This must be a number."),
        ({"scope_days": "0"}, "scope_days", "This must be a whole number of days above 0."),
        ({"form_fields": "email, email"}, "form_fields", "This names one thing twice."),
        (
            {"valid_from": "2027-03-02T00:00", "valid_until": "2027-03-01T00:00"},
            "valid_until",
            "This must be later than “Can be taken from”.",
        ),
        ({"repeats_days": "7"}, "repeats_days", "needs “Can be taken from”"),
        ({"repeats_until": "2027-03-02T00:00"}, "repeats_until", "“Comes again after (days)”"),
        ({"role": "support", "form_fields": "email"}, "form_fields", "it asks for nothing"),
        ({"framings": "Bad Name: words"}, "framings", "cannot be 'Bad Name'"),
    ],
)
def test_what_does_not_fit(change, field, why):
    """What does not fit the ladder is said beside its field, keys by their labels."""
    ladder = LADDERS[0]
    usual = {"title": "T", "step": "value", "kind": "quiz", "minutes": "5", "role": "ask"}
    form, table, _ = read_offer_form({**usual, **change}, {}, "UTC")
    assert form.wrong == {}
    with pytest.raises(LadderError) as raised:
        offer_of_table(ladder, {"id": "t", **table})
    wrong, general = wrong_fields(raised.value)
    assert why in wrong[field]
    assert general == ()
    assert not any(f"“{name}”" in wrong[field] for name in LABELS)


@given(st.text(max_size=60), st.lists(st.sampled_from(["offer", "a", "demo", "demo-2"])))
def test_new_ids_fit(title, known):
    """Whatever a title is, an id is made of it that the ladder takes and nobody has."""
    found = new_id(title, known)
    assert found not in known
    table = {"id": found, "step": "value", "title": "T", "kind": "quiz", "effort": {}}
    assert offer_of_table(LADDERS[0], table).id == found or found in [
        one.id for one in LADDERS[0].offers
    ]


def test_new_id():
    """An id can be read."""
    assert new_id("Über uns: 5 Fragen!", []) == "uber-uns-5-fragen"
    assert new_id("Nurture", []) == "nurture-2"
    assert new_id("5 questions", []) == "offer-5-questions"


def test_underway():
    """What can be under way is what an offer may name."""
    ladder = LADDERS[0]
    table = {"id": "t", "step": "value", "title": "T", "kind": "quiz", "effort": {}}
    ids = [id_ for id_, _ in underway(ladder)]
    assert offer_of_table(ladder, {**table, "during": ids}).during == tuple(ids)
