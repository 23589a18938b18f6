"""What is kept of a lead is described as it is: the shapes of rows are those of the tables."""

from __future__ import annotations

from types import NoneType
from typing import Any, get_args, get_type_hints

import pytest
import sqlalchemy as sa

from features.store.privacy.rows import NAMING, document_of
from features.store.schema import deliveries, events, notifications
from serving.routes.exports import kept_rows
from serving.routes.lead_schemas import ExportAnswer, LinkAnswer

ADDED = {notifications.name: {"deliveries"}}
"""What an export adds to the rows of a table."""
ALWAYS_THERE = {("notifications", "lead_id"), ("ranks", "lead_id")}
"""What a row of a lead has, though another row of the table may lack it."""
EMPTY_IS_NULL = {("scores", "reasons")}
"""Texts that are empty where there is no JSON."""
LISTS = {table.name: table for table in NAMING}


def shape_of(table: sa.Table) -> Any:
    """What the rows of a table are described as."""
    (shape,) = get_args(ExportAnswer.model_fields[table.name].annotation)
    return shape


def member_of(table: sa.Table, column: str) -> str:
    """What an export calls a column."""
    return "subject" if (table, column) == (events, "lead_id") else column


def hints_of(shape: Any) -> dict[str, Any]:
    return get_type_hints(shape)


def row_of(table: sa.Table) -> dict[str, Any]:
    """A row that has a value in each column; of JSON an empty object."""
    return {column.name: _value(column) for column in table.c}


def _value(column: sa.Column[Any]) -> Any:
    kind = column.type.python_type
    return 1 if kind is int else 0.5 if kind is float else "{}"


@pytest.mark.parametrize("name", [*LISTS])
def test_every_member_is_described(name):
    """Those of a row, and no others."""
    table = LISTS[name]
    told = {member_of(table, one) for one in document_of(table, row_of(table))}
    assert set(hints_of(shape_of(table))) == told | ADDED.get(name, set())


@pytest.mark.parametrize(
    ("table", "column"),
    [
        pytest.param(table, column, id=f"{table.name}.{column.name}")
        for table in NAMING
        for column in table.c
        if column.name in document_of(table, row_of(table))
    ],
)
def test_every_member_is_what_it_is_said_to_be(table, column):
    """Null where there may be none, an instant a text, and a number one of its kind."""
    hint = hints_of(shape_of(table))[member_of(table, column.name)]
    may_be_null = NoneType in get_args(hint)
    may_be_none = bool(column.nullable) and (table.name, column.name) not in ALWAYS_THERE
    assert may_be_null == (may_be_none or (table.name, column.name) in EMPTY_IS_NULL)
    kinds = [kind for kind in get_args(hint) or (hint,) if kind is not NoneType]
    for of, kind in ((sa.BigInteger, str), (sa.Double, float), (sa.Integer, int)):
        if isinstance(column.type, of):
            assert kinds == [kind]
            break


def test_deliveries():
    """Each without the notification that it stands below, and with its endpoint's description."""
    told = document_of(deliveries, row_of(deliveries)).keys() - {"notification_id"}
    assert set(hints_of(kept_rows.KeptDelivery)) == told | {"description"}


def test_links_are_those_of_identities():
    """One shape for both answers."""
    assert shape_of(LISTS["identity_links"]) is LinkAnswer


def test_the_score_of_a_timeline_has_its_details_beside_it():
    """Where a score comes from stands among its figures, or not at all."""
    kept, shown = hints_of(kept_rows.KeptScore), hints_of(kept_rows.ScoreOfTimeline)
    assert shown.keys() - kept.keys() == {"base", "fit", "engagement"}
    assert kept_rows.ScoreOfTimeline.__optional_keys__ == {"base", "fit", "engagement", "reasons"}
