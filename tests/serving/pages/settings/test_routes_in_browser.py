"""The settings as people see and use them, in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from serving.app import create_app
from serving.settings import Settings
from tests.serving.browser import opened, overflow, served, unfold, violations
from tests.serving.conftest import wait_until_scored

pytestmark = pytest.mark.slow

PAGES = (
    *("/settings", "/settings/offers", "/settings/offers/live-qa", "/settings/new-offer"),
    *("/settings/keys", "/settings/connections", "/settings/webhooks", "/settings/checks?all=true"),
    *("/settings/privacy?id=lead-0003", "/settings/privacy?id=lead-0007", "/settings/activity"),
)


@pytest.fixture(scope="module")
def address(busy_settings):
    """Where the busy service answers."""
    app = create_app(busy_settings)
    with served(app) as found:
        wait_until_scored(app.state.service)
        yield found


@pytest.fixture
def sheet(browser, address):
    with opened(browser, address) as found:
        yield found


@pytest.fixture(scope="module")
def webhook(browser, address):
    """The page of an endpoint with deliveries."""
    with opened(browser, address) as sheet:
        sheet.goto("/settings/webhooks")
        return sheet.get_by_role("link", name="Slack of the sales team").get_attribute("href")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_for_all(browser, address, webhook, scheme):
    """Every page can be used by all, in light and in dark, on a desk and on a small phone."""
    with opened(browser, address, color_scheme=scheme) as sheet:
        for page in (*PAGES, webhook, f"{webhook}/remove"):
            sheet.goto(page)
            unfold(sheet)
            assert violations(sheet) == [], page
            for width in (1280, 390, 320):
                sheet.set_viewport_size({"width": width, "height": 800})
                assert overflow(sheet) <= 0, (page, width)
            sheet.set_viewport_size({"width": 1280, "height": 800})


def test_links_are_large_enough(browser, address):
    """What is tapped on a phone is 24 pixels high at least, but for links within a sentence."""
    with opened(browser, address, width=390) as sheet:
        for page in ("/settings", "/settings/offers", "/settings/webhooks"):
            sheet.goto(page)
            for one in sheet.locator("main :is(button, .button, .places a, .title)").all():
                box = one.bounding_box()
                assert box is None or box["height"] >= 24, one.inner_text()


def test_pause_and_undo_by_keyboard(sheet):
    """Whoever uses the keyboard alone pauses an offer, reads what was done, and takes it back."""
    sheet.goto("/settings/offers")
    button = sheet.get_by_role("button", name="Pause The bottleneck framework in five minutes")
    button.focus()
    sheet.keyboard.press("Enter")
    note = sheet.get_by_role("status").filter(has_text="Paused:")
    assert "“The bottleneck framework in five minutes”" in note.inner_text()
    assert "It is offered to nobody from now on." in note.inner_text()
    note.get_by_role("button", name="Offer it again").focus()
    sheet.keyboard.press("Enter")
    sheet.get_by_role("status").filter(has_text="Offered again:").wait_for()
    sheet.keyboard.press("g")
    sheet.keyboard.press("s")
    sheet.wait_for_url("**/settings")


@pytest.fixture
def plain(browser, address):
    """A sheet without scripts, on which a form may be refused: browsers call that an error."""
    context = browser.new_context(base_url=address, java_script_enabled=False)
    yield context.new_page()
    context.close()


def test_edit_without_scripts(plain):
    """Without scripts an offer is edited; what will not do is said beside its field."""
    plain.goto("/settings/offers/diagnosis-guide")
    plain.get_by_label("Title").fill("")
    plain.get_by_label("Minutes of the lead").fill("a few")
    plain.get_by_role("button", name="Save").click()
    expect(plain.get_by_text("This is empty.")).to_be_visible()
    minutes = plain.get_by_label("Minutes of the lead")
    assert minutes.input_value() == "a few"
    assert minutes.get_attribute("aria-invalid") == "true"
    described = (minutes.get_attribute("aria-describedby") or "").split()[0]
    assert "Write a number" in plain.locator(f"#{described}").inner_text()
    plain.get_by_label("Title").fill("Six signs that a handover loses work")
    minutes.fill("9")
    plain.get_by_role("button", name="Save").click()
    note = plain.get_by_role("status").filter(has_text="Changed:")
    assert "Title, minutes of the lead." in note.inner_text()
    note.get_by_role("button", name="Put it back").click()
    assert plain.get_by_role("heading", level=1).inner_text().startswith("Seven signs")


def test_a_date(sheet):
    """A state from a later date on is shown as planned, and can be called off."""
    sheet.goto("/settings/offers/team-trial")
    sheet.get_by_text("From a later date on").click()
    sheet.locator("#f-state_from").fill("2099-03-01T09:00")
    sheet.get_by_role("button", name="Pause it").click()
    expect(sheet.get_by_text("From 1 Mar 2099 on: paused.")).to_be_visible()
    sheet.get_by_role("button", name="Call it off").click()
    assert sheet.get_by_text("From 1 Mar 2099 on: paused.").count() == 0


def test_new_offer(sheet):
    """A new offer is added from its step, and stands in the list."""
    sheet.goto("/settings/offers?step=human")
    sheet.get_by_role("link", name="New offer").click()
    assert sheet.get_by_label("Step", exact=True).input_value() == "human"
    sheet.get_by_label("Title").fill("A walk through your figures")
    sheet.get_by_label("Kind").fill("session")
    sheet.get_by_label("With a person of yours").check()
    sheet.get_by_role("button", name="Add the offer").click()
    expect(sheet.get_by_role("status").filter(has_text="New:")).to_be_visible()
    sheet.goto("/settings/offers?step=human")
    expect(sheet.get_by_role("link", name="A walk through your figures").first).to_be_visible()


def test_times_in_the_readers_zone(browser, address):
    """Times are those of the reader's clock, where scripts run."""
    with opened(browser, address, timezone_id="Asia/Tokyo") as sheet:
        sheet.goto("/settings/activity")
        assert "UTC" not in sheet.locator("main time").first.inner_text()
    with opened(browser, address, java_script_enabled=False) as sheet:
        sheet.goto("/settings/activity")
        assert "UTC" in sheet.locator("main time").first.inner_text()


def test_webhook(sheet):
    """An address is added, its secret shown once, and then tested, switched off and removed."""
    sheet.goto("/settings/webhooks")
    sheet.get_by_role("textbox", name="Address").fill("https://new.invalid/rung")
    sheet.get_by_label("What it is", exact=True).fill("New one")
    sheet.get_by_label("A lead completed a step of the ladder").check()
    sheet.get_by_role("button", name="Add it").click()
    secret = sheet.get_by_label("The secret", exact=True).input_value()
    assert secret.startswith("whsec_")
    sheet.get_by_role("link", name="I have kept it").click()
    assert secret not in sheet.content()
    sheet.get_by_role("button", name="Send a test").click()
    expect(sheet.get_by_role("status").filter(has_text="A test is sent.")).to_be_visible()
    sheet.get_by_role("button", name="Switch it off").click()
    sheet.get_by_role("status").get_by_role("button", name="Switch it on again").click()
    sheet.get_by_role("link", name="Remove it").click()
    sheet.get_by_role("button", name="Remove it").click()
    expect(sheet.get_by_role("status").filter(has_text="Removed.")).to_be_visible()


def test_replay(sheet, webhook):
    """What was given up is ticked and sent again."""
    sheet.goto(f"{webhook}?state=failed")
    sheet.get_by_role("checkbox", name=re.compile("Send again")).first.check()
    sheet.get_by_role("button", name="Send the ticked ones again").click()
    expect(
        sheet.get_by_role("status").filter(has_text="1 notification is on the way")
    ).to_be_visible()


def test_first_key(browser, folder, tmp_path):
    """Whoever makes the first key goes on with it; after the logout it opens the pages again."""
    app = create_app(Settings(f"sqlite:///{tmp_path / 'new.db'}", folder / "nothing"))
    with served(app) as address, opened(browser, address, java_script_enabled=False) as sheet:
        sheet.goto("/settings")
        sheet.get_by_role("link", name="Make the first key").click()
        with opened(browser, address) as other:
            other.goto("/settings/keys")
            assert violations(other) == []
        sheet.get_by_label("Your name").fill("Ann Weber")
        sheet.get_by_role("button", name="Make my key").click()
        key = sheet.get_by_label("The key", exact=True).input_value()
        expect(sheet.get_by_text("From now on everyone needs a key")).to_be_visible()
        assert sheet.locator(".me summary").inner_text().endswith("Ann Weber")
        sheet.get_by_role("link", name="Make keys for the others").click()
        sheet.get_by_label("Whose it is").fill("Ben Okafor")
        sheet.get_by_label("See scores, the queue and leads").check()
        sheet.get_by_role("button", name="Make the key").click()
        second = sheet.get_by_label("The key", exact=True).input_value()
        sheet.get_by_role("link", name="I have kept it").click()
        sheet.get_by_role("link", name="Revoke Ben Okafor").click()
        expect(sheet.get_by_text("It cannot be taken up again.")).to_be_visible()
        sheet.get_by_role("button", name="Revoke it").click()
        expect(sheet.get_by_role("status").filter(has_text="Revoked:")).to_be_visible()
        sheet.locator(".me summary").click()
        sheet.get_by_role("button", name="Log out").click()
        sheet.get_by_label("Key", exact=True).fill(key)
        sheet.get_by_role("button", name="Log in").click()
        sheet.goto("/settings/keys")
        expect(sheet.get_by_text("Yours")).to_be_visible()
        assert second not in sheet.content()


def test_who_may_not(browser, folder, tmp_path):
    """Who may only look is not led to keys and webhooks; a link that leads there says why not."""
    url = f"sqlite:///{tmp_path / 'new.db'}"
    app = create_app(Settings(url, folder / "nothing"))
    with served(app) as address:
        key = app.state.access.keys.create("Ben", ["read"], as_of=1)[1]
        app.state.access.forget()
        with opened(browser, address) as sheet:
            sheet.goto("/login?next=/settings")
            sheet.get_by_label("Key", exact=True).fill(key)
            sheet.get_by_role("button", name="Log in").click()
            places = sheet.get_by_role("navigation", name="Settings")
            expect(places.get_by_role("link", name="Offers")).to_be_visible()
            assert places.get_by_role("link", name="Keys").count() == 0
            sheet.goto("/settings/keys")
            expect(sheet.get_by_text("Only who may change settings sees this")).to_be_visible()
            assert violations(sheet) == []
