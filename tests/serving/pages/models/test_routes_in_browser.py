"""The page of models as a person uses it, in a real browser."""

from __future__ import annotations

import json
import shutil

import pytest
from playwright.sync_api import expect

from features.store.events import EventStore
from features.store.kept.recalibrations import KeptMove
from features.store.kept.reports import Report, Reports
from models.bundle import load_bundle
from models.judging.served import SCORES
from models.logged.former_bundles import Promotion, promote_into
from serving.app import create_app
from serving.settings import Settings
from tests.gates import scores_gate
from tests.serving import world
from tests.serving.browser import opened, overflow, served, unfold, violations
from tests.serving.conftest import copy_of, wait_until_scored
from tests.serving.pages.models import scene

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(folder, tmp_path_factory):
    """A service whose model came after another, and of whose chances it is known what came."""
    path, now = tmp_path_factory.mktemp("models"), world.now()
    url = copy_of(folder, path)
    former, fitted = (load_bundle(folder / name) for name in ("rates", "fitted"))
    bundle = shutil.copytree(folder / "rates", path / "bundle")
    gate = scores_gate(fitted, beside=former.hash)
    promote_into(bundle, folder / "fitted", gate, Promotion(now, "Ann", "it is better"))
    with EventStore.open(url) as store:
        for kind, about, body in (
            (SCORES, fitted.hash, {"evaluation": scene.evaluation(fitted), "note": ""}),
            ("readiness", "", scene.readiness()),
        ):
            held = json.loads(json.dumps(body))
            Reports(store.database).keep(Report(kind, "b2b", about, now, held))
        moves = [
            KeptMove("advancement", now - (99 - at) * 10**9, 0.002 * at, 1.0, at * 9 + 1)
            for at in range(99)
        ]
        store.recalibrations.add(fitted.hash, moves)
    app = create_app(Settings(url, bundle, rescore_seconds=3600.0))
    with served(app) as address:
        wait_until_scored(app.state.service)
        yield address


ADDRESSES = ("/models", "/models?goal=purchase", "/models/others")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(browser, site, scheme):
    """Both goals, in light and in dark, with all that is folded unfolded."""
    with opened(browser, site, color_scheme=scheme) as sheet:
        for address in ADDRESSES:
            sheet.goto(address)
            unfold(sheet)
            assert violations(sheet) == [], address


@pytest.mark.parametrize("width", [320, 390])
def test_on_a_phone(browser, site, width):
    """Nothing is wider than the window; tables scroll in themselves."""
    with opened(browser, site, width=width) as sheet:
        for address in ADDRESSES:
            sheet.goto(address)
            unfold(sheet)
            assert overflow(sheet) <= 0, address


def test_the_sentence_and_what_it_rests_on(sheet):
    """It is the first thing that is read; the other goal is a link away."""
    sheet.goto("/experiments")
    sheet.get_by_role("link", name="Models").click()
    expect(sheet.get_by_text("Of 100 leads given about 40 %, 39 went on.")).to_be_visible()
    sheet.get_by_text("As a table").first.click()
    expect(sheet.get_by_role("table").first.get_by_text("39 %")).to_be_visible()
    sheet.get_by_role("link", name="A purchase").click()
    expect(sheet.get_by_text("Whether its chances are kept is not known yet.")).to_be_visible()
    assert len(sheet.content().encode()) < 100_000


def test_without_scripts(browser, site):
    """All is there; times are in UTC."""
    with opened(browser, site, java_script_enabled=False) as sheet:
        sheet.goto("/models")
        expect(sheet.get_by_text("Of 100 leads given about 40 %, 39 went on.")).to_be_visible()
        assert " UTC" in sheet.locator("time[data-as]").first.inner_text()
        with sheet.expect_download() as kept:
            sheet.locator("#versions").get_by_role("link", name="CSV").click()
        assert kept.value.suggested_filename == "versions.csv"


def test_back_to_the_one_before(sheet):
    """By keyboard: unfolded, with a reason, and what serves is another one at once; and forth."""
    sheet.goto("/models")
    sheet.get_by_text("Go back to the one before").focus()
    sheet.keyboard.press("Enter")
    sheet.get_by_label("Why").focus()
    sheet.keyboard.type("The queue looks wrong")
    sheet.keyboard.press("Enter")
    sheet.wait_for_url("**/models#versions")
    versions = sheet.locator("#versions")
    expect(versions.get_by_text("The queue looks wrong")).to_be_visible()
    expect(versions.get_by_text("taken back")).to_be_visible()
    expect(sheet.get_by_text("Nobody has looked yet whether its chances are kept.")).to_be_visible()

    sheet.get_by_role("link", name="Which others are kept").click()
    assert violations(sheet) == []
    assert overflow(sheet) <= 0
    sheet.get_by_label("Why").focus()
    sheet.keyboard.type("It was better after all")
    sheet.keyboard.press("Enter")
    sheet.wait_for_url("**/models#versions")
    expect(versions.get_by_text("It was better after all")).to_be_visible()
    expect(sheet.get_by_text("Of 100 leads given about 40 %, 39 went on.")).to_be_visible()
