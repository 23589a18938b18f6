"""The queue as a person works with it, in a real browser: by hand, by keys, live, on a phone."""

from __future__ import annotations

import re
from contextlib import contextmanager

import pytest
from playwright.sync_api import expect

from features.clock import rfc3339
from features.store.privacy import Privacy
from tests.serving import world
from tests.serving.browser import overflow, violations

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "path", ["/", "/?tab=reply", "/?tab=quiet", "/?tab=mine", "/?q=zzz", "/?source=x", "/?q=person"]
)
def test_usable_by_all(at_desk, scheme, path):
    """No rule of axe-core is broken, and nothing is wider than the window, down to 320 pixels."""
    with at_desk("Ann", color_scheme=scheme) as sheet:
        sheet.goto(path)
        assert violations(sheet) == []
        for width in (1280, 640, 320):  # 640 is 1280 at 200 %
            sheet.set_viewport_size({"width": width, "height": 800})
            assert overflow(sheet) <= 0, width
        for one in sheet.locator(".odds .small").all()[:1]:
            one.evaluate("(one) => one.textContent = 'Ü'.repeat(60)")  # as a step may be called
            assert overflow(sheet) <= 0


def test_ten_seconds(ann):
    """Whom to call, why, what to say and how: all of the first row, at once."""
    row = ann.get_by_role("listitem").filter(has_text="Ada Lovelace")
    expect(row).to_contain_text("Asked: “When can we start?” waits 2 hours")
    expect(row).to_contain_text("Answer what they asked")
    call, mail = row.get_by_text("Call", exact=True), row.get_by_text("Mail", exact=True)
    expect(call).to_have_attribute("href", "tel:+442079460001")
    expect(mail).to_have_attribute("href", "mailto:ada@engines.example")
    assert ann.get_by_role("listitem").first.inner_text().startswith("Ada Lovelace")


@pytest.mark.usefixtures("unhurried")
def test_done_and_undone(ann):
    """What was done shows in the row, can be taken back there, and then all is as it was."""
    row = ann.get_by_role("listitem").filter(has_text="Person 4")
    row.get_by_text("Done", exact=True).click()
    row.get_by_role("button", name="No answer").click()
    expect(row.get_by_role("status")).to_have_text("No answer")
    expect(row).to_contain_text("In your hands")
    row.get_by_role("button", name="Undo").click()
    expect(row.get_by_text("Done", exact=True)).to_be_visible()
    expect(row).not_to_contain_text("In your hands")


@pytest.mark.usefixtures("unhurried")
def test_an_action_that_asks(ann, desk):
    """A session held asks for its minutes, and the event has them."""
    _, service, _ = desk
    row = ann.get_by_role("listitem").filter(has_text="Person 3")
    row.get_by_text("Done", exact=True).click()
    row.get_by_text("Session held …").click()
    row.get_by_label("Minutes").fill("25")
    row.get_by_role("button", name="Session held").click()
    expect(row.get_by_role("status")).to_have_text("Session held")
    newest = service.store.actions.newest(9)
    (kept,) = [one for one in newest if (one.lead_id, one.action) == ("lead-03", "held")]
    assert kept.events[0] == ("session_held", {"minutes": 25.0})
    row.get_by_role("button", name="Undo").click()
    expect(row.get_by_text("Done", exact=True)).to_be_visible()


@pytest.mark.usefixtures("unhurried")
def test_a_list_of_buttons_says_whose_each_is(ann):
    """Who hears all links and buttons at once hears a name with each, after its text."""
    row = ann.get_by_role("listitem").filter(has_text="Ada Lovelace")
    for text, called in (
        ("Call", "Call Ada Lovelace"),
        ("Mail", "Mail Ada Lovelace"),
        ("Done", "Done: Ada Lovelace"),
        ("Later", "Later: Ada Lovelace"),
    ):
        expect(row.get_by_text(text, exact=True)).to_have_accessible_name(called)
    assert not re.search(r'^\s*- (?:link|button) "(?:Call|Mail|Done|Later)"', aria_of(ann), re.M)
    taken = act(ann, "Person 9", "No answer")
    undo = taken.get_by_text("Undo", exact=True)
    expect(undo).to_have_accessible_name(re.compile("^Undo: Person 9"))
    undo.click()
    expect(taken.get_by_text("Done", exact=True)).to_be_visible()


def aria_of(sheet):
    return sheet.locator("#rows").aria_snapshot()


def test_keys(ann):
    """j and k walk, d opens what can be done, Escape closes it, / searches, ? lists all keys."""
    ann.keyboard.press("j")
    expect(ann.locator("[data-row] a:focus")).to_have_text("Ada Lovelace")
    ann.keyboard.press("j")
    second = ann.locator("[data-row] a:focus").inner_text()
    assert second != "Ada Lovelace"
    ann.keyboard.press("k")
    ann.keyboard.press("d")
    expect(ann.get_by_role("button", name="Talked").first).to_be_visible()
    ann.keyboard.press("Escape")
    expect(ann.get_by_role("button", name="Talked")).to_have_count(0)
    ann.keyboard.press("?")
    expect(ann.get_by_role("dialog")).to_contain_text("next and previous lead")
    ann.keyboard.press("Escape")
    ann.keyboard.press("/")
    ann.keyboard.type("lovel")
    ann.keyboard.press("Enter")
    expect(ann.get_by_role("heading", level=1)).to_have_text(re.compile("1 found"))
    ann.keyboard.press("Escape")
    ann.locator("h1").click()
    ann.keyboard.press("g")
    ann.keyboard.press("q")
    expect(ann.get_by_role("heading", level=1)).to_have_text(re.compile("talk|reply|call"))


def test_keys_of_one_letter_are_turned_off(ann):
    """Who speaks to their machine finds it in their menu; it holds on the next page."""
    ann.locator(".me summary").click()
    ann.get_by_role("button", name="Keys").click()
    ann.get_by_role("checkbox", name="Keys of one letter are on").uncheck()
    ann.get_by_role("button", name="Close").click()
    for _ in range(2):
        for key in ("j", "?", "g", "l", "/"):
            ann.keyboard.press(key)
        expect(ann.locator("[data-row] a:focus, dialog[open], #search:focus")).to_have_count(0)
        ann.reload()
    ann.locator(".me summary").click()
    ann.get_by_role("button", name="Keys").click()
    ann.get_by_role("checkbox").check()
    ann.get_by_role("button", name="Close").click()
    ann.keyboard.press("j")
    expect(ann.locator("[data-row] a:focus")).to_have_text("Ada Lovelace")


def test_all_by_tabulator(ann):
    """Every link and button is reached by the keyboard alone, in the order that is read."""
    seen = []
    for _ in range(14):
        ann.keyboard.press("Tab")
        seen.append(ann.evaluate("document.activeElement.innerText || document.activeElement.name"))
    assert seen[0] == "Skip to the content"
    assert [one for one in seen if one in ("Queue", "Ladder", "Settings")] == [
        "Queue",
        "Ladder",
        "Settings",
    ]


def test_live(ann, desk):
    """What arrives shows on an open queue within five seconds, without a hand."""
    _, service, texts = desk
    assert "Grace Hopper" not in ann.content()
    now, sent = rfc3339(service.clock()), ann.request
    key = {"Authorization": f"Bearer {texts['tool']}"}
    for name, properties in (
        ("identify", {"name": "Grace Hopper"}),
        ("lead_asked", {"text": "Are you there?"}),
    ):
        event = {"message_id": f"live-{name}", "lead_id": "grace", "name": name, "occurred_at": now}
        answer = sent.post(
            "/v1/events", data={"events": [event | {"properties": properties}]}, headers=key
        )
        assert answer.status in (200, 202), answer.text()
    expect(ann.get_by_text("Are you there?").first).to_be_visible(timeout=5_000)


def test_rows_do_not_move_under_a_hand(ann, desk):
    """While somebody is at a row, what is new is said in a bar, and the row stays where it is."""
    _, service, texts = desk
    row = ann.get_by_role("listitem").filter(has_text="Person 9")
    row.get_by_role("link", name="Person 9").focus()
    key = {"Authorization": f"Bearer {texts['tool']}"}
    event = {"message_id": "bar", "lead_id": "zoe", "name": "lead_asked"}
    event["occurred_at"] = rfc3339(service.clock() - 5 * world.HOUR_US)
    assert ann.request.post("/v1/events", data={"events": [event]}, headers=key).ok
    expect(
        ann.get_by_text("new on top").or_(ann.get_by_text("The order has changed"))
    ).to_be_visible()
    assert ann.evaluate("document.activeElement.innerText") == "Person 9"


@pytest.mark.usefixtures("unhurried")
def test_what_others_have(at_desk):
    """What one rep takes, another does not see; on the lead's page it says whose it is."""
    with at_desk("Ann") as ann, at_desk("Bob") as bob:
        row = ann.get_by_role("listitem").filter(has_text="Person 8")
        row.get_by_text("Done", exact=True).click()
        row.get_by_role("button", name="Take it").click()
        expect(row).to_contain_text("In your hands")
        bob.reload()
        expect(bob.get_by_role("listitem").filter(has_text="Person 8")).to_have_count(0)
        bob.goto("/leads/lead-08")
        expect(bob.get_by_text("ask them before you do anything")).to_be_visible()
        row.get_by_role("button", name="Undo").click()


def test_who_may_only_look(at_desk, desk):
    """A reader sees no button, and a form that is sent all the same is refused."""
    with at_desk("Eve") as sheet:
        expect(sheet.get_by_text("Ada Lovelace")).to_be_visible()
        assert sheet.get_by_text("Done", exact=True).count() == 0
        form = {"lead": "lead-00", "do": "claim"}
        answer = sheet.request.post("/act", form=form, headers={"Origin": desk[0]})
        assert answer.status == 403


@pytest.mark.usefixtures("unhurried")
def test_without_scripts(at_desk):
    """All of it works with scripts off: filters, actions, undo, search."""
    with at_desk("Bob", java_script_enabled=False) as sheet:
        row = sheet.get_by_role("listitem").filter(has_text="Person 9")
        row.get_by_text("Later", exact=True).click()
        row.get_by_role("button", name="In two weeks").click()
        expect(row.get_by_role("status")).to_have_text("Later: in two weeks")
        row.get_by_role("button", name="Undo").click()
        expect(row.get_by_text("Later", exact=True)).to_be_visible()
        sheet.get_by_text("Filter").click()
        sheet.get_by_label(re.compile("^Chance")).select_option("low")
        sheet.get_by_role("button", name="Show", exact=True).click()
        assert "band=low" in sheet.url
        sheet.get_by_label("Search leads").fill("person 1")
        sheet.keyboard.press("Enter")
        expect(sheet.get_by_role("heading", level=1)).to_contain_text("found for")


def test_on_a_phone(at_desk):
    """Three leads stand on the first screen of a phone, and every target can be hit."""
    with at_desk("Ann", 390, 844, has_touch=True, is_mobile=True) as sheet:
        tops = [row.bounding_box()["y"] for row in sheet.get_by_role("listitem").all()[:4]]
        assert sum(top < 844 for top in tops) >= 3
        sizes = [
            one.bounding_box()
            for one in sheet.locator("main a:visible, main summary:visible").all()
        ]
        assert [box for box in sizes if box["height"] < 24] == []


@pytest.fixture
def uneasy(browser, desk, sessions):
    """Opens the queue as Ann where requests are to fail, which a browser reports."""

    @contextmanager
    def opened_uneasy():
        context = browser.new_context(base_url=desk[0], storage_state=sessions["Ann"])
        sheet = context.new_page()
        sheet.set_default_timeout(30_000)
        try:
            sheet.goto("/")
            yield sheet
        finally:
            context.close()

    return opened_uneasy


def act(sheet, who, what):
    """Press a button of a row's first menu."""
    row = sheet.get_by_role("listitem").filter(has_text=who)
    row.get_by_text("Done", exact=True).click()
    row.get_by_role("button", name=what).click()
    return row


def test_a_service_that_is_away(uneasy):
    """That nothing was done is said, and the header says so too, until it is there again."""
    with uneasy() as sheet:
        sheet.context.set_offline(True)
        row = act(sheet, "Person 9", "No answer")
        expect(sheet.get_by_role("alert")).to_contain_text("this may not have been done")
        expect(sheet.locator(".fresh")).to_have_text("Not reached")
        expect(row).to_be_visible()
        sheet.context.set_offline(False)
        expect(sheet.locator(".fresh")).not_to_have_text("Not reached")


@pytest.mark.parametrize("how", ["away", "failing"])
def test_a_filter_that_was_not_applied(uneasy, how):
    """It says again by what its list is, and why; once Rung is there again it can be chosen."""

    def stopped(route):
        return route.abort() if how == "away" else route.fulfill(status=500, body="<main><p>Off")

    with uneasy() as sheet:
        sheet.get_by_text("Filter", exact=True).click()
        chance = sheet.get_by_label(re.compile("^Chance"))
        chance.select_option("low")
        expect(sheet).to_have_url(re.compile("band=low"))
        sheet.route("**/*", stopped)
        chance.select_option("high")
        said = "the list is as it was" if how == "away" else "That was not done. Off"
        expect(sheet.get_by_role("alert")).to_contain_text(said)
        expect(chance).to_have_value("low")
        sheet.unroute("**/*")
        expect(sheet.locator(".fresh")).not_to_have_text(re.compile("^Not re"))
        expect(chance).to_have_value("low")
        chance.select_option("high")
        expect(sheet).to_have_url(re.compile("band=high"))
        expect(chance).to_have_value("high")


def test_a_session_that_is_over(uneasy):
    """The list stays, and leads to the login, whether somebody acts or only looks."""
    with uneasy() as sheet:
        cookies = sheet.context.cookies()
        sheet.context.clear_cookies()
        expect(sheet.locator(".fresh")).to_have_text("Logged out")
        expect(sheet.get_by_role("alert")).to_contain_text("not logged in any more")
        row = act(sheet, "Person 9", "No answer")
        expect(sheet.get_by_role("alert")).to_contain_text("not logged in any more")
        expect(row).to_be_visible()
        sheet.context.add_cookies(cookies)  # as after a login in another window
        expect(sheet.locator("#said")).to_be_empty()
        expect(sheet.locator(".fresh")).not_to_have_text("Logged out")
        sheet.context.clear_cookies()
        with sheet.context.expect_page() as beside:
            sheet.get_by_role("link", name="Log in").click()
        expect(beside.value.get_by_label("Key", exact=True)).to_be_visible()
        expect(row).to_be_visible()


@pytest.mark.usefixtures("unhurried")
def test_a_double_click_is_one(ann):
    """What is clicked twice is done once, and one Undo takes it back."""
    row = ann.get_by_role("listitem").filter(has_text="Person 8")
    row.get_by_text("Done", exact=True).click()
    row.get_by_role("button", name="No answer").dblclick()
    expect(row.get_by_role("status")).to_have_text("No answer")
    row.get_by_role("button", name="Undo").click()
    expect(row.get_by_text("Done", exact=True)).to_be_visible()
    expect(row.get_by_role("status")).to_have_count(0)


@pytest.mark.usefixtures("unhurried")
def test_keys_go_on_where_they_were(ann):
    """Who acts by keys is at the row still, on what can be done with it next."""
    row = ann.get_by_role("listitem").filter(has_text="Person 3")
    row.get_by_role("link", name="Person 3").focus()
    ann.keyboard.press("d")
    row.get_by_role("button", name="No answer").press("Enter")
    expect(row.get_by_role("button", name="Undo")).to_be_focused()
    ann.keyboard.press("Enter")
    expect(row.get_by_text("Done", exact=True)).to_be_visible()


def test_keys_of_the_one_lead(ann):
    """On a lead's page the keys are for that lead, wherever one is on it."""
    ann.get_by_role("listitem").get_by_role("link", name="Person 4").click()
    expect(ann.get_by_role("heading", name="Person 4")).to_be_visible()
    ann.keyboard.press("s")
    expect(ann.get_by_role("button", name="Tomorrow")).to_be_visible()


def test_news_that_cannot_be_had(uneasy):
    """A page that only looks says that it is not renewed, not that something was not done."""

    def answered(route):
        is_news = route.request.method == "GET" and "hx-request" in route.request.headers
        return route.fulfill(status=500, body="away") if is_news else route.continue_()

    with uneasy() as sheet:
        sheet.route("**/*", answered)
        expect(sheet.locator(".fresh")).to_have_text("Not renewed")
        expect(sheet.locator("#said")).to_be_empty()
        expect(sheet.get_by_role("listitem").first).to_be_visible()


def test_a_lead_that_opted_out_meanwhile(ann, desk):
    """Why nothing was done is said where it is seen, and the list stays."""
    _, service, _ = desk
    row = ann.get_by_role("listitem").filter(has_text="Person 9")
    row.get_by_text("Done", exact=True).click()
    lead = row.get_by_role("link", name="Person 9").get_attribute("href")
    lead = lead.split("?")[0].rpartition("/")[2]
    privacy = Privacy(service.store.database)
    privacy.opt_out([lead], service.clock())
    try:
        row.get_by_role("button", name="No answer").click()
        said = ann.get_by_role("alert")
        expect(said).to_contain_text("This person has opted out by now")
        expect(said).to_be_in_viewport()
        expect(ann.get_by_role("listitem").first).to_be_visible()
    finally:
        privacy.opt_in([lead], service.clock())


def test_what_is_open_and_typed_stays(ann, desk):
    """A list that renews itself closes no menu, and keeps what is typed in it."""
    _, service, _ = desk
    row = ann.get_by_role("listitem").filter(has_text="Person 3")
    row.get_by_text("Done", exact=True).click()
    row.get_by_text("Session held …").click()
    row.get_by_label("Minutes").fill("25")
    with ann.expect_response(
        lambda answer: "seen=" in answer.url and answer.status == 200, timeout=30_000
    ):
        service.store.actions.do(
            "lead-05", "b2b", "note", "Noted", [], by="", name="Bob", now=service.clock()
        )
    ann.wait_for_timeout(500)
    expect(row.get_by_label("Minutes")).to_be_visible()
    expect(row.get_by_label("Minutes")).to_have_value("25")
