"""A database, a CRM and a clock that stands still, to tell the one what the other knows."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from features.store.database import Database
from features.store.kept.scores import StoredScore
from features.store.schema import events, write_backs
from serving.write_back.calls import new_client
from serving.write_back.configuration import WriteBack, parse_write_backs
from serving.write_back.outbox import Outbox, Queued, scored
from serving.write_back.rules import DAY, SECOND
from serving.write_back.worker import Parts, Pause, write_batch
from tests.serving.write_back.fake_dynamics import FakeDynamics
from tests.serving.write_back.fakes import (
    TOKEN,
    Fake,
    FakeCustomerio,
    FakeHubSpot,
    FakeMautic,
    FakeSalesforce,
)

NOW = 1_790_000_000 * SECOND
_CERTIFICATES = ssl.create_default_context()  # reading them takes longer than a test
ENVIRONMENT = {"CRM_TOKEN": TOKEN, "CRM_APP": "app-token"}
FAKES: dict[str, type[Fake]] = {
    "customerio": FakeCustomerio,
    "dynamics": FakeDynamics,
    "hubspot": FakeHubSpot,
    "mautic": FakeMautic,
    "salesforce": FakeSalesforce,
}
_TABLES = {
    "customerio": (
        'base_url = "{url}"\nread_url = "{url}"\nsite_id = "site"\napi_key = "env:CRM_TOKEN"\n'
        'app_key = "env:CRM_APP"\n'
    ),
    "dynamics": (
        'base_url = "{url}"\nlogin_url = "{url}"\ntenant = "contoso.example"\nclient_id = "rung"\n'
        'client_secret = "env:CRM_TOKEN"\nid_property = "emailaddress1"\n'
    ),
    "hubspot": 'base_url = "{url}"\nid_property = "email"\ntoken = "env:CRM_TOKEN"\n',
    "mautic": 'base_url = "{url}"\nid_property = "email"\ntoken = "env:CRM_TOKEN"\n',
    "salesforce": 'base_url = "{url}"\nid_property = "Lead__c"\ntoken = "env:CRM_TOKEN"\n',
}


def target_of(connector: str, url: str, more: str = "") -> WriteBack:
    """How a fake is told; `more` are lines of its table."""
    text = f"[{connector}.write_back]\n{_TABLES[connector].format(url=url)}{more}"
    (target,) = parse_write_backs(text, "connectors.toml", ENVIRONMENT)
    return target


def score(
    lead_id: str,
    probability: float | None = 0.5,
    band: str | None = "medium",
    step: str = "human",
    at: int = NOW,
    reasons: str = "",
) -> StoredScore:
    return StoredScore(
        lead_id=lead_id,
        ladder="b2b",
        as_of=at,
        step=step,
        position=1,
        p_advance=probability,
        low=None,
        high=None,
        p_purchase=None,
        priority=0.0,
        percentile=None,
        reasons=reasons,
        bundle="0123456789abcdef",
        scored_at=at,
        last_active=None,
        band=band,
    )


@dataclass
class Scene:
    """One CRM that is told of the scores of a database.

    Parameters
    ----------
    now : microseconds; stands still until a test moves it.
    """

    database: Database
    fake: Fake
    target: WriteBack
    now: int = NOW
    pauses: dict[str, Pause] = field(default_factory=dict)

    @property
    def outbox(self) -> Outbox:
        return Outbox(self.database)

    def score(
        self,
        lead_id: str,
        probability: float | None = 0.5,
        band: str | None = "medium",
        step: str = "human",
        reasons: str = "",
    ) -> Queued:
        """Store that a lead has another score now."""
        return self.scores([score(lead_id, probability, band, step, self.now, reasons)])

    def scores(self, rows: Sequence[StoredScore]) -> Queued:
        with self.database.writing() as connection:
            return scored(connection, rows, [self.target])

    def tell(self) -> int:
        """One round of telling."""

        async def told() -> int:
            clock = lambda: self.now  # noqa: E731
            async with new_client(clock, verify=_CERTIFICATES) as client:
                parts = Parts(self.outbox, [self.target], client, clock, self.pauses)
                return await write_batch(parts, self.target)

        return asyncio.run(told())

    def identify(self, lead_id: str, traits: dict[str, object], at: int = NOW) -> None:
        """Let an event tell traits."""
        with self.database.writing() as connection:
            connection.execute(
                sa.insert(events).values(
                    lead_id=lead_id,
                    occurred_at=at,
                    message_id=f"{lead_id}-{at}",
                    name="identify",
                    known_at=at,
                    properties=json.dumps(traits),
                )
            )

    def row(self, lead_id: str) -> Any:
        """What is kept of a lead; None where nothing is."""
        with self.database.reading() as connection:
            wanted = sa.select(write_backs).where(write_backs.c.lead_id == lead_id)
            return connection.execute(wanted).one_or_none()

    def days(self, count: float) -> None:
        self.now += round(count * DAY)

    @property
    def held(self) -> dict[str, float | None]:
        """The probabilities that the CRM holds, by external id."""
        name = self.target.names.probability
        values = {each: values.get(name) for each, values in self.fake.records.items()}
        return {
            each: None if value in (None, "") else float(value) for each, value in values.items()
        }
