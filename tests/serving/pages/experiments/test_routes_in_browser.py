"""The pages of experiments as a person uses them, in a real browser."""

from __future__ import annotations

import shutil

import pytest
from playwright.sync_api import expect

from features.store.events import EventStore
from serving.app import create_app
from serving.settings import Settings
from tests.serving import world
from tests.serving.browser import opened, overflow, served, unfold, violations
from tests.serving.conftest import copy_of, wait_until_scored
from tests.serving.pages.experiments import scene
from tests.serving.pages.experiments.scene import B2B, CALCULATOR, STEP, TOOLS, WORKSHEET
from tests.serving.process.judged.scene import keep_gate

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(folder, tmp_path_factory):
    """A service in which things were tried, and whose learned policy has passed its gate."""
    path, now = tmp_path_factory.mktemp("tried"), world.now()
    url = copy_of(folder, path)
    with EventStore.open(url) as store:
        scene.tried(store, now)
        scene.judged(store, B2B, TOOLS, now)
        scene.by_lot(store, now)
    bundle = shutil.copytree(folder / "fitted", path / "bundle")
    app = create_app(Settings(url, bundle, rescore_seconds=3600.0))
    with served(app) as address:
        wait_until_scored(app.state.service)
        keep_gate(app.state.service)
        yield address


ADDRESSES = (
    "/experiments",
    "/experiments/tools",
    "/experiments/-/begin",
    f"/experiments/-/begin?kind=offer&step={STEP.id}",
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_them(browser, site, scheme):
    """Each page, in light and in dark, with all that is folded unfolded."""
    with opened(browser, site, color_scheme=scheme) as sheet:
        for address in ADDRESSES:
            sheet.goto(address)
            unfold(sheet)
            assert violations(sheet) == [], address


@pytest.mark.parametrize("width", [320, 390])
def test_on_a_phone(browser, site, width):
    """Nothing is wider than the window, and every way is told in words."""
    with opened(browser, site, width=width) as sheet:
        for address in ADDRESSES:
            sheet.goto(address)
            unfold(sheet)
            assert overflow(sheet) <= 0, address
        sheet.goto("/experiments/tools")
        expect(sheet.get_by_text(CALCULATOR.title).first).to_be_visible()


def test_from_the_menu_to_an_experiment(sheet):
    """By the menu, then by its title; the address of each table is a file."""
    sheet.goto("/models")
    sheet.get_by_role("link", name="Experiments", exact=True).click()
    assert sheet.get_by_role("heading", level=1).inner_text() == "Experiments"
    sheet.get_by_role("link", name="Worksheet or calculator").click()
    assert sheet.get_by_role("heading", level=1).inner_text() == "Worksheet or calculator"
    expect(sheet.get_by_text("Helps", exact=True).first).to_be_visible()
    with sheet.expect_download() as kept:
        sheet.get_by_role("link", name="CSV", exact=True).click()
    assert kept.value.suggested_filename == "tools-goals.csv"


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_life_of_an_experiment(browser, site, scripts):
    """Begun by links and a form, ended, put away: with scripts and without."""
    title = f"Early or late {'on' if scripts else 'off'}"
    with opened(browser, site, java_script_enabled=scripts) as sheet:
        sheet.goto("/experiments")
        sheet.get_by_role("link", name="Begin an experiment").click()
        sheet.get_by_role("link", name="Time of day").click()
        sheet.get_by_label("What is tried").fill(title)
        for at, name in enumerate(("Morning", "Evening")):
            sheet.get_by_label("What they get").nth(at).fill(name)
        sheet.get_by_role("button", name="Begin it").click()
        assert sheet.get_by_role("heading", level=1).inner_text() == title
        sheet.get_by_text("End this experiment").click()
        sheet.get_by_label("What you decided").fill("Nobody asked")
        sheet.get_by_role("button", name="End it").click()
        expect(sheet.get_by_text("Nobody asked")).to_be_visible()
        sheet.get_by_role("button", name="Put it away").click()
        sheet.get_by_text("put away").first.click()
        expect(sheet.get_by_role("link", name=title)).to_be_visible()


def test_a_mistake_on_the_form(browser, site):
    """It is told above the form, which is as it was filled in, and can be put right."""
    context = browser.new_context(base_url=site)  # a browser notes each 422 as something gone wrong
    sheet = context.new_page()
    sheet.goto("/experiments/-/begin?kind=hour")
    sheet.get_by_label("What is tried").fill("Put right")
    for at, name in enumerate(("Morning", "Evening")):
        sheet.get_by_label("What they get").nth(at).fill(name)
    sheet.get_by_label("Share of leads, in %").nth(1).fill("40")
    sheet.get_by_role("button", name="Begin it").click()
    assert "The shares come to 90 %" in sheet.get_by_role("alert").inner_text()
    assert sheet.get_by_label("What they get").nth(1).input_value() == "Evening"
    assert violations(sheet) == []
    sheet.get_by_label("Share of leads, in %").nth(1).fill("50")
    sheet.get_by_role("button", name="Begin it").click()
    assert sheet.get_by_role("heading", level=1).inner_text() == "Put right"
    context.close()


def test_by_keyboard(sheet):
    """Ticked, filled in and begun without a mouse."""
    sheet.goto(f"/experiments/-/begin?kind=offer&step={B2B.steps[2].id}")
    sheet.get_by_label("What is tried").focus()
    sheet.keyboard.type("By keys")
    sheet.keyboard.press("Tab")
    sheet.keyboard.press("Tab")
    sheet.keyboard.press("Space")
    second = sheet.locator("fieldset").nth(1).get_by_role("checkbox")
    second.nth(1).focus()
    sheet.keyboard.press("Space")
    sheet.get_by_role("button", name="Begin it").focus()
    sheet.keyboard.press("Enter")
    sheet.wait_for_url("**/experiments/by-keys")
    sheet.keyboard.press("g")
    sheet.keyboard.press("e")
    sheet.wait_for_url("**/experiments")
    expect(sheet.get_by_role("link", name="By keys")).to_be_visible()


def test_the_policy_is_let_to_choose_and_taken_back(sheet):
    """Two buttons, and what chooses is said at once."""
    sheet.goto("/experiments#gate")
    gate = sheet.locator("#gate")
    expect(gate.get_by_text("Rung's careful way")).to_be_visible()
    gate.get_by_role("button", name="Let it choose").click()
    expect(gate.get_by_text("It passed its gate.")).to_be_visible()
    gate.get_by_role("button", name="Back to the careful way").click()
    expect(gate.get_by_role("button", name="Let it choose")).to_be_visible()


def test_small_enough(sheet):
    """No page is over 100 kB."""
    for address in ADDRESSES:
        sheet.goto(address)
        assert len(sheet.content().encode()) < 100_000
    assert WORKSHEET.title in sheet.content()
