"""A browser, and a site to look at with it."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from playwright.sync_api import expect

from features.clock import now
from features.store.events import EventStore
from serving.app import create_app
from serving.edge.access.keys import Keys
from serving.settings import Settings
from tests.serving import world
from tests.serving.browser import CHROMIUM, driven, opened, served
from tests.serving.conftest import copy_of, wait_until_scored

CALLABLE: dict[str, object] = {
    "name": "Ada Lovelace",
    "email": "ada@engines.example",
    "phone": "+44 20 7946 0001",
}
OTHERS: list[dict[str, object]] = [{"name": f"Person {at}"} for at in range(1, 12)]


class Pace:
    """The true time, which passes slowly for as long as a block lasts."""

    def __init__(self):
        self._pace = now(), now(), 1.0  # threads read it

    def __call__(self):
        at, began, share = self._pace
        return at + round((now() - began) * share)

    @contextmanager
    def slowed(self):
        """Ten seconds take some minutes, and no two instants are one."""
        self._pace = self(), now(), 0.05
        yield
        self._pace = now(), now(), 1.0


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


@pytest.fixture(scope="module")
def desk(folder, tmp_path_factory):
    """A service with people to call, one of whom waits for a reply; keys of two and a reader."""
    path, until = tmp_path_factory.mktemp("desk"), world.now()
    events = [one for at in range(12) for one in world.climber(f"lead-{at:02}", until, at % 5)]
    events += [
        world.event(f"lead-{at:02}", "identify", until - 9 * world.HOUR_US, traits)
        for at, traits in enumerate([CALLABLE, *OTHERS])
    ]
    events.append(
        world.event(
            "lead-00", "lead_asked", until - 2 * world.HOUR_US, {"text": "When can we start?"}
        )
    )
    url = world.filled(path, events)
    with EventStore.open(url) as store:
        texts = {
            name: Keys(store.database).create(name, scopes, as_of=until)[1]
            for name, scopes in (
                ("Ann", {"read", "decide"}),
                ("Bob", {"read", "decide"}),
                ("Eve", {"read"}),
                ("tool", {"ingest"}),
            )
        }
    settings = Settings(url, folder / "rates", rescore_seconds=3600.0)
    app = create_app(settings, clock=Pace())
    with served(app) as address:
        service = app.state.service
        wait_until_scored(service)
        yield address, service, texts


@pytest.fixture
def unhurried(desk):
    """What is done can be undone for as long as a slow machine takes to come to it."""
    with desk[1].clock.slowed():
        yield


@pytest.fixture(scope="module")
def sessions(browser, desk):
    """By name, what a browser keeps of somebody who has logged in."""
    address, _, texts = desk
    held = {}
    for name in ("Ann", "Bob", "Eve"):
        with opened(browser, address) as sheet:
            sheet.goto("/login")
            sheet.get_by_label("Key", exact=True).fill(texts[name])
            sheet.get_by_role("button", name="Log in").click()
            expect(sheet.get_by_role("navigation", name="Kinds of work")).to_be_visible()
            held[name] = sheet.context.storage_state()
    return held


@pytest.fixture
def at_desk(browser, desk, sessions):
    """Opens a browser as somebody, at the queue."""

    @contextmanager
    def opened_by(name, *size, **options):
        with opened(browser, desk[0], *size, storage_state=sessions[name], **options) as sheet:
            sheet.goto("/")
            yield sheet

    return opened_by


@pytest.fixture
def ann(at_desk):
    with at_desk("Ann") as sheet:
        yield sheet
