"""The top of the queue without a running service: what the queue's own page shows first."""

from __future__ import annotations

import pytest

from features.errors import NoModel
from serving.pages.queue.top import top_of_queue
from serving.settings import Settings
from tests.serving import world


@pytest.fixture
def url(tmp_path) -> str:
    """A store with two leads who do things."""
    now = world.now()
    return world.filled(tmp_path, [*world.life("ann", 1, now), *world.life("bob", 2, now)])


def test_the_first_places(url, folder):
    """Every lead is scored; as many as are asked for are given, the best first."""
    settings = Settings(database_url=url, bundle=folder / "fitted")
    said: list[str] = []
    top = top_of_queue(settings, 10, said.append)
    assert said == ["scoring every lead"]
    assert (top.queued, len(top.places)) == (2, 2)
    chances = [place.item["probability"] or 0.0 for place in top.places]
    assert chances == sorted(chances, reverse=True)
    assert {place.item["lead_id"] for place in top.places} == {"ann", "bob"}
    assert top_of_queue(settings, 1).places[0].name == top.places[0].name


def test_no_bundle(url, tmp_path):
    """Without a bundle there is no queue, and it says why."""
    with pytest.raises(NoModel):
        top_of_queue(Settings(database_url=url, bundle=tmp_path / "none"), 10)
