"""The page of the ladder as a person uses it, in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.serving import world
from tests.serving.browser import opened, overflow, served, violations
from tests.serving.counting import count
from tests.serving.pages.ladder.scene import ASKERS, app_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def many_site(many_folder):
    with served(app_of(many_folder)) as address:
        yield address


@pytest.fixture(scope="module")
def some_site(some_folder):
    with served(app_of(some_folder)) as address:
        yield address


@pytest.fixture
def uncounted_site(tmp_path):
    """A service on some events that nobody has counted; with its store."""
    world.filled(tmp_path, world.climber("ann", world.now(), 2))
    app = app_of(tmp_path, ladder="b2b")
    with served(app) as address:
        yield address, app.state.service


@pytest.fixture
def own(browser, some_site):
    """A sheet on the service of some leads."""
    with opened(browser, some_site) as sheet:
        yield sheet


def open_all(sheet):
    """Unfold all that is folded."""
    for one in sheet.locator("main details").all():
        one.locator("summary").click()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_can_use_it(browser, many_site, some_site, scheme):
    """Every state, with all unfolded; nothing is wider than the window, however small."""
    for site, address in (
        (many_site, "/ladder?within=all"),
        (many_site, "/ladder/leads?within=all&step=assess"),
        (some_site, "/ladder?within=90"),
        (some_site, "/ladder?only=source:moon"),
        (some_site, "/ladder/leads?step=content&state=pending"),
    ):
        with opened(browser, site, width=320, color_scheme=scheme) as sheet:
            sheet.goto(address)
            open_all(sheet)
            assert violations(sheet) == [], address
            assert overflow(sheet) <= 0, address


def test_the_first_count_shows_itself(browser, uncounted_site):
    """Who waits for it need not reload the page."""
    address, service = uncounted_site
    with opened(browser, address, width=320) as sheet:
        sheet.goto("/ladder")
        expect(sheet.get_by_role("heading", name="Not counted yet")).to_be_visible()
        assert violations(sheet) == []
        assert overflow(sheet) <= 0
        count(service.store, service.ladder)
        sheet.get_by_text("Of those who come to a step, how many go on").wait_for()
        assert sheet.locator("main").count() == 1


def test_the_first_screen_answers(browser, many_site):
    """The sentence and all steps stand on a laptop's first screen; on a phone the sentence does."""
    with opened(browser, many_site) as sheet:
        sheet.goto("/ladder?within=all")
        answer = sheet.get_by_text(re.compile(r"Most stop before Assessment: \d+ of 100 go on"))
        assert answer.bounding_box()["y"] < 150
        assert sheet.locator(".step").last.bounding_box()["y"] < 800
    with opened(browser, many_site, width=390, height=844) as sheet:
        sheet.goto("/ladder?within=all")
        assert sheet.get_by_text("below the usual 40 to 60.").first.bounding_box()["y"] < 400


@pytest.mark.parametrize("scripts", [True, False])
def test_from_the_answer_to_a_lead(browser, some_site, scripts):
    """By links and a form alone: choose whom, open a number, open a lead."""
    with opened(browser, some_site, java_script_enabled=scripts) as sheet:
        sheet.goto("/ladder")
        sheet.get_by_role("link", name="All time").click()
        sheet.get_by_label("Source").select_option("referral")
        sheet.get_by_role("button", name="Show").click()
        sheet.wait_for_url("**only=source%3Areferral**")
        assert "within=all" in sheet.url
        assert sheet.get_by_label("Source").input_value() == "source:referral"
        number = sheet.get_by_role("link", name=re.compile(r"Content: \d+ not in time"))
        (wanted,) = re.findall(r"\d+", number.inner_text())
        number.click()
        heading = sheet.get_by_role("heading", level=1)
        assert heading.inner_text() == "Did not go on to Content in time"
        assert f"{wanted} lead" in sheet.locator(".sub").inner_text()
        back = sheet.get_by_role("link", name="Where leads stop")
        back.click()
        assert sheet.get_by_label("Source").input_value() == "source:referral"
        sheet.get_by_role("link", name=re.compile("Only Source: referral")).click()
        assert sheet.get_by_label("Source").input_value() == ""


def test_weeks_months_and_the_stretch_before(browser, many_site):
    with opened(browser, many_site) as sheet:
        sheet.goto("/ladder?within=90")
        expect(sheet.get_by_role("heading", name="Since when: by week")).to_be_visible()
        sheet.get_by_role("link", name="By month").click()
        expect(sheet.get_by_role("heading", name="Since when: by month")).to_be_visible()
        assert sheet.locator("svg .former").count() > 0
        sheet.get_by_role("link", name="Hide").click()
        sheet.wait_for_url("**beside=no**")
        assert "every=month" in sheet.url
        assert sheet.locator("svg .former").count() == 0
        sheet.get_by_role("link", name=re.compile("Show the 90 days before")).click()
        sheet.wait_for_url(lambda url: "beside" not in url)


def test_a_table_is_downloaded(own):
    own.goto("/ladder")
    with own.expect_download() as kept:
        own.get_by_role("link", name="CSV", exact=True).first.click()
    assert kept.value.suggested_filename == "ladder-steps.csv"


def test_by_keys_alone(own):
    """To the ladder, to a number, down its list to a lead."""
    own.goto("/ladder/leads?within=all&step=content")
    own.keyboard.press("g")
    own.keyboard.press("l")
    own.wait_for_url("**/ladder")
    link = own.get_by_role("link", name=re.compile(r"Content: \d+ came"))
    for _ in range(40):
        own.keyboard.press("Tab")
        if link.evaluate("one => one == document.activeElement"):
            break
    assert link.evaluate("one => getComputedStyle(one).outlineStyle") != "none"
    own.keyboard.press("Enter")
    own.wait_for_url("**/ladder/leads**")
    own.keyboard.press("j")
    own.keyboard.press("j")
    chosen = own.evaluate("document.activeElement.getAttribute('href')")
    assert chosen.startswith("/leads/")


def test_who_waits_is_a_click_away(own):
    own.goto("/ladder")
    late = own.locator(".late a")
    assert late.count() == 10 < ASKERS
    name = late.first.inner_text()
    late.first.click()
    expect(own.get_by_role("heading", name=name).first).to_be_visible()


def test_touch_targets(browser, some_site):
    """Links of the page are high enough for a finger."""
    with opened(browser, some_site, width=390) as sheet:
        sheet.goto("/ladder?within=all")
        open_all(sheet)
        links = sheet.locator(
            ".counts a, .table a, .foot a, .only, .stretches a, .apart a, .late a"
        )
        heights = [one.bounding_box()["height"] for one in links.all()]
        assert len(heights) > 20
        assert min(heights) >= 24
