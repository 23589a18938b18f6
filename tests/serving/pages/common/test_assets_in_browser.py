"""What the style sheets promise of all pages: columns in line, and targets that a finger hits."""

from __future__ import annotations

import pytest

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
