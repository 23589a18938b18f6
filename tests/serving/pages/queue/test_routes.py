"""The queue: what it says in every state, whatever leads are called, in the order of the API."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from html import unescape
from urllib.parse import quote

import pytest

from features.events.log import DAY_US
from features.ladder.file import read_ladder
from serving.pages.common import words
from serving.pages.queue.rows import doing_of
from serving.pages.queue.view import stamp_of
from serving.process import background
from serving.process.queue_views import Desk
from tests.serving import world
from tests.serving.pages.scene import ACTS, HTML, Page, act, page


def queued(client, **query):
    """All leads of the API's queue, in its order."""
    found, more = [], {"limit": 100, **query}
    while True:
        answer = client.get("/v1/queue", params=more).json()
        found += answer["data"]
        if answer["next_cursor"] is None:
            return found
        more["cursor"] = answer["next_cursor"]


ROW = re.compile(
    r'name="lead" value="([^"]+)"><input type="hidden" name="next"[^>]*>\s*'
    r'<button name="do" value="later:tomorrow"'
)
"""The form of a row that puts its lead aside; there is one in each."""


def rows_of(client, path="/"):
    """The ids of the leads of a tab, over all its pages, in order."""
    found = []
    while path:
        html = client.get(path, headers=HTML).text
        found += [unescape(lead) for lead in ROW.findall(html)]
        following = re.search(r'rel="next" href="([^"]+)"', html)
        path = unescape(following[1]) if following else ""
    return found


@pytest.mark.parametrize("tab", ["reply", "talk", "marketing", "quiet"])
def test_the_order_is_that_of_the_api(client, tab):
    """Each tab has the leads that the API puts there, in its order; who waits is on top."""
    wanted = {"talk": ("reply", "talk")}.get(tab, (tab,))
    items = [item for item in queued(client) if item["tab"] in wanted]
    known = [item["lead_id"] for item in items]
    assert rows_of(client, f"/?tab={tab}") == known


def test_counts(client):
    """The tabs say how many there are, and the title whom to talk to."""
    items = queued(client)
    text = page(client, "/").text
    for tab, says in (("reply", "wait"), ("marketing", "get"), ("quiet", "to leave in peace")):
        count = sum(item["tab"] == tab for item in items)
        assert re.search(rf"\b{count} {says}", text)


def test_a_row_says_what_the_api_says(client, service):
    """Chance, range, what to do and why, of each row."""
    ladder = service.ladder
    text = page(client, "/?tab=quiet").text
    items = [item for item in queued(client) if item["tab"] == "quiet"][:20]
    assert items
    for item in items:
        assert " ".join(words.chance(item["probability"]).split()) in text
        doing = doing_of(ladder, item)
        assert f"{doing.verb}" in text
        for reason in words.telling(item):
            assert words.sentence(reason["text"]) in text


@pytest.mark.parametrize("paused", [False, True])
def test_who_waits_is_answered_also_without_an_offer_for_it(client, paused):
    """The row says it as the page of the lead does, whatever is suggested else, or nothing is."""
    ladder = read_ladder("b2b")
    held = queued(client)[0]
    advice = held["suggestion"] | {"offer_id": "nurture" if paused else "answer", "offer": None}
    for suggestion in (advice, None):
        item = held | {"waiting_since": "2026-11-30T09:00:00Z", "suggestion": suggestion}
        doing = doing_of(ladder, item)
        assert (doing.verb, doing.what, doing.offer_id) == ("Answer what they asked", "", "")
        assert (doing.minutes > 0) == (suggestion is not None and not paused)


def test_a_row_has_the_price(client):
    """What the lead has to pay, in the ladder's currency, and nothing where it is free."""
    ladder = read_ladder("b2b")
    ladder = replace(ladder, value=replace(ladder.value, currency="CHF"))
    held = queued(client)[-1] | {"waiting_since": None}
    prices = {}
    for offer in ladder.offers:
        advice = held["suggestion"] | {"offer_id": offer.id, "offer": None}
        prices[offer.id] = doing_of(ladder, held | {"suggestion": advice}).price
    assert prices["money-back-60"] == "2,000 CHF"
    dear = {offer.id for offer in ladder.offers if offer.effort.money}
    assert {one for one, price in prices.items() if price} == dear


def test_who_is_not_to_be_called_has_no_button_before_all_others_for_it(start, folder, tmp_path):
    """Where a mail is due that is the first button, and of those to be left in peace none is."""
    until = world.now()
    known: dict[str, object] = {"email": "ann@x.example", "phone": "+44 1 234567"}
    events = [
        event
        for steps in range(6)
        for event in (
            *world.climber(f"{steps}{steps}{steps}", until, steps),
            world.event(f"{steps}{steps}{steps}", "identify", until - 9 * world.HOUR_US, known),
            world.event(f"{steps}{steps}{steps}", "page_viewed", until - world.HOUR_US),
        )
    ]
    seen = set()
    with start(world.filled(tmp_path, events), folder / "rates") as client:
        for item in queued(client):
            html = client.get(f"/?q={item['lead_id']}", headers=HTML).text
            (row,) = re.findall(r'<div class="buttons">.*?</details>', html, re.DOTALL)
            firsts = re.findall(r'<a class="button" [^>]*data-key="(\w)"', row)
            assert firsts == {"talk": ["c"], "marketing": ["m"]}.get(item["tab"], [])
            seen.add(item["tab"])
    assert seen >= {"talk", "marketing"}


def test_no_jargon(client):
    """The pages speak as a salesperson does."""
    for path in ("/", "/?tab=quiet", "/leads/lead-0001"):
        text = page(client, path).text.lower()
        for word in ("shap", "percentile", "probability", "venn", "calibrat", "p_advance", "logit"):
            assert word not in text


def test_filters(client):
    """A filter leaves the leads that meet it, and stands in the address."""
    items = [item for item in queued(client) if item["tab"] == "quiet"]
    step = items[0]["step"]["id"]
    assert rows_of(client, f"/?tab=quiet&step={step}") == [
        item["lead_id"] for item in items if item["step"]["id"] == step
    ]
    band = items[0]["band"]
    assert rows_of(client, f"/?tab=quiet&band={band}") == [
        item["lead_id"] for item in items if item["band"] == band
    ]
    assert rows_of(client, "/?tab=quiet&owner=Nobody") == []
    assert "in the hands of Nobody" in page(client, "/?tab=quiet&owner=Nobody").text


def test_orders(client):
    """Likeliest to buy first, over all pages."""
    items = [item for item in queued(client) if item["tab"] == "quiet"]
    by_purchase = sorted(items, key=lambda item: (-item["purchase_probability"], item["lead_id"]))
    assert rows_of(client, "/?tab=quiet&order=purchase") == [one["lead_id"] for one in by_purchase]


@pytest.mark.parametrize("path", ["/", "/?tab=reply", "/?tab=marketing", "/?tab=quiet", "/?q=ada"])
def test_a_page_is_called_what_it_says(client, path):
    """The title, which is heard first and stands on a browser's tab, is the headline."""
    html = client.get(path, headers=HTML).text
    headline = re.search(r"<h1>(.+?)</h1>", html)
    title = re.search(r"<title>(.+?) · Rung</title>", html)
    assert headline is not None
    assert title is not None
    assert title[1] == re.sub(r"<[^>]+>", "", headline[1])


@pytest.mark.parametrize(
    ("asked", "talk", "reply"),
    [
        ([], "Most to gain for your time first.", "Who waits longest first."),
        (
            ["lead-1"],
            "Who waits first, then most to gain for your time.",
            "Who waits longest first.",
        ),
    ],
)
def test_orders_are_told_as_they_are(start, folder, tmp_path, asked, talk, reply):
    """Who waits stands by how long; what a mail does takes nobody's time."""
    until = world.now()
    events = [one for at in range(6) for one in world.climber(f"lead-{at}", until, at)]
    events += [world.event(lead, "lead_asked", until - 5, {"text": "When?"}) for lead in asked]
    with start(world.filled(tmp_path, events), folder / "rates") as client:
        assert talk in page(client, "/").text
        assert reply in page(client, "/?tab=reply").text
        assert "for your time" not in page(client, "/?tab=marketing").text
        assert "Last seen first." in page(client, "/?tab=reply&order=recent").text


def test_pages(start, folder, tmp_path):
    """All leads of a long tab stand on its pages, once each; the last has a way back to the top."""
    until = world.now()
    events = [one for at in range(60) for one in world.climber(f"lead-{at:02}", until, 1)]
    with start(world.filled(tmp_path, events), folder / "rates") as client:
        tab = queued(client)[0]["tab"]
        assert rows_of(client, f"/?tab={tab}") == [item["lead_id"] for item in queued(client)]
        html = client.get(f"/?tab={tab}", headers=HTML).text
        following = re.search(r'rel="next" href="([^"]+)"', html)
        assert following is not None
        assert "Back to the top" in page(client, unescape(following[1])).text


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("step=zzz", "no such step"),
        ("tab=zzz", "no such tab"),
        ("order=zzz", "no such order"),
        ("band=zzz", "no such band"),
        ("active=-1", "number of days"),
        ("active=99999999999", "number of days"),
        ("cursor=zzz", "next_cursor"),
        (f"q={'x' * 300}", "at most 200"),
        (f"step={quote('<script>alert(1)</script>')}", "no such step"),
    ],
)
def test_a_bad_address(client, query, why):
    """What cannot be asked for is an error page with a way back."""
    found = page(client, f"/?{query}", 422)
    assert why in found.text
    assert ("href", "/") in found.attributes
    assert "script" not in found.tags


# ------------------------------------------------------------------------------------------ States


def test_no_model(bare):
    """Without a model the queue says what to do, and looks again by itself."""
    found = page(bare, "/")
    assert "No model yet" in found.text
    assert "Live" not in found.text
    assert "rung train" in found.text
    assert ("http-equiv", "refresh") in found.attributes
    # Whoever reads it with a script keeps their place: it asks for news, and is not loaded anew.
    assert '<noscript><meta http-equiv="refresh"' in bare.get("/", headers=HTML).text
    (poll,) = (one for one in found.values("hx-get") if one and "seen=" in one)
    assert bare.get(poll, headers=HTML).status_code == 204


def test_empty_store(start, folder, tmp_path):
    """An empty store is no error."""
    with start(f"sqlite:///{tmp_path / 'new.db'}", folder / "rates") as client:
        assert "No leads yet" in page(client, "/").text
        quiet = page(client, "/?tab=quiet").text
        assert "No leads yet" in quiet
        assert "calls saved" not in quiet  # by leaving nobody in peace
        assert client.get("/readyz").status_code == 200


def test_a_search_for_one_letter(client):
    """It finds an id of one letter alone, and says so; it does not say that nobody is called so."""
    for letter in ("a", "-"):
        text = page(client, f"/?q={letter}").text
        assert "That is too short" in text
        assert "write two letters or more" in text
        assert "Nobody is called that" not in text
    assert "Nobody is called that" in page(client, "/?q=zzzz").text


def test_a_ladder_without_offers(client, service, monkeypatch):
    """Where nothing can be asked it says so, not that everybody has bought or is silent."""
    view = service.store.queue
    monkeypatch.setattr(type(service), "ladder", replace(service.ladder, offers=()))
    monkeypatch.setattr(view, "part", lambda *_: [])
    found = page(client, "/?tab=talk").text
    assert "The ladder has no active offer, so that nobody is asked for a next step" in found
    assert "Everybody has bought" not in found
    assert "There is nothing to ask for" not in page(client, "/?tab=mine").text


@pytest.mark.parametrize(("quiet", "said"), [(1, "1 is left in peace"), (2, "2 are left in peace")])
def test_nobody_to_talk_to_while_others_are_left_in_peace(
    client, service, monkeypatch, quiet, said
):
    """They have not all bought, or been silent for too long: it says where they are."""
    counts = dict.fromkeys(("reply", "talk", "mine", "marketing"), 0) | {"quiet": quiet}
    monkeypatch.setattr(service.store.queue, "part", lambda *_: [])
    monkeypatch.setattr(Desk, "tabs", lambda *_: counts)
    found = page(client, "/?tab=talk").text
    assert f"{said} for now" in found
    assert "Everybody has bought" not in found


def test_scoring_under_way(client, service, monkeypatch):
    """Before the first scoring has ended the page waits for it."""
    monkeypatch.setattr(background, "_take_over", lambda *_: None)
    monkeypatch.setattr(service, "run", None)
    monkeypatch.setattr(service.store.queue, "part", lambda *_: [])
    found = page(client, "/")
    assert "Scoring is under way" in found.text
    assert ("http-equiv", "refresh") in found.attributes
    kept, wanted = service.store.scores.full_run()  # others go on with this store
    service.store.scores.tell_progress(12_000, 50_000)
    assert "12,000 of 50,000 leads are scored so far" in page(client, "/").text
    service.store.scores.finish_full_run(kept, wanted)
    assert "12,000" not in page(client, "/").text


def test_nobody_fits(client):
    """A filter that leaves nobody is named, with the way out."""
    text = page(client, "/?tab=talk&source=nowhere&active=1").text
    assert "Nobody fits this filter" in text
    assert "who came from nowhere" in text
    assert "Show everybody" in text


def test_failed_scoring(client, service, monkeypatch):
    """When scores could not be renewed, the last ones are shown, and since when they are."""
    # Under a name of its own: what the background does well meanwhile takes its own name back.
    monkeypatch.setitem(service.failures, "a test", "it failed: OSError; see the log")
    text = page(client, "/").text
    assert "could not be renewed" in text
    assert "Scores stopped at" in text
    assert "OSError" not in text


def test_first_estimates(start, url, folder):
    """Without data of one's own the page says that the chances are not personal yet."""
    with start(url, folder / "rates") as client:
        assert "First estimates" in page(client, "/?tab=quiet").text
        assert "A first estimate" in page(client, "/leads/lead-0001").text


def test_an_error_that_nobody_foresaw(client, service, monkeypatch):
    """It is a page with its request id, and nothing of the inside."""
    monkeypatch.setattr(service.store.queue, "part", lambda *_: 1 / 0)
    found = page(client, "/", 500)
    assert "Something went wrong here" in found.text
    assert "division" not in found.text


# ----------------------------------------------------------------------------------------- Working


def test_what_is_done_can_be_undone(start, url, folder):
    """An action shows at once with its undo; taken back, nothing of it is left but in the audit."""
    with start(url, folder / "fitted") as client:
        lead = queued(client)[0]["lead_id"]
        act(client, lead, "action:talked")
        html = client.get("/?tab=mine", headers=HTML).text
        assert "<strong>Talked</strong>" in html
        action = re.search(r'name="action" value="([^"]+)"', html)
        assert action is not None
        form = {"action": action[1], "next": "/"}
        answer = client.post("/undo", data=form, headers=HTML | ACTS, follow_redirects=False)
        assert answer.status_code == 303
        assert "<strong>Talked</strong>" not in client.get("/?tab=mine", headers=HTML).text
        store = client.app.state.service.store
        (kept,) = store.actions.newest(5)
        assert kept.undone_at is not None
        assert not [row for row in store.events_of(lead) if row[0] == "business_replied"]


@pytest.mark.parametrize(
    ("do", "answers", "why"),
    [
        ("action:held", {}, "Minutes: is missing"),
        ("action:held", {"minutes": "soon"}, "is no number"),
        ("action:held", {"minutes": "1,000"}, "is no number"),
        ("action:held", {"minutes": "-3"}, "is below 0"),
        ("action:held", {"minutes": "--3"}, "is no number"),
        ("action:booked", {"ends_at": "noon"}, "no day and time"),
        ("action:booked", {"ends_at": "9999-12-31T23:59"}, "no day of our time"),
        ("action:booked", {"ends_at": "2020-01-01T10:00"}, "has passed already"),
        ("action:nothing", {}, "there is no action"),
        ("later:never", {}, "is no time"),
        ("note", {"text": " "}, "a note has 1 to"),
        ("", {}, "nothing that could be done"),
        ("action:offered", {"offer": "nothing"}, "no offer is suggested"),
    ],
)
def test_what_cannot_be_done(client, do, answers, why):
    """The page says why, and nothing is kept."""
    lead = queued(client)[0]["lead_id"]
    answer = act(client, lead, do, status=409, **answers)
    assert why.lower() in Page(answer.text).text.lower()


def test_a_form_of_another_site(client):
    """It is refused, whatever it says."""
    form = {"lead": "lead-0001", "do": "claim", "next": "/"}
    for headers in ({}, {"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        answer = client.post("/act", data=form, headers=HTML | headers, follow_redirects=False)
        assert answer.status_code == 403


def test_it_leads_to_our_pages_alone(client):
    """Whatever a form says, the way on is a path of ours."""
    lead = queued(client)[0]["lead_id"]
    answer = act(client, lead, "claim", next="https://evil.example/")
    assert answer.headers["location"] == "/"
    act(client, lead, "release")


def test_the_table(client):
    """Every lead of a view stands in the table, in its order, and no cell is a formula."""
    answer = client.get("/queue.csv?tab=quiet", headers=HTML)
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    items = [item for item in queued(client) if item["tab"] == "quiet"]
    assert [row["lead_id"] for row in rows] == [item["lead_id"] for item in items]
    assert [float(row["chance"]) for row in rows] == [item["probability"] for item in items]


def test_no_formula(start, folder, tmp_path):
    """What a stranger calls itself is text in a spreadsheet too."""
    until = world.now()
    traits: dict[str, object] = {"name": '=HYPERLINK("http://evil.example")', "company": "@SUM(1)"}
    events = [world.event("+1", "identify", until - DAY_US, traits), *world.climber("+1", until, 1)]
    with start(world.filled(tmp_path, events), folder / "rates") as client:
        found = [
            cell
            for tab in ("talk", "marketing", "quiet")
            for row in list(csv.reader(io.StringIO(client.get(f"/queue.csv?tab={tab}").text)))[1:]
            for cell in row
        ]
    assert '\'=HYPERLINK("http://evil.example")' in found
    assert not [cell for cell in found if cell.startswith(("=", "+", "@"))]


# ---------------------------------------------------------------------------------- Hostile leads


def test_hostile_events(start, folder, tmp_path):
    """No event can write a tag, an attribute or a template into a page."""
    evil = "'\"><script>alert(1)</script>{{ 7777*7777 }}{% raw %}"
    at = world.now() - DAY_US
    said: dict[str, object] = {evil: evil, "nested": {"a": [evil]}, "long": evil * 200}
    event = world.event(evil, evil, at, said)
    viewed = world.event(evil, "page_viewed", at, said)
    asked = world.event(evil, "lead_asked", at, {"text": evil})
    traits = world.event(evil, "identify", at, {"name": evil, "company": {"name": evil}})
    with start(world.filled(tmp_path, [event, viewed, asked, traits]), folder / "rates") as client:
        lead = quote(evil, safe="")
        for path in ("/", f"/leads/{lead}", f"/leads/x{lead}", f"/?q={quote('alert')}"):
            found = Page(client.get(path, headers=HTML).text)
            assert "alert(1)" not in [text.strip() for text in found.texts]
            assert "img" not in found.tags
            assert "60481729" not in found.text
            assert not [name for name, _ in found.attributes if name.startswith("on")]
            assert "style" not in {name for name, _ in found.attributes}
        (link,) = {one for one in page(client, "/").values("href") if one.startswith("/leads/")}
        assert page(client, link).text.count("alert(1)") > 3


def test_turned_and_long_names(start, folder, tmp_path):
    """Marks that turn the reading direction are gone, and a word of 10 kB is cut."""
    until, turned = world.now(), "Ada \u202egnirts\u202c \u2066x"
    traits: dict[str, object] = {"name": turned, "company": "W" * 10_000, "role": "\u0007bell"}
    events = [world.event("a", "identify", until - DAY_US, traits), *world.climber("a", until, 2)]
    with start(world.filled(tmp_path, events), folder / "rates") as client:
        for path in ("/", "/?tab=quiet", "/?tab=marketing", "/leads/a"):
            html = client.get(path, headers=HTML).text
            assert not set("\u202e\u202c\u2066\u0007") & set(html)
            assert "W" * 200 not in html
        assert "Ada gnirts x" in page(client, "/leads/a").text.replace("  ", " ")


def test_undo_goes_when_its_time_is_over(start, url, folder, monkeypatch):
    """What is due is not offered to be taken back, also where nobody has written it down yet."""
    with start(url, folder / "fitted") as client:
        service = client.app.state.service
        lead = queued(client)[0]["lead_id"]
        monkeypatch.setattr(service.store.actions, "enter", lambda *_: 0)
        act(client, lead, "action:talked")
        before = stamp_of(service)
        assert ">Undo<" in client.get("/?tab=mine", headers=HTML).text
        (kept,) = service.store.actions.newest(1)
        clock = service.clock
        monkeypatch.setattr(service, "clock", lambda: max(clock(), kept.due_at + 1))
        assert stamp_of(service) != before
        assert ">Undo<" not in client.get("/?tab=mine", headers=HTML).text
        assert ">Undo<" not in client.get(f"/leads/{lead}", headers=HTML).text
