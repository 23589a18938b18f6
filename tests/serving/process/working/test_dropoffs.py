"""What is told of steps below their band: once each, and once more when it is known why."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from features.funnel.kept import keep_causes
from features.ladder.ladder import Band
from features.store.events import EventStore
from features.store.kept.columns import KeptColumns
from features.store.schema import notifications
from serving.notifications.schemas import NOTIFICATIONS
from serving.process.service import Service
from serving.process.working.dropoffs import tell_dropoffs
from serving.settings import Settings
from tests.serving.counting import count


@pytest.fixture
def service(tmp_path) -> Iterator[Service]:
    settings = Settings(f"sqlite:///{tmp_path}/events.db", tmp_path / "none", ladder="b2b")
    with closing(Service.open(settings)) as service:
        yield service


def told(store: EventStore) -> list[dict[str, Any]]:
    """The data of all that was told, the first first."""
    wanted = sa.select(notifications.c.data).where(notifications.c.type == "dropoff.detected")
    with store.database.reading() as connection:
        rows = connection.scalars(wanted.order_by(notifications.c.created_at))
        return [json.loads(row) for row in rows]


def step(rate: float | None, *causes: str, id_: str = "value", low: float | None = 0.3) -> Any:
    """What is kept of a step that goes on at a rate and has a band from `low` on."""
    band = None if low is None else {"low": low, "high": 0.5}
    is_below = band is not None and rate is not None and rate < band["low"] - 0.05
    answer = "named" if causes else "neither" if is_below else "not below"
    return {
        "id": id_,
        "title": "Took the guide",
        "band": band,
        "rate": {"value": rate, "low": 0.0, "high": 1.0, "leads": 500.0},
        "answer": answer,
        "causes": list(causes),
        "experiments": [],
        "says": f"{answer}.",
    }


def found(service: Service, at: int, *steps: Mapping[str, Any]) -> bool:
    """Whether there is news once this was found."""
    columns = KeptColumns(service.store.database)
    keep_causes(columns, service.ladder, at, {"diagnosis": {"steps": steps}})
    return tell_dropoffs(service)


def test_told_once_for_as_long_as_it_lasts(service):
    """Where a rate wavers about what is sure it is the same; back in its band it is over."""
    at = iter(range(1, 100))
    assert not tell_dropoffs(service)  # nothing was counted
    assert not found(service, next(at), step(None))
    assert not found(service, next(at), step(0.4))
    assert found(service, next(at), step(0.1))
    assert not tell_dropoffs(service)  # of the same causes
    assert not found(service, next(at), step(0.1))
    for rate in (0.27, 0.1, None, 0.1, 0.29, 0.2):
        assert not found(service, next(at), step(rate))
    assert len(told(service.store)) == 1
    assert not found(service, next(at), step(0.3))
    assert found(service, next(at), step(0.1))
    assert len(told(service.store)) == 2


def test_told_again_when_it_is_known_why(service):
    at = iter(range(1, 100))
    for expected, causes in (
        (True, ()),
        (True, ("jump",)),
        (False, ()),
        (False, ("jump",)),
        (True, ("value",)),
        (False, ("jump", "value")),
    ):
        assert found(service, next(at), step(0.1, *causes)) is expected
    assert [one["causes"] for one in told(service.store)] == [[], ["jump"], ["value"]]


def test_each_step_by_itself(service):
    other = step(0.1, id_="trial")
    assert found(service, 1, step(0.1), other)
    assert not found(service, 2, step(0.4), other)
    assert found(service, 3, step(0.1), other)
    assert not found(service, 4, step(0.1))  # the other is no step of the ladder any more
    assert found(service, 5, step(0.1), other)
    assert [one["step"] for one in told(service.store)].count("trial") == 2


def test_without_a_band_nothing_lasts(service):
    assert found(service, 1, step(0.1))
    assert not found(service, 2, step(0.1, low=None))
    assert found(service, 3, step(0.1))


def test_several_processes_tell_it_once(service):
    """One that has just begun, and one that was about to tell the same."""
    assert found(service, 1, step(0.1))
    with closing(Service.open(service.settings)) as other:
        assert not tell_dropoffs(other)
    assert len(told(service.store)) == 1


def test_what_was_counted(url, tmp_path):
    """Of a log, as the verb keeps it: what is told has the shape that is described."""
    ladder_file = Settings(url, tmp_path / "none", ladder="b2b")
    with closing(Service.open(ladder_file)) as service:
        ladder = service.ladder
        wanted = tuple(replace(one, band=Band(0.97, 0.99)) for one in ladder.steps)
        count(service.store, replace(ladder, steps=wanted))
        assert tell_dropoffs(service)
        (first, *_) = told(service.store)
    body = {"type": "dropoff.detected", "timestamp": first["as_of"], "data": first}
    shaped = NOTIFICATIONS["dropoff.detected"].model_validate(body).model_dump()
    assert shaped["data"] == first
    assert first["ladder"] == "b2b"
    assert first["rate"]["high"] < first["band"]["low"] == 0.97
    assert "97 of 100 would be healthy" in first["says"]
