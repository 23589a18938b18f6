"""Counted stores to look at: leads with names on the shipped ladder; many with a planted cause."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

from starlette.testclient import TestClient

from features.events.log import DAY_US
from features.ladder.file import read_ladder
from features.store.events import EventStore
from serving.app import create_app
from serving.settings import Settings
from tests.models.judging.funnel.planted import DropOff, drop_off_log
from tests.serving import world
from tests.serving.counting import count

HTML = {"Accept": "text/html"}
LEADS = 1500
HOSTILE = "<b>\u202eeve</b>"
ASKERS = 12


def make_some(path):
    """A store of some leads on the shipped ladder with a limit for replies, counted."""
    now = world.now()
    source = read_ladder("b2b").source.replace("# reply_hours = 24", "reply_hours = 24 #")
    (path / "ladder.toml").write_text(source)
    waiting = [
        world.event(f"asker-{at:02}", name, now - days * DAY_US, {"name": f"Asker {at:02}"})
        for at in range(ASKERS)
        for name, days in (("identify", 20), ("lead_asked", 3))
    ]
    with EventStore.open(f"sqlite:///{path / 'events.db'}") as store:
        store.append_events([*world.population(120, now), *waiting])
        count(store, read_ladder(str(path / "ladder.toml")))


def make_many(path):
    """A store beside which many leads were counted, for whom the jump to a step is too large.

    Some of the leads have names; one of them, and an industry, are what strangers would write.
    """
    drop = DropOff("both", LEADS)
    log = drop_off_log(drop, 2)
    row = log.columns.texts.index("industry")
    values = list(log.text_values)
    values[row] = tuple({"retail": HOSTILE}.get(one, one) for one in values[row])
    (path / "ladder.toml").write_text(drop.ladder.source)
    known_at = 1_700_000_000_000_000
    names = [
        world.event(f"lead-{at:06d}", "identify", known_at, {"name": f"Ann {at}"})
        for at in range(1, LEADS // 10)
    ]
    hostile: dict[str, object] = {"name": "=HYPERLINK(1)", "company": "<i>&"}
    with EventStore.open(f"sqlite:///{path / 'events.db'}") as store:
        store.append_events([*names, world.event("lead-000000", "identify", known_at, hostile)])
        ladder = read_ladder(str(path / "ladder.toml"))
        count(store, ladder, replace(log, text_values=tuple(values)))


def app_of(folder, **more):
    """A service on a counted folder, without a model."""
    url, ladder = f"sqlite:///{folder / 'events.db'}", str(folder / "ladder.toml")
    return create_app(Settings(url, folder / "none", **{"ladder": ladder, **more}))


@contextmanager
def asked(app):
    """A client of an app, on this machine."""
    with TestClient(app, "http://127.0.0.1", client=("127.0.0.1", 50000)) as client:
        yield client
