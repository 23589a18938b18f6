"""Which models may have been trained on a lead."""

from __future__ import annotations

import json

import sqlalchemy as sa

from features.store.events import EventStore
from features.store.privacy.trainings import Training, trained_on
from features.store.schema import erasures
from tests.features.store.privacy.scene import arrival


def found(store: EventStore, serving: Training | None = None) -> list[Training]:
    with store.database.reading() as connection:
        return trained_on(connection, store.ids_of("ann"), serving)


def trained(store: EventStore) -> list[str]:
    return [one.bundle for one in found(store)]


def test_models_trained_on_a_lead(store, privacy):
    """A model is named if it saw what was known after the lead's first event, the latest first."""
    store.ingest([arrival(1, "ann", 5, known_at=100), arrival(2, "ann", 900)])
    for bundle, until, at in (("early", 99, 500), ("first", 100, 500), ("later", 600, 700)):
        privacy.record_training(bundle, "b2b", until, at)
    privacy.record_training("before", "b2b", 10_000, 50)
    privacy.record_training("first", "b2b", 9, 9)
    assert trained(store) == ["later", "first"]
    assert privacy.erase("ann", erased_at=1000).models == (
        Training("later", "b2b", 600, 700),
        Training("first", "b2b", 100, 500),
    )
    with store.database.reading() as connection:
        assert json.loads(connection.scalar(sa.select(erasures.c.models))) == ["later", "first"]


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
