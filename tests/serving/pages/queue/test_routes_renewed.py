"""The queue while several work at it: it renews itself, and moves nothing under anybody's hand."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from features.clock import rfc3339
from tests.serving import world
from tests.serving.browser import violations

pytestmark = pytest.mark.slow

SOON = 30_000
"""Milliseconds within which a page that renews itself shows what is new, on a busy machine."""
IN_THE_LOG = 60_000
"""And within which what was done cannot be undone any more, and is scored."""
NAMES = "[...document.querySelectorAll('[data-row] a.name')].map((one) => one.innerText)"
BAR = "[data-renew]"


def row_of(sheet, name):
    link = sheet.get_by_role("link", name=name, exact=True)
    return sheet.locator("[data-row]").filter(has=link)


def do(sheet, name, button):
    row = row_of(sheet, name)
    row.get_by_text("Done", exact=True).click()
    row.get_by_role("button", name=button, exact=True).click()
    expect(row.get_by_role("button", name="Undo")).to_be_visible()
    return row


def type_minutes(sheet, name):
    """Say of somebody that a session was held, and send nothing yet."""
    row = row_of(sheet, name)
    row.get_by_text("Done", exact=True).click()
    row.get_by_text("Session held …").click()
    row.get_by_label("Minutes").fill("25")
    return row


def leave(sheet):
    """Be at no row: neither with the pointer nor with the focus."""
    sheet.mouse.move(5, 5)
    sheet.evaluate("document.activeElement.blur()")


def renewed(sheet, at_once):
    """Until a page has been told of something that was done in `at_once`."""
    with sheet.expect_response(
        lambda answer: "seen=" in answer.url and answer.status == 200, timeout=SOON
    ):
        at_once()
    sheet.wait_for_timeout(300)


def arrive(desk, sheet, lead, name="email_clicked", **properties):
    """An event comes in, as from a website."""
    _, service, texts = desk
    event = {"lead_id": lead, "name": name, "occurred_at": rfc3339(service.clock())}
    event |= {"message_id": f"{lead}-{service.clock()}", "properties": properties}
    key = {"Authorization": f"Bearer {texts['tool']}"}
    assert sheet.request.post("/v1/events", data={"events": [event]}, headers=key).ok


@pytest.fixture(autouse=True)
def nobody_has_any(desk):
    """Nobody has a lead in hand when a test begins."""
    _, service, _ = desk
    store, now = service.store, service.clock()
    for actions in store.actions.open().values():
        for one in actions:
            store.actions.undo(one.id, name=one.name, now=now, of_anybody=True)
    for lead, hand in store.hands.now(now).items():
        let_go: dict[str, object] = {"by": hand.owner_at(now)}
        store.append_events([world.event(lead, "lead_released", now, let_go)])


def test_rows_stay_while_somebody_types(at_desk, desk):
    """Through any number of news; the bar stays with them until the form is done with."""
    with at_desk("Ann") as ann, at_desk("Bob") as bob:
        names = bob.evaluate(NAMES)
        own = names[-1]
        row = type_minutes(bob, own)
        leave(bob)  # what is typed holds them as well as the focus does
        do(ann, names[-2], "Take it")
        expect(row_of(bob, names[-2])).to_contain_text("With Ann", timeout=SOON)
        expect(bob.locator(BAR)).to_have_text("The order has changed Show")
        top = row.bounding_box()["y"]
        for _ in range(2):
            renewed(bob, lambda: arrive(desk, ann, "lead-11"))
            assert bob.evaluate(NAMES) == names
            assert row.bounding_box()["y"] == top
            expect(bob.locator(BAR)).to_be_visible()
        assert violations(bob) == []
        row.get_by_label("Minutes").fill("")
        bob.keyboard.press("Escape")
        leave(bob)
        expect(row_of(bob, names[-2])).to_have_count(0, timeout=SOON)
        expect(bob.locator(BAR)).to_have_count(0)


def test_a_form_whose_lead_another_takes(at_desk):
    """What was typed is still there, and it says whose the lead is; nothing pretends to be live."""
    with at_desk("Ann") as ann, at_desk("Bob") as bob:
        own = bob.evaluate(NAMES)[-1]
        row = type_minutes(bob, own)
        do(ann, own, "Take it")
        expect(bob.get_by_role("alert")).to_contain_text("With Ann: nothing", timeout=SOON)
        expect(bob.get_by_role("alert")).to_contain_text("still here")
        expect(bob.locator(".fresh")).to_have_text("Not renewed")
        expect(row.get_by_label("Minutes")).to_have_value("25")
        expect(row.get_by_label("Minutes")).to_be_focused()
        row.get_by_role("button", name="Session held").click()
        expect(bob.get_by_role("alert")).to_contain_text("Ann works with this lead")
        expect(row.get_by_label("Minutes")).to_have_value("25")


@pytest.mark.usefixtures("unhurried")
def test_a_row_that_somebody_looks_at_is_taken(at_desk):
    """It says whose it is where one could call, and who stands there by keys stands there still."""
    with at_desk("Ann") as ann, at_desk("Bob") as bob:
        row = row_of(bob, "Ada Lovelace")
        row.get_by_role("link", name="Call").focus()
        taken = do(ann, "Ada Lovelace", "Take it")
        expect(row.locator(".buttons")).to_have_text("With Ann", timeout=SOON)
        expect(row.get_by_role("link", name="Ada Lovelace")).to_be_focused()
        expect(bob.locator(BAR)).to_be_visible()
        taken.get_by_role("button", name="Undo").click()
        expect(row.get_by_role("link", name="Call")).to_be_visible(timeout=SOON)
        expect(bob.locator(BAR)).to_have_count(0)


def test_the_row_that_was_acted_on_renews(at_desk):
    """Undo goes with its time, the row says what is so by then, and so do the counts."""
    with at_desk("Ann") as ann:
        names = ann.evaluate(NAMES)
        expect(ann.get_by_role("heading", level=1)).to_contain_text("1 waits for a reply")
        row = do(ann, "Ada Lovelace", "Talked")
        ann.mouse.move(600, 600)  # over the list still
        expect(row).to_contain_text("waits")
        expect(row.get_by_role("button", name="Undo")).to_have_count(0, timeout=IN_THE_LOG)
        expect(row).not_to_contain_text("waits", timeout=IN_THE_LOG)
        expect(row).to_contain_text("In your hands")
        expect(ann.get_by_role("heading", level=1)).not_to_contain_text("waits")
        assert ann.evaluate(NAMES) == names
        expect(ann.locator(BAR)).to_have_text("The order has changed Show")
        leave(ann)
        expect(ann.locator(BAR)).to_have_count(0, timeout=SOON)


@pytest.mark.usefixtures("unhurried")
def test_acting_moves_no_other_row(at_desk, desk):
    """Who acts while a bar says that there is news finds all rows where they were."""
    with at_desk("Ann") as ann:
        names = ann.evaluate(NAMES)
        row_of(ann, names[-1]).get_by_role("link", name=names[-1]).focus()
        arrive(desk, ann, "new", "lead_asked", text="Hello?")
        expect(ann.locator(BAR)).to_have_text("1 new on top Show", timeout=SOON)
        row = do(ann, names[-1], "No answer")
        assert ann.evaluate(NAMES) == names
        row.get_by_role("button", name="Undo").click()
        expect(row.get_by_role("button", name="Undo")).to_have_count(0)
        assert ann.evaluate(NAMES) == names
        ann.locator(BAR).click()
        expect(ann.locator(BAR)).to_have_count(0)
        assert ann.evaluate(NAMES)[1:] == names


def test_a_login_elsewhere(desk, browser):
    """The link of a session that is over opens beside the page, on which what was typed stays."""
    address, _, texts = desk
    context = browser.new_context(base_url=address)
    try:
        sheet = context.new_page()
        sheet.set_default_timeout(SOON)
        sheet.goto("/login?next=/leads/lead-04")
        log_in(sheet, texts["Bob"])
        sheet.get_by_label("A note", exact=True).fill("Prefers mornings")
        context.clear_cookies()
        expect(sheet.get_by_role("alert")).to_contain_text("in a new tab", timeout=SOON)
        with context.expect_page() as opening:
            sheet.get_by_role("link", name="Log in").click()
        log_in(opening.value, texts["Bob"])
        expect(opening.value.get_by_label("A note", exact=True)).to_have_value("")
        sheet.bring_to_front()
        expect(sheet.locator("#said")).to_be_empty(timeout=SOON)
        expect(sheet.get_by_label("A note", exact=True)).to_have_value("Prefers mornings")
        sheet.get_by_role("button", name="Keep", exact=True).click()
        expect(sheet.locator(".noted")).to_contain_text("Prefers mornings")
    finally:
        context.close()


def log_in(sheet, key):
    sheet.get_by_label("Key", exact=True).fill(key)
    sheet.get_by_role("button", name="Log in").click()
