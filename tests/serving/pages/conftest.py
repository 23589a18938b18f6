"""A browser, and a site to look at with it."""

from __future__ import annotations

import pytest

from serving.app import create_app
from serving.settings import Settings
from tests.serving.browser import CHROMIUM, driven, opened, served
from tests.serving.conftest import copy_of, wait_until_scored


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("there is no chromium here to look at the pages with")
    with driven() as browser:
        yield browser


@pytest.fixture(scope="module")
def site(folder, tmp_path_factory):
    """The address of a service over a store of its own, all leads scored."""
    url = copy_of(folder, tmp_path_factory.mktemp("site"))
    app = create_app(Settings(url, folder / "fitted", rescore_seconds=3600.0))
    with served(app) as address:
        wait_until_scored(app.state.service)
        yield address


@pytest.fixture
def sheet(browser, site):
    """An empty sheet of the browser, as wide as a laptop."""
    with opened(browser, site) as sheet:
        yield sheet
