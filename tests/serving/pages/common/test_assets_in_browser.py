"""What the style sheets promise of all pages: in line, whole, on paper, and hit by a finger."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.serving.browser import opened, overflow

pytestmark = pytest.mark.slow

PAGES = (
    *("/", "/?q=berg", "/?tab=mine", "/leads/lead-0001", "/leads/customer", "/ladder"),
    *("/experiments", "/models", "/settings", "/settings/offers", "/settings/keys"),
    *("/settings/connections", "/settings/webhooks", "/settings/checks", "/settings/privacy"),
    *("/settings/activity", "/settings/new-offer", "/reference"),
)
TOO_SMALL = """() => {
  for (const one of document.querySelectorAll("main details:not(.act)")) one.open = true;
  const targets = [...document.querySelectorAll("main :is(a, summary, button, select, textarea)")];
  const least = (one) => one.matches(".button, .menu button") ? 44 : 24;
  return targets
    .filter((one) => one.checkVisibility({ visibilityProperty: true }))
    .filter((one) => one.getBoundingClientRect().height < least(one))
    .map((one) => [one.outerHTML.slice(0, 90), one.getBoundingClientRect().height]);
}"""
"""Links that are less than 24 pixels high, and what is pressed that is less than 44."""
CUT = """() => {
  const all = [...document.querySelectorAll(".top *")].filter((one) => one.checkVisibility());
  const over = (one) => one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 1;
  const search = document.querySelector("#search"), probe = document.createElement("span");
  probe.style = `font: ${getComputedStyle(search).font}; position: absolute`;
  probe.textContent = search.placeholder;
  document.body.append(probe);
  const room = search.clientWidth - parseFloat(getComputedStyle(search).paddingLeft);
  const isCut = probe.offsetWidth > room;
  probe.remove();
  const cut = all.filter(over).map((one) => one.outerHTML.slice(0, 90));
  return isCut ? ["search", ...cut] : cut;
}"""
"""What of the header holds more than can be seen of it."""
HEIGHTS = """(told) => told.map((one) => {
  document.querySelector(".fresh").lastChild.data = one;
  return document.querySelector("header").offsetHeight;
})"""
"""How high the header is, by what it says of how fresh the page is."""
COLUMNS = """() => [...document.querySelectorAll(".queue > .lead")].map(
  (row) => [...row.children].map((one) => Math.round(one.getBoundingClientRect().left)).join()
)"""


@pytest.mark.parametrize("path", PAGES)
def test_a_finger_hits_everything(browser, site, path):
    """On a phone a link is at least 24 pixels high, and what is pressed 44."""
    with opened(browser, site, 390, 844, has_touch=True, is_mobile=True) as sheet:
        sheet.goto(path)
        assert sheet.evaluate(TOO_SMALL) == []
        assert overflow(sheet) <= 0


def test_a_menu_under_a_finger(browser, site):
    """What is chosen in a menu is as high."""
    with opened(browser, site, 390, 844, has_touch=True, is_mobile=True) as sheet:
        sheet.goto("/?tab=quiet")
        sheet.get_by_text("Done", exact=True).first.click()
        assert sheet.evaluate(TOO_SMALL) == []


@pytest.mark.usefixtures("unhurried")
def test_columns_are_in_line(at_desk):
    """Of those who can be called and those who cannot, of whom something was just done."""
    with at_desk("Ann") as sheet:
        row = sheet.get_by_role("listitem").filter(has_text="Person 3")
        row.get_by_text("Done", exact=True).click()
        row.get_by_role("button", name="No answer").click()
        row.get_by_role("button", name="Undo").wait_for()
        found = sheet.evaluate(COLUMNS)
        row.get_by_role("button", name="Undo").click()
        row.get_by_text("Done", exact=True).wait_for()
    assert len(found) > 2
    # The columns but the last, where what can be done stands at its right end.
    assert len({one.rsplit(",", 1)[0] for one in found}) == 1


@pytest.mark.parametrize("width", [860, 700, 390, 360, 320])
def test_nothing_of_the_header_is_cut(browser, site, width):
    """On a phone, a tablet and enlarged each page and who looks can be read; all of it fits."""
    with opened(browser, site, width, 740) as sheet:
        sheet.goto("/")
        assert sheet.evaluate(CUT) == []
        assert overflow(sheet) <= 0
        sheet.locator(".me summary").click()
        expect(sheet.locator(".me .menu")).to_contain_text("this machine")


def test_the_header_on_a_phone_stays_as_high(browser, site):
    """Whatever is said of how fresh the page is."""
    with opened(browser, site, 360, 740) as sheet:
        sheet.goto("/")
        said = ["Live", "No news yet", "Waiting for scores", "Scores stopped at 11:42 PM"]
        assert len(set(sheet.evaluate(HEIGHTS, said))) == 1


def test_a_filter_on_a_phone(browser, site):
    """Opened, it is no wider than the window, beside the longest name of a table."""
    with opened(browser, site, 320, 740) as sheet:
        sheet.goto("/?tab=marketing")
        sheet.locator(".filter summary").click()
        assert overflow(sheet) <= 0


def test_on_paper(browser, site):
    """It is dark on light, whatever the screen is, and has nothing that can only be pressed."""
    with opened(browser, site, color_scheme="dark") as sheet:
        sheet.goto("/")
        assert luminance(sheet, "h1") > 0.7
        sheet.emulate_media(media="print", color_scheme="dark")
        assert luminance(sheet, "h1") < 0.3
        expect(sheet.locator(".name").first).to_be_visible()
        pressed = sheet.locator(".main-nav, .search, .tools, .buttons")
        expect(pressed.locator("visible=true")).to_have_count(0)


def test_colours_of_the_system(browser, site):
    """Where those of the page are not used, the page and the work one is at still stand out."""
    with opened(browser, site, forced_colors="active") as sheet:
        sheet.goto("/?tab=quiet")
        for nav in (".main-nav", ".tabs"):
            grounds = sheet.eval_on_selector_all(
                f"{nav} a", "(all) => all.map((one) => getComputedStyle(one).backgroundColor)"
            )
            chosen = sheet.eval_on_selector(
                f"{nav} a[aria-current]", "(one) => getComputedStyle(one).backgroundColor"
            )
            assert grounds.count(chosen) == 1


def luminance(sheet, what):
    """How light the letters of an element are, from 0 to 1."""
    colour = sheet.eval_on_selector(what, "(one) => getComputedStyle(one).color")
    return sum(map(int, re.findall(r"\d+", colour)[:3])) / 765
