"""Reads a ladder from the TOML file that its user owns, and refuses it with all mistakes at once.

`read_ladder` takes a path or the name of a shipped ladder, `parse_ladder` takes the text. The
format is explained key by key in `features/ladder/shipped/b2b.toml` and in `docs/ladder.md`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import Field, dataclass, fields
from importlib.resources import files
from pathlib import Path
from typing import Literal, get_args

from features.errors import LadderError, Mistake, did_you_mean
from features.files import why_no_text
from features.ladder.action import read_action
from features.ladder.controls import read_controls
from features.ladder.file.checks import (
    check_afterwards,
    check_commitments,
    check_completions,
    check_interest,
    check_offer_steps,
    check_property_types,
    check_protected,
    check_source_events,
    check_step_count,
)
from features.ladder.file.names import PURCHASE, check_unique, read_id
from features.ladder.file.offers import read_commitment, read_offer, read_topic
from features.ladder.file.rules import read_pattern, read_rule
from features.ladder.file.signals import read_beats, read_groups, read_signal, read_trait
from features.ladder.file.sources import read_source
from features.ladder.file.steps import read_purchase, read_step
from features.ladder.ladder import (
    Activity,
    Afterwards,
    EffortWeights,
    EventNames,
    EventRule,
    Gain,
    Identity,
    Ladder,
    Limits,
    PolicySettings,
    Value,
)
from features.ladder.quiet_hours import read_quiet_hours
from features.ladder.source import ImportColumns, read_import
from features.ladder.words import OFFER, RECORD
from features.toml_table import FileOrder, Found, PropertyUse, Table, parse_toml

__all__ = ["parse_ladder", "read_ladder", "shipped_ladders"]

Consent = Literal["opt_in", "opt_out"]
_CURRENCY = re.compile(r"[A-Z]{3}")
_CONSENTS: tuple[Consent, ...] = get_args(Consent)


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
        mistake = Mistake(source, why_no_text(error))
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
    check_property_types(found, order)
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


# ----------------------------------------------------------------------------------------- Sections


def _read_ladder(root: Table, text: str) -> Ladder:
    head = root.one("ladder", _read_head)
    steps = root.each("step", read_step)
    purchase = root.one(PURCHASE, read_purchase)
    offers = root.each("offer", read_offer)
    commitments = root.each("commitment", read_commitment)
    topics = root.each("topic", read_topic)
    traits = root.each("trait", read_trait)
    signals = root.each("signal", read_signal)
    actions = root.each("action", read_action)
    beats = root.each("beats", read_beats)
    events = root.one("events", _read_events, required=False)
    activity = root.one("activity", _read_activity, required=False)
    sources = root.each("source", read_source)
    weights = root.one("effort_weights", _read_weights, required=False)
    limits = root.one("limits", _read_limits, required=False)
    value = root.one("value", _read_value, required=False)
    afterwards = root.each("after_purchase", _read_afterwards)
    policy = root.one("policy", _read_policy, required=False)
    controls = root.one("controls", read_controls, required=False)
    identity = root.one("identity", _read_identity, required=False)
    groups = root.one("groups", read_groups, required=False)
    imports = _read_import_if_any(root)
    check_step_count(root, steps)
    for kind, rows in (("step", steps), ("offer", offers), ("signal", signals)):
        check_unique(root.found, kind, [row.id for row in rows])
    check_unique(root.found, "trait", [trait.id for trait, _ in traits])
    check_unique(root.found, "action", [action.id for action in actions])
    check_unique(root.found, "beats", [one.event for one in beats], "event")
    check_completions(root.found, steps, purchase)
    check_unique(root.found, "source", [source.name for source in sources], "name")
    check_source_events(root.found, sources, events)
    check_offer_steps(root, steps, offers)
    check_unique(root.found, "commitment", [one.id for one in commitments])
    check_unique(root.found, "topic", [one.name for one in topics], "name")
    check_commitments(root.found, offers, actions, commitments)
    protected = {trait.id: f"trait[{at}].id" for at, (trait, hidden) in enumerate(traits) if hidden}
    check_protected(root.found, protected, offers, commitments, identity, limits)
    ladder = Ladder(
        name=head.name,
        title=head.title,
        steps=steps,
        purchase=purchase,
        offers=offers,
        commitments=commitments,
        topics=topics,
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
    check_interest(root.found, ladder)
    check_afterwards(root.found, ladder)
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
    name = read_id(table, "name")
    return _Head(
        name=name,
        title=table.line("title", name),
        dormant_after_days=table.span("dormant_after_days", 90.0, above=0.0),
        max_effort_jump=table.number("max_effort_jump", 5.0, above=1.0),
        restart_on=table.each("restart_on", read_rule),
        lost_when=table.each("lost_when", read_rule),
        back_when=table.each("back_when", read_rule),
        score_at=table.each("score_at", read_rule),
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
        return table.each(key, read_pattern)

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
        reply_to=table.each("reply_to", read_rule),
        automatic_replies=table.each("automatic_replies", read_rule),
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
        rule=read_rule(table),
        worth=table.number_that("worth", 1.0, lambda worth: worth != 0, "not be 0"),
        measure=measure,
    )


def _read_afterwards(table: Table) -> Afterwards:
    return Afterwards(
        id=read_id(table),
        title=table.line("title"),
        gain=_read_gain(table),
        days=table.span_if_any("days") or 365.0,
    )


def _read_policy(table: Table) -> PolicySettings:
    usual = PolicySettings()
    return PolicySettings(
        exploration=table.number_that(
            "exploration",
            usual.exploration,
            # With less, what another choice would have brought is known of hardly anybody.
            lambda share: 0.01 <= share <= 1,
            "be in [0.01, 1]",
        ),
        certainty=table.number_that(
            "certainty", usual.certainty, lambda share: 0.5 <= share < 1, "be in [0.5, 1)"
        ),
    )


def _default(part: Field[float]) -> float:
    return part.default if isinstance(part.default, float) else 0.0
