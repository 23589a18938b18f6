"""Sources of the ladder file: any payload, by paths."""

import pytest

from features.ladder.file import read_ladder
from features.ladder.source import Source
from serving.connectors.arrivals import RequestRules, arrivals_of
from serving.connectors.connector import ConnectorOptions, verified
from serving.connectors.errors import PayloadError, UnsignedRequest
from serving.connectors.generic import connector_of
from tests.serving.connectors import vendors
from tests.serving.connectors.vendors import properties, told

FORMS = Source(
    name="forms",
    signature="hmac-sha256-hex",
    secret="env:FORMS_SECRET",  # noqa: S106 a name
    header="X-Forms-Signature",
    prefix="sha256=",
    items="data.events",
    lead_id="user.id",
    anonymous="user.cookies[0]",
    event_at="kind",
    names=(("sent", "form_submitted"), ("seen", "page_viewed")),
    time="at",
    time_unit="ms",
    message_id="id",
    properties=(("form", "form.slug"), ("seconds", "seconds"), ("note", "note")),
)
ITEM = {
    "id": 5,
    "kind": "sent",
    "at": vendors.AT * 1000,
    "user": {"id": "lead-7", "cookies": ["c1"]},
    "form": {"slug": "demo"},
    "seconds": 12.5,
    "note": "call +49 30 1234567",
}


def read(source, *items):
    """What becomes of items."""
    payload = {"data": {"events": list(items)}} if source.items else list(items)
    return told(connector_of(source), payload, ConnectorOptions(vendors.SECRET))


def changed(**more):
    return Source(**{name: getattr(FORMS, name) for name in FORMS.__slots__} | more)


def test_paths():
    """Every part of an event is found where the source says that it stands."""
    (arrival,), rejects, ignored = read(FORMS, ITEM)
    assert (rejects, ignored) == ([], 0)
    assert (arrival.message_id, arrival.name) == ("forms:5", "form_submitted")
    assert (arrival.sent_id, arrival.anonymous_id) == ("lead-7", "c1")
    assert arrival.occurred_at == vendors.NOW
    assert properties(arrival) == {
        "form": "demo",
        "seconds": 12.5,
        "note": "call +49 30 1234567",
    }


def test_first_step():
    """On the first step what holds contact data is left out, and the answer says so."""
    (arrival,), _, _ = read(FORMS, {**ITEM, "kind": "seen"})
    assert properties(arrival) == {"form": "demo", "seconds": 12.5}
    ((kind, detail),) = arrival.remarks
    assert kind == "redacted"
    assert "properties.note" in detail
    assert "+49" not in detail


def test_anonymous():
    """Without a user the anonymous id is the lead's."""
    (arrival,), _, _ = read(FORMS, {**ITEM, "user": {"cookies": ["c1"]}})
    assert (arrival.sent_id, arrival.anonymous_id) == ("c1", None)


@pytest.mark.parametrize(
    ("item", "detail"),
    [
        ({**ITEM, "user": {}}, "it names nobody"),
        ({**ITEM, "at": "yesterday"}, "at is no time, or none of the unit ms"),
        ({**ITEM, "at": None}, "there is no at, which says when it happened"),
        ({**ITEM, "at": ""}, "there is no at, which says when it happened"),
        (3, "an event is an object"),
        ({**ITEM, "user": {"id": "a\x00b"}}, "without control characters"),
        ({**ITEM, "note": "x" * 40_000}, "may have 32 KiB"),
    ],
)
def test_rejected(item, detail):
    """What cannot be used is told by its place, and spoils nothing else."""
    arrivals, rejects, _ = read(FORMS, ITEM, item)
    assert len(arrivals) == 1
    assert [(one.place, detail in one.detail) for one in rejects] == [(1, True)]


def test_kinds_that_nobody_asked_for():
    """A kind that is not named is ignored, or has the name that all others have."""
    other = {**ITEM, "kind": "other"}
    assert read(FORMS, other) == ([], [], 1)
    (arrival,), _, _ = read(changed(event="form_touched"), other)
    assert arrival.name == "form_touched"


@pytest.mark.parametrize("kind", [None, "", " ", {"a": 1}, True])
@pytest.mark.parametrize("names", [FORMS.names, ()])
def test_no_kind_at_all(kind, names):
    """Nobody is told that what says nothing of what happened was of a kind that nobody wants."""
    arrivals, rejects, ignored = read(changed(names=names), {**ITEM, "kind": kind})
    assert (arrivals, ignored) == ([], 0)
    assert [(one.kind, one.detail) for one in rejects] == [
        ("missing", "there is no kind, which says what happened")
    ]
    (arrival,), *_ = read(changed(names=names, event="other"), {**ITEM, "kind": "unknown"})
    assert arrival.name in ("other", "unknown")


def test_name_as_it_comes():
    """Without names the kind is the name; those that Rung writes are refused."""
    source = changed(names=())
    (arrival,), _, _ = read(source, ITEM)
    assert arrival.name == "sent"
    _, (reject,), _ = read(source, {**ITEM, "kind": "rung_decision"})
    assert "written by Rung alone" in reject.detail


def test_one_event_a_body():
    """Without items the body is the event, or a list of them."""
    source = changed(items="")
    single = told(connector_of(source), ITEM, ConnectorOptions(vendors.SECRET))
    assert single == read(source, ITEM)
    assert len(single[0]) == 1


def test_nothing_where_the_events_stand():
    """Of a body without the list the reason names its place; an empty list tells nothing."""
    found, (reject,), _ = told(
        connector_of(changed(items="data.events")), ITEM, ConnectorOptions(vendors.SECRET)
    )
    assert not found
    assert (reject.kind, reject.detail) == (
        "missing",
        "there is no data.events, where the events stand",
    )


def test_without_message_id():
    """An event without an id is known by all that it says, whatever the order of its members."""
    source = changed(message_id="")
    backwards = dict(reversed(ITEM.items()))
    ids = [read(source, item)[0][0].message_id for item in (ITEM, backwards, {**ITEM, "at": 1})]
    assert ids[0] == ids[1] != ids[2]
    assert all(one.startswith("forms:") and len(one) <= 99 for one in ids)


def test_an_id_says_nothing_of_what_it_is_made_of():
    """What an event says may be somebody's address, and that stands in no id."""
    (arrival,), _, _ = read(changed(message_id="", email="mail"), {**SMALL, "mail": "a@acme.com"})
    assert "acme" not in arrival.message_id


SMALL = {"kind": "sent", "at": vendors.AT * 1000}
DAY_US = 24 * 3600 * 1_000_000


def id_of(source, item, known_at=vendors.KNOWN):
    """The message id of an item that comes in at a time."""
    rules = RequestRules("forms", ConnectorOptions(vendors.SECRET), read_ladder("b2b"), known_at)
    ((_, arrival),), _, _ = arrivals_of(connector_of(source).read([item], rules.options), rules)
    return arrival.message_id


FORM = {"items": "", "message_id": "", "time": "", "signature": "none"}


@pytest.mark.parametrize(
    ("more", "is_new"),
    [
        ({}, True),
        ({"time": "at"}, False),
        ({"message_id": "id"}, False),
        ({"signature": "hmac-sha256-hex"}, False),
    ],
)
def test_the_same_on_another_day(more, is_new):
    """It is another event where nothing else tells it apart, and nobody signed it."""
    source = changed(**FORM | more)
    ids = [id_of(source, ITEM, vendors.NOW + at) for at in (0, DAY_US - 1, DAY_US, 40 * DAY_US)]
    assert ids[0] == ids[1]
    assert len(set(ids)) == (3 if is_new else 1)


@pytest.mark.parametrize(
    ("unit", "text"),
    [("s", str(vendors.AT)), ("s", f" {vendors.AT}.0 "), ("ms", f"{vendors.AT}000")],
)
def test_a_number_in_a_text(unit, text):
    """A form has texts alone: where a unit is said, one that is a number is read."""
    (arrival,), rejects, _ = read(changed(time_unit=unit), {**ITEM, "at": text})
    assert (rejects, arrival.occurred_at) == ([], vendors.NOW)


@pytest.mark.parametrize("text", ["1e9", "-1", "0x10", "1_000", "yesterday", "9" * 16])
def test_no_number_in_a_text(text):
    """Anything else is no time."""
    _, (reject,), _ = read(FORMS, {**ITEM, "at": text})
    assert reject.detail == "at is no time, or none of the unit ms"


def test_too_deep_without_id():
    """What is nested too deeply to be told from others is refused."""
    deep: list[object] = []
    for _ in range(400):
        deep = [deep]
    with pytest.raises(PayloadError, match="nested too deeply"):
        read(changed(message_id=""), {**ITEM, "deep": deep})


@pytest.mark.parametrize(
    ("signature", "encode"),
    [("hmac-sha256-hex", lambda body: vendors.digest(body).hex()),
     ("hmac-sha256-base64", vendors.in_base64)],
)  # fmt: skip
def test_signature(signature, encode):
    """The header holds the prefix and the HMAC-SHA256 of the body."""
    connector = connector_of(changed(signature=signature))
    call = vendors.call_of("forms", ITEM, sign=lambda *_: {})
    right = call._replace(headers={"x-forms-signature": "sha256=" + encode(call.body)})
    assert verified(connector, right, ConnectorOptions(vendors.SECRET)).signed_at is None
    for wrong in (call, right._replace(body=b"{}")):
        with pytest.raises(UnsignedRequest, match="X-Forms-Signature"):
            verified(connector, wrong, ConnectorOptions(vendors.SECRET))


@pytest.mark.parametrize("junk", ["undefined", "[object Object]", "{{contact.id}}"])
def test_ids_of_nobody(junk):
    """What a tool writes for nobody names no lead and links none."""
    (arrival,), rejects, _ = read(FORMS, ITEM | {"user": {"id": junk, "cookies": ["c1"]}})
    assert (arrival.sent_id, arrival.anonymous_id, rejects) == ("c1", None, [])
    (arrival,), _, _ = read(FORMS, ITEM | {"user": {"id": "lead-7", "cookies": [junk]}})
    assert (arrival.sent_id, arrival.anonymous_id) == ("lead-7", None)
    arrivals, (reject,), _ = read(FORMS, ITEM | {"user": {"id": junk, "cookies": [junk]}})
    assert (arrivals, "what programs write for nobody" in reject.detail) == ([], True)
