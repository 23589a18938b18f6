"""The endpoints that notifications go to, their secrets, and what became of each delivery."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import sqlalchemy as sa

from features.store.database import Database, insert_into, over
from features.store.kept.meta import meta_of, set_meta
from features.store.kept.notifications import Notice
from features.store.schema import deliveries, endpoints, meta, notifications
from serving.notifications.bodies import sample
from serving.notifications.errors import EndpointDisabled, RotatedSince, UnknownEndpoint
from serving.notifications.signature import new_secret, webhook_id

__all__ = [
    "LEASE_US",
    "AfterDelivery",
    "Delivery",
    "DeliveryState",
    "Endpoint",
    "Endpoints",
    "lock",
    "turn_off",
]

LEASE_US: Final = 60_000_000
"""For so long a process has a delivery for itself."""
FORMER_SECRET_US: Final = 24 * 3600 * 1_000_000
"""For so long a former secret signs too."""
_ROTATIONS: Final = 20
"""So many changes of a secret are known by their names."""
_IDS: Final = 500
_TEST: Final = "webhook.test"
_DISABLED: Final = "webhook.disabled"

DeliveryState = Literal["waiting", "delivered", "failed"]
AfterDelivery = tuple[int, str]
"""When the last notification of a page was created, and its id."""

_STATES: Final[dict[DeliveryState, sa.ColumnElement[bool]]] = {
    "waiting": deliveries.c.due_at.is_not(None),
    "delivered": deliveries.c.delivered_at.is_not(None),
    "failed": sa.and_(deliveries.c.due_at.is_(None), deliveries.c.delivered_at.is_(None)),
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where notifications go. Instants are microseconds since the epoch.

    Parameters
    ----------
    types : the types that it wants; none named: all.
    include : what it wants to find in bodies beside ids and figures.
    former_until : until then the former secret signs too; None where there is none.
    disabled_at, disabled_why : None while it is on.
    """

    id: str
    url: str = field(repr=False)  # it may hold a token
    description: str
    types: tuple[str, ...]
    include: tuple[str, ...]
    created_at: int
    former_until: int | None
    disabled_at: int | None
    disabled_why: str | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notification on its way to one endpoint. Instants are microseconds since the epoch.

    Parameters
    ----------
    webhook_id : what the receiver sees as `webhook-id`.
    data : what it tells, the text of a JSON object.
    extra : what the endpoint asked for beside, another one; None where nothing was read yet.
    due_at : the next attempt; None where there is none.
    status, error : of the last attempt.
    """

    notification_id: str
    webhook_id: str
    type: str
    lead_id: str | None
    created_at: int
    state: DeliveryState
    attempts: int
    attempted_at: int | None
    delivered_at: int | None
    due_at: int | None
    status: int | None
    error: str | None
    data: str = "{}"
    extra: str | None = None


class Endpoints:
    """The endpoints of a database.

    Parameters
    ----------
    clock : the present in microseconds since the epoch.
    """

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        self._database = database
        self._clock = clock

    def add(
        self,
        url: str,
        description: str,
        types: Sequence[str],
        include: Sequence[str] = (),
        *,
        named: str | None = None,
    ) -> tuple[Endpoint, str]:
        """Keep a new endpoint. Returns it and its secret, which nothing else shows.

        Parameters
        ----------
        named : what its id ends with. One that has this id already stays, and is returned.
        """
        id_, secret = f"endpoint-{named or secrets.token_hex(8)}", new_secret()
        values = {
            "id": id_,
            "url": url,
            "description": description,
            "types": json.dumps(list(types)),
            "include": json.dumps(list(include)),
            "secret": secret,
            "created_at": self._clock(),
        }
        with self._database.writing() as connection:
            added = insert_into(self._database.engine, endpoints).values(values)
            connection.execute(added.on_conflict_do_nothing())
            kept = sa.select(endpoints.c.secret).where(endpoints.c.id == id_)
            return _one(connection, id_), str(connection.scalar(kept))

    def all(self) -> list[Endpoint]:
        """Every endpoint, the oldest first."""
        wanted = _SHOWN.order_by(endpoints.c.created_at, endpoints.c.id)
        with self._database.reading() as connection:
            return [_endpoint(row) for row in connection.execute(wanted).mappings()]

    def one(self, endpoint_id: str) -> Endpoint:
        """An endpoint; UnknownEndpoint where there is none."""
        with self._database.reading() as connection:
            return _one(connection, endpoint_id)

    def change(
        self,
        endpoint_id: str,
        *,
        url: str | None = None,
        description: str | None = None,
        types: Sequence[str] | None = None,
        include: Sequence[str] | None = None,
        enabled: bool | None = None,
        check: Callable[[Endpoint], None] | None = None,
    ) -> Endpoint:
        """Change what is not None. An endpoint that is disabled loses what waits; see `turn_off`.

        Parameters
        ----------
        check : raises where the endpoint, as it is right before, is not to be changed.

        Raises
        ------
        UnknownEndpoint : there is none.
        """
        given = {
            "url": url,
            "description": description,
            "types": None if types is None else json.dumps(list(types)),
            "include": None if include is None else json.dumps(list(include)),
        }
        values: dict[str, Any] = {name: one for name, one in given.items() if one is not None}
        if enabled:
            values |= {"disabled_at": None, "disabled_why": None}
        with self._database.writing() as connection:
            lock(connection, endpoint_id)
            if check is not None:
                check(_one(connection, endpoint_id))
            if values:
                this = endpoints.c.id == endpoint_id
                connection.execute(sa.update(endpoints).where(this).values(values))
            if enabled is False:
                turn_off(connection, endpoint_id, "on request", self._clock())
            return _one(connection, endpoint_id)

    def remove(self, endpoint_id: str, *, check: Callable[[Endpoint], None] | None = None) -> None:
        """Forget an endpoint and its deliveries; UnknownEndpoint where there is none.

        Parameters
        ----------
        check : raises where the endpoint, as it is right before, is to stay.
        """
        with self._database.writing() as connection:
            lock(connection, endpoint_id)
            if check is not None:
                check(_one(connection, endpoint_id))
            its = deliveries.c.endpoint_id == endpoint_id
            connection.execute(sa.delete(deliveries).where(its))
            connection.execute(sa.delete(endpoints).where(endpoints.c.id == endpoint_id))
            connection.execute(sa.delete(meta).where(meta.c.key == _rotations(endpoint_id)))

    def rotate(
        self,
        endpoint_id: str,
        *,
        named: str | None = None,
        check: Callable[[Endpoint], None] | None = None,
    ) -> tuple[Endpoint, str]:
        """Give an endpoint another secret; for 24 hours the former one signs too.

        Parameters
        ----------
        named : what this change is called. One that was made already is not made again.
        check : as in `change`; not asked of what was made already.

        Raises
        ------
        UnknownEndpoint : there is none.
        RotatedSince : it was made already, and another one since.
        """
        secret = new_secret()
        values = {
            "former_secret": endpoints.c.secret,
            "former_until": self._clock() + FORMER_SECRET_US,
            "secret": secret,
        }
        with self._database.writing() as connection:
            lock(connection, endpoint_id)
            this = endpoints.c.id == endpoint_id
            if not _is_rotation_new(connection, endpoint_id, named):
                kept = sa.select(endpoints.c.secret).where(this)
                return _one(connection, endpoint_id), str(connection.scalar(kept))
            if check is not None:
                check(_one(connection, endpoint_id))
            connection.execute(sa.update(endpoints).where(this).values(values))
            return _one(connection, endpoint_id), secret

    def test(self, endpoint_id: str, *, named: str | None = None) -> str:
        """Have a `webhook.test` sent to one endpoint, whatever it wants; the notification's id.

        Parameters
        ----------
        named : what that id ends with. One that was sent already is not sent again.

        Raises
        ------
        UnknownEndpoint, EndpointDisabled : nothing can be sent there.
        """
        now = self._clock()
        data = json.dumps({"endpoint_id": endpoint_id})
        notice = Notice(f"test-{named or secrets.token_hex(12)}", _TEST, None, now, data)
        with self._database.writing() as connection:
            extra = sample(_check_enabled(connection, endpoint_id).include)
            due = _due(notice.id, endpoint_id, now) | {"extra": extra}
            for table, values in ((notifications, notice._asdict()), (deliveries, due)):
                added = insert_into(self._database.engine, table).values(values)
                connection.execute(added.on_conflict_do_nothing())
        return notice.id

    # ---------------------------------------------------------------------------------- Deliveries

    def deliveries(
        self,
        endpoint_id: str,
        limit: int,
        state: DeliveryState | None = None,
        after: AfterDelivery | None = None,
    ) -> list[Delivery]:
        """Deliveries to an endpoint, the latest notification first; `after` is the last one seen.

        Raises
        ------
        UnknownEndpoint : there is none.
        """
        created, id_ = notifications.c.created_at, notifications.c.id
        wanted = _LISTED.where(deliveries.c.endpoint_id == endpoint_id)
        if state is not None:
            wanted = wanted.where(_STATES[state])
        if after is not None:
            same = sa.and_(created == after[0], id_ < after[1])
            wanted = wanted.where(sa.or_(created < after[0], same))
        wanted = wanted.order_by(created.desc(), id_.desc()).limit(limit)
        with self._database.reading() as connection:
            _one(connection, endpoint_id)
            return [_delivery(row) for row in connection.execute(wanted).mappings()]

    def replay(self, endpoint_id: str, notification_ids: Iterable[str]) -> list[str]:
        """Send notifications again, delivered or not, with all their attempts before them.

        Returns those ids that are kept, and so are sent. One that is being sent right now is left
        to that attempt.

        Raises
        ------
        UnknownEndpoint, EndpointDisabled : nothing can be sent there.
        """
        now, ids = self._clock(), sorted(set(notification_ids))
        found: list[str] = []
        with self._database.writing() as connection:
            _check_enabled(connection, endpoint_id)
            for at in range(0, len(ids), _IDS):
                kept = notifications.c.id.in_(ids[at : at + _IDS])
                found += connection.scalars(sa.select(notifications.c.id).where(kept))
                of_these = deliveries.c.notification_id.in_(ids[at : at + _IDS])
                _again(connection, endpoint_id, of_these, now)
            self._put(connection, [_due(one, endpoint_id, now) for one in found])
        return sorted(found)

    def replay_since(self, endpoint_id: str, since: int) -> int:
        """Send again what failed of the notifications created since an instant.

        What it wants and was never given, because it was disabled or not there yet, is sent too.
        Returns how many.

        Raises
        ------
        UnknownEndpoint, EndpointDisabled : nothing can be sent there.
        """
        now = self._clock()
        recent = notifications.c.created_at >= since
        with self._database.writing() as connection:
            types = _check_enabled(connection, endpoint_id).types
            ids = sa.select(notifications.c.id).where(recent, notifications.c.type != _TEST)
            failed = sa.and_(_STATES["failed"], deliveries.c.notification_id.in_(ids))
            count = _again(connection, endpoint_id, failed, now)
            wanted = _missed(endpoint_id, types).where(recent)
            missed = [
                row.id for row in connection.execute(wanted) if not _is_of(endpoint_id, *row[1:])
            ]
            self._put(connection, [_due(one, endpoint_id, now) for one in missed])
        return count + len(missed)

    def _put(self, connection: sa.Connection, rows: list[dict[str, object]]) -> None:
        """Keep deliveries that are not there yet."""
        if rows:
            keep = insert_into(self._database.engine, deliveries).on_conflict_do_nothing()
            connection.execute(keep, rows)


def lock(connection: sa.Connection, endpoint_id: str) -> bool:
    """Hold an endpoint to the end of the transaction; whether it is on.

    Whoever changes more than one delivery of an endpoint does this first, so that no two of them
    wait for each other.

    Raises
    ------
    UnknownEndpoint : there is none.
    """
    this = sa.select(endpoints.c.disabled_at).where(endpoints.c.id == endpoint_id)
    found = connection.execute(this.with_for_update()).one_or_none()
    if found is None:
        raise UnknownEndpoint.named(endpoint_id)
    return found.disabled_at is None


def _rotations(endpoint_id: str) -> str:
    """Under which key it is kept which changes of its secret were made."""
    return f"rotations of {endpoint_id}"


def _is_rotation_new(connection: sa.Connection, endpoint_id: str, named: str | None) -> bool:
    """Whether a change of the secret of a locked endpoint is to be made; it is noted then.

    The last ones are known by name, the latest last; one without a name is "".
    """
    key = _rotations(endpoint_id)
    made: list[str] = json.loads(meta_of(connection, key) or "[]")
    if named is not None and named in made:
        if made[-1] == named:
            return False
        raise RotatedSince(
            f"the secret that this key gave {endpoint_id} was followed by another one;"
            " take a new key to have one more"
        )
    if named is not None or made:
        set_meta(connection, key, json.dumps([*made, named or ""][-_ROTATIONS:]))
    return True


def turn_off(connection: sa.Connection, endpoint_id: str, why: str, as_of: int) -> bool:
    """Disable an endpoint that is locked; whether it was on. What waits for it has failed."""
    this = sa.and_(endpoints.c.id == endpoint_id, endpoints.c.disabled_at.is_(None))
    change = sa.update(endpoints).where(this).values(disabled_at=as_of, disabled_why=why)
    if not connection.execute(change).rowcount:
        return False
    waiting = sa.and_(deliveries.c.endpoint_id == endpoint_id, _STATES["waiting"])
    error = sa.func.coalesce(deliveries.c.error, f"the endpoint was disabled: {why}")
    connection.execute(sa.update(deliveries).where(waiting).values(due_at=None, error=error))
    return True


# --------------------------------------------------------------------------------------- Statements

_SHOWN: Final = sa.select(
    *(endpoints.c.id, endpoints.c.url, endpoints.c.description, endpoints.c.types),
    endpoints.c.include,
    *(endpoints.c.created_at, endpoints.c.former_until),
    *(endpoints.c.disabled_at, endpoints.c.disabled_why),
)
_LISTED: Final = sa.select(
    *(notifications.c.type, notifications.c.lead_id, notifications.c.created_at),
    *(notifications.c.data, deliveries.c.extra),
    *(deliveries.c.notification_id, deliveries.c.attempts, deliveries.c.attempted_at),
    *(deliveries.c.delivered_at, deliveries.c.due_at, deliveries.c.status, deliveries.c.error),
).join_from(deliveries, notifications, deliveries.c.notification_id == notifications.c.id)


def _one(connection: sa.Connection, endpoint_id: str) -> Endpoint:
    wanted = _SHOWN.where(endpoints.c.id == endpoint_id)
    row = connection.execute(wanted).mappings().one_or_none()
    if row is None:
        raise UnknownEndpoint.named(endpoint_id)
    return _endpoint(row)


def _endpoint(row: sa.RowMapping) -> Endpoint:
    lists = {name: tuple(json.loads(row[name])) for name in ("types", "include")}
    return Endpoint(**{**row, **lists})


def _delivery(row: sa.RowMapping) -> Delivery:
    state: DeliveryState = "failed"
    if row["delivered_at"] is not None:
        state = "delivered"
    elif row["due_at"] is not None:
        state = "waiting"
    return Delivery(**row, state=state, webhook_id=webhook_id(row["notification_id"]))


def _check_enabled(connection: sa.Connection, endpoint_id: str) -> Endpoint:
    """The endpoint, locked; EndpointDisabled where it is not on."""
    is_on = lock(connection, endpoint_id)
    endpoint = _one(connection, endpoint_id)
    if not is_on:
        raise EndpointDisabled(
            f"{endpoint_id} is disabled ({endpoint.disabled_why}); enable it first"
        )
    return endpoint


def _due(notification_id: str, endpoint_id: str, now: int) -> dict[str, object]:
    return {
        "notification_id": notification_id,
        "endpoint_id": endpoint_id,
        "attempts": 0,
        "due_at": now,
        "leased_until": 0,
    }


def _again(
    connection: sa.Connection, endpoint_id: str, which: sa.ColumnElement[bool], now: int
) -> int:
    """Make deliveries due that nobody sends at the moment, as if they were new; how many."""
    unclaimed = over(deliveries.c.leased_until, now, LEASE_US)
    idle = sa.and_(deliveries.c.endpoint_id == endpoint_id, unclaimed)
    afresh = {"attempts": 0, "due_at": now, "delivered_at": None}
    change = sa.update(deliveries).where(idle, which).values(afresh)
    return connection.execute(change).rowcount


def _is_of(endpoint_id: str, type_: str, data: str) -> bool:
    """Whether a notification says that this very endpoint gets nothing more: it is for others."""
    return type_ == _DISABLED and json.loads(data).get("endpoint_id") == endpoint_id


def _missed(endpoint_id: str, types: Sequence[str]) -> sa.Select[Any]:
    """What an endpoint wants, tests left out, and has no delivery of: id, type and data."""
    of_it = sa.and_(
        deliveries.c.notification_id == notifications.c.id, deliveries.c.endpoint_id == endpoint_id
    )
    columns = (notifications.c.id, notifications.c.type, notifications.c.data)
    wanted = sa.select(*columns).where(notifications.c.type != _TEST, ~sa.exists().where(of_it))
    return wanted.where(notifications.c.type.in_(types)) if types else wanted
