"""Reads a ladder from the TOML file that its user owns, and refuses it with all mistakes at once.

`read_ladder` takes a path or the name of a shipped ladder, `parse_ladder` takes the text. The
format is explained key by key in `features/ladders/b2b.toml` and in `docs/ladder.md`.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from datetime import UTC, datetime
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from string import Formatter
from typing import Literal, TypeVar, get_args

from features.errors import LadderError, Mistake, did_you_mean
from features.ladder import (
    Band,
    Condition,
    Effort,
    EffortWeights,
    EventNames,
    EventRule,
    How,
    Ladder,
    Offer,
    Operator,
    SignalRow,
    Step,
    Trait,
)
from features.signals import Counted

__all__ = ["parse_ladder", "read_ladder", "shipped_ladders"]

T = TypeVar("T")
ValueType = Literal["number", "category"]

PURCHASE = "purchase"
FEWEST_STEPS, MOST_STEPS = 2, 12

_ID = re.compile(r"[a-z][a-z0-9_-]*")
_HEADER = re.compile(r"^\s*(\[\[?)\s*([A-Za-z0-9_-]+)\s*\]", re.MULTILINE)
_TOML_PLACE = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)$")

_OPERATORS: tuple[Operator, ...] = get_args(Operator)
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


def parse_ladder(text: str, source: str = "<text>") -> Ladder:
    """The ladder that a TOML text describes; `source` is what an error calls the text.

    Raises
    ------
    LadderError : with all mistakes in file order. Of a TOML syntax error there is only one.
    """
    values = _toml(text, source)
    order = _FileOrder(text, values)
    found = _Found()
    root = _Table(values, "", found)
    ladder = _read_ladder(root, text)
    root.close()
    _check_property_types(found, order)
    if found.mistakes:
        raise LadderError(source, sorted(found.mistakes, key=lambda m: order.rank(m.path)))
    return ladder


def shipped_ladders() -> tuple[str, ...]:
    """The names that `read_ladder` knows without a file, sorted."""
    folder = files("features") / "ladders"
    return tuple(
        sorted(
            entry.name.removesuffix(".toml")
            for entry in folder.iterdir()
            if entry.name.endswith(".toml")
        )
    )


# --------------------------------------------------------------------------------- Text and TOML


def _text_of(path: Path | str) -> str:
    if Path(path).is_file():
        return Path(path).read_text(encoding="utf-8")
    name, shipped = str(path), shipped_ladders()
    if name in shipped:
        return (files("features") / "ladders" / f"{name}.toml").read_text(encoding="utf-8")
    problem = f"is neither a file nor a shipped ladder{did_you_mean(name, shipped)}"
    raise LadderError(name, [Mistake(name, problem, f"shipped: {', '.join(shipped)}")])


def _toml(text: str, source: str) -> Mapping[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = _TOML_PLACE.search(str(error))
        last = text.count("\n") + 1
        line = place[1] if place and place[1] else str(last)
        problem = f"is not TOML: {_TOML_PLACE.sub('', str(error))}"
        raise LadderError(source, [Mistake(f"line {line}", problem)]) from error


class _FileOrder:
    """Where each path stands in the file. Steps and offers may alternate: headers are looked up."""

    def __init__(self, text: str, values: Mapping[str, object]) -> None:
        self._places = {path: place for place, path in enumerate(_paths(values, ""))}
        self._headers = _headers(text)

    def rank(self, path: str) -> tuple[int, int]:
        """A sort key: the header that the path stands under, then its place in the table."""
        while path not in self._places:  # a missing key stands where its table does
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        top = path.split(".", 1)[0]
        return self._headers.get(top, 0), self._places[path]


def _paths(value: object, path: str) -> Iterator[str]:
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _paths(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _paths(inner, f"{path}[{index}]")


def _headers(text: str) -> dict[str, int]:
    """The offset of every top-level header: by `name`, and by `name[0]`, `name[1]` in arrays."""
    offsets: dict[str, int] = {}
    counts: dict[str, int] = {}
    for header in _HEADER.finditer(text):
        brackets, name = header.groups()
        offsets.setdefault(name, header.start())
        if brackets == "[[":
            index = counts.get(name, 0)
            counts[name] = index + 1
            offsets[f"{name}[{index}]"] = header.start()
    return offsets


# ------------------------------------------------------------------------------------ The reader


@dataclass(frozen=True, slots=True)
class _PropertyUse:
    """One place that reads a property as a text or as a number."""

    property: str
    path: str
    is_text: bool


@dataclass(slots=True)
class _Found:
    """What reading a file brought to light so far."""

    mistakes: list[Mistake] = field(default_factory=list)
    uses: list[_PropertyUse] = field(default_factory=list)

    def wrong(self, path: str, problem: str, remedy: str = "") -> None:
        self.mistakes.append(Mistake(path, problem, remedy))

    def is_wrong(self, path: str) -> bool:
        """Whether a mistake was found at the path or below it."""
        return any(mistake.path.startswith(path) for mistake in self.mistakes)


class _Table:
    """One TOML table: hands out typed values, notes mistakes, knows its path and keys asked for.

    A value that is absent or wrong is replaced by one of the right type, so that reading goes on;
    `parse_ladder` lets no such value out.
    """

    def __init__(
        self, values: Mapping[str, object], path: str, found: _Found, index: int = 0
    ) -> None:
        self.path = path
        self.found = found
        self.index = index
        self._values = values
        self._known: list[str] = []
        self._absent: dict[str, Mistake] = {}

    def at(self, key: str) -> str:
        """The path of a key of this table."""
        return f"{self.path}.{key}" if self.path else key

    def has(self, key: str) -> bool:
        return key in self._values

    def is_doubtful(self, key: str) -> bool:
        """Whether a list of tables is none, or is perhaps incomplete for a misspelt header."""
        given = self._values.get(key, [])
        others = [other for other in self._values if other not in self._known]
        return not isinstance(given, list) or bool(get_close_matches(key, others))

    def wrong(self, key: str, problem: str, remedy: str = "") -> None:
        """Note a mistake at a key. One about an absent key waits: it may only be misspelt."""
        if self.has(key):
            self.found.wrong(self.at(key), problem, remedy)
        else:
            self._absent.setdefault(key, Mistake(self.at(key), problem, remedy))

    def close(self) -> None:
        """Note the keys that nobody asked for, and the absent ones that these do not explain."""
        for key in self._values:
            if key not in self._known:
                self.found.wrong(self.at(key), f"is not a key{did_you_mean(key, self._known)}")
                for meant in get_close_matches(key, self._known, n=1):
                    self._absent.pop(meant, None)
        self.found.mistakes.extend(self._absent.values())

    def take(self, key: str) -> object:
        """The value as TOML has it; None where it is absent."""
        self._known.append(key)
        return self._values.get(key)

    def text(self, key: str, default: str | None = None) -> str:
        """A text; required without a default, and empty only where the default is."""
        value = self.take(key)
        if isinstance(value, str) and (value.strip() or default == ""):
            return value
        if value is not None:
            self.wrong(key, "is empty" if isinstance(value, str) else "must be a text")
        elif default is None:
            self.wrong(key, "is missing")
        return default or ""

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, none of them twice; empty where it is absent."""
        value = self.take(key)
        if value is None:
            return ()
        names = _as_texts(value)
        if names is None:
            self.wrong(key, "must be a list of texts")
        elif len(set(names)) < len(names):
            self.wrong(key, "names one thing twice")
        return names or ()

    def number(
        self, key: str, default: float | None = None, *, above: float | None = None
    ) -> float:
        """A finite number, at least 0 or else above a bound; without a default it is required."""
        value = self.take(key)
        if value is None:
            if default is None:
                self.wrong(key, "is missing")
            return default or 0.0
        number = _as_number(value)
        if number is None:
            self.wrong(key, "must be a number")
        elif above is None and number < 0:
            self.wrong(key, "must not be negative")
        elif above is not None and number <= above:
            self.wrong(key, f"must be above {above:g}")
        return number or 0.0

    def days(self, key: str) -> float | None:
        """A positive number of days; None where it is absent."""
        if self.has(key):
            return self.number(key, above=0.0)
        self.take(key)
        return None

    def whole_days(self, key: str) -> int | None:
        """A positive whole number of days; None where it is absent."""
        value = self.take(key)
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
        self.wrong(key, "must be a whole number of days above 0")
        return None

    def flag(self, key: str) -> bool:
        """A truth value; False where it is absent."""
        value = self.take(key)
        if value is not None and not isinstance(value, bool):
            self.wrong(key, "must be true or false")
        return value is True

    def instant(self, key: str) -> datetime | None:
        """An instant, in UTC; None where it is absent or wrong."""
        value = self.take(key)
        if isinstance(value, datetime) and value.tzinfo is not None:
            return value.astimezone(UTC)
        if value is not None:
            self.wrong(key, "must be an instant with an offset", "as 2026-03-01T09:00:00+01:00")
        return None

    def choice(self, key: str, options: Sequence[T], default: T | None = None) -> T | None:
        """One of the options; None where it is wrong, or absent without a default."""
        value = self.take(key)
        if value is None:
            if default is None:
                self.wrong(key, "is missing", f"one of {_listed(options)}")
            return default
        if value in options:
            return options[options.index(value)]
        hint = did_you_mean(str(value), [str(option) for option in options])
        self.wrong(key, f"cannot be {value!r}{hint}", f"one of {_listed(options)}")
        return None

    def one(self, key: str, read: Callable[[_Table], T], *, required: bool = True) -> T:
        """A table, read and closed. Nothing is noted about the inside of an absent one."""
        value = self.take(key)
        if isinstance(value, dict):
            return _read_closed(_Table(value, self.at(key), self.found), read)
        if value is not None:
            self.wrong(key, "must be a table")
        elif required:
            self.wrong(key, "is missing")
        return read(_Table({}, "", _Found()))

    def each(self, key: str, read: Callable[[_Table], T]) -> tuple[T, ...]:
        """A list of tables, each read and closed; empty where it is absent."""
        value = self.take(key)
        if value is None:
            return ()
        if not isinstance(value, list):
            header = f"written [[{key}]]" if not self.path else f"{key} = [{{...}}]"
            self.wrong(key, "must be a list of tables", header)
            return ()
        return tuple(self._item(key, index, item, read) for index, item in enumerate(value))

    def _item(self, key: str, index: int, item: object, read: Callable[[_Table], T]) -> T:
        path = f"{self.at(key)}[{index}]"
        if isinstance(item, dict):
            return _read_closed(_Table(item, path, self.found, index), read)
        self.found.wrong(path, "must be a table")
        return read(_Table({}, "", _Found()))


def _read_closed(table: _Table, read: Callable[[_Table], T]) -> T:
    value = read(table)
    table.close()
    return value


def _as_number(value: object) -> float | None:
    """A finite float; None for anything else, truth values included."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # TOML integers have no largest value here
        return None


def _as_texts(value: object) -> tuple[str, ...] | None:
    if not isinstance(value, list):
        return None
    texts = tuple(item for item in value if isinstance(item, str) and item.strip())
    return texts if len(texts) == len(value) else None


def _listed(options: Sequence[object]) -> str:
    return ", ".join(str(option) for option in options)


# -------------------------------------------------------------------------------------- Sections


def _read_ladder(root: _Table, text: str) -> Ladder:
    head = root.one("ladder", _read_head)
    steps = root.each("step", _read_step)
    purchase = root.one(PURCHASE, _read_purchase)
    offers = root.each("offer", _read_offer)
    traits = root.each("trait", _read_trait)
    signals = root.each("signal", _read_signal)
    events = root.one("events", _read_events, required=False)
    weights = root.one("effort_weights", _read_weights, required=False)
    _check_step_count(root, steps)
    for kind, rows in (("step", steps), ("offer", offers), ("trait", traits), ("signal", signals)):
        _check_unique(root.found, kind, [row.id for row in rows])
    _check_completions(root.found, steps, purchase)
    _check_offer_steps(root, steps, offers)
    return Ladder(
        name=head.name,
        title=head.title,
        steps=steps,
        purchase=purchase,
        offers=offers,
        traits=traits,
        signals=signals,
        events=events,
        restart_on=head.restart_on,
        score_at=head.score_at,
        dormant_after_days=head.dormant_after_days,
        effort_weights=weights,
        max_effort_jump=head.max_effort_jump,
        source=text,
    )


@dataclass(frozen=True, slots=True)
class _Head:
    """The [ladder] table."""

    name: str
    title: str
    dormant_after_days: float
    max_effort_jump: float
    restart_on: tuple[EventRule, ...]
    score_at: tuple[EventRule, ...]


def _read_head(table: _Table) -> _Head:
    name = _read_id(table, "name")
    return _Head(
        name=name,
        title=table.text("title", name),
        dormant_after_days=table.number("dormant_after_days", 90.0, above=0.0),
        max_effort_jump=table.number("max_effort_jump", 5.0, above=1.0),
        restart_on=table.each("restart_on", _read_rule),
        score_at=table.each("score_at", _read_rule),
    )


def _read_events(table: _Table) -> EventNames:
    return EventNames(
        **{role.name: table.text(role.name, str(role.default)) for role in fields(EventNames)}
    )


def _read_weights(table: _Table) -> EffortWeights:
    return EffortWeights(
        **{part.name: table.number(part.name, _default(part)) for part in fields(EffortWeights)}
    )


def _read_id(table: _Table, key: str = "id") -> str:
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


def _read_step(table: _Table) -> Step:
    step_id = _read_id(table)
    if step_id == PURCHASE:
        table.wrong("id", f"{PURCHASE!r} is reserved", "for the [purchase] table")
    return _read_rung(table, step_id, table.text("title"), _read_step_band(table))


def _read_purchase(table: _Table) -> Step:
    return _read_rung(table, PURCHASE, table.text("title", "Purchase"), _read_band(table))


def _read_rung(table: _Table, step_id: str, title: str, band: Band | None) -> Step:
    """What a step and the purchase have in common."""
    complete_when = table.each("complete_when", _read_rule)
    if not complete_when and table.take("complete_when") in (None, []):
        table.wrong("complete_when", "needs at least one rule", 'as [{event = "..."}]')
    named = (*table.texts("engaged_by"), *(rule.event for rule in complete_when))
    return Step(
        id=step_id,
        title=title,
        complete_when=complete_when,
        horizon_days=table.number("horizon_days", above=0.0),
        band=band,
        engaged_by=tuple(dict.fromkeys(named)),
    )


def _read_step_band(table: _Table) -> Band | None:
    if table.index > 0:
        if not table.has("band"):
            table.wrong("band", "is missing", "healthy conversion from below, as [0.4, 0.6]")
        return _read_band(table)
    if table.take("band") is not None:
        table.wrong("band", "cannot be on the first step", "no rung leads to it")
    return None


def _read_band(table: _Table) -> Band | None:
    given = table.take("band")
    if given is None:
        return None
    match [_as_number(end) for end in given] if isinstance(given, list) else []:
        case [float(low), float(high)] if 0 <= low < high <= 1:
            return Band(low, high)
    table.wrong("band", "must be [low, high] with 0 <= low < high <= 1", "as [0.4, 0.6]")
    return None


def _read_rule(table: _Table) -> EventRule:
    event, where = table.text("event"), table.take("where")
    if where is None:
        return EventRule(event)
    if not isinstance(where, dict):
        table.wrong("where", "must be a table", "as {seconds = {at_least = 300}}")
        return EventRule(event)
    return EventRule(
        event,
        tuple(
            condition
            for name, given in where.items()
            for condition in _read_conditions(table.found, f"{table.at('where')}.{name}", given)
        ),
    )


def _read_conditions(found: _Found, path: str, given: object) -> list[Condition]:
    """The conditions on one property: a bare value, a list of texts, or a table of operators."""
    if isinstance(given, dict):
        claims = [(f"{path}.{operator}", operator, value) for operator, value in given.items()]
    else:
        claims = [(path, "one_of" if isinstance(given, list) else "is", given)]
    if not claims:
        found.wrong(path, "states no condition", f"one of {_listed(_OPERATORS)}")
    name = path.rpartition(".where.")[2]
    conditions = [_read_condition(found, name, *claim) for claim in claims]
    return [condition for condition in conditions if condition is not None]


def _read_condition(
    found: _Found, name: str, path: str, given: str, value: object
) -> Condition | None:
    operator = next((known for known in _OPERATORS if known == given), None)
    if operator is None:
        hint = did_you_mean(given, _OPERATORS)
        found.wrong(path, f"is not an operator{hint}", f"one of {_listed(_OPERATORS)}")
        return None
    operand = _operand(operator, value)
    if operand is None:
        found.wrong(path, f"must be {_OPERANDS.get(operator, 'a number')}")
        return None
    condition = Condition(name, operator, operand)
    found.uses.append(_PropertyUse(name, path, condition.is_text))
    return condition


_OPERANDS: dict[Operator, str] = {
    "is": "a number, a text or a truth value",
    "is_not": "a number, a text or a truth value",
    "one_of": "a list of texts, not empty",
}


def _operand(operator: Operator, value: object) -> float | str | tuple[str, ...] | None:
    """What an operator compares with; None for a value that it cannot compare with."""
    if operator == "one_of":
        return _as_texts(value) or None
    if operator in ("is", "is_not"):
        if isinstance(value, str):
            return value
        if isinstance(value, bool):
            return float(value)
    return _as_number(value)


# ------------------------------------------------------------------------ Offers, traits, signals


def _read_offer(table: _Table) -> Offer:
    valid_from, valid_until = table.instant("valid_from"), table.instant("valid_until")
    if valid_from is not None and valid_until is not None and valid_from >= valid_until:
        table.wrong("valid_until", "must be later than valid_from")
    return Offer(
        id=_read_id(table),
        step=table.text("step"),
        title=table.text("title"),
        kind=table.text("kind"),
        effort=table.one("effort", _read_effort),
        value_minutes=table.number("value_minutes", 0.0),
        topics=table.texts("topics"),
        framing=table.text("framing", ""),
        rep_minutes=table.number("rep_minutes", 0.0),
        valid_from=valid_from,
        valid_until=valid_until,
        guarantee_days=table.whole_days("guarantee_days"),
        scope_days=table.whole_days("scope_days"),
    )


def _read_effort(table: _Table) -> Effort:
    return Effort(
        minutes=table.number("minutes", 0.0),
        form_fields=table.texts("form_fields"),
        live=table.flag("live"),
        human=table.flag("human"),
        money=table.number("money", 0.0),
    )


def _read_trait(table: _Table) -> Trait:
    trait_id = _read_id(table)
    value_type = table.choice("type", _VALUE_TYPES)
    if trait_id and value_type:
        use = _PropertyUse(trait_id, table.at("id"), value_type == "category")
        table.found.uses.append(use)
    return Trait(
        id=trait_id,
        type=value_type or "number",
        personal=table.flag("personal"),
        says=_read_says(table, value_type, is_age=False),
    )


def _read_signal(table: _Table) -> SignalRow:
    how = table.choice("how", _HOWS)
    measure = table.text("measure", "")
    measure_type = table.choice("measure_type", _VALUE_TYPES, "number")
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
        window_days=table.days("window_days"),
        half_life_days=table.days("half_life_days"),
        says=_read_says(table, value_type, is_age=how in (None, *_AGES)),
    )


def _check_measure(table: _Table, how: How, measure: str, measure_type: ValueType | None) -> None:
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
        use = _PropertyUse(measure, table.at("measure"), measure_type == "category")
        table.found.uses.append(use)


def _check_times(table: _Table, how: How) -> None:
    """Whether a signal has the half-life that its `how` needs, and no time that it cannot have."""
    if how == "decayed_count":
        if not table.has("half_life_days"):
            table.wrong("half_life_days", "is missing", f"{how!r} needs one")
    elif table.has("half_life_days"):
        table.wrong("half_life_days", f"is not read by {how!r}", "only 'decayed_count' has one")
    if how in _AGES and table.has("window_days"):
        table.wrong("window_days", f"is not read by {how!r}", "it looks at the whole history")


def _read_says(table: _Table, value_type: ValueType | None, *, is_age: bool) -> str:
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


# ----------------------------------------------------------------------- Checks across the sections


def _check_step_count(root: _Table, steps: Sequence[Step]) -> None:
    if FEWEST_STEPS <= len(steps) <= MOST_STEPS or (root.has("step") and root.is_doubtful("step")):
        return
    problem = f"a ladder has {FEWEST_STEPS} to {MOST_STEPS} steps, this one has {len(steps)}"
    root.wrong("step", problem, "one [[step]] for each, without the purchase")


def _check_unique(found: _Found, kind: str, ids: Sequence[str]) -> None:
    for index, name in enumerate(ids):
        first = ids.index(name)
        if name and first < index:
            found.wrong(f"{kind}[{index}].id", f"{name!r} is already the id of {kind}[{first}]")


def _check_completions(found: _Found, steps: Sequence[Step], purchase: Step) -> None:
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


def _check_offer_steps(root: _Table, steps: Sequence[Step], offers: Sequence[Offer]) -> None:
    ids = [step.id for step in steps]
    sound = [name for name in ids if _ID.fullmatch(name) and name != PURCHASE]
    known = [*sound, PURCHASE]
    # Where the steps have mistakes themselves, an offer may mean the one that is unreadable.
    is_sure = bool(ids) and sound == ids and not root.is_doubtful("step")
    for index, offer in enumerate(offers):
        hint = did_you_mean(offer.step, known)
        if offer.step and offer.step not in (*ids, PURCHASE) and (is_sure or hint):
            problem = f"there is no step {offer.step!r}{hint}"
            root.found.wrong(f"offer[{index}].step", problem, f"one of {_listed(known)}")


def _check_property_types(found: _Found, order: _FileOrder) -> None:
    """A property is a number everywhere or a text everywhere, as it has one column in the log."""
    first: dict[str, _PropertyUse] = {}
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
