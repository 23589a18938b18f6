"""What is told of steps below their band: once each, and once more when it is known why."""

from __future__ import annotations

import json
import re
from typing import Any

import sqlalchemy as sa

import rung
from features.ladder.file import read_ladder
from features.store.events import EventStore
from features.store.schema import meta, notifications
from serving.notifications.found.dropoffs import tell_dropoffs
from serving.notifications.schemas import NOTIFICATIONS


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


def found(store: EventStore, at: int, *steps: Any) -> bool:
    """Whether there is news once this was found."""
    diagnosis: Any = {"ladder": "b2b", "steps": steps}
    return bool(tell_dropoffs(store.database, diagnosis, at, at + 1))


def test_told_once_for_as_long_as_it_lasts(store):
    """Where a rate wavers about what is sure it is the same; back in its band it is over."""
    at = iter(range(1, 100))
    assert not found(store, next(at), step(None))
    assert not found(store, next(at), step(0.4))
    assert found(store, next(at), step(0.1))
    assert not found(store, next(at), step(0.1))
    for rate in (0.27, 0.1, None, 0.1, 0.29, 0.2):
        assert not found(store, next(at), step(rate))
    assert len(told(store)) == 1
    assert not found(store, next(at), step(0.3))
    assert found(store, next(at), step(0.1))
    assert len(told(store)) == 2


def test_told_again_when_it_is_known_why(store):
    at = iter(range(1, 100))
    for expected, causes in (
        (True, ()),
        (True, ("jump",)),
        (False, ()),
        (False, ("jump",)),
        (True, ("value",)),
        (False, ("jump", "value")),
    ):
        assert found(store, next(at), step(0.1, *causes)) is expected
    assert [one["causes"] for one in told(store)] == [[], ["jump"], ["value"]]


def test_each_step_by_itself(store):
    other = step(0.1, id_="trial")
    assert found(store, 1, step(0.1), other)
    assert not found(store, 2, step(0.4), other)
    assert found(store, 3, step(0.1), other)
    assert not found(store, 4, step(0.1))  # the other is no step of the ladder any more
    assert found(store, 5, step(0.1), other)
    assert [one["step"] for one in told(store)].count("trial") == 2


def test_without_a_band_nothing_lasts(store):
    assert found(store, 1, step(0.1))
    assert not found(store, 2, step(0.1, low=None))
    assert found(store, 3, step(0.1))


def test_told_once_by_who_counts_at_once(store):
    """Another process has found the same, and did not know yet that it was told."""
    assert found(store, 1, step(0.1))
    with store.database.writing() as connection:
        connection.execute(sa.delete(meta))
    assert not found(store, 1, step(0.1))
    assert len(told(store)) == 1


def test_what_was_counted(url, tmp_path):
    """Of a log, by the verb: what is told has the shape that is described, and is told once."""
    source = read_ladder("b2b").source
    path = tmp_path / "ladder.toml"
    path.write_text(re.sub(r"^band = .*$", "band = [0.97, 0.99]", source, flags=re.MULTILINE))
    for _ in range(2):
        assert rung.main(["funnel", "--store", url, "--ladder", str(path)]) == 0
    with EventStore.existing(url) as store:
        every = told(store)
    first = every[0]
    body = {"type": "dropoff.detected", "timestamp": first["as_of"], "data": first}
    shaped = NOTIFICATIONS["dropoff.detected"].model_validate(body).model_dump()
    assert shaped["data"] == first
    assert first["ladder"] == "b2b"
    assert first["rate"]["high"] < first["band"]["low"] == 0.97
    assert "97 of 100 would be healthy" in first["says"]
    assert len({one["step"] for one in every}) == len(every)
