"""The pages: what they say, in every state, whatever the leads are called."""

from __future__ import annotations

import json
import re
import struct
import threading
import time
from html.parser import HTMLParser
from urllib.parse import quote

import pytest
import uvicorn

from features.clock import when
from features.events.log import DAY_US
from features.ladder.file import read_ladder
from serving.app import create_app
from serving.pages.common import people, words
from serving.pages.lead.todo import UNOFFERED
from serving.process import background
from serving.scoring.scorer import Scorer
from serving.scoring.suggestion import evidence_words, suggestion_for
from serving.settings import Settings
from tests.serving import world
from tests.serving.browser import CHROMIUM, browse

HTML = {"Accept": "text/html"}
VOID = {"meta", "link", "br"}


class Page(HTMLParser):
    """The tags and the text of a page; fails where tags do not close in order."""

    def __init__(self, text):
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


def page(client, path, status=200):
    answer = client.get(path, headers=HTML)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return Page(answer.text)


# ---------------------------------------------------------------------------------------- The queue


def test_queue(client):
    """The queue shows who, the chance, why, and what to do next, in the order of the API."""
    text = page(client, "/").text
    items = client.get("/v1/queue", params={"limit": 25}).json()["data"]
    assert "61 leads in the queue" in text
    chances = re.findall(r"(\d+)\s%", text)
    assert chances == [f"{100 * item['probability']:.0f}" for item in items]
    for item in items:
        found = item["suggestion"]
        assert (found["offer"]["title"] if found["offer"] else UNOFFERED[found["offer_id"]]) in text
        assert words.likely(item["interval"]["low"], item["interval"]["high"]) in text


def test_no_jargon(client):
    """The pages speak as a salesperson does."""
    for path in ("/", "/leads/lead-0001"):
        text = page(client, path).text.lower()
        for word in ("shap", "percentile", "probability", "venn", "calibrat", "p_advance", "logit"):
            assert word not in text


def test_filter_and_pages(client):
    """A filter and the next page show the leads that the API gives."""
    text = page(client, "/?step=content").text
    items = client.get("/v1/queue", params={"step": "content"}).json()["data"]
    assert text.count("Next step: Content") == len(items)
    answer = client.get("/", headers=HTML).text
    following = re.search(r'rel="next" href="([^"]+)"', answer)
    assert following is not None
    second = page(client, following[1].replace("&amp;", "&"))
    assert "Back to the top" in second.text
    assert page(client, "/?step=&cursor=").text == page(client, "/").text


def test_bad_filter(client):
    """A filter that is none is an error page with a way back."""
    found = page(client, "/?step=zzz", 422)
    assert "no such step" in found.text
    assert ("href", "/") in found.attributes


def test_no_model_page(bare):
    """Without a model the queue says what to do, and looks again by itself."""
    found = page(bare, "/")
    assert "No model yet" in found.text
    assert "rung train" in found.text
    assert ("http-equiv", "refresh") in found.attributes
    assert "No score yet" in page(bare, "/leads/lead-0001").text


def test_empty_store(start, folder, tmp_path):
    """An empty store is no error."""
    with start(f"sqlite:///{tmp_path / 'new.db'}", folder / "rates") as client:
        assert "No leads yet" in page(client, "/").text
        assert client.get("/readyz").status_code == 200


def test_scoring_under_way(client, service, monkeypatch):
    """Before the first scoring has ended the page waits for it."""
    monkeypatch.setattr(background, "_take_over", lambda *_: None)
    monkeypatch.setattr(service, "run", None)
    monkeypatch.setattr(service.store.scores, "queue", lambda *_: [])
    found = page(client, "/")
    assert "Scoring is under way" in found.text
    assert ("http-equiv", "refresh") in found.attributes


def test_nobody_at_a_step(client, service):
    """A step that nobody has before them says so."""
    step = next(
        step.id for step in service.scorer.bundle.ladder.goals if step.id not in service.run.by_step
    )
    assert "Nobody is waiting at this step" in page(client, f"/?step={step}").text


def test_failed_scoring(client, service, monkeypatch):
    """When scores could not be renewed, the last ones are shown, and that they are the last."""
    # Under a name of its own: what the background does well meanwhile takes its own name back.
    monkeypatch.setitem(service.failures, "a test", "it failed: OSError; see the log")
    text = page(client, "/").text
    assert "could not be renewed" in text
    assert "OSError" not in text


def test_first_estimates_page(start, url, folder):
    """Without data of one's own the page says that the chances are not personal yet."""
    with start(url, folder / "rates") as client:
        assert "First estimates" in page(client, "/").text
        assert "A first estimate" in page(client, "/leads/lead-0001").text


def test_error_page(client, service, monkeypatch):
    """An error that nobody foresaw is a page with its request id, and nothing of the inside."""
    monkeypatch.setattr(service.store.scores, "queue", lambda *_: 1 / 0)
    found = page(client, "/", 500)
    assert "Something went wrong here" in found.text
    assert "division" not in found.text


# ----------------------------------------------------------------------------------------- One lead


def test_lead_sum(client):
    """The figures that are read add up: a typical lead, each reason, this lead."""
    for at in range(20):
        answer = client.get(f"/leads/lead-{at:04}", headers=HTML).text
        table = answer[answer.index('<table class="sum">') :]
        cells = re.findall(r'class="figure">([^<]+)<', table)
        values = [float(cell.strip(" %").replace("−", "-").replace("+", "")) for cell in cells]
        assert sum(values[:-1]) == pytest.approx(values[-1], abs=1e-6)
        score = client.get(f"/v1/leads/lead-{at:04}/score").json()["probability"]
        assert values[-1] == pytest.approx(100 * score, abs=0.11)


def test_what_to_do(client, service):
    """A lead's page shows the option, its chances, the others, and what is not possible."""
    ladder = service.scorer.bundle.ladder
    titles = {offer.id: offer.title for offer in ladder.offers} | UNOFFERED
    for at in range(20):
        lead = f"lead-{at:04}"
        rows = service.store.events_of(lead)
        advice = suggestion_for(service.scorer.model, lead, rows, world.now())
        html = client.get(f"/leads/{lead}", headers=HTML).text
        text = Page(html).text
        todo = text[text.index("What to do next") : text.index("Why this chance")]
        assert f"What to do next {titles[advice.best.option_id]}" in todo
        assert advice.framing.text in todo
        for one in advice.recommendation.ranking:
            assert titles[one.option_id] in todo
            assert words.chance(one.p_advance or 0.0) in html
            assert words.sentence(evidence_words(one)) in todo
        refused = advice.recommendation.excluded
        for other in refused:
            assert f"{titles[other.offer_id]} {words.sentence(other.text)}" in todo
        by_step = {"step_completed", "step_not_next", "support_not_due", "not_in_flight"}
        is_held_back = any(other.reason not in by_step for other in refused)
        assert html.count("<details open>") == is_held_back


def test_session_on_the_page(start, folder, tmp_path):
    """The page of a lead before a session has the agenda, the framing, and what to ask for."""
    until = world.now()
    found: dict[str, object] = {
        "gaps": ["no <b>owner</b>", "late approvals", "costs"],
        "topic": "handovers",
    }
    events = [
        *world.climber("ann", until, 2),
        world.event("ann", "assessment_completed", until - 2 * DAY_US, found),
    ]
    with start(world.filled(tmp_path, events), folder / "rates") as client:
        whole = page(client, "/leads/ann")
    assert "Strategy session on your weakest handovers" in whole.text
    assert "Session · 15 min · live · 30 min of yours" in whole.text
    assert "Talk about No <b>owner</b> 5 min Late approvals 5 min Costs 5 min" in whole.text
    assert "“15 minutes on your own situation" in whole.text
    assert "Ask for Company size" in whole.text
    assert "With this" in whole.text
    assert "No data yet: the ladder's bands" in whole.text
    assert "Goes on with Handovers" in whole.text
    assert "b" not in whole.tags


def test_refused_offers_on_the_page(start, folder, tmp_path):
    """Why nothing is asked of a lead that does not fit is said for each offer of its step."""
    until = world.now()
    events = [
        *world.climber("ann", until, 4),
        world.event("ann", "consultation_outcome", until - DAY_US, {"fit": "no"}),
    ]
    with start(world.filled(tmp_path, events), folder / "rates") as client:
        text = page(client, "/leads/ann").text
    assert "What to do next Send something useful, ask for nothing" in text
    assert text.count("The last consultation found that it does not fit") == 4
    assert "Not now: 4" in text


def test_why_to_wait_on_the_page(start, tmp_path):
    """The page says until when to wait in quiet hours, and why a lead is left alone on purpose."""
    until = world.now()
    hours = f"{when(until - 2 * world.HOUR_US):%H}:00-{when(until + 2 * world.HOUR_US):%H}:00"
    ladders = {"quiet": world.quiet_ladder(hours), "controlled": world.controlled_ladder(0.5)}
    share = {"experiment": "calling", "arm": "none", "share": 0.5}
    told = {**share, "rung_record": json.dumps(share)}
    alone = world.event("ann", "rung_assignment", until - DAY_US, told)
    found = {}
    for name, ladder in ladders.items():
        (tmp_path / name).mkdir()
        world.rates_bundle(tmp_path / name / "bundle", ladder=ladder)
        url = world.filled(tmp_path / name, [*world.climber("ann", until, 3), alone])
        with start(url, tmp_path / name / "bundle") as client:
            found[name] = page(client, "/leads/ann").text
    assert "Quiet hours: nobody is contacted before" in found["quiet"]
    assert "Left alone on purpose" not in found["quiet"]
    assert "What to do next Leave them alone for now" in found["controlled"]
    assert "Left alone on purpose, so that the difference it makes is known." in found["controlled"]


def test_leave_alone_on_the_page(client, service, monkeypatch):
    """Where the best is not to ask, the page says so, with the one chance that there is."""
    scorer = Scorer(service.store, service.scorer.bundle, world.now, policy="only:no_ask")
    monkeypatch.setattr(service, "scorer", scorer)
    text = page(client, "/leads/lead-0002").text
    assert "What to do next Leave them alone for now" in text
    assert "Left alone" in text
    assert "With this" not in text
    assert "the policy that was promoted" in text
    assert "Leave them alone for now" in page(client, "/").text


def test_lead_timeline(client, service):
    """All events are there, newest first, with the steps that they complete."""
    answer = client.get("/leads/customer", headers=HTML).text
    times = re.findall(r'<time datetime="([^"]+)"', answer)
    assert times == sorted(times, reverse=True)
    assert len(times) == len(service.store.events_of("customer"))
    ticks = re.findall(r'class="tick">✓ ([^<]+)<', answer)
    assert ticks == [goal.title for goal in reversed(service.scorer.bundle.ladder.goals)]
    assert "Has bought" in answer
    assert "What to do next" not in answer


def test_long_timeline(start, folder, tmp_path):
    """Of very many events the latest are shown, and how many are not."""
    until = world.now()
    events = [world.event("busy", "page_viewed", until - at * 1000) for at in range(1, 251)]
    with start(world.filled(tmp_path, events), folder / "rates") as client:
        found = page(client, "/leads/busy")
    assert found.tags.count("time") == 200
    assert "50 earlier events are not shown" in found.text


def test_unknown_lead_page(client):
    """A lead that is not there is a page with a way back."""
    assert "No such lead" in page(client, "/leads/nobody", 404).text
    page(client, "/leads/%00", 404)


def test_future_event_is_not_shown(start, folder, tmp_path):
    """An event that is known only later is on no page yet."""
    until = world.now()
    later = world.event("ann", "contract_signed", until, {}, known_at=until + DAY_US)
    url = world.filled(tmp_path, [world.event("ann", "page_viewed", until - 1000), later])
    with start(url, folder / "rates") as client:
        assert "Contract signed" not in page(client, "/leads/ann").text


# ------------------------------------------------------------------------------------ Hostile input


def test_hostile_lead(client):
    """Ids, names and properties are text, wherever they are shown."""
    found = page(client, f"/leads/{quote(world.HOSTILE, safe='')}")
    assert "<img src=x>" in found.text
    assert world.HOSTILE in found.text
    assert "script" not in found.tags
    assert "img" not in found.tags


def test_hostile_events(start, folder, tmp_path):
    """No event can write a tag, an attribute or a template into a page."""
    evil = "'\"><script>alert(1)</script>{{ 7777*7777 }}{% raw %}"
    at = world.now() - DAY_US
    said: dict[str, object] = {evil: evil, "nested": {"a": [evil]}, "long": evil * 50}
    event = world.event(evil, evil, at, said)
    viewed = world.event(evil, "page_viewed", at, said)
    traits = world.event(evil, "identify", at, {"name": evil, "company": {"name": evil}})
    with start(world.filled(tmp_path, [event, viewed, traits]), folder / "rates") as client:
        for path in ("/", f"/leads/{quote(evil, safe='')}", f"/leads/{quote('x' + evil, safe='')}"):
            found = Page(client.get(path, headers=HTML).text)
            assert not {"script", "img"} & set(found.tags)
            assert "60481729" not in found.text
            assert not [name for name, _ in found.attributes if name.startswith("on")]
            assert ("style", "") not in found.attributes
        links = [value for name, value in page(client, "/").attributes if name == "href"]
        (link,) = [value for value in links if value.startswith("/leads/")]
        assert page(client, link).text.count("alert(1)") > 3


def test_hostile_query(client):
    """What stands in the address is text as well."""
    for query in ("step", "cursor"):
        found = page(client, f"/?{query}={quote('<script>alert(1)</script>')}", 422)
        assert "script" not in found.tags


# -------------------------------------------------------------------------------------------- Words


def test_chance():
    """A chance is never shown as certain or impossible."""
    shares = (0.0, 0.0049, 0.0051, 0.42, 0.994, 0.996, 1.0)
    said = ["under 1 %", "under 1 %", "1 %", "42 %", "99 %", "over 99 %", "over 99 %"]
    assert [words.chance(share).replace("\u00a0", " ") for share in shares] == said


def test_words():
    """Intervals, points and ages are said in words."""
    assert words.likely(0.36, 0.48) == "likely 36 to 48"
    assert words.likely(0.361, 0.364) == "likely about 36"
    assert [words.points(value) for value in (0.061, -0.02, 0.0001)] == ["+6.1", "−2.0", "0.0"]
    now = 10**15
    ages = [0, 30_000_000, 60_000_000, 7_200_000_000, 2 * DAY_US, 800 * DAY_US]
    assert [words.ago(now - age, now) for age in ages] == [
        "just now",
        "just now",
        "1 minute ago",
        "2 hours ago",
        "2 days ago",
        "2 years ago",
    ]
    assert words.ago(None, now) == "never"
    assert words.ago(now + 5, now) == "just now"
    assert words.initials("Ada Lovelace King") == "AK"
    assert words.initials("<>") == "?"
    assert [words.change(value) for value in (0.061, -0.02, 0.004)] == ["+6", "−2", "0"]
    assert words.changes(-0.02, 0.3) == "−2 to +30"


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        ({}, ("id", "")),
        ({"name": "Ada", "company": "X"}, ("Ada", "X")),
        ({"first_name": "Ada", "lastName": "L"}, ("Ada L", "")),
        ({"company": {"name": "X"}}, ("X", "id")),
        ({"name": " ", "company": 7}, ("id", "")),
    ],
)
def test_who(traits, expected):
    """A lead is called by its name, else by its company, else by its id."""
    assert people.who("id", traits) == expected


def test_latest_traits():
    """Of each trait the value that arrived last is shown; an empty one takes nothing away."""
    rows = [
        ("identify", 5, 9, {"name": "New", "company": ""}),
        ("identify", 1, 1, {"name": "Old", "company": "X"}),
        ("identify", 2, 99, {"name": "Later"}),
        ("other", 6, 6, {"name": "No"}),
    ]
    assert people.traits_of(rows, read_ladder("b2b"), 10) == {"name": "New", "company": "X"}


# -------------------------------------------------------------------------------------- The browser


@pytest.fixture
def address(folder, url):
    """The address of a service on a port of its own."""
    settings = Settings(database_url=url, bundle=folder / "fitted", rescore_seconds=3600.0, port=0)
    config = uvicorn.Config(create_app(settings), port=0, log_level="error", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    until = time.monotonic() + 30
    while not server.started and time.monotonic() < until:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium to look at the pages with")
def test_browser(address, client, tmp_path):
    """A browser shows the queue with its style, runs no script, and fits on a phone."""
    until = time.monotonic() + 30
    dom = ""
    while "Who to talk to next" not in dom and time.monotonic() < until:
        dom = browse(tmp_path, "--dump-dom", f"{address}/")
    items = client.get("/v1/queue", params={"limit": 25}).json()["data"]
    assert dom.count('class="lead"') == len(items)
    assert "<script" not in dom
    for width, path in ((1280, ""), (390, ""), (1280, "leads/lead-0001"), (420, "leads/lead-0001")):
        picture, size = tmp_path / f"{width}.png", f"--window-size={width},900"
        browse(tmp_path, f"--screenshot={picture}", size, f"{address}/{path}")
        header = picture.read_bytes()[:24]
        assert struct.unpack(">II", header[16:24]) == (width, 900)
        assert picture.stat().st_size > 20_000
