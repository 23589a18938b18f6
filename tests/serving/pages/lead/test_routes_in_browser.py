"""The page of a lead while people work: it renews itself, and takes nothing out of their hands."""

from __future__ import annotations

import re
from contextlib import contextmanager
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from features.clock import now, rfc3339, when
from features.events.log import DAY_US
from features.store.people.actions import UNDO_US
from features.store.privacy import Privacy
from serving.process.working.erasing import erase_lead
from tests.serving import world
from tests.serving.browser import overflow, violations

pytestmark = pytest.mark.slow

SOON = 30_000
"""Milliseconds within which a page that renews itself shows what is new."""


@pytest.fixture
def ahead(desk):
    """Puts the clock of the service forward, so that nobody waits for ten seconds."""
    _, service, _ = desk
    clock = service.clock

    @contextmanager
    def forward():
        # Who computes scores has a clock of its own; here it is what a page goes by.
        service.clock = lambda: now() + UNDO_US + 1_000_000
        service.group_commit.news.set()
        try:
            yield
        finally:
            service.clock = clock

    return forward


def do(sheet, button):
    sheet.locator("#now").get_by_text("Done", exact=True).click()
    sheet.locator("#now").get_by_role("button", name=button, exact=True).click()


def test_undo_goes_when_its_time_is_over(ann, ahead):
    """The page has the new state by itself: what was done is in the log, and nothing is undone."""
    ann.goto("/leads/lead-02")
    do(ann, "No answer")
    expect(ann.get_by_role("button", name="Undo")).to_be_visible()
    expect(ann.get_by_text("can still be undone")).to_be_visible()
    with ahead():
        expect(ann.get_by_role("button", name="Undo")).to_have_count(0, timeout=SOON)
        expect(ann.get_by_text("can still be undone")).to_have_count(0)
        expect(ann.locator("#now").get_by_text("Done", exact=True)).to_be_visible()
        expect(ann.locator(".head")).to_contain_text("In your hands")
    do(ann, "Let go")


@pytest.mark.usefixtures("unhurried")
def test_what_another_does_shows(at_desk):
    """Whose lead it is by now stands on a page that was open before."""
    with at_desk("Ann") as ann, at_desk("Bob") as bob:
        ann.goto("/leads/lead-06")
        bob.goto("/leads/lead-06")
        do(bob, "Take it")
        expect(ann.locator(".head")).to_contain_text("With Bob", timeout=SOON)
        bob.get_by_role("button", name="Undo").click()
        expect(ann.locator(".head")).not_to_contain_text("With Bob", timeout=SOON)


def test_what_is_typed_stays(ann, desk):
    """A page that renews itself keeps the focus, what is typed, and the menu that is open."""
    _, service, _ = desk
    ann.goto("/leads/lead-04")
    ann.locator("#now").get_by_text("Done", exact=True).click()
    ann.locator("#now").get_by_text("Session held …").click()
    ann.get_by_label("Minutes").fill("25")
    ann.get_by_label("A note", exact=True).fill("Prefers mornings")
    service.store.append_events(
        [world.event("lead-04", "email_clicked", service.clock() - 1, {"topic": "handovers"})]
    )
    expect(ann.get_by_text("Email clicked")).to_be_visible(timeout=SOON)
    expect(ann.get_by_label("A note", exact=True)).to_be_focused()
    expect(ann.get_by_label("A note", exact=True)).to_have_value("Prefers mornings")
    expect(ann.get_by_label("Minutes")).to_be_visible()
    expect(ann.get_by_label("Minutes")).to_have_value("25")
    ann.get_by_role("button", name="Keep", exact=True).click()
    expect(ann.locator(".noted")).to_contain_text("Prefers mornings")
    expect(ann.get_by_label("A note", exact=True)).to_have_value("")


def test_a_note_whose_answer_is_lost(browser, desk, sessions):
    """It is kept once: the field is empty when the page shows it, and what is sent again is it."""
    context = browser.new_context(base_url=desk[0], storage_state=sessions["Ann"])
    sent = []

    def lost(route):
        sent.append(route.request.post_data)
        route.fetch()
        route.abort()

    try:
        sheet = context.new_page()
        sheet.goto("/leads/lead-02")
        field = sheet.get_by_label("A note", exact=True)
        field.fill("Has a dog")
        sheet.route("**/act", lost)
        sheet.get_by_role("button", name="Keep", exact=True).click()
        expect(sheet.locator(".noted")).to_have_text(re.compile("Has a dog"), timeout=SOON)
        expect(field).to_have_value("")
        sheet.unroute("**/act")
        headers = {"Origin": desk[0], "Content-Type": "application/x-www-form-urlencoded"}
        assert sheet.request.post("/act", data=sent[0], headers=headers).ok
        field.fill("Has a cat")
        sheet.get_by_role("button", name="Keep", exact=True).click()
        expect(sheet.locator(".noted")).to_have_count(2)
        sheet.reload()
        expect(sheet.locator(".noted")).to_have_text([re.compile("cat"), re.compile("dog")])
    finally:
        context.close()


def test_a_note_that_has_no_place_any_more(ann, desk):
    """What was typed of somebody who opts out meanwhile is not taken away, and it is said why."""
    _, service, _ = desk
    privacy = Privacy(service.store.database)
    ann.goto("/leads/lead-07")
    ann.get_by_label("A note", exact=True).fill("Call on Friday")
    privacy.opt_out(["lead-07"], service.clock())
    try:
        expect(ann.get_by_role("alert")).to_contain_text("still here", timeout=SOON)
        expect(ann.get_by_label("A note", exact=True)).to_have_value("Call on Friday")
    finally:
        privacy.opt_in(["lead-07"], service.clock())


@pytest.mark.usefixtures("unhurried")
def test_one_side_is_kept(ann):
    """Who looks at one side goes on doing so, whatever is done or new."""
    ann.goto("/leads/lead-01?side=ours")
    do(ann, "No answer")
    expect(ann.get_by_role("link", name="What we did")).to_have_attribute("aria-current", "true")
    ann.get_by_role("button", name="Undo").click()
    expect(ann.get_by_role("button", name="Undo")).to_have_count(0)
    expect(ann.get_by_role("link", name="What we did")).to_have_attribute("aria-current", "true")


def test_a_lead_that_is_erased_meanwhile(ann, desk):
    """Nothing of it goes on being shown."""
    _, service, _ = desk
    service.store.append_events(world.climber("gone", world.now(), 2))
    ann.goto("/leads/gone")
    erase_lead(service, "gone", is_suppressed=False)
    expect(ann.get_by_role("heading", level=1)).to_contain_text("any more", timeout=SOON)


TOLD = """[...document.querySelectorAll(".timeline li")].map((one) => [
  one.querySelector("h3").checkVisibility() ? one.querySelector("h3").innerText : "",
  one.querySelector(":scope > time").innerText,
])"""
"""The days and times of a timeline as they are seen."""


@pytest.fixture(scope="module")
def night(desk):
    """A lead that does something at times which are another day elsewhere."""
    _, service, _ = desk
    today = service.clock() // DAY_US * DAY_US
    for at, name in ((11.5, "content_read"), (-11.5, "email_opened"), (-30.5, "page_viewed")):
        moment = today - 30 * DAY_US + round(at * world.HOUR_US)
        service.store.append_events([world.event("night", name, moment, {})])
    recent = [world.event("night", "asset_opened", service.clock() - 60_000_000, {})]
    recent.append(world.event("night", "email_clicked", today - 60_000_000, {}))
    service.store.append_events(recent)
    return service, today


@pytest.mark.parametrize("place", ["Pacific/Auckland", "America/Los_Angeles", "UTC"])
def test_days_are_the_readers(at_desk, night, place):
    """Every entry stands below the day that its time is of, where its reader is."""
    service, _ = night
    rows = sorted(service.store.events_of("night"), key=lambda row: row[1], reverse=True)
    with at_desk("Ann", timezone_id=place) as sheet:
        sheet.goto("/leads/night")
        told = sheet.evaluate(TOLD)
        here = when(service.clock()).astimezone(ZoneInfo(place))
    locals_ = [when(row[1]).astimezone(ZoneInfo(place)) for row in rows]
    seen = ""
    for local, (heading, time) in zip(locals_, told, strict=True):
        names = {here.date(): "Today", here.date() - timedelta(days=1): "Yesterday"}
        said = names.get(local.date(), f"{local:%A}, {local.day} {local:%B %Y}")
        assert (heading.replace(",", ""), time) == (
            "" if said == seen else said.replace(",", ""),
            f"{local:%H:%M}",
        )
        seen = said


def test_days_without_scripts(at_desk, night):
    """They are those of UTC, and the page says so."""
    service, today = night
    with at_desk("Ann", java_script_enabled=False, timezone_id="Pacific/Auckland") as sheet:
        sheet.goto("/leads/night")
        assert "Days and times are UTC." in sheet.locator("main").inner_text()
        headings = sheet.locator(".timeline h3:not([hidden])").all_inner_texts()
    first = when(today - 30 * DAY_US)
    assert f"{first:%A}, {first.day} {first:%B %Y}" in headings
    assert headings[0] == ("Today" if service.clock() // DAY_US * DAY_US == today else "Yesterday")


def test_when_a_session_is(at_desk, desk):
    """A lead's page and its row name it, by the reader's clock and in words; so does the log."""
    _, service, _ = desk
    ends = (service.clock() // DAY_US + 3) * DAY_US + 11 * world.HOUR_US
    told: dict[str, object] = {"ends_at": rfc3339(ends)}
    at = service.clock() - 1
    old: dict[str, object] = {"seen_at": "2024-02-29T23:30:00.123456Z"}
    service.store.append_events(
        [
            world.event("lead-08", "session_booked", at, told),
            world.event("lead-08", "email_opened", at - 1, old),
        ]
    )
    local = when(ends).astimezone(ZoneInfo("Asia/Kolkata"))
    day, until = f"{local.day} {local:%b}", f"{local:%H:%M}"
    with at_desk("Ann", timezone_id="Asia/Kolkata") as sheet:
        sheet.goto("/leads/lead-08")
        now = sheet.locator("#now")
        expect(now).to_contain_text("A session is booked, until")
        said = now.locator("time").inner_text()
        assert said.startswith(f"{local:%a}")
        assert said.endswith(f"{day}, {until}")
        expect(sheet.locator(".timeline dd time").first).to_contain_text(f"{day}")
        expect(sheet.locator(".timeline")).not_to_contain_text(rfc3339(ends))
        expect(sheet.locator(".timeline")).to_contain_text("1 Mar 2024, 05:00")
        sheet.goto("/?q=lead-08")
        expect(sheet.locator("[data-row] .todo")).to_contain_text(f"{day}, {until}")
    with at_desk("Ann", java_script_enabled=False) as sheet:
        sheet.goto("/leads/lead-08")
        expect(sheet.locator("#now time")).to_contain_text("11:00 UTC")


def test_whatever_a_lead_is_called(at_desk, desk):
    """Ids and traits without a space keep within the page; tables are scrolled by keys, too."""
    _, service, _ = desk
    lead = "0123456789abcdef" * 8
    told: dict[str, object] = {
        "customerSuccessManagerEmailAddress" * 3: "x" * 300,
        "name": "W" * 120,
    }
    service.store.append_events(
        [
            *world.climber(lead, now(), 2),
            world.event(lead, "identify", now() - DAY_US, told),
            world.event(lead, "page_viewed", now() - 2 * DAY_US, told),
            world.event(lead, "lead_asked", now() - DAY_US, {"text": "?" * 300}),
        ]
    )
    for width in (1280, 360):
        with at_desk("Ann", width, 740) as sheet:
            sheet.goto(f"/leads/{lead}")
            sheet.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)")
            for part in (".rungs li > span:last-child", ".tick"):  # a step may be called so
                sheet.locator(part).first.evaluate("(one) => one.textContent = 'Ü'.repeat(60)")
            assert overflow(sheet) <= 0
            assert violations(sheet) == []
