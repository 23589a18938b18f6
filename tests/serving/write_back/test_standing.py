"""How CRMs stand."""

from __future__ import annotations

import sqlalchemy as sa

from features.store.schema import write_backs
from serving.write_back.standing import CrmStanding, crm_standings, failures_of

NOW = 1_800_000_000_000_000
HOUR = 3_600_000_000


def kept(database, *rows) -> None:
    usual = {"external_id": "1", "wanted": None, "due_at": None, "leased_until": 0}
    usual |= {"attempts": 0, "written": None, "written_at": None, "error": None}
    with database.writing() as connection:
        connection.execute(
            sa.insert(write_backs),
            [{**usual, **row, "lead_id": f"lead-{at}"} for at, row in enumerate(rows)],
        )


def test_standings(database):
    """What a CRM took, what waits, fails, was given up, and what nobody tells, CRM by CRM."""
    kept(
        database,
        {"connector": "hubspot", "written": "{}", "written_at": NOW - 5},
        {"connector": "hubspot", "written": "{}", "written_at": NOW - 9, "due_at": NOW + HOUR},
        {"connector": "hubspot", "wanted": "{}", "due_at": NOW + HOUR, "error": "answered 503"},
        {"connector": "hubspot", "wanted": "{}", "error": "answered 400"},
        {"connector": "hubspot", "wanted": "{}", "due_at": NOW - HOUR},
        {"connector": "hubspot", "wanted": "{}", "due_at": NOW - HOUR, "leased_until": NOW + 5},
        {"connector": "mautic", "wanted": "{}", "due_at": NOW},
    )
    assert crm_standings(database, NOW) == [
        CrmStanding("hubspot", NOW - 5, held=2, waiting=4, failing=1, given_up=1, idle=1),
        CrmStanding("mautic", None, held=0, waiting=1, failing=0, given_up=0, idle=0),
    ]


def test_failures(database):
    """What records failed with, the most common first, a few of them."""
    rows = [
        {"connector": "hubspot", "error": f"answered {400 + at}"}
        for at in range(7)
        for _ in range(at + 1)
    ]
    kept(database, *rows, {"connector": "mautic", "error": "away"}, {"connector": "hubspot"})
    found = failures_of(database, "hubspot")
    assert found == [(f"answered {400 + at}", at + 1) for at in (6, 5, 4, 3, 2)]


def test_nobody(database):
    """A store that told no CRM has none."""
    assert crm_standings(database, NOW) == []
    assert failures_of(database, "hubspot") == []
