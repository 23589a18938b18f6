"""Which models may have been trained on a lead."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa

from features.events.log import DAY_US
from features.store.events import EventStore
from features.store.privacy.trainings import Training, trained_on
from features.store.schema import erasures
from tests.features.store.privacy.scene import arrival
from training.pipeline import begin_training


def found(store: EventStore, serving: Training | None = None) -> list[Training]:
    with store.database.reading() as connection:
        return trained_on(connection, store.ids_of("ann"), serving)


def trained(store: EventStore) -> list[str]:
    return [one.bundle for one in found(store)]


def test_models_trained_on_a_lead(store, privacy):
    """A model is named if it saw what was known after the lead's first event, the latest first."""
    store.ingest([arrival(1, "ann", 5, known_at=10 * DAY_US), arrival(2, "ann", 90 * DAY_US)])
    for bundle, until, at in (("early", 9, 50), ("first", 10, 50), ("later", 60, 70)):
        privacy.record_training(bundle, "b2b", until * DAY_US, at * DAY_US)
    privacy.record_training("before", "b2b", 1000 * DAY_US, 5 * DAY_US)
    privacy.record_training("first", "b2b", 9, 9)
    assert trained(store) == ["later", "first"]
    assert privacy.erase("ann", erased_at=100 * DAY_US).models == (
        Training("later", "b2b", 60 * DAY_US, 70 * DAY_US),
        Training("first", "b2b", 10 * DAY_US, 50 * DAY_US),
    )
    with store.database.reading() as connection:
        assert json.loads(connection.scalar(sa.select(erasures.c.models))) == ["later", "first"]


@pytest.mark.usefixtures("merged")
def test_a_model_that_was_trained_meanwhile(privacy):
    """Erasures since it was begun name it once it is there; those before do not."""
    privacy.record_training("former", "b2b", 100, 100)
    first = privacy.erase("bob", erased_at=200)
    known = {one.id for one in privacy.erasures()}
    assert privacy.erase("ann", erased_at=200).id not in known
    for _ in range(2):  # once is enough
        privacy.record_training("new", "b2b", 190, 195, known)
    told = {one.id == first.id: one.models for one in privacy.erasures()}
    assert told == {True: ("former",), False: ("new", "former")}


def test_who_opts_out_while_a_model_is_trained(store, privacy):
    """It has read them by then: it is named."""
    store.ingest([arrival(1, "ann", 5, known_at=10)])
    begun = begin_training(store.database.engine.url.render_as_string(hide_password=False), 100)
    privacy.opt_out(["ann"], opted_out_at=200)
    privacy.record_training("made at 300", "b2b", 90, begun.at, begun.erasures)
    assert trained(store) == ["made at 300"]


def test_models_from_when_a_lead_was_opted_out(merged, privacy):
    """A model that left the lead out is not named, unless an id of it was another lead then."""
    privacy.opt_out(["ann"], opted_out_at=200)
    privacy.record_training("with", "b2b", 150, 199)
    privacy.record_training("without", "b2b", 201, 250)
    assert trained(merged) == ["with"]
    merged.ingest([arrival(20, "visitor-2", 190)])
    merged.ingest([arrival(21, "ann", 300, anonymous_id="visitor-2")])
    assert trained(merged) == ["without", "with"]
    privacy.record_training("after", "b2b", 400, 500)
    assert trained(merged) == ["without", "with"]


def test_the_model_that_serves(store, privacy):
    """The serving model is named if it may have seen the lead, and once if it was recorded."""
    store.ingest([arrival(1, "ann", 100)])
    for until, expected in ((99, []), (100, ["serves"])):
        serving = Training("serves", "b2b", until)
        assert [one.bundle for one in found(store, serving)] == expected
    privacy.opt_out(["ann"], opted_out_at=1)
    assert found(store, serving) == [serving]
    privacy.record_training("serves", "b2b", 100, 200)
    assert found(store, serving) == []
