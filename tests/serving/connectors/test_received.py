"""When a connector was last sent something, and why it last refused."""

from __future__ import annotations

import json
import logging

from features.errors import StoreAway
from serving.connectors.received import NotUsed, Received, ReceivedNotes

NOW = 1_800_000_000_000_000
SECOND = 1_000_000


def test_both_are_noted(database):
    """The last one taken and the last one refused are known, of each connector for itself."""
    notes = ReceivedNotes(database)
    notes.taken("zoom", NOW)
    notes.refused("zoom", NOW + SECOND, "the signature is not right")
    notes.taken("stripe", NOW + 2 * SECOND)
    found = notes.of(["zoom", "stripe", "hubspot"])
    assert found["zoom"] == Received(NOW, NOW + SECOND, "the signature is not right")
    assert found["zoom"].is_failing
    assert not found["stripe"].is_failing
    assert "hubspot" not in found


def test_events_of_no_use_are_noted(database):
    """Nobody reads the answer of a request that was taken: what could not be used of it is noted,
    and a request without one event of use was refused."""
    notes = ReceivedNotes(database)
    notes.answered("zapier", NOW, NotUsed(2, 2, "it names nobody"))
    notes.answered("n8n", NOW, NotUsed(1, 3, "it names nobody"))
    notes.answered("webflow", NOW, NotUsed(0, 3))
    found = notes.of(["zapier", "n8n", "webflow"])
    assert found["zapier"] == Received(None, NOW, "2 of 2 events, as it names nobody")
    assert found["zapier"].is_failing
    assert found["n8n"] == Received(NOW, NOW, "1 of 3 events, as it names nobody")
    assert not found["n8n"].is_failing
    assert found["webflow"] == Received(NOW)


def test_many_requests_are_few_notes(database, monkeypatch):
    """Whoever calls a connector all the time lets nothing be written all the time."""
    notes, written = ReceivedNotes(database), []
    monkeypatch.setattr(notes, "_keep", lambda name, at, why: written.append((name, at, why)))
    for at in range(0, 25 * SECOND, SECOND):
        notes.refused("zoom", NOW + at, "no")
        notes.taken("zoom", NOW + at)
    assert [at - NOW for _, at, why in written if why] == [0, 10 * SECOND, 20 * SECOND]
    assert len(written) == 6


def test_a_note_that_cannot_be_kept(database, monkeypatch, caplog):
    """What became of a request is decided by then: a store that is away is told of in the log."""

    def away(*_):
        raise StoreAway("the disk is full")

    notes = ReceivedNotes(database)
    monkeypatch.setattr(notes, "_keep", away)
    with caplog.at_level(logging.WARNING, logger="rung"):
        notes.taken("zoom", NOW)
    assert "is not noted" in caplog.text


def test_a_long_reason_is_cut(database):
    """A reason is kept as far as a person reads it."""
    notes = ReceivedNotes(database)
    notes.refused("zoom", NOW, "x" * 1000)
    assert len(json.dumps(notes.of(["zoom"])["zoom"].why)) < 400
