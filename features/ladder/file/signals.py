"""What a ladder file has of leads: [[trait]], [[signal]], [[beats]], and the [groups]."""

from __future__ import annotations

from string import Formatter
from typing import Literal, get_args

from features.ladder.file.names import read_id
from features.ladder.file.rules import read_rule
from features.ladder.ladder import Beats, Groups, How, SignalRow, Trait
from features.ladder.words import Counted
from features.toml_table import PropertyUse, Table

__all__ = ["read_beats", "read_groups", "read_signal", "read_trait"]

ValueType = Literal["number", "category"]
_HOWS: tuple[How, ...] = get_args(How)
_VALUE_TYPES: tuple[ValueType, ...] = get_args(ValueType)
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


def read_trait(table: Table) -> tuple[Trait, bool]:
    """A trait, and whether it is protected."""
    trait_id = read_id(table)
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


def read_groups(table: Table) -> Groups:
    """How far apart groups of protected traits may be."""
    least = table.number_that(
        "least_ratio", 0.8, lambda ratio: 0 < ratio < 1, "be above 0 and below 1"
    )
    return Groups(least)


def read_beats(table: Table) -> Beats:
    """How events that come again and again add up to a reading."""
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


def read_signal(table: Table) -> SignalRow:
    """A row of the signal table, beside those that every ladder has."""
    how = table.choice("how", _HOWS)
    measure = table.text("measure", "")
    usual: ValueType = "category" if how == "days_until" else "number"
    measure_type = table.choice("measure_type", _VALUE_TYPES, usual)
    if how is not None:
        _check_measure(table, how, measure, measure_type)
        _check_times(table, how)
    value_type = measure_type if how == "last" else "number"
    return SignalRow(
        id=read_id(table),
        of=table.each("of", read_rule),
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
    says = table.line("says", "")
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
