"""The [[offer]] and [[commitment]] tables of a ladder file."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal, get_args

from features.ladder.file.names import check_unique, read_id
from features.ladder.file.rules import read_rule
from features.ladder.ladder import Commitment, Effort, Framing, Offer
from features.ladder.offer import OfferStatus, Topic
from features.ladder.words import OPEN_OFFER, REPLY
from features.toml_table import Table

__all__ = ["BUILT_IN", "NOT_AN_OFFER", "read_commitment", "read_offer"]

Role = Literal["ask", "support"]
NOT_AN_OFFER = ("no_ask", "nurture")
BUILT_IN = (REPLY, OPEN_OFFER)
"""Commitments that every ladder has."""
_ROLES: tuple[Role, ...] = get_args(Role)
_STATUSES: tuple[OfferStatus, ...] = get_args(OfferStatus)


def read_offer(table: Table) -> Offer:
    """What can be asked of a lead, or given to it where the role is support."""
    valid_from, valid_until = table.instant("valid_from"), table.instant("valid_until")
    if valid_from is not None and valid_until is not None and valid_from >= valid_until:
        table.wrong("valid_until", "must be later than valid_from")
    repeats_days, repeats_until = table.whole_days("repeats_days"), table.instant("repeats_until")
    if repeats_days is not None:
        _check_repeats(table, repeats_days, repeats_until, valid_from, valid_until)
    elif repeats_until is not None:
        table.wrong("repeats_until", "stands without repeats_days", "say after how many days")
    effort = table.one("effort", _read_effort)
    role = table.choice("role", _ROLES, "ask")
    if role == "support":
        _check_support(table, effort)
    framings = table.each("framings", _read_framing)
    check_unique(table.found, table.at("framings"), [framing.id for framing in framings])
    return Offer(
        id=_read_offer_id(table),
        step=table.text("step"),
        title=table.line("title"),
        kind=table.text("kind"),
        effort=effort,
        value_minutes=table.span("value_minutes", 0.0, unit="minutes"),
        topics=table.texts("topics"),
        framing=table.text("framing", "") or next((framing.text for framing in framings), ""),
        rep_minutes=table.span("rep_minutes", 0.0, unit="minutes"),
        valid_from=valid_from,
        valid_until=valid_until,
        guarantee_days=table.whole_days("guarantee_days"),
        scope_days=table.whole_days("scope_days"),
        framings=framings,
        channels=table.texts("channels"),
        only_after=table.each("only_after", read_rule),
        again_after_days=table.span_if_any("again_after_days"),
        role=role or "ask",
        during=table.texts("during"),
        not_while=table.texts("not_while"),
        repeats_days=repeats_days,
        repeats_until=repeats_until,
        status=table.choice("status", _STATUSES, "active") or "active",
    )


def _check_repeats(
    table: Table,
    days: int,
    repeats_until: datetime | None,
    valid_from: datetime | None,
    valid_until: datetime | None,
) -> None:
    """What repeats has a beginning and an end, and is over before it begins again."""
    if valid_from is None or valid_until is None:
        problem = "needs valid_from and valid_until of the first time"
        table.wrong("repeats_days", problem)
    elif valid_until - valid_from > timedelta(days=days):
        table.wrong("repeats_days", "begins again before it is over", "a larger number of days")
    elif repeats_until is not None and repeats_until < valid_from:
        table.wrong("repeats_until", "must not be earlier than valid_from")


def read_commitment(table: Table) -> Commitment:
    """What can be under way with a lead: how it begins and ends."""
    commitment_id = read_id(table)
    if commitment_id in BUILT_IN:
        table.wrong("id", f"{commitment_id!r} is reserved", "Rung itself keeps that one")
    begins, after = table.each("from", read_rule), table.text_if_any("after")
    if begins and after:
        table.wrong(
            "after", "stands beside from", "one of the two: what begins it, or what it follows"
        )
    elif not (begins or after) and table.take("from") in (None, []):
        table.wrong("from", "needs at least one rule", 'as [{event = "..."}]')
    ends_at, days = table.text_if_any("ends_at"), table.span_if_any("days")
    else_days = table.span_if_any("else_days")
    if else_days is not None and not ends_at:
        problem = "is for where ends_at is not told, and there is none"
        table.wrong("else_days", problem, "days instead, or ends_at beside it")
    elif else_days is not None and days is not None and days <= else_days:
        table.wrong("else_days", "is never reached: days ends it before", "fewer than days")
    return Commitment(
        id=commitment_id,
        title=table.line("title"),
        begins=begins,
        until=table.each("until", read_rule),
        ends_at=ends_at,
        days=days,
        after=after,
        else_days=else_days,
    )


def read_topic(table: Table) -> Topic:
    """What says that a topic matters to a lead."""
    if table.take("from") in (None, []):
        table.wrong("from", "needs at least one rule", 'as [{event = "..."}]')
    return Topic(
        name=table.line("name"),
        says=table.each("from", read_rule),
        days=table.span("days", 90.0, above=0.0),
    )


def _read_offer_id(table: Table) -> str:
    offer_id = read_id(table)
    if offer_id in NOT_AN_OFFER:
        table.wrong("id", f"{offer_id!r} is reserved", "for a decision that extends no offer")
    return offer_id


def _read_framing(table: Table) -> Framing:
    return Framing(id=read_id(table), text=table.text("text"))


def _check_support(table: Table, effort: Effort) -> None:
    """A support offer asks for nothing, not even a name."""
    for key in ("form_fields", "money"):
        if getattr(effort, key):
            path = f"{table.at('effort')}.{key}"
            table.found.wrong(path, "cannot be on a support offer", "it asks for nothing")


def _read_effort(table: Table) -> Effort:
    return Effort(
        minutes=table.span("minutes", 0.0, unit="minutes"),
        form_fields=table.texts("form_fields"),
        live=table.flag("live"),
        human=table.flag("human"),
        money=table.number("money", 0.0),
    )
