"""Zoom: its challenge, registrations, and the minutes of those who came."""

import hashlib
import hmac
import json
from functools import partial
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.ladder.file import read_ladder
from features.store.arrivals import Arrival
from serving.connectors.arrivals import RequestRules, arrivals_of
from serving.connectors.connector import verified
from serving.connectors.errors import PayloadError, UnsignedRequest
from serving.connectors.zoom import ZOOM, _minutes
from tests.serving.connectors import vendors
from tests.serving.connectors.vendors import one, options, properties, told, zoom_event

JOINED, LEFT = "webinar.participant_joined", "webinar.participant_left"


def test_signature():
    """The signature covers version, time and body."""
    call = vendors.call_of("zoom", {})
    assert verified(ZOOM, call, options("zoom")).signed_at == vendors.NOW
    for headers in ({}, {**call.headers, "x-zm-request-timestamp": "1767225601"}):
        with pytest.raises(UnsignedRequest, match="x-zm-signature"):
            verified(ZOOM, call._replace(headers=headers), options("zoom"))


def test_challenge():
    """A challenge is answered with the token and its HMAC-SHA256; anything else is none."""
    ask = {"event": "endpoint.url_validation", "payload": {"plainToken": "qgg8vlvZRS6UYooatFL8Aw"}}
    wanted = hmac.new(vendors.SECRET.encode(), b"qgg8vlvZRS6UYooatFL8Aw", hashlib.sha256)
    assert ZOOM.challenge is not None
    assert ZOOM.challenge(ask, options("zoom")) == {
        "plainToken": "qgg8vlvZRS6UYooatFL8Aw",
        "encryptedToken": wanted.hexdigest(),
    }
    assert ZOOM.challenge(zoom_event(JOINED, "10:00"), options("zoom")) is None


@pytest.mark.parametrize("token", [None, "", 1, "x" * 257])
def test_challenge_without_token(token):
    """A challenge without a token is refused."""
    assert ZOOM.challenge is not None
    ask = {"event": "endpoint.url_validation", "payload": {"plainToken": token}}
    with pytest.raises(PayloadError, match="plainToken"):
        ZOOM.challenge(ask, options("zoom"))


def test_registration():
    """A registration is told without what the registrant wrote, and knows the one who comes."""
    arrival = one("zoom", vendors.zoom_registration())
    came = one("zoom", zoom_event(JOINED, "10:00"))
    assert arrival.name == "webinar_registered"
    assert arrival.anonymous_id == came.anonymous_id == "zoom-registrant-R1"
    assert arrival.sent_id == came.sent_id
    assert arrival.sent_id.startswith("email-")
    assert properties(arrival) == {"topic": "Three bottlenecks", "zoom_id": "987"}
    assert not {"Ada", "ada@example.com", "5550100"} & set(str(arrival).split("'"))


@pytest.mark.parametrize(
    ("more", "ids"),
    [
        ({"customer_key": "lead-7"}, ("lead-7", None)),
        ({"email": "", "id": "Z1"}, ("zoom-user-Z1", "zoom-registrant-R1")),
        ({"email": ""}, ("zoom-registrant-R1", None)),
        ({"email": "info@acme.com", "id": "Z1"}, ("zoom-registrant-R1", None)),
        ({"email": "info@acme.com", "id": "Z1", "registrant_id": ""}, ("zoom-user-Z1", None)),
    ],
)
def test_ids(more, ids):
    """The user's own key counts first, then the address, the account and the registration."""
    arrival = one("zoom", zoom_event(JOINED, "10:00", **more))
    assert arrival.sent_id == ids[0]
    assert ids[1] in (None, arrival.anonymous_id)


@pytest.mark.parametrize("key", ["id", "participant_user_id"])
def test_host(key):
    """The host is no lead."""
    payload = zoom_event("meeting.participant_joined", "10:00", **{key: "HOST"})
    assert told(ZOOM, payload, options("zoom")) == ([], [], 1)


def test_nobody():
    """What is about a webinar alone is ignored."""
    payload = {"event": "webinar.ended", "event_ts": 1, "payload": {"object": {"id": 1}}}
    assert told(ZOOM, payload, options("zoom")) == ([], [], 1)


def test_topic_of_a_meeting():
    """The topic of a meeting, often a name, is not kept."""
    assert "topic" not in properties(one("zoom", zoom_event("meeting.participant_joined", "10:00")))


def test_no_webhook():
    """A body without a payload is none of Zoom's."""
    with pytest.raises(PayloadError, match="an event and a payload"):
        ZOOM.read({"event": JOINED, "payload": []}, options("zoom"))


# ------------------------------------------------------------------------------------------ Minutes


def past(rows, _):
    """What is known of any lead."""
    return rows


def attended(payloads, **more):
    """The events that are kept when payloads come one after another."""
    opts = options("zoom", **more)
    rules = RequestRules("zoom", opts, read_ladder("b2b"), vendors.KNOWN)
    kept: list[Arrival] = []
    for payload in payloads:
        found, _, _ = arrivals_of(ZOOM.read(payload, opts), rules)
        rows = [(one.name, one.occurred_at, one.known_at, properties(one)) for one in kept]
        assert ZOOM.complete is not None
        for event, arrival in found:
            kept += ZOOM.complete(event, arrival, partial(past, rows), opts)
    return kept


def minutes(kept):
    """The longest attendance that the events tell."""
    return max((properties(one).get("minutes", 0.0) for one in kept), default=0.0)


TWICE = [
    zoom_event(JOINED, "10:00"),
    zoom_event(LEFT, "10:05"),
    zoom_event(JOINED, "10:10", "P2"),
    zoom_event(LEFT, "10:40", "P2"),
]


def test_minutes_of_one_connection():
    """Who left after 5 minutes attended for 5 minutes."""
    kept = attended(TWICE[:2])
    assert [one.name for one in kept] == ["webinar_joined", "webinar_attended"]
    assert properties(kept[1])["minutes"] == 5.0


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_minutes_in_any_order(order):
    """Coming twice adds up to 35 minutes, in whatever order it is told."""
    kept = attended([TWICE[at] for at in order])
    assert minutes(kept) == 35.0
    assert len({one.message_id for one in kept}) == len(kept)
    assert {one.occurred_at for one in kept if one.name == "webinar_attended"} == {
        one.occurred_at for one in attended(TWICE) if one.name == "webinar_attended"
    }


def at_once(store, payloads, turn, **more):
    """Keep payloads that come at once: all look before any is stored, then store in turn."""
    opts = options("zoom", **more)
    rules = RequestRules("zoom", opts, read_ladder("b2b"), vendors.KNOWN)
    assert ZOOM.complete is not None
    assert ZOOM.complete_late is not None
    found = [arrivals_of(ZOOM.read(payload, opts), rules)[0] for payload in payloads]
    rows = [
        [
            row
            for event, arrival in told
            for row in ZOOM.complete(event, arrival, store.events_of, opts)
        ]
        for told in found
    ]
    looks = []
    for at in turn:  # first each stores, the second time it looks again
        if at not in looks:
            looks.append(at)
            store.ingest(rows[at])
        else:
            for event, arrival in found[at]:
                store.ingest(ZOOM.complete_late(event, arrival, store.events_of, opts))
    return store.events_of(found[0][0][1].sent_id)


@pytest.mark.parametrize("turn", sorted(set(permutations((0, 0, 1, 1)))))
@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_minutes_of_what_comes_at_once(store, order, turn):
    """Of two that have not seen each other whichever is stored second adds the minutes, once."""
    rows = at_once(store, [TWICE[at] for at in order], turn)
    assert [row[3]["minutes"] for row in rows if "minutes" in row[3]] == [5.0]
    assert {row[1] for row in rows if row[0] == "webinar_attended"} == {
        attended(TWICE[:2])[1].occurred_at
    }


def test_nothing_is_told_twice(store):
    """Where the minutes are told already, and where leaving is ignored, nothing is added."""
    assert ZOOM.complete_late is not None
    opts = options("zoom")
    rules = RequestRules("zoom", opts, read_ladder("b2b"), vendors.KNOWN)
    store.ingest(attended(TWICE))
    for payload in TWICE:
        for event, arrival in arrivals_of(ZOOM.read(payload, opts), rules)[0]:
            assert ZOOM.complete_late(event, arrival, store.events_of, opts) == []
    ignoring = options("zoom", events={LEFT: ""})
    rows = [(one.name, one.occurred_at, 1, properties(one)) for one in attended([TWICE[1]])]
    for event, arrival in arrivals_of(ZOOM.read(TWICE[0], ignoring), rules)[0]:
        assert ZOOM.complete_late(event, arrival, partial(past, rows), ignoring) == []


def test_another_occurrence():
    """Another occurrence of the webinar counts for itself."""
    other = json.loads(json.dumps(TWICE[2:]).replace("occurrence==", "next=="))
    assert minutes(attended([*TWICE[:2], *other])) == 30.0


def test_left_without_joining():
    """Who was never told to have joined has no minutes, and so completes no step."""
    (arrival,) = attended([zoom_event(LEFT, "10:30")])
    assert arrival.name == "webinar_attended"
    assert "minutes" not in properties(arrival)


def test_late_joining_with_leaving_ignored():
    """Where leaving is ignored nothing is made up for it."""
    kept = attended([TWICE[1], TWICE[0]], events={LEFT: ""})
    assert [one.name for one in kept] == ["webinar_joined"]


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200)), max_size=6))
def test_minutes_are_a_union(spans):
    """The minutes of spans are those in which at least one of them was open."""
    slow = len({minute for start, end in spans for minute in range(start, end)})
    assert _minutes((start * 60_000_000, end * 60_000_000) for start, end in spans) == slow
