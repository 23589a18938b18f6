"""A small app as Azure Personalizer's documentation has it, with its own clients, as they are."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
from azure.cognitiveservices.personalizer import PersonalizerClient
from azure.cognitiveservices.personalizer.models import (
    ErrorResponseException,
    RankableAction,
    RankRequest,
)
from msrest.authentication import CognitiveServicesCredentials
from msrest.exceptions import HttpOperationError

from features.store.kept.ranks import Ranks
from features.store.migrations import open_database
from serving.edge.access.keys import Keys
from tests.serving.live.clients import INSTALLED, NPM, why_no_npm
from tests.serving.live.process import running

pytestmark = pytest.mark.slow

VISITS = 40
FOOD = {"pasta": "medium", "ice cream": "none", "juice": "none", "salad": "low"}
needs_npm = pytest.mark.skipif(why_no_npm() != "", reason=why_no_npm() or "they are there")


@pytest.fixture(scope="module")
def shop(folder, tmp_path_factory):
    """A running service: its address, a key to decide with, and where it keeps things."""
    path = tmp_path_factory.mktemp("shop")
    url = f"sqlite:///{path / 'rung.db'}"
    with open_database(url) as database:
        key = Keys(database).create("shop", ["decide"], "shop", as_of=1)[1]
    with running(url, folder / "rates", path) as process:
        yield process.url, key, url


def kept(url, event_id):
    with open_database(url) as database:
        return Ranks(database).of("shop", event_id)


def test_python(shop):
    """It ranks, is rewarded, and is told what is wrong in the shape that its client reads."""
    address, key, url = shop
    client = PersonalizerClient(address, CognitiveServicesCredentials(key))
    actions = [
        RankableAction(id=name, features=[{"taste": "sweet", "spice": spice}])
        for name, spice in FOOD.items()
    ]
    for at in range(VISITS):
        request = RankRequest(
            actions=actions,
            context_features=[{"timeOfDay": "noon"}, {"device": {"kind": "mobile"}}],
            excluded_actions=["juice"],
            event_id=f"visit-{at}",
        )
        answer = client.rank(rank_request=request)
        assert answer.event_id == f"visit-{at}"
        assert answer.reward_action_id in {*FOOD} - {"juice"}
        chances = {one.id: one.probability for one in answer.ranking}
        assert set(chances) == set(FOOD)
        assert sum(chances.values()) == pytest.approx(1.0)
        client.events.reward(event_id=answer.event_id, value=float(at % 2))
        (event,) = kept(url, answer.event_id)
        assert (event.chosen, event.reward) == (answer.reward_action_id, at % 2)
        assert event.situation == {"timeOfDay=noon": 1.0, "device.kind=mobile": 1.0}
    with pytest.raises(HttpOperationError) as unknown:
        client.events.reward(event_id="nothing", value=1.0)
    assert unknown.value.response.json()["error"]["code"] == "ResourceNotFound"
    with pytest.raises(ErrorResponseException) as raised:
        client.rank(rank_request=RankRequest(actions=[], event_id="none"))
    told = raised.value.error
    assert told is not None
    assert told.error.code == "BadRequest"
    stranger = PersonalizerClient(address, CognitiveServicesCredentials("rung_no"))
    with pytest.raises(ErrorResponseException) as raised:
        stranger.rank(rank_request=request)
    assert raised.value.response.status_code == 401


@needs_npm
@pytest.mark.parametrize(
    ("client", "rewards", "others"),
    [
        ("cognitiveservices", 1, [{"status": 404, "code": "ResourceNotFound"}]),
        ("ai", 2, [{"wait": "PT10M"}, {"status": 400, "code": "BadRequest"}]),
    ],
)
def test_node(shop, client, rewards, others):
    """Both clients from npm, with one slot and with two."""
    address, key, url = shop
    done = subprocess.run(
        ["node", NPM / "personalizer.js", client, address, key, str(VISITS)],
        env={**os.environ, "NODE_PATH": str(INSTALLED / "node_modules")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert told[VISITS:] == others
    for at, visit in enumerate(told[:VISITS]):
        assert visit["event"] == f"{client}-{at}"
        event = kept(url, visit["event"])
        assert [one.chosen for one in event] == visit["chosen"]
        assert len({one.chosen for one in event}) == rewards
        assert all(one.reward is not None and one.exposed_at is not None for one in event)
