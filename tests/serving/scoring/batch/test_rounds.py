"""What is told of leads that begin the ladder anew: an order, where customers order again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from features.events.log import DAY_US
from features.ladder.event_rule import EventRule
from features.ladder.file import parse_ladder, read_ladder
from features.store.arrivals import Arrival
from features.store.events import EventStore
from features.store.schema import notifications
from serving.scoring.batch.rescoring import freshen, rescore
from serving.scoring.scorer import Scorer
from tests.serving import world

NOW = 1_800_000_000_000_000
Deed = tuple[str, dict[str, object]]
VIDEO: Deed = ("video_progress", {"watched_fraction": 0.92})
ORDER: Deed = ("contract_signed", {})
ALL = [goal.id for goal in read_ladder("b2b").goals]
"""Whoever orders has what lies below behind it, whether or not it came that way."""


class Shop:
    """A store whose leads order again and again; an hour passes before each scoring."""

    def __init__(self, store: EventStore, folder: Path, restart: str) -> None:
        source = read_ladder("b2b").source
        began = 'restart_on = [{event = "contract_ended"}]'
        assert began in source
        ladder = parse_ladder(source.replace(began, f'restart_on = [{{event = "{restart}"}}]'))
        assert ladder.restart_on == (EventRule(restart),)
        self.store, self.now, self.sent = store, NOW, 0
        bundle = world.rates_bundle(folder, ladder=ladder)
        self.scorer = Scorer(store, bundle, lambda: self.now)

    def hears(self, *deeds: Deed) -> None:
        """What the lead did, a minute after each other, and a scoring."""
        self.stores(*deeds)
        freshen(self.scorer)

    def stores(self, *deeds: Deed) -> None:
        """What the lead did, and nobody has looked at yet."""
        for name, properties in deeds:
            self.sent, self.now = self.sent + 1, self.now + 60_000_000
            text = json.dumps(properties)
            self.store.ingest([Arrival(f"m{self.sent}", "ann", name, self.now, self.now, text)])
        self.now += DAY_US // 24

    def told(self) -> list[str]:
        """The steps that were told as completed, in the order in which they were."""
        with self.store.database.reading() as connection:
            rows = connection.execute(sa.select(notifications)).all()
        held = [(row.created_at, json.loads(row.data)) for row in rows if row.type[:4] == "step"]
        return sorted(data["step"] for _, data in held)


@pytest.fixture
def shop(store, tmp_path):
    return Shop(store, tmp_path / "bundle", "contract_signed")


def test_each_order_is_told(shop):
    shop.hears(VIDEO)
    assert shop.told() == ["content"]
    shop.hears(ORDER)
    assert shop.told() == sorted(ALL)
    shop.hears(("page_viewed", {}))
    rescore(shop.scorer)
    assert shop.told() == sorted(ALL)
    shop.hears(VIDEO)
    shop.hears(ORDER)
    assert shop.told() == sorted(2 * ALL)


def test_what_comes_at_once(shop):
    """Two orders and a step between two scorings, of a lead of whom nothing was known before."""
    shop.hears(VIDEO, ORDER, ORDER, VIDEO)
    assert shop.told() == sorted([*ALL, *ALL, "content"])


@pytest.mark.parametrize("before", [(), (VIDEO,), (VIDEO, ORDER)])
def test_a_scoring_of_all_comes_between(shop, before):
    """It has seen an order that the news of it is to tell of: nothing is lost, or told twice."""
    shop.hears(*before)
    known = shop.told()
    shop.stores(ORDER)
    rescore(shop.scorer)
    shop.hears()
    rescore(shop.scorer)
    new = [step for step in ALL if step != "content"] if before == (VIDEO,) else ALL
    assert shop.told() == sorted([*known, *new])


def test_a_round_that_ends_otherwise(store, tmp_path):
    """A contract that ends completes nothing; the first step of the next round is news."""
    shop = Shop(store, tmp_path / "bundle", "contract_ended")
    shop.hears(VIDEO)
    shop.hears(("contract_ended", {}), VIDEO)
    assert shop.told() == ["content", "content"]
