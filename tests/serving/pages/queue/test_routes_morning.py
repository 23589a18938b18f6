"""A morning at the queue, played through in a browser: every page and every tool says the same.

1,500 leads; one asked for a call. Three sessions are held, two say no, one books, one is put aside,
and one is somebody else's. After each, what the queue, the lead's page, the decision log, the CRM
and the next suggestion say is compared.
"""

from __future__ import annotations

import json
import time

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from features.clock import now
from features.store.events import EventStore
from features.store.schema import write_backs
from serving.app import create_app
from serving.edge.access.keys import Keys
from serving.settings import Settings
from tests.serving import world
from tests.serving.browser import opened, served
from tests.serving.conftest import wait_until_scored

pytestmark = pytest.mark.slow

CRM = """
[hubspot.write_back]
base_url = "http://127.0.0.1:9"
id_property = "email"
token = "env:CRM_TOKEN"
"""
TO_TALK_TO = 9


class Morning:
    """A service whose clock a test can put forward, so that nobody waits for ten seconds."""

    def __init__(self, folder, path):
        until = world.now()
        events = world.population(1490, until)
        for at in range(TO_TALK_TO + 1):
            lead = f"rep-{at}"
            traits: dict[str, object] = {"name": f"Lead {at}", "email": f"{lead}@x.example"}
            events += world.climber(lead, until, 3)
            events.append(world.event(lead, "identify", until - world.HOUR_US, traits))
        asked: dict[str, object] = {"text": "Can you call me today?"}
        events.append(world.event("rep-0", "lead_asked", until - world.HOUR_US, asked))
        url = world.filled(path, events)
        with EventStore.open(url) as store:
            keys = Keys(store.database)
            self.keys = {
                name: keys.create(name, scopes, as_of=until)[1]
                for name, scopes in (
                    ("Ann", {"read", "decide"}),
                    ("Bob", {"read", "decide"}),
                    ("tool", {"read", "decide"}),
                )
            }
        (path / "connectors.toml").write_text(CRM)
        self.ahead_us = 0
        settings = Settings(
            url, folder / "rates", rescore_seconds=3600.0, connectors=path / "connectors.toml"
        )
        self.app = create_app(settings, clock=lambda: now() + self.ahead_us)

    @property
    def service(self):
        return self.app.state.service

    def settle(self, lead):
        """Let ten seconds pass, until what was done is in the log and in the score."""
        self.ahead_us += 11_000_000
        self.service.group_commit.news.set()
        until = time.monotonic() + 60
        while time.monotonic() < until:
            stored = self.service.store.scores.of(lead)
            is_open = any(one.is_open for one in self.service.store.actions.newest(20))
            newest = max(row[2] for row in self.service.store.events_of(lead))
            if not is_open and (stored is None or stored.as_of >= newest):
                return
            time.sleep(0.05)
        raise AssertionError("what was done was not scored")


@pytest.fixture
def morning(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("CRM_TOKEN", "secret")
    return Morning(folder, tmp_path)


def log_in(sheet, key):
    sheet.goto("/login")
    sheet.get_by_label("Key", exact=True).fill(key)
    sheet.get_by_role("button", name="Log in").click()


def row_of(sheet, name):
    link = sheet.get_by_role("link", name=name, exact=True)
    return sheet.get_by_role("listitem").filter(has=link)


def do(sheet, name, button, **answers):
    row = row_of(sheet, name)
    row.get_by_text("Done", exact=True).click()
    if answers:
        row.get_by_text(f"{button} …").click()
        for label, value in answers.items():
            row.get_by_label(label).fill(value)
    row.get_by_role("button", name=button, exact=True).click()
    expect(row.get_by_role("status")).to_have_text(button)


def in_queue(api, key, lead):
    """The lead's place in the API's queue; None where it stands in none."""
    query = "limit=100"
    while query:
        answer = api.get(f"/v1/queue?{query}", headers=key).json()
        for item in answer["data"]:
            if item["lead_id"] == lead:
                return item
        query = answer["next_cursor"] and f"limit=100&cursor={answer['next_cursor']}"
    return None


def check_all_agree(morning, sheet, lead):
    """The queue's row, the lead's page, the API, the CRM and the decision log say the same."""
    api = sheet.context.request
    key = {"Authorization": f"Bearer {morning.keys['tool']}"}
    score = api.get(f"/v1/leads/{lead}/score", headers=key).json()
    item = in_queue(api, key, lead)
    sheet.goto(f"/leads/{lead}")
    text = sheet.locator("main").inner_text()
    chance = f"{100 * score['probability']:.0f}"
    assert chance in text
    with morning.service.store.database.reading() as connection:
        wanted = sa.select(write_backs.c.wanted).where(write_backs.c.lead_id == lead)
        told = json.loads(connection.scalar(wanted) or "{}")
    assert told["next_step"] == score["step"]["id"]
    assert told["probability"] == pytest.approx(score["probability"], abs=1e-6)
    if item is not None:
        assert item["step"]["id"] == score["step"]["id"]
        assert item["probability"] == pytest.approx(score["probability"], abs=1e-6)
        advice = item["suggestion"]
        title = advice["offer"]["title"] if advice["offer"] else ""
        assert title in text
        body = {"lead_id": lead, "idempotency_key": f"{lead}-{morning.ahead_us}"}
        drawn = api.post("/v1/recommendations", data=body, headers=key)
        if drawn.ok:
            decided = drawn.json()
            excluded = {one["offer_id"] for one in decided["excluded"]}
            assert advice["offer_id"] not in excluded
    return item


def test_a_morning(browser, morning):
    """All of it, one thing after the other."""
    with (
        served(morning.app) as address,
        opened(browser, address) as ann,
        opened(browser, address) as bob,
    ):
        wait_until_scored(morning.service)
        log_in(ann, morning.keys["Ann"])
        log_in(bob, morning.keys["Bob"])
        answered_first(morning, ann)
        for at in (1, 2, 3):
            session_held(morning, ann, at)
        for at in (4, 5):
            said_no(morning, ann, at)
        booked(morning, ann)
        put_aside(morning, ann, bob)
        taken_by_another(ann, bob, address)
        nothing_is_lost(morning)


def answered_first(morning, ann):
    """Who asked for a call is called first, and waits no more."""
    assert ann.get_by_role("listitem").first.inner_text().startswith("Lead 0")
    do(ann, "Lead 0", "Talked")
    morning.settle("rep-0")
    ann.goto("/?tab=reply")
    expect(row_of(ann, "Lead 0")).to_have_count(0)
    check_all_agree(morning, ann, "rep-0")


def session_held(morning, ann, at):
    """It completes the step, and the next one is another."""
    before = morning.service.store.scores.of(f"rep-{at}")
    ann.goto(f"/?q=Lead+{at}")
    do(ann, f"Lead {at}", "Session held", Minutes="20")
    morning.settle(f"rep-{at}")
    after = morning.service.store.scores.of(f"rep-{at}")
    assert after.position == before.position + 1
    check_all_agree(morning, ann, f"rep-{at}")
    expect(ann.get_by_text("✓ Human connection")).to_be_visible()


def said_no(morning, ann, at):
    """What was refused is not suggested again."""
    ann.goto(f"/leads/rep-{at}")
    offered = morning.service.store.scores.of(f"rep-{at}").offer_id
    ann.get_by_text("Done", exact=True).click()
    ann.get_by_role("button", name="Said no").click()
    expect(ann.get_by_role("status").filter(has_text="Said no")).to_be_visible()
    morning.settle(f"rep-{at}")
    assert morning.service.store.scores.of(f"rep-{at}").offer_id != offered
    check_all_agree(morning, ann, f"rep-{at}")
    expect(ann.get_by_text("Said no to").first).to_be_visible()


def booked(morning, ann):
    """While what was booked is under way nothing else is asked."""
    ann.goto("/?q=Lead+6")
    do(ann, "Lead 6", "Booked", **{"Ends at": "2030-01-01T10:00"})
    morning.settle("rep-6")
    item = check_all_agree(morning, ann, "rep-6")
    offer = item and morning.service.ladder.offer(item["suggestion"]["offer_id"])
    assert offer is None or offer.role == "support"


def put_aside(morning, ann, bob):
    """Who is put aside is in nobody's queue until then."""
    ann.goto("/?q=Lead+7")
    row = row_of(ann, "Lead 7")
    row.get_by_text("Later", exact=True).click()
    row.get_by_role("button", name="In two weeks").click()
    expect(row.get_by_role("status")).to_have_text("Later: in two weeks")
    morning.settle("rep-7")
    for sheet in (ann, bob):
        for tab in ("talk", "marketing", "quiet"):
            sheet.goto(f"/?tab={tab}")
            expect(row_of(sheet, "Lead 7")).to_have_count(0)
    ann.goto("/leads/rep-7")
    expect(ann.get_by_text("Put aside until").first).to_be_visible()


def taken_by_another(ann, bob, address):
    """What Bob takes is his at once: gone from Ann's queue, and she cannot work with it."""
    bob.goto("/?q=Lead+8")
    row = row_of(bob, "Lead 8")
    row.get_by_text("Done", exact=True).click()
    row.get_by_role("button", name="Take it").click()
    expect(row).to_contain_text("In your hands")
    ann.goto("/")
    expect(row_of(ann, "Lead 8")).to_have_count(0)
    ann.goto("/leads/rep-8")
    expect(ann.get_by_text("With Bob").first).to_be_visible()
    form = {"lead": "rep-8", "do": "action:talked", "next": "/"}
    refused = ann.request.post("/act", form=form, headers={"Origin": address})
    assert refused.status == 409
    assert "Bob works with this lead" in refused.text()


def nothing_is_lost(morning):
    """The audit has all of it, each once, and so has the log."""
    done = morning.service.store.actions.newest(50)
    once = ["talked", "booked", "later", "claim"]
    assert sorted(one.action for one in done) == sorted([*once, *3 * ["held"], *2 * ["refused"]])
    rows = [row for at in (1, 2, 3) for row in morning.service.store.events_of(f"rep-{at}")]
    sessions = [row[3]["minutes"] for row in rows if row[0] == "session_held"]
    assert sessions.count(20) == 3
