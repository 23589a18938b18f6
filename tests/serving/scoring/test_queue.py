"""The queue: its order, its pages, and what each lead comes with."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from urllib.parse import quote

import numpy as np
import pytest
import sqlalchemy as sa

from features.clock import microseconds, rfc3339, when
from features.events.log import DAY_US
from features.ladder.file import read_ladder
from features.store.events import EventStore
from features.store.kept.scores import OUT_OF_QUEUE
from models.offers.options import NO_ASK, NURTURE
from serving.process import background
from serving.routes import schemas
from serving.scoring.answers import QueueItem
from serving.scoring.batch import rescoring
from serving.scoring.queue import queue_part
from serving.scoring.scorer import Scorer
from serving.scoring.suggestion import suggestion_for
from tests.features.store.kept.scene import SCORE
from tests.serving import world
from tests.serving.conftest import service_of
from tests.serving.shapes import check_shape

LADDER = read_ladder("b2b")


def page(client, **query):
    answer = client.get("/v1/queue", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def all_pages(client, **query):
    found, cursor = [], None
    while True:
        body = page(client, **query, **({"cursor": cursor} if cursor else {}))
        found += body["data"]
        cursor = body["next_cursor"]
        if cursor is None:
            return found


TABS = ("reply", "talk", "marketing", "quiet")


def test_order(client, service):
    """Work for a person comes before what a mail does; within a tab the most to gain a minute."""
    items = page(client, limit=200)["data"]
    tabs = [TABS.index(item["tab"]) for item in items]
    assert tabs == sorted(tabs)
    assert len(set(tabs)) > 1
    ladder = service.scorer.bundle.ladder
    offers = {offer.id: offer for offer in ladder.offers}
    worths: dict[str, list[float]] = {}
    for item in items:
        rows = service.store.events_of(item["lead_id"])
        best = suggestion_for(service.scorer.model, item["lead_id"], rows, world.now()).best
        offer = offers.get(best.option_id)
        is_work = offer is not None and (offer.rep_minutes > 0 or offer.effort.human)
        expected = "talk" if is_work else "marketing" if offer else "quiet"
        assert item["tab"] == expected
        minutes = max(offer.rep_minutes if offer else 0.0, 1.0)
        worths.setdefault(item["tab"], []).append(max(best.gain or 0.0, 0.0) / minutes)
    for told in worths.values():  # the clock has gone on since they were scored
        np.testing.assert_allclose(told, sorted(told, reverse=True), rtol=0.02, atol=1e-3)


@pytest.mark.parametrize(
    ("order", "member", "more"),
    [
        ("probability", "probability", {"step": "trial"}),
        ("probability", "probability", {"step": "value"}),
        ("purchase", "purchase_probability", {"step": "trial"}),
        ("purchase", "purchase_probability", {}),
    ],
)
def test_order_by_a_chance(client, order, member, more):
    """On request by one of the chances, all pages of it, among what can be compared."""
    whole = {item["lead_id"] for item in page(client, limit=200, **more)["data"]}
    items = all_pages(client, limit=3, order=order, **more)
    assert {item["lead_id"] for item in items} == whole
    assert len(items) == len(whole) > 3
    keys = [(-item[member], item["lead_id"]) for item in items]
    assert keys == sorted(keys)
    assert {item["step"]["id"] for item in items} >= {*more.values()}


@pytest.mark.parametrize("limit", [3, 7, 200])
def test_chances_of_different_steps_are_not_ordered(client, limit):
    """Those before one step come together, the furthest up first, on however many pages."""
    whole = {item["lead_id"] for item in page(client, limit=200)["data"]}
    items = all_pages(client, limit=limit, order="probability")
    assert {item["lead_id"] for item in items} == whole
    assert len(items) == len(whole)
    assert len({item["position"] for item in items}) > 2
    keys = [(-item["position"], -item["probability"]) for item in items]
    assert keys == sorted(keys)


def test_the_percentile_of_a_step(client):
    """The likeliest lead before each step has all of them at or below it; others by their place."""
    items = all_pages(client, limit=50)
    steps: dict[str, list[float]] = {}
    for item in items:
        steps.setdefault(item["step"]["id"], []).append(item["probability"])
    assert len(steps) > 2
    exported = client.get("/v1/scores", params={"limit": 1000}).json()["data"]
    kept = {one["lead_id"]: one["rank_pct"] for one in exported}
    for item in items:
        there = steps[item["step"]["id"]]
        rank = 100 * sum(one <= item["probability"] for one in there) / len(there)
        score = client.get(f"/v1/leads/{quote(item['lead_id'], safe='')}/score").json()
        assert item["rank_pct"] == kept[item["lead_id"]] == pytest.approx(rank, abs=0.06)
        if score["probability"] == item["probability"]:
            assert score["rank_pct"] == item["rank_pct"]


def test_an_order_that_is_none(client):
    """Another order is refused."""
    refused = client.get("/v1/queue", params={"order": "luck"})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/query/order"


def test_ties(start, url, folder):
    """The order is the same every time; what is worth the same goes by purchase, then by id."""
    with start(url, folder / "rates") as client:
        items = all_pages(client, limit=7)
        assert [one["lead_id"] for one in items] == [
            one["lead_id"] for one in page(client, limit=200)["data"]
        ]
    quiet = [item for item in items if item["tab"] == "quiet"]
    keys = [(-round(item["purchase_probability"], 9), item["lead_id"]) for item in quiet]
    assert keys == sorted(keys)


def test_who_does_not_fit_stands_in_no_queue(start, folder, tmp_path):
    """Nor does who refused every channel; but who waits for a reply always does."""
    until = world.now()
    events = [
        event for lead in ("ann", "bob", "cem", "dan") for event in world.life(lead, 5, until)
    ]
    events += [
        world.event("bob", "consultation_outcome", until - world.HOUR_US, {"fit": "no"}),
        world.event("cem", "consent", until - world.HOUR_US, {"granted": False}),
        world.event("dan", "consultation_outcome", until - 2 * world.HOUR_US, {"fit": "no"}),
        world.event("dan", "lead_asked", until - world.HOUR_US),
    ]
    with start(world.filled(tmp_path, events), folder / "rates") as client:
        items = page(client)["data"]
        assert [(one["lead_id"], one["tab"] == "reply") for one in items] == [
            ("dan", True),
            ("ann", False),
        ]


def test_a_lost_lead_stands_in_no_queue(start, folder, tmp_path):
    """It has no score, and the answer says why; one that is back has one again."""
    until = world.now()
    events = [*world.life("ann", 5, until), *world.life("bob", 5, until)]
    events.append(world.event("ann", "lead_disqualified", until - world.HOUR_US))
    with start(world.filled(tmp_path, events), folder / "rates") as client:
        assert [one["lead_id"] for one in page(client)["data"]] == ["bob"]
        answer = client.get("/v1/leads/ann/score").json()
        assert (answer["status"], answer["probability"]) == ("no_score", None)
        assert answer["no_score_reason"].startswith("is lost since ")
        advice = client.post("/v1/recommendations", json={"lead_id": "ann"}).json()
        assert advice["offer"]["id"] == "no_ask"
        assert {one["reason"] for one in advice["excluded"]} == {"lost"}
        assert "Nothing is asked of them" in client.get("/leads/ann").text
        service = service_of(client)
        service.store.append_events([world.event("ann", "lead_reopened", until)])
        rescoring.rescore(service.scorer)
        assert {one["lead_id"] for one in page(client)["data"]} == {"ann", "bob"}


def test_left_out(client, service):
    """Customers and dormant leads are scored, and stand in no queue."""
    leads = {item["lead_id"] for item in page(client, limit=200)["data"]}
    assert leads == set(service.store.lead_ids()) - {"customer", "dormant"}
    for lead in ("customer", "dormant"):
        assert service.store.scores.of(lead).priority == OUT_OF_QUEUE
        assert service.store.scores.of(lead).percentile is None
    assert client.get("/v1/leads/dormant/score").json()["status"] == "ok"
    assert service.run.queued == len(leads)


@pytest.fixture
def asking(start, folder, tmp_path):
    """A customer, a lead that is lost, and one on its way wait for a reply; others do not."""
    until = world.now()
    events = [
        *world.customer("bea", until),
        world.event("bea", "lead_asked", until - 3 * world.HOUR_US),
        *world.climber("lou", until, 2),
        world.event("lou", LADDER.lost_when[0].event, until - DAY_US),
        world.event("lou", "lead_asked", until - 2 * world.HOUR_US),
        *world.climber("ann", until, 2),
        world.event("ann", "lead_asked", until - world.HOUR_US),
        *world.climber("eve", until, 3),
        *world.customer("cy", until),
    ]
    with start(world.filled(tmp_path, events), folder / "fitted") as client:
        yield client


OF_A_STEP = (
    *("step", "probability", "interval", "horizon_days", "purchase_probability", "band"),
    *("rank_pct", "usual", "p_week_ago", "base", "fit", "engagement"),
)


def test_who_has_no_next_step_and_asks(asking):
    """They stand where their wait puts them; all that is told of a step is null."""
    body = page(asking)
    schemas.QueueAnswer.model_validate(body)
    assert [one["lead_id"] for one in body["data"]] == ["bea", "lou", "ann", "eve"]
    for item in body["data"]:
        check_shape(QueueItem, item)
        has_none = item["lead_id"] in ("bea", "lou")
        assert all((item[name] is None) == has_none for name in OF_A_STEP if name != "p_week_ago")
        assert item["tab"] == ("reply" if item["lead_id"] != "eve" else item["tab"])
    bea = body["data"][0]
    assert bea["suggestion"]["text"].startswith("There is no next step: answer what they asked")
    assert bea["reasons"] == []
    assert bea["waiting_since"] is not None


@pytest.mark.parametrize("order", ["work", "probability", "purchase"])
def test_they_are_lost_in_no_order(asking, order):
    """Read page by page they come once; who has not what an order goes by comes last."""
    for limit in (1, 2, 3, 200):
        found = [one["lead_id"] for one in all_pages(asking, limit=limit, order=order)]
        assert sorted(found) == ["ann", "bea", "eve", "lou"]
        assert order == "work" or found[2:] == ["bea", "lou"]
    of_step = all_pages(asking, step="participation", order=order)
    assert [one["lead_id"] for one in of_step] == ["ann"]


def test_they_are_counted(asking):
    """The run, the exports and the metrics have them; no step has them before it."""
    service = service_of(asking)
    assert service.run is not None
    assert (service.run.queued, service.run.leads) == (4, 5)
    assert sum(service.run.by_step.values()) == 2
    assert all(0.0 <= chance <= 1.0 for chance in service.run.usual.values())
    assert np.isfinite(list(service.run.purchases.values())).all()
    assert asking.get("/metrics").status_code == 200
    rows = asking.get("/v1/scores").json()["data"]
    told = {row["lead_id"]: (row["tab"], row["step"], row["probability"]) for row in rows}
    assert told["bea"] == told["lou"] == ("reply", None, None)
    assert told["cy"] == (None, None, None)
    events = [{"type": "track", "userId": "bea", "event": "business_replied"}]
    assert asking.post("/v1/batch", json={"batch": events}).status_code == 200
    rescoring.freshen(service.scorer)
    assert "bea" not in {one["lead_id"] for one in page(asking)["data"]}


def test_items_are_as_described(client):
    """Every item has the members that the schema lists; its reasons add up."""
    body = page(client, limit=200)
    schemas.QueueAnswer.model_validate(body)
    for item in body["data"]:
        check_shape(QueueItem, item)
        points = sum(reason["points"] for reason in item["reasons"])
        assert item["base"] + points == pytest.approx(item["probability"], abs=1e-9)


def test_queue_equals_score(client):
    """What the queue shows is the score of the lead as of then."""
    for item in page(client, limit=10)["data"]:
        as_of = {"as_of": item["features_as_of"]}
        answer = client.get(f"/v1/leads/{item['lead_id']}/score", params=as_of).json()
        for name in ("probability", "base", "reasons", "fit", "engagement", "step", "position"):
            assert item[name] == answer[name]


@pytest.mark.parametrize("limit", [1, 7, 60, 61, 62, 200])
def test_pages(client, limit):
    """Pages of any size give every lead once, in the order of one page."""
    whole = [item["lead_id"] for item in page(client, limit=200)["data"]]
    assert [item["lead_id"] for item in all_pages(client, limit=limit)] == whole


def test_a_cursor_is_of_its_order(client):
    """A place in one order is none in another: it is refused, and no page is skipped."""
    cursor = page(client, limit=2)["next_cursor"]
    answer = client.get("/v1/queue", params={"limit": 2, "cursor": cursor, "order": "purchase"})
    assert answer.status_code == 422
    assert "a place in another order" in answer.json()["errors"][0]["detail"]
    chances = page(client, limit=2, order="purchase")["next_cursor"]
    assert page(client, limit=2, order="purchase", cursor=chances)["data"]


def test_link(client):
    """The Link header leads to the next page, with the same filter, until there is none."""
    answer = client.get("/v1/queue", params={"limit": 2, "step": "value"})
    following = client.get(answer.links["next"]["url"])
    assert following.json() == page(
        client, limit=2, step="value", cursor=answer.json()["next_cursor"]
    )
    assert "link" not in client.get("/v1/queue", params={"limit": 200}).headers


def test_step(client):
    """A filter by step keeps the order and loses nobody."""
    whole = page(client, limit=200)["data"]
    for step in ("content", "value", "purchase"):
        expected = [item["lead_id"] for item in whole if item["step"]["id"] == step]
        found = [item["lead_id"] for item in all_pages(client, limit=3, step=step)]
        assert found == expected


@pytest.mark.parametrize("order", ["work", "probability", "purchase"])
def test_step_is_found_far_down(store, order):
    """However far down those before a step are, and whoever stands above, a page is one read."""
    far = [replace(SCORE, lead_id=f"far-{at}", priority=1.5, step="trial") for at in (1, 2, 3)]
    others = [
        replace(SCORE, lead_id=f"n{at}", position=9, p_purchase=1.0, priority=3.5)
        for at in range(1200)
    ]
    store.scores.save([*others, *far])
    asked = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        asked.append(statement.startswith("SELECT"))

    sa.event.listen(store.database.engine, "before_cursor_execute", note)
    first = queue_part(store, 2, step="trial", order=order)
    assert [one.lead_id for one in first.scores] == ["far-1", "far-2"]
    last = queue_part(store, 2, first.after, "trial", order)
    assert ([one.lead_id for one in last.scores], last.after) == (["far-3"], None)
    at_the_end = order != "work"  # who has no chance is looked for among those who wait
    assert sum(asked) == 2 + at_the_end


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"step": "valu"}, "did you mean 'value'"),
        ({"step": "zzz"}, "its steps are content, value"),
        ({"limit": "0"}, "greater than or equal to 1"),
        ({"limit": "201"}, "less than or equal to 200"),
        ({"page": "2"}, "not permitted"),
    ],
)
def test_bad_query(client, query, words):
    """A parameter that will not do is pointed at."""
    answer = client.get("/v1/queue", params=query)
    (error,) = answer.json()["errors"]
    assert error["pointer"] == f"/query/{next(iter(query))}"
    assert words in error["detail"]


# ---------------------------------------------------------------------------------- The background


def test_reasons_of_many_leads(start, url, folder, monkeypatch):
    """Each lead of the queue is stored with its reasons, however many there are."""
    monkeypatch.setattr(rescoring, "_CHUNK", 7)
    with start(url, folder / "fitted") as client:
        stored = queue_part(service_of(client).store, 200).scores
        assert all(score.reasons for score in stored)
        for item in page(client, limit=200)["data"]:
            points = sum(reason["points"] for reason in item["reasons"])
            assert item["base"] + points == pytest.approx(item["probability"], abs=1e-9)


def test_rescoring(start, folder, tmp_path):
    """A new scoring sees new events, and takes leads that have bought off the queue."""
    until = world.now()
    url = world.filled(tmp_path, [*world.life("ann", 5, until), *world.life("bob", 6, until)])
    with start(url, folder / "fitted") as client:
        assert {item["lead_id"] for item in page(client)["data"]} == {"ann", "bob"}
        service = service_of(client)
        service.store.append_events(
            [world.event("ann", "contract_signed", until), *world.life("cem", 7, until)]
        )
        rescoring.rescore(service.scorer)
        assert {item["lead_id"] for item in page(client)["data"]} == {"bob", "cem"}


def test_time_alone(service, tmp_path):
    """Time alone takes a lead off the queue: one that has been silent for too long."""
    until = world.now()
    url = world.filled(tmp_path, world.life("ann", 5, until, days_silent=1.0))
    days = LADDER.dormant_after_days
    with EventStore.open(url) as store:
        for later, queued in ((0, 1), (days - 2, 1), (days, 0)):
            present = until + round(later * DAY_US)
            scorer = Scorer(store, service.scorer.bundle, lambda: present)  # noqa: B023 used at once
            run = rescoring.rescore(scorer)
            assert run is not None
            assert run.queued == queued
            assert len(queue_part(store, 5).scores) == queued


def test_failure_is_tried_again(start, url, folder, monkeypatch, caplog):
    """A scoring that fails is logged and tried again; the service goes on."""
    true, failures = EventStore.lead_ids, [OSError("gone")]

    def lead_ids(store):
        if failures:
            raise failures.pop()
        return true(store)

    monkeypatch.setattr(EventStore, "lead_ids", lead_ids)
    monkeypatch.setattr(background, "_RUN_SECONDS", 0.01)
    with start(url, folder / "fitted") as client:
        assert client.get("/readyz").status_code == 200
    assert [record.getMessage() for record in caplog.records if record.exc_info] == [
        "background work failed"
    ]


def test_bundle_is_picked_up(start, url, tmp_path, monkeypatch):
    """A model that is trained while the service runs is served without a restart."""
    monkeypatch.setattr(background, "_RUN_SECONDS", 0.01)
    monkeypatch.setattr(background, "_CURRENT_SECONDS", 0.01)
    with start(url, tmp_path / "bundle", wait=False) as client:
        assert client.get("/v1/leads/lead-0001/score").status_code == 503
        world.rates_bundle(tmp_path / "bundle")
        for _ in range(2000):
            if client.get("/readyz").status_code == 200:
                break
        assert client.get("/v1/leads/lead-0001/score").status_code == 200


# ---------------------------------------------------------------------------------- What to do next


def test_suggestions(client, service):
    """Each lead's suggestion is what the policy would choose most likely now, in its words."""
    ladder = service.scorer.bundle.ladder
    titles = {offer.id: offer.title for offer in ladder.offers}
    seen = set()
    for item in page(client, limit=200)["data"]:
        found, lead = item["suggestion"], item["lead_id"]
        rows = service.store.events_of(lead)
        advice = suggestion_for(service.scorer.model, lead, rows, world.now())
        assert found["kind"] == "ladder"
        assert found["offer_id"] == advice.best.option_id
        assert found["text"] == advice.text
        assert item["step"]["title"] in found["text"]
        if found["offer"] is None:
            assert found["offer_id"] in (NURTURE, NO_ASK)
        else:
            assert found["offer"]["id"] == found["offer_id"]
            assert found["offer"]["title"] == titles[found["offer_id"]]
            assert found["offer"]["title"] in found["text"]
        seen.add(found["offer_id"])
    assert len(seen) > 3


def test_suggestion_respects_what_is_excluded(start, folder, tmp_path):
    """What was extended or declined is not suggested; to look at the queue extends nothing."""
    until = world.now()
    url = world.filled(tmp_path, world.climber("ann", until, 1))
    with start(url, folder / "fitted") as client:
        store = service_of(client).store
        before = store.count()
        first = page(client)["data"][0]["suggestion"]
        assert page(client)["data"][0]["suggestion"] == first
        assert store.count() == before
        no = world.event("ann", "offer_declined", world.now() - 1, {"offer": first["offer_id"]})
        store.append_events([no])
        second = page(client)["data"][0]["suggestion"]
        assert second["offer"] is not None
        assert second["offer_id"] != first["offer_id"]
        made = world.event("ann", "offer_extended", world.now() - 1, {"offer": second["offer_id"]})
        store.append_events([made])
        third = page(client)["data"][0]["suggestion"]
        assert third["offer"] is None or third["offer_id"] == "savings-case-study"


def test_suggestion_within_capacity(start, tmp_path):
    """What no rep has minutes for is not suggested."""
    until = world.now()
    url = world.filled(tmp_path, world.climber("ann", until, 4))
    world.rates_bundle(tmp_path / "bundle", ladder=world.limited_ladder(30))
    with start(url, tmp_path / "bundle") as client:
        suggested = page(client)["data"][0]["suggestion"]["offer_id"]
        offers = {offer.id: offer for offer in LADDER.offers}
        assert offers[suggested].rep_minutes == 30
        store = service_of(client).store
        store.append_new([world.event("bob", "x", 1)], world.now() // DAY_US, 1.0)
        suggested = page(client)["data"][0]["suggestion"]["offer_id"]
        assert suggested not in offers or offers[suggested].rep_minutes == 0


def test_the_queue_by_night(start, tmp_path):
    """Quiet hours change no tab and no suggestion; the queue says until when to wait."""
    until = world.now()
    this = when(until)
    hours = f"{this - timedelta(hours=2):%H}:00-{this + timedelta(hours=2):%H}:00"
    url = world.filled(tmp_path, world.population(20, until))
    found = {}
    for name, ladder in (("day", LADDER), ("night", world.quiet_ladder(hours))):
        world.rates_bundle(tmp_path / name, ladder=ladder)
        with start(url, tmp_path / name) as client:
            found[name] = {item["lead_id"]: item for item in page(client, limit=100)["data"]}
            shown = client.get("/").text
        assert ("Quiet hours: nobody is contacted before" in shown) == (name == "night")
    assert found["day"].keys() == found["night"].keys()
    waits = 0
    for lead, item in found["night"].items():
        day, night = found["day"][lead]["suggestion"], item["suggestion"]
        assert item["tab"] == found["day"][lead]["tab"]
        assert night["offer_id"] == day["offer_id"]
        assert day["quiet_hours"] is None
        if night["offer_id"] != NO_ASK:
            waits += 1
            over = this.replace(minute=0, second=0, microsecond=0) + timedelta(hours=2)
            assert night["quiet_hours"]["until"] == rfc3339(microseconds(over))
            assert night["text"].endswith(f" Quiet hours: {night['quiet_hours']['text']}.")
    assert waits > 0


def test_no_suggestion_without_a_model(start, url, folder, tmp_path):
    """A queue that was scored before the model went away is still there, without suggestions."""
    with start(url, folder / "fitted"):
        pass
    with start(url, tmp_path / "nothing", wait=False) as client:
        found = page(client)["data"]
    assert found
    assert {item["suggestion"] for item in found} == {None}


def test_suggestion_for_a_lead_that_is_gone(client, service, monkeypatch):
    """A lead whose events are gone since it was scored stands there without a suggestion."""
    true = service.store.read
    gone: tuple[str, list[object]] = ("lead-0001", [])
    monkeypatch.setattr(
        service.store, "read", lambda lead: gone if lead == "lead-0001" else true(lead)
    )
    monkeypatch.setattr(service.scorer, "advised", {})
    for item in page(client, limit=200)["data"]:
        assert (item["suggestion"] is None) == (item["lead_id"] == "lead-0001")


def test_a_lead_that_waits(start, folder, tmp_path):
    """A lead whose question nobody has replied to stands there with since when, until a reply."""
    until = world.now()
    asked = world.event("ann", "lead_asked", until - 3 * world.HOUR_US)
    url = world.filled(tmp_path, [*world.life("ann", 5, until), asked])
    with start(url, folder / "fitted") as client:
        (item,) = page(client)["data"]
        assert item["waiting_since"] == rfc3339(asked.occurred_at)
        assert "waits 3 hours" in client.get("/").text
        service = service_of(client)
        service.store.append_events([world.event("ann", "business_replied", until)])
        rescoring.rescore(service.scorer)
        assert page(client)["data"][0]["waiting_since"] is None
        assert "waits 3 hours" not in client.get("/").text
