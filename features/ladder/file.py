"""Reads a ladder from the TOML file that its user owns, and refuses it with all mistakes at once.

`read_ladder` takes a path or the name of a shipped ladder, `parse_ladder` takes the text. The
format is explained key by key in `features/ladder/shipped/b2b.toml` and in `docs/ladder.md`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, fields
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from string import Formatter
from typing import Literal, get_args

from features.errors import LadderError, Mistake, did_you_mean
from features.json_paths import parse_path
from features.ladder.action import read_action
from features.ladder.activity import activity_of
from features.ladder.controls import read_controls
from features.ladder.ladder import (
    Activity,
    Afterwards,
    Band,
    Beats,
    Commitment,
    Condition,
    Effort,
    EffortWeights,
    EventNames,
    EventRule,
    Framing,
    Gain,
    Groups,
    How,
    Identity,
    Ladder,
    Limits,
    Offer,
    Operator,
    PolicySettings,
    SignalRow,
    Step,
    Trait,
    Value,
)
from features.ladder.offer import OfferStatus
from features.ladder.quiet_hours import read_quiet_hours
from features.ladder.rule_logic import impossible_property
from features.ladder.source import ImportColumns, Source, read_import
from features.ladder.words import OFFER, OPEN_OFFER, RECORD, REPLY, Counted
from features.toml_table import (
    FileOrder,
    Found,
    PropertyUse,
    Table,
    as_number,
    as_texts,
    listed,
    parse_toml,
)

__all__ = ["TimeUnit", "parse_ladder", "read_ladder", "shipped_ladders"]

ValueType = Literal["number", "category"]
Role = Literal["ask", "support"]
Consent = Literal["opt_in", "opt_out"]
Signature = Literal["hmac-sha256-hex", "hmac-sha256-base64", "none"]
TimeUnit = Literal["rfc3339", "s", "ms"]

PURCHASE = "purchase"
FEWEST_STEPS, MOST_STEPS = 2, 12
NOT_AN_OFFER = ("no_ask", "nurture")
BUILT_IN = (REPLY, OPEN_OFFER)
"""Commitments that every ladder has."""

_ID = re.compile(r"[a-z][a-z0-9_-]*")
_CURRENCY = re.compile(r"[A-Z]{3}")

_OPERATORS: tuple[Operator, ...] = get_args(Operator)
_HOWS: tuple[How, ...] = get_args(How)
_VALUE_TYPES: tuple[ValueType, ...] = get_args(ValueType)
_ROLES: tuple[Role, ...] = get_args(Role)
_CONSENTS: tuple[Consent, ...] = get_args(Consent)
_STATUSES: tuple[OfferStatus, ...] = get_args(OfferStatus)
_SIGNATURES: tuple[Signature, ...] = get_args(Signature)
_TIME_UNITS: tuple[TimeUnit, ...] = get_args(TimeUnit)
_PLACEHOLDERS = ("value", "ago", "count")

# The types of measure that each `how` reads; one that is not listed reads no measure.
_MEASURED: dict[How, tuple[ValueType, ...]] = {
    "sum": ("number",),
    "mean": ("number",),
    "max": ("number",),
    "min": ("number",),
    "last": ("number", "category"),
    "distinct": ("category",),
    "days_until": ("category",),
}
# Their value is an age. A window would move the first event or merely hide the last one.
_AGES: tuple[How, ...] = ("days_since_first", "days_since_last")


# ------------------------------------------------------------------------------ Public functions


def read_ladder(path: Path | str) -> Ladder:
    """The ladder in a file, or the shipped one of that name where there is no such file.

    Raises
    ------
    LadderError : with all mistakes in file order; or the file cannot be read, or is none.
    """
    source = str(path)
    try:
        text = _text_of(path)
    except (OSError, UnicodeDecodeError) as error:
        mistake = Mistake(source, f"cannot be read as UTF-8 text: {error}")
        raise LadderError(source, [mistake]) from error
    return parse_ladder(text, source)


def parse_ladder(
    text: str, source: str = "<text>", tables: Mapping[str, Mapping[str, object]] | None = None
) -> Ladder:
    """The ladder that a TOML text describes; `source` is what an error calls the text.

    Parameters
    ----------
    tables : of offers, by id, that stand in place of the text's own, or after them.

    Raises
    ------
    LadderError : with all mistakes in file order. Of a TOML syntax error there is only one.
    """
    values: Mapping[str, object] = parse_toml(text, source)
    if tables:
        values = _with_offers(values, tables)
    order = FileOrder(text, values)
    # Not a path of the file, so that it comes first and a clash is reported where the file has it.
    found = Found(uses=[PropertyUse(name, "Rung itself", is_text=True) for name in (OFFER, RECORD)])
    root = Table(values, "", found)
    ladder = _read_ladder(root, text)
    root.close()
    _check_property_types(found, order)
    if found.mistakes:
        raise LadderError(source, sorted(found.mistakes, key=lambda m: order.rank(m.path)))
    return ladder


def _with_offers(
    values: Mapping[str, object], tables: Mapping[str, Mapping[str, object]]
) -> Mapping[str, object]:
    """The values of a ladder file with other tables of some offers."""
    given = values.get("offer", [])
    own = given if isinstance(given, list) else []
    ids = [one.get("id") if isinstance(one, dict) else None for one in own]
    replaced = [tables.get(str(name), one) for name, one in zip(ids, own, strict=True)]
    added = [table for name, table in tables.items() if name not in ids]
    return {**values, "offer": [*replaced, *added]}


def shipped_ladders() -> tuple[str, ...]:
    """The names that `read_ladder` knows without a file, sorted."""
    folder = files("features.ladder") / "shipped"
    return tuple(
        sorted(
            entry.name.removesuffix(".toml")
            for entry in folder.iterdir()
            if entry.name.endswith(".toml")
        )
    )


def _text_of(path: Path | str) -> str:
    if Path(path).is_file():
        return Path(path).read_text(encoding="utf-8")
    name, shipped = str(path), shipped_ladders()
    if name in shipped:
        return (files("features.ladder") / "shipped" / f"{name}.toml").read_text(encoding="utf-8")
    problem = f"is neither a file nor a shipped ladder{did_you_mean(name, shipped)}"
    raise LadderError(name, [Mistake(name, problem, f"shipped: {', '.join(shipped)}")])


# -------------------------------------------------------------------------------------- Sections


def _read_ladder(root: Table, text: str) -> Ladder:
    head = root.one("ladder", _read_head)
    steps = root.each("step", _read_step)
    purchase = root.one(PURCHASE, _read_purchase)
    offers = root.each("offer", _read_offer)
    commitments = root.each("commitment", _read_commitment)
    traits = root.each("trait", _read_trait)
    signals = root.each("signal", _read_signal)
    actions = root.each("action", read_action)
    beats = root.each("beats", _read_beats)
    events = root.one("events", _read_events, required=False)
    activity = root.one("activity", _read_activity, required=False)
    sources = root.each("source", _read_source)
    weights = root.one("effort_weights", _read_weights, required=False)
    limits = root.one("limits", _read_limits, required=False)
    value = root.one("value", _read_value, required=False)
    afterwards = root.each("after_purchase", _read_afterwards)
    policy = root.one("policy", _read_policy, required=False)
    controls = root.one("controls", read_controls, required=False)
    identity = root.one("identity", _read_identity, required=False)
    groups = root.one("groups", _read_groups, required=False)
    imports = _read_import_if_any(root)
    _check_step_count(root, steps)
    for kind, rows in (("step", steps), ("offer", offers), ("signal", signals)):
        _check_unique(root.found, kind, [row.id for row in rows])
    _check_unique(root.found, "trait", [trait.id for trait, _ in traits])
    _check_unique(root.found, "action", [action.id for action in actions])
    _check_unique(root.found, "beats", [one.event for one in beats], "event")
    _check_completions(root.found, steps, purchase)
    _check_unique(root.found, "source", [source.name for source in sources], "name")
    _check_source_events(root.found, sources, events)
    _check_offer_steps(root, steps, offers)
    _check_unique(root.found, "commitment", [one.id for one in commitments])
    _check_commitments(root.found, offers, commitments)
    protected = {trait.id: f"trait[{at}].id" for at, (trait, hidden) in enumerate(traits) if hidden}
    _check_protected(root.found, protected, offers, commitments, identity, limits)
    ladder = Ladder(
        name=head.name,
        title=head.title,
        steps=steps,
        purchase=purchase,
        offers=offers,
        commitments=commitments,
        actions=actions,
        traits=tuple(trait for trait, is_protected in traits if not is_protected),
        protected=tuple(trait for trait, is_protected in traits if is_protected),
        groups=groups,
        signals=signals,
        beats=beats,
        events=events,
        activity=activity,
        restart_on=head.restart_on,
        lost_when=head.lost_when,
        back_when=head.back_when,
        score_at=head.score_at,
        steps_never_lower=head.steps_never_lower,
        dormant_after_days=head.dormant_after_days,
        effort_weights=weights,
        max_effort_jump=head.max_effort_jump,
        limits=limits,
        value=value,
        after_purchase=afterwards,
        policy=policy,
        controls=controls,
        identity=identity,
        pieces=head.pieces,
        sources=sources,
        imports=imports,
        source=text,
    )
    _check_interest(root.found, ladder)
    _check_afterwards(root.found, ladder)
    return ladder


def _read_import_if_any(root: Table) -> ImportColumns | None:
    if root.has("import"):
        return root.one("import", read_import)
    root.take("import")
    return None


@dataclass(frozen=True, slots=True)
class _Head:
    """The [ladder] table."""

    name: str
    title: str
    dormant_after_days: float
    max_effort_jump: float
    restart_on: tuple[EventRule, ...]
    lost_when: tuple[EventRule, ...]
    back_when: tuple[EventRule, ...]
    score_at: tuple[EventRule, ...]
    steps_never_lower: bool
    pieces: tuple[str, ...]


def _read_head(table: Table) -> _Head:
    name = _read_id(table, "name")
    return _Head(
        name=name,
        title=table.text("title", name),
        dormant_after_days=table.span("dormant_after_days", 90.0, above=0.0),
        max_effort_jump=table.number("max_effort_jump", 5.0, above=1.0),
        restart_on=table.each("restart_on", _read_rule),
        lost_when=table.each("lost_when", _read_rule),
        back_when=table.each("back_when", _read_rule),
        score_at=table.each("score_at", _read_rule),
        steps_never_lower=table.flag("steps_never_lower", default=True),
        pieces=_read_pieces(table),
    )


def _read_pieces(table: Table) -> tuple[str, ...]:
    """The properties that name a piece of content."""
    names = table.texts("pieces")
    path = table.at("pieces")
    table.found.uses += [PropertyUse(name, path, is_text=True) for name in names]
    return tuple(dict.fromkeys(names))


def _read_events(table: Table) -> EventNames:
    names = {role.name: table.text(role.name, str(role.default)) for role in fields(EventNames)}
    _check_roles(table, names)
    return EventNames(**names)


def _check_roles(table: Table, names: Mapping[str, str]) -> None:
    """No event has two roles. A name that the file gives is blamed before one by default."""
    taken: dict[str, str] = {}
    for role in sorted(names, key=table.has):
        if table.found.is_wrong(table.at(role)):
            continue
        other = taken.setdefault(names[role], role)
        if other != role:
            problem = f"cannot be {names[role]!r}, the name of {other}"
            table.wrong(role, problem, "each role needs an event of its own")


def _read_activity(table: Table) -> Activity:
    def rules(key: str) -> tuple[EventRule, ...] | None:
        if not table.has(key):
            table.take(key)
            return None
        return table.each(key, _read_pattern)

    return Activity(interest=rules("interest"), against=rules("against"), ours=rules("ours"))


def _read_weights(table: Table) -> EffortWeights:
    if table.take("money") is not None:
        table.wrong(
            "money",
            "weighed every sum alike, and is no more",
            "write per_money, the minutes' worth of one unit of your currency, as 0.01",
        )
    return EffortWeights(
        **{part.name: table.number(part.name, _default(part)) for part in fields(EffortWeights)}
    )


def _read_identity(table: Table) -> Identity:
    return Identity(
        identify_by=table.texts("identify_by"), shared_mailboxes=table.texts("shared_mailboxes")
    )


def _read_limits(table: Table) -> Limits:
    usual = Limits()
    return Limits(
        asks=table.whole("asks", usual.asks, at_least=1),
        asks_days=table.span("asks_days", usual.asks_days, above=0.0),
        days_between_asks=table.span("days_between_asks", usual.days_between_asks),
        days_before_sales=table.span("days_before_sales", usual.days_before_sales),
        again_after_days=table.span("again_after_days", usual.again_after_days, above=0.0),
        declined_days=table.span("declined_days", usual.declined_days, above=0.0),
        unanswered=table.whole("unanswered", usual.unanswered, at_least=1),
        rest_days=table.span("rest_days", usual.rest_days, above=0.0),
        rep_minutes_a_day=table.span_if_any("rep_minutes_a_day", "minutes"),
        form_fields=table.whole("form_fields", usual.form_fields, at_least=0),
        offer_open_days=table.span("offer_open_days", usual.offer_open_days),
        support_days=table.span("support_days", usual.support_days),
        consent=table.choice("consent", _CONSENTS, usual.consent) or usual.consent,
        quiet=read_quiet_hours(table),
        reply_hours=table.span_if_any("reply_hours", "hours"),
        automatic_replies=table.each("automatic_replies", _read_rule),
        claim_days=table.span("claim_days", 3.0, above=0.0),
    )


def _read_value(table: Table) -> Value:
    usual = Value()
    return Value(
        purchase=table.number("purchase", usual.purchase, above=0.0),
        rep_minute=table.number("rep_minute", usual.rep_minute),
        effort_minute=table.number("effort_minute", usual.effort_minute),
        horizon_days=table.span_if_any("horizon_days"),
        gains=table.each("gains", _read_gain),
        currency=_read_currency(table, usual.currency),
    )


def _read_currency(table: Table, usual: str) -> str:
    currency = table.text("currency", usual)
    if not _CURRENCY.fullmatch(currency):
        table.wrong("currency", f"cannot be {currency!r}", "the three letters of ISO 4217, as EUR")
    return currency


def _read_gain(table: Table) -> Gain:
    measure = table.text_if_any("measure")
    if measure:
        table.found.uses.append(PropertyUse(measure, table.at("measure"), is_text=False))
    return Gain(
        rule=_read_rule(table),
        worth=table.number_that("worth", 1.0, lambda worth: worth != 0, "not be 0"),
        measure=measure,
    )


def _read_afterwards(table: Table) -> Afterwards:
    return Afterwards(
        id=_read_id(table),
        title=table.text("title"),
        gain=_read_gain(table),
        days=table.span_if_any("days") or 365.0,
    )


def _check_afterwards(found: Found, ladder: Ladder) -> None:
    """What comes after a purchase is no signal: nothing that is learned from reads its events."""
    _check_unique(found, "after_purchase", [one.id for one in ladder.after_purchase])
    read = {rule.event for goal in ladder.goals for rule in goal.complete_when}
    read |= {name for goal in ladder.goals for name in goal.engaged_by}
    read |= {rule.event for row in ladder.signals for rule in row.of}
    for at, one in enumerate(ladder.after_purchase):
        if one.gain.rule.event in read:
            found.wrong(
                f"after_purchase[{at}].event",
                f"{one.gain.rule.event!r} is read by a step or a signal, and would be learned from",
                "an event that no step and no signal reads",
            )


def _read_policy(table: Table) -> PolicySettings:
    usual = PolicySettings()
    return PolicySettings(
        exploration=table.number_that(
            "exploration", usual.exploration, lambda share: 0 < share <= 1, "be in (0, 1]"
        ),
        certainty=table.number_that(
            "certainty", usual.certainty, lambda share: 0.5 <= share < 1, "be in [0.5, 1)"
        ),
    )


def _read_id(table: Table, key: str = "id") -> str:
    name = table.text(key)
    if name and not _ID.fullmatch(name):
        table.wrong(
            key,
            f"cannot be {name!r}",
            "a lower-case letter, then lower-case letters, digits, - or _",
        )
    return name


def _default(part: Field[float]) -> float:
    return part.default if isinstance(part.default, float) else 0.0


# -------------------------------------------------------------------------------- Steps and rules


def _read_step(table: Table) -> Step:
    step_id = _read_id(table)
    if step_id == PURCHASE:
        table.wrong("id", f"{PURCHASE!r} is reserved", "for the [purchase] table")
    return _read_rung(table, step_id, table.text("title"), _read_step_band(table))


def _read_purchase(table: Table) -> Step:
    return _read_rung(table, PURCHASE, table.text("title", "Purchase"), _read_band(table))


def _read_rung(table: Table, step_id: str, title: str, band: Band | None) -> Step:
    """What a step and the purchase have in common."""
    complete_when = table.each("complete_when", _read_rule)
    if not complete_when and table.take("complete_when") in (None, []):
        table.wrong("complete_when", "needs at least one rule", 'as [{event = "..."}]')
    named = (*table.texts("engaged_by"), *(rule.event for rule in complete_when))
    return Step(
        id=step_id,
        title=title,
        complete_when=complete_when,
        horizon_days=table.span("horizon_days", above=0.0),
        band=band,
        engaged_by=tuple(dict.fromkeys(named)),
        high_from=_read_share(table, "high_from"),
        low_below=_read_share(table, "low_below"),
    )


def _read_share(table: Table, key: str) -> float | None:
    """A chance in (0, 1); None where it is absent."""
    if not table.has(key):
        table.take(key)
        return None
    return table.number_that(key, None, lambda share: 0 < share < 1, "be in (0, 1)")


def _read_step_band(table: Table) -> Band | None:
    if table.index > 0:
        if not table.has("band"):
            table.wrong("band", "is missing", "healthy conversion from below, as [0.4, 0.6]")
        return _read_band(table)
    if table.take("band") is not None:
        table.wrong("band", "cannot be on the first step", "no rung leads to it")
    return None


def _read_band(table: Table) -> Band | None:
    given = table.take("band")
    if given is None:
        return None
    match [as_number(end) for end in given] if isinstance(given, list) else []:
        case [float(low), float(high)] if 0 <= low < high <= 1:
            return Band(low, high)
    table.wrong("band", "must be [low, high] with 0 <= low < high <= 1", "as [0.4, 0.6]")
    return None


def _read_rule(table: Table) -> EventRule:
    rule = _read_pattern(table)
    if rule.event.startswith("*"):
        table.wrong("event", f"cannot be {rule.event!r}", "a * can only stand in [activity]")
    return rule


def _read_pattern(table: Table) -> EventRule:
    """A rule whose name may begin with a * that stands for anything."""
    event, where = table.text("event"), table.take("where")
    if "*" in event[1:]:
        table.wrong("event", f"cannot be {event!r}", "a * can only be the first letter")
    if where is None:
        return EventRule(event)
    if not isinstance(where, dict):
        table.wrong("where", "must be a table", "as {seconds = {at_least = 300}}")
        return EventRule(event)
    conditions = tuple(
        condition
        for name, given in where.items()
        for condition in _read_conditions(table.found, f"{table.at('where')}.{name}", given)
    )
    if (name := impossible_property(conditions)) is not None:
        problem = "can never be met: no value is all of that at once"
        table.found.wrong(f"{table.at('where')}.{name}", problem)
    return EventRule(event, conditions)


def _read_conditions(found: Found, path: str, given: object) -> list[Condition]:
    """The conditions on one property: a bare value, a list of texts, or a table of operators."""
    if isinstance(given, dict):
        claims = [(f"{path}.{operator}", operator, value) for operator, value in given.items()]
    else:
        claims = [(path, "one_of" if isinstance(given, list) else "is", given)]
    if not claims:
        found.wrong(path, "states no condition", f"one of {listed(_OPERATORS)}")
    name = path.rpartition(".where.")[2]
    conditions = [_read_condition(found, name, *claim) for claim in claims]
    return [condition for condition in conditions if condition is not None]


def _read_condition(
    found: Found, name: str, path: str, given: str, value: object
) -> Condition | None:
    operator = next((known for known in _OPERATORS if known == given), None)
    if operator is None:
        hint = did_you_mean(given, _OPERATORS)
        found.wrong(path, f"is not an operator{hint}", f"one of {listed(_OPERATORS)}")
        return None
    operand = _operand(operator, value)
    if operand is None:
        found.wrong(path, f"must be {_OPERANDS.get(operator, 'a number')}")
        return None
    condition = Condition(name, operator, operand)
    found.uses.append(PropertyUse(name, path, condition.is_text))
    return condition


_OPERANDS: dict[Operator, str] = {
    "is": "a number, a text or a truth value",
    "is_not": "a number, a text or a truth value",
    "one_of": "a list of texts, not empty",
}


def _operand(operator: Operator, value: object) -> float | str | tuple[str, ...] | None:
    """What an operator compares with; None for a value that it cannot compare with."""
    if operator == "one_of":
        return as_texts(value) or None
    if operator in ("is", "is_not"):
        if isinstance(value, str):
            return value
        if isinstance(value, bool):
            return float(value)
    return as_number(value)


# ------------------------------------------------------------------------ Offers, traits, signals


def _read_offer(table: Table) -> Offer:
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
    _check_unique(table.found, table.at("framings"), [framing.id for framing in framings])
    return Offer(
        id=_read_offer_id(table),
        step=table.text("step"),
        title=table.text("title"),
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
        only_after=table.each("only_after", _read_rule),
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


def _read_commitment(table: Table) -> Commitment:
    commitment_id = _read_id(table)
    if commitment_id in BUILT_IN:
        table.wrong("id", f"{commitment_id!r} is reserved", "Rung itself keeps that one")
    begins = table.each("from", _read_rule)
    if not begins and table.take("from") in (None, []):
        table.wrong("from", "needs at least one rule", 'as [{event = "..."}]')
    return Commitment(
        id=commitment_id,
        title=table.text("title"),
        begins=begins,
        until=table.each("until", _read_rule),
        ends_at=table.text_if_any("ends_at"),
        days=table.span_if_any("days"),
    )


def _read_offer_id(table: Table) -> str:
    offer_id = _read_id(table)
    if offer_id in NOT_AN_OFFER:
        table.wrong("id", f"{offer_id!r} is reserved", "for a decision that extends no offer")
    return offer_id


def _read_framing(table: Table) -> Framing:
    return Framing(id=_read_id(table), text=table.text("text"))


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


def _read_trait(table: Table) -> tuple[Trait, bool]:
    """A trait, and whether it is protected."""
    trait_id = _read_id(table)
    value_type = table.choice("type", _VALUE_TYPES)
    if trait_id and value_type:
        use = PropertyUse(trait_id, table.at("id"), value_type == "category")
        table.found.uses.append(use)
    is_protected = table.flag("protected")
    if is_protected and table.has("says"):
        table.wrong(
            "says", "is not read of a protected trait", "nobody is told of it: leave it out"
        )
    trait = Trait(
        id=trait_id,
        type=value_type or "number",
        personal=table.flag("personal"),
        says=_read_says(table, value_type, is_age=False),
    )
    return trait, is_protected


def _read_groups(table: Table) -> Groups:
    least = table.number_that(
        "least_ratio", 0.8, lambda ratio: 0 < ratio < 1, "be above 0 and below 1"
    )
    return Groups(least)


def _read_beats(table: Table) -> Beats:
    event, measure, per = table.text("event"), table.text("measure"), table.text("per")
    for name, key, is_text in ((measure, "measure", False), (per, "per", True)):
        if name:
            table.found.uses.append(PropertyUse(name, table.at(key), is_text))
    return Beats(
        event=event,
        measure=measure,
        per=per,
        most=table.number("most", above=0.0),
        within_minutes=table.span("within_minutes", 30.0, above=0.0, unit="minutes"),
    )


def _read_signal(table: Table) -> SignalRow:
    how = table.choice("how", _HOWS)
    measure = table.text("measure", "")
    usual: ValueType = "category" if how == "days_until" else "number"
    measure_type = table.choice("measure_type", _VALUE_TYPES, usual)
    if how is not None:
        _check_measure(table, how, measure, measure_type)
        _check_times(table, how)
    value_type = measure_type if how == "last" else "number"
    return SignalRow(
        id=_read_id(table),
        of=table.each("of", _read_rule),
        how=how or "count",
        measure=measure,
        measure_type=measure_type or "number",
        window_days=table.span_if_any("window_days"),
        half_life_days=table.span_if_any("half_life_days"),
        says=_read_says(table, value_type, is_age=how in (None, *_AGES)),
    )


def _check_measure(table: Table, how: How, measure: str, measure_type: ValueType | None) -> None:
    """Whether a signal has the measure that its `how` reads, or none where it reads none."""
    types = _MEASURED.get(how, ())
    if not types:
        for key in [key for key in ("measure", "measure_type") if table.has(key)][:1]:
            table.wrong(key, f"is not read by {how!r}", "leave it out")
    elif not measure:
        problem = "is empty" if table.has("measure") else "is missing"
        table.wrong("measure", problem, f"{how!r} needs the property that it reads")
    elif measure_type is not None and measure_type not in types:
        table.wrong("measure_type", f"must be {types[0]!r} for {how!r}")
    elif measure_type is not None and measure:
        use = PropertyUse(measure, table.at("measure"), measure_type == "category")
        table.found.uses.append(use)


def _check_times(table: Table, how: How) -> None:
    """Whether a signal has the half-life that its `how` needs, and no time that it cannot have."""
    if how == "decayed_count":
        if not table.has("half_life_days"):
            table.wrong("half_life_days", "is missing", f"{how!r} needs one")
    elif table.has("half_life_days"):
        table.wrong("half_life_days", f"is not read by {how!r}", "only 'decayed_count' has one")
    if how in _AGES and table.has("window_days"):
        table.wrong("window_days", f"is not read by {how!r}", "it looks at the whole history")


def _read_says(table: Table, value_type: ValueType | None, *, is_age: bool) -> str:
    """A sentence, tried out on a value of its type."""
    says = table.text("says", "")
    problem = _says_problem(says, "a text" if value_type == "category" else 1.0, is_age=is_age)
    if problem:
        table.wrong(
            "says",
            problem,
            "{value} is the value, {count:visit} counts visits, {ago} says an age, {{ a brace",
        )
    return says


def _says_problem(says: str, value: float | str, *, is_age: bool) -> str:
    """What keeps a sentence from being filled in; "" for nothing."""
    try:
        for _, name, form, _ in Formatter().parse(says):
            if name == "ago" and not is_age:
                return "cannot use {ago}: the value is not an age"
            if name is not None and name not in _PLACEHOLDERS:
                return f"cannot use {{{name}}}"
            if name == "value" and form and isinstance(value, str):
                return f"cannot format a text as {form!r}"
        says.format(value=value, count=Counted(2), ago="2 days ago")
    except (ValueError, LookupError) as error:
        return f"is no sentence to fill in: {error}"
    return ""


# ---------------------------------------------------------------------------------------- Sources


_ENV = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*")


def _read_source(table: Table) -> Source:
    name = _read_id(table, "name")
    if name.startswith("rung"):
        table.wrong("name", f"cannot be {name!r}", "names that begin with rung are Rung's own")
    signature = table.choice("signature", _SIGNATURES)
    lead_id, anonymous = _read_path(table, "subject"), _read_path(table, "anonymous")
    email = _read_path(table, "email")
    if not any(table.has(key) for key in ("subject", "anonymous", "email")):
        table.wrong("subject", "is missing", "where the id of the lead stands, as user.id")
    event, event_at = table.text("event", ""), _read_path(table, "event_at")
    if not event and not event_at and not table.has("event_at"):
        table.wrong("event", "is missing", "the name of the events, or event_at: where it stands")
    names = table.text_map("names")
    if names and not table.has("event_at"):
        table.wrong("names", "is not read without event_at", "where the kind of event stands")
    return Source(
        name=name,
        signature=signature or "none",
        secret=_read_source_secret(table, signature),
        header=_read_of_signed(table, "header", signature),
        prefix=table.text("prefix", ""),
        items=_read_path(table, "items"),
        lead_id=lead_id,
        anonymous=anonymous,
        email=email,
        event=event,
        event_at=event_at,
        names=tuple(names.items()),
        time=_read_path(table, "time"),
        time_unit=table.choice("time_unit", _TIME_UNITS, "rfc3339") or "rfc3339",
        message_id=_read_path(table, "message_id"),
        properties=_read_properties(table),
    )


def _read_of_signed(table: Table, key: str, signature: Signature | None) -> str:
    """A text that a signed source has, and one that is not signed has not."""
    given = table.text_if_any(key)
    if signature == "none" and table.has(key):
        table.wrong(key, "is not read where signature is 'none'", "leave it out")
    elif signature not in (None, "none") and not table.has(key):
        table.wrong(key, "is missing", f"signature {signature!r} needs one")
    return given


def _read_source_secret(table: Table, signature: Signature | None) -> str:
    """The name of a variable: the ladder is kept with every model, and is no place for a secret."""
    given = _read_of_signed(table, "secret", signature)
    if given and not _ENV.fullmatch(given):
        table.wrong("secret", "must name a variable of the environment", "as env:FORMS_SECRET")
    return given


def _read_path(table: Table, key: str) -> str:
    path = table.text_if_any(key)
    if parse_path(path) is None:
        table.wrong(key, f"{path!r} is no path", "as data.items[0].id")
    return path


def _read_properties(table: Table) -> tuple[tuple[str, str], ...]:
    paths = table.text_map("properties")
    for name, path in paths.items():
        if not parse_path(path):
            where = f"{table.at('properties')}.{name}"
            table.found.wrong(where, f"{path!r} is no path", "as data.items[0].id")
    return tuple(paths.items())


# ----------------------------------------------------------------------- Checks across the sections


def _check_step_count(root: Table, steps: Sequence[Step]) -> None:
    if FEWEST_STEPS <= len(steps) <= MOST_STEPS or (root.has("step") and root.is_doubtful("step")):
        return
    problem = f"a ladder has {FEWEST_STEPS} to {MOST_STEPS} steps, this one has {len(steps)}"
    root.wrong("step", problem, "one [[step]] for each, without the purchase")


def _check_unique(found: Found, kind: str, ids: Sequence[str], key: str = "id") -> None:
    for index, name in enumerate(ids):
        first = ids.index(name)
        if name and first < index:
            problem = f"{name!r} is already the {key} of {kind}[{first}]"
            found.wrong(f"{kind}[{index}].{key}", problem)


def _check_source_events(found: Found, sources: Sequence[Source], roles: EventNames) -> None:
    """No source sends what Rung itself writes."""
    own = (roles.decision, roles.exposure, roles.outcome, roles.assignment)
    for index, source in enumerate(sources):
        given = [("event", source.event), *((f"names.{kind}", to) for kind, to in source.names)]
        for key, name in given:
            if name in own:
                problem = f"cannot be {name!r}"
                found.wrong(f"source[{index}].{key}", problem, "Rung itself writes that event")


def _check_completions(found: Found, steps: Sequence[Step], purchase: Step) -> None:
    """Two rungs completed by the very same events cannot be told apart."""
    seen: dict[frozenset[object], str] = {}
    paths = [*(f"step[{index}]" for index in range(len(steps))), PURCHASE]
    for path, rung in zip(paths, (*steps, purchase), strict=True):
        at = f"{path}.complete_when"
        if not rung.complete_when or found.is_wrong(at):
            continue
        rules = frozenset((rule.event, frozenset(rule.where)) for rule in rung.complete_when)
        if rules in seen:
            found.wrong(at, f"is the same as {seen[rules]}", "each step needs events of its own")
        seen.setdefault(rules, at)


def _check_interest(found: Found, ladder: Ladder) -> None:
    """What always speaks against a lead completes no step."""
    against = [rule for rule in activity_of(ladder).against if not rule.where]
    paths = [*(f"step[{index}]" for index in range(len(ladder.steps))), PURCHASE]
    for path, rung in zip(paths, ladder.goals, strict=True):
        for index, rule in enumerate(rung.complete_when):
            if any(one.names(rule.event) for one in against):
                found.wrong(
                    f"{path}.complete_when[{index}].event",
                    f"{rule.event!r} speaks against a lead and completes no step",
                    "another event, or other rules in [activity] against",
                )


def _check_commitments(
    found: Found, offers: Sequence[Offer], commitments: Sequence[Commitment]
) -> None:
    """Offers name commitments that there are."""
    known = [*(one.id for one in commitments), *BUILT_IN]
    for index, offer in enumerate(offers):
        for key, names in (("during", offer.during), ("not_while", offer.not_while)):
            for name in names:
                if name not in known:
                    problem = f"there is no commitment {name!r}{did_you_mean(name, known)}"
                    found.wrong(f"offer[{index}].{key}", problem, f"one of {listed(known)}")
    for index, one in enumerate(commitments):
        if not (one.until or one.ends_at or one.days):
            found.wrong(f"commitment[{index}]", "never ends", "give it until, ends_at or days")


def _check_protected(
    found: Found,
    protected: Mapping[str, str],
    offers: Sequence[Offer],
    commitments: Sequence[Commitment],
    identity: Identity,
    limits: Limits,
) -> None:
    """Nothing but the trait itself names a protected trait, by whatever spelling.

    Parameters
    ----------
    protected : the ids of the protected traits, and where each stands.
    """
    named = [
        (use.path, use.property)
        for use in found.uses
        if not (use.property in protected and use.path.startswith("trait["))
    ]
    for at, offer in enumerate(offers):
        named += [(f"offer[{at}].effort.form_fields", name) for name in offer.effort.form_fields]
    named += [("identity.identify_by", name) for name in identity.identify_by]
    named += [(f"commitment[{at}].ends_at", one.ends_at) for at, one in enumerate(commitments)]
    named += [("limits.time_zone_trait", limits.quiet.time_zone_trait)]
    keys = {_plain(one): one for one in protected}
    for path, name in named:
        if (trait := keys.get(_plain(name))) is not None:
            here = protected[trait] if path == "Rung itself" else path
            found.wrong(
                here,
                f"names {name!r}, and the trait {trait!r} is protected",
                "the report of groups alone reads it",
            )


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _check_offer_steps(root: Table, steps: Sequence[Step], offers: Sequence[Offer]) -> None:
    ids = [step.id for step in steps]
    sound = [name for name in ids if _ID.fullmatch(name) and name != PURCHASE]
    known = [*sound, PURCHASE]
    # Where the steps have mistakes themselves, an offer may mean the one that is unreadable.
    is_sure = bool(ids) and sound == ids and not root.is_doubtful("step")
    for index, offer in enumerate(offers):
        hint = did_you_mean(offer.step, known)
        if offer.step and offer.step not in (*ids, PURCHASE) and (is_sure or hint):
            problem = f"there is no step {offer.step!r}{hint}"
            root.found.wrong(f"offer[{index}].step", problem, f"one of {listed(known)}")


def _check_property_types(found: Found, order: FileOrder) -> None:
    """A property is a number everywhere or a text everywhere, as it has one column in the log."""
    first: dict[str, PropertyUse] = {}
    clashing: set[str] = set()
    for use in sorted(found.uses, key=lambda use: order.rank(use.path)):
        other = first.setdefault(use.property, use)
        if other.is_text == use.is_text or use.property in clashing:
            continue
        clashing.add(use.property)
        words = ("a text", "a number") if use.is_text else ("a number", "a text")
        found.wrong(
            use.path,
            f"reads {use.property!r} as {words[0]}, {other.path} as {words[1]}",
            "a property has one type",
        )
