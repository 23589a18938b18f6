"""Companies over HTTP: told beside their leads, by pages, and one by one."""

from __future__ import annotations

import pytest

from serving.routes.queue.accounts import AccountAnswer
from tests.serving import world
from tests.serving.conftest import service_of
from tests.serving.live.process import eventually
from tests.serving.shapes import check_shape, is_problem


def group(lead, account, at, name=""):
    return world.event(lead, "group", at, {"group_id": account, **({"name": name} if name else {})})


@pytest.fixture
def running(start, folder, tmp_path):
    """Two companies: one of two leads, of whom one is further, and one of one; and a lead alone."""
    until = world.now()
    events = [
        *world.climber("ann", until, 2),
        *world.climber("bob", until, 1),
        *world.climber("cem", until, 1),
        *world.climber("dan", until, 1),
        group("ann", "acme", until - world.HOUR_US, "Acme Ltd"),
        group("bob", "acme", until - world.HOUR_US),
        group("cem", "b/ta", until - world.HOUR_US),
    ]
    with start(world.filled(tmp_path, events), folder / "rates") as client:
        yield client


def scores_of(client):
    data = client.get("/v1/queue", params={"limit": 200}).json()["data"]
    return {item["lead_id"]: item for item in data}


def test_an_account(running):
    """What it says follows from the scores of its leads, which say the same of it."""
    leads = scores_of(running)
    told = running.get("/v1/accounts/acme").json()
    check_shape(AccountAnswer, told)
    assert (told["id"], told["name"], told["leads"], told["active"]) == ("acme", "Acme Ltd", 2, 2)
    assert told["furthest"]["lead_id"] == "ann"
    assert told["furthest"]["step"] == leads["ann"]["step"]
    for name in ("probability", "purchase_probability"):
        one, other = leads["ann"][name], leads["bob"][name]
        assert told[name] == {
            "value": pytest.approx(1 - (1 - one) * (1 - other)),
            "least": max(one, other),
            "most": pytest.approx(one + other),
        }
        assert leads["ann"]["account"][name] == told[name]
    assert leads["cem"]["account"]["id"] == "b/ta"
    assert leads["cem"]["account"]["name"] is None
    assert leads["dan"]["account"] is None
    assert running.get("/v1/accounts/b/ta").json()["leads"] == 1
    assert "no lead of account" in is_problem(running.get("/v1/accounts/none"), 404)["detail"]


@pytest.mark.parametrize("order", ["purchase", "probability", "leads"])
def test_accounts(running, order):
    """All of them by pages, the highest first; a cursor is of its order."""
    whole = running.get("/v1/accounts", params={"order": order}).json()
    assert [one["id"] for one in whole["data"]] == ["acme", "b/ta"]
    first = running.get("/v1/accounts", params={"order": order, "limit": 1})
    assert first.json()["data"] == whole["data"][:1]
    link = first.headers["link"].split(">")[0].removeprefix("<")
    rest = running.get(link).json()
    assert (rest["data"], rest["next_cursor"]) == (whole["data"][1:], None)
    other = "leads" if order != "leads" else "purchase"
    cursor = first.json()["next_cursor"]
    is_problem(running.get("/v1/accounts", params={"order": other, "cursor": cursor}), 422)
    is_problem(running.get("/v1/queue", params={"cursor": cursor}), 422)


def test_the_queue_of_an_account(running):
    """Its leads alone; by pages as well."""
    queue = running.get("/v1/queue", params={"account": "acme", "limit": 1})
    assert queue.headers["link"].count("account=acme") == 1
    link = queue.headers["link"].split(">")[0].removeprefix("<")
    rest = running.get(link).json()
    leads = [one["lead_id"] for one in queue.json()["data"] + rest["data"]]
    assert sorted(leads) == ["ann", "bob"]
    assert running.get("/v1/queue", params={"account": "none"}).json()["data"] == []


def test_who_changes_the_company(running):
    """The next scoring knows it, and so does whoever reads what has changed."""
    service = service_of(running)
    rows = running.get("/v1/scores").json()
    assert {one["lead_id"]: one["account_id"] for one in rows["data"]} == {
        "ann": "acme",
        "bob": "acme",
        "cem": "b/ta",
        "dan": None,
    }
    call = {"userId": "bob", "groupId": "b/ta", "messageId": "moved"}
    assert running.post("/v1/group", json=call).status_code == 200
    cursor = {"cursor": rows["next_cursor"]}

    def is_told():
        news = running.get("/v1/scores", params=cursor).json()["data"]
        return {one["lead_id"]: one["account_id"] for one in news} == {"bob": "b/ta"} or news

    eventually(is_told)
    assert running.get("/v1/accounts/acme").json()["leads"] == 1
    service.scorer.privacy.opt_out(["ann"], world.now())
    is_problem(running.get("/v1/accounts/acme"), 404)
