"""A service with everything on and something wrong with most of it, names that are hostile too."""

from __future__ import annotations

import json
from pathlib import Path

import sqlalchemy as sa

from features.events.log import DAY_US
from features.ladder.controls import Arm, Experiment
from features.ladder.file import read_ladder
from features.offers.experiments import body_of
from features.store.events import EventStore
from features.store.privacy import Privacy
from features.store.schema import deliveries, endpoints, notifications, write_backs
from serving.connectors.received import ReceivedNotes
from serving.notifications.endpoints import Endpoints
from serving.settings import Settings
from serving.write_back.rules import Fields

HOSTILE = "<img src=x onerror=alert(1)>\u202egnp"
"""A name that would break a page which trusts it."""
SECRET = "topsecret"  # noqa: S105 of a test
CONNECTORS = f"""
[stripe]
secret = "{SECRET}"
[zoom]
secret = "{SECRET}"
[hubspot]
secret = "{SECRET}"
[hubspot.write_back]
base_url = "http://localhost:9"
token = "{SECRET}"
id_property = "rung_lead_id"
"""
HOUR_US = DAY_US // 24


def settings_of(folder: Path, url: str, bundle: Path) -> Settings:
    """Settings with a file of connectors and a ladder file of one's own."""
    file, ladder = folder / "connectors.toml", folder / "ladder.toml"
    file.write_text(CONNECTORS)
    source = read_ladder("b2b").source.replace(
        "# rep_minutes_a_day = 480", "rep_minutes_a_day = 480"
    )
    ladder.write_text(source)
    return Settings(
        database_url=url,
        bundle=bundle,
        rescore_seconds=3600.0,
        connectors=file,
        ladder=str(ladder),
    )


def fill(url: str, now: int) -> None:
    """Let a store hold what weeks of use leave behind."""
    ladder = read_ladder("b2b")
    with EventStore.open(url) as store:
        _offers(store, ladder, now)
        body = body_of(
            Experiment(
                "webinar",
                "offer",
                (Arm("short", 0.5, ("bottleneck-webinar",)), Arm("usual", 0.5)),
                control="usual",
                step="participation",
                title=f"Shorter webinar {HOSTILE}",
            )
        )
        store.experiments.start(ladder.name, "webinar", body, now=now - 9 * DAY_US, by="Ann Weber")
        store.experiments.stop(ladder.name, "webinar", now=now - DAY_US, verdict="it helps")
        notes = ReceivedNotes(store.database)
        notes.taken("stripe", now - HOUR_US)
        notes.taken("zoom", now - 2 * DAY_US)
        notes.refused("zoom", now - HOUR_US, "x-zm-signature is not the signature of the request")
        _told(store, now)
        _notified(store, now)
        privacy = Privacy(store.database)
        privacy.opt_out(["lead-0003"], now - 3 * DAY_US, f"letter of 3 May {HOSTILE}")
        privacy.opt_out(["nobody-yet"], now - 2 * DAY_US)
        privacy.erase("lead-0004", now - DAY_US)
        privacy.erase("lead-0005", now - HOUR_US, is_suppressed=True)


def _offers(store, ladder, now) -> None:
    def state(offer, status, days, by, later=0):
        at = now - round(days * DAY_US)
        store.offers.set_status(ladder, offer, status, from_at=at + later, now=at, by=by)

    state("savings-calculator", "paused", 5, "Ann Weber")
    state("delay-explorer", "retired", 4, HOSTILE)
    state("live-qa", "paused", 2, "Ben Okafor", later=9 * DAY_US)
    new: dict[str, object] = {"id": "readiness-check", "step": "value", "kind": "quiz"}
    new |= {"title": f"Are you ready? {HOSTILE}", "effort": {"minutes": 6}}
    new["topics"] = ["bottlenecks"]
    store.offers.keep(ladder, new, from_at=now - 3 * DAY_US, now=now - 3 * DAY_US, by="Ann Weber")


def _told(store, now) -> None:
    """HubSpot takes most, refuses some; a CRM that is off has rows left."""
    fields = Fields(0.4, "medium", "value", None, now, "0123456789ab").text()
    rows = []
    for at in range(60):
        failed, given_up = at % 12 == 0, at % 20 == 7
        rows.append(
            {
                "connector": "hubspot" if at < 50 else "mautic",
                "lead_id": f"lead-{at:04}",
                "external_id": str(at),
                "wanted": fields if failed or given_up else None,
                "due_at": now + HOUR_US if failed else None,
                "leased_until": 0,
                "attempts": 3 if failed or given_up else 0,
                "written": fields,
                "written_at": now - (at + 1) * HOUR_US,
                "error": (f"answered 400: {HOSTILE}" if given_up else "answered 503")
                if failed or given_up
                else None,
            }
        )
    with store.database.writing() as connection:
        connection.execute(sa.insert(write_backs), rows)


def _notified(store, now) -> None:
    """Two endpoints: one that works but for some, one that was switched off."""
    made = Endpoints(store.database, lambda: now - 19 * DAY_US)
    earlier = Endpoints(store.database, lambda: now - 20 * DAY_US)
    on, _ = earlier.add("https://hooks.invalid/rung?token=abc", "Slack of the sales team", [])
    off, _ = made.add("https://crm.invalid/in", "", ["step.completed", "reply.overdue"], ["ids"])
    types = ("step.completed", "score.band_changed", "reply.overdue")
    notices, rows = [], []
    for at in range(40):
        created = now - (at + 1) * HOUR_US
        notices.append(
            {
                "id": f"note-{at:03}",
                "type": types[at % 3],
                "lead_id": HOSTILE if at == 1 else f"lead-{at:04}",
                "created_at": created,
                "data": json.dumps({"lead_id": f"lead-{at:04}"}),
            }
        )
        waits, failed = at == 0, at % 9 == 4
        rows.append(
            {
                "notification_id": f"note-{at:03}",
                "endpoint_id": on.id,
                "attempts": 10 if failed else 2 if waits else 1,
                "due_at": now + HOUR_US if waits else None,
                "leased_until": 0,
                "attempted_at": created,
                "delivered_at": None if waits or failed else created,
                "status": 500 if waits or failed else 200,
                "error": "answered 500" if waits or failed else None,
            }
        )
    with store.database.writing() as connection:
        connection.execute(sa.insert(notifications), notices)
        connection.execute(sa.insert(deliveries), rows)
        why = {"disabled_at": now - DAY_US, "disabled_why": "nothing was taken for three days"}
        connection.execute(sa.update(endpoints).where(endpoints.c.id == off.id).values(why))
