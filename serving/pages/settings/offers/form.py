"""The form of an offer: from the keys of its table to fields, and back, with what is wrong beside.

What the form does not show (when an event must have come before) stays as it was.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from features.clock import instant, microseconds, rfc3339
from features.errors import LadderError, TimeError
from features.ladder.file import NOT_AN_OFFER
from features.ladder.ladder import Ladder
from features.ladder.quiet_hours import zone_of
from features.offers.commitments import commitments_of
from serving.pages.common.words import plain

__all__ = [
    "LABELS",
    "OfferForm",
    "form_of_table",
    "kept_as_it_was",
    "new_id",
    "read_offer_form",
    "underway",
    "wrong_fields",
]

LABELS: Final = {
    "title": "Title",
    "step": "Step",
    "kind": "Kind",
    "role": "What it is for",
    "minutes": "Minutes of the lead",
    "form_fields": "Fields to fill in",
    "money": "Money to pay",
    "live": "At a fixed time",
    "human": "With a person of yours",
    "value_minutes": "Minutes of use",
    "rep_minutes": "Minutes of yours",
    "framing": "How it is put",
    "framings": "Other ways to put it",
    "topics": "Topics",
    "channels": "Channels",
    "valid_from": "Can be taken from",
    "valid_until": "Can be taken until",
    "repeats_days": "Comes again after (days)",
    "repeats_until": "For the last time on",
    "again_after_days": "The same lead again after (days)",
    "scope_days": "Runs for (days)",
    "guarantee_days": "Guaranteed for (days)",
    "during": "Only while",
    "not_while": "Not while",
    "only_after": "Only after",
    "from_at": "From when on",
    "status": "State",
}
"""What the fields of the form are called, by the key of an offer's table, or of its effort."""
_EFFORT: Final = ("minutes", "form_fields", "live", "human", "money")
_TEXTS: Final = ("title", "step", "kind", "framing")
_NUMBERS: Final = ("minutes", "money", "value_minutes", "rep_minutes", "again_after_days")
_WHOLE: Final = ("repeats_days", "scope_days", "guarantee_days")
_LISTS: Final = ("form_fields", "topics", "channels")
_TIMES: Final = ("valid_from", "valid_until", "repeats_until")
_SETS: Final = ("during", "not_while")
_FLAGS: Final = ("live", "human")
_LONGEST: Final = 2000
_NO_SLUG: Final = re.compile(r"[^a-z0-9]+")
_LONGEST_ID: Final = 60
_KEY: Final = re.compile("|".join(sorted(map(re.escape, LABELS), key=len, reverse=True)))


_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True, slots=True)
class OfferForm:
    """What stands in the fields, as text, and what is wrong with it, by field.

    Parameters
    ----------
    ticked : the boxes that are on, such as "live" or "during:reply".
    kept : keys of the table that the form does not show.
    general : what is wrong and belongs to no field.
    """

    values: Mapping[str, str]
    ticked: frozenset[str] = frozenset()
    kept: Mapping[str, object] = field(default_factory=dict)
    wrong: Mapping[str, str] = field(default_factory=dict)
    general: tuple[str, ...] = ()

    def value(self, name: str) -> str:
        """What stands in a field."""
        return self.values.get(name, "")

    def mistake(self, name: str) -> str:
        """What is wrong with a field; "" where nothing is."""
        return self.wrong.get(name, "")


def underway(ladder: Ladder) -> list[tuple[str, str]]:
    """What can be under way with a lead, by id."""
    return [*((one.id, one.title) for one in commitments_of(ladder)), ("offer", "an offer is open")]


# ------------------------------------------------------------------------------ a table as a form


def form_of_table(table: Mapping[str, Any], zone: str) -> OfferForm:
    """The form that shows an offer; times by the clock of a zone."""
    flat = {**table, **table.get("effort", {})}
    values = {name: plain(flat.get(name, "")) for name in (*_TEXTS, "role", "status")}
    values |= {name: _number_text(flat.get(name)) for name in (*_NUMBERS, *_WHOLE)}
    values |= {name: plain(", ".join(flat.get(name, ()))) for name in _LISTS}
    values |= {name: _local(flat.get(name), zone) for name in _TIMES}
    told = table.get("framings", ())
    values["framings"] = "\n".join(f"{one['id']}: {plain(one['text'])}" for one in told)
    ticked = {name for name in _FLAGS if flat.get(name)}
    ticked |= {f"{name}:{one}" for name in _SETS for one in flat.get(name, ())}
    kept = {"only_after": table["only_after"]} if "only_after" in table else {}
    return OfferForm(values, frozenset(ticked), kept)


def _number_text(value: object) -> str:
    return f"{value:.15g}" if isinstance(value, int | float) and value else ""


def _local(value: object, zone: str) -> str:
    """An instant as a field of a date and a time has it."""
    if not isinstance(value, str) or not value:
        return ""
    return instant(value).astimezone(zone_of(zone) or UTC).strftime("%Y-%m-%dT%H:%M")


# ------------------------------------------------------------------------------ a form as a table


def read_offer_form(
    given: Mapping[str, str], kept: Mapping[str, object], zone: str
) -> tuple[OfferForm, dict[str, Any], int | None]:
    """What was sent: the form as it was filled in, the table that it means, and since when.

    The form says what cannot be read at all; whether the table fits the ladder is another question.

    Parameters
    ----------
    kept : keys of the table that the form does not show, and their values.
    """
    reading = _Reading(given, zone)
    effort = {
        "minutes": reading.number("minutes"),
        "form_fields": reading.texts("form_fields"),
        "live": "live" in given,
        "human": "human" in given,
        "money": reading.number("money"),
    }
    table: dict[str, Any] = {name: reading.text(name) for name in _TEXTS}
    table["role"] = "support" if given.get("role") == "support" else "ask"
    table["effort"] = _without_nothing(effort)
    others: dict[str, object] = {
        name: reading.number(name) for name in _NUMBERS if name not in _EFFORT
    }
    others |= {name: reading.whole(name) for name in _WHOLE}
    others |= {name: reading.time(name) for name in _TIMES}
    others |= {name: reading.texts(name) for name in _LISTS if name not in _EFFORT}
    others |= {name: _ticked_of(given, name) for name in _SETS}
    others["framings"] = reading.framings()
    table |= _without_nothing(others)
    if not table["framing"]:
        del table["framing"]
    from_at = reading.time("from_at")
    ticked = {name for name in given if name in _FLAGS or name.partition(":")[0] in _SETS}
    form = OfferForm(dict(given), frozenset(ticked), kept, reading.wrong)
    since = None if from_at is None else microseconds(instant(from_at))
    return form, {**table, **kept}, since


def kept_as_it_was(
    table: Mapping[str, Any], told: Mapping[str, Any], given: Mapping[str, str], shown: OfferForm
) -> dict[str, Any]:
    """The table that a form means, with what it told before where nobody wrote something else.

    A form shows no seconds, and cannot tell a comma in a name from one between two names.

    Parameters
    ----------
    told : the offer's table when the form was shown as `shown`.
    given : what was sent of it.
    """
    same = [
        name
        for name in (*_TEXTS, *_LISTS, *_TIMES, "framings")
        if given.get(name, "").splitlines() == shown.value(name).splitlines()
    ]
    return {
        "id": told["id"],
        **_put_back(table, told, [name for name in same if name not in _EFFORT]),
        "effort": _put_back(
            table["effort"], told.get("effort", {}), [name for name in same if name in _EFFORT]
        ),
    }


def _put_back(
    values: Mapping[str, Any], former: Mapping[str, Any], names: Sequence[str]
) -> dict[str, Any]:
    others = {name: one for name, one in values.items() if name not in names}
    return others | {name: former[name] for name in names if name in former}


def _without_nothing(values: Mapping[str, object]) -> dict[str, object]:
    return {
        name: one
        for name, one in values.items()
        if one is not None and one is not False and one != []
    }


def _ticked_of(given: Mapping[str, str], name: str) -> list[str]:
    """The ids of the boxes of a set that are on."""
    return [one.partition(":")[2] for one in given if one.startswith(f"{name}:")]


@dataclass(slots=True)
class _Reading:
    """Reads texts as values, and keeps what is wrong with each."""

    given: Mapping[str, str]
    zone: str
    wrong: dict[str, str] = field(default_factory=dict)

    def text(self, name: str) -> str:
        text = " ".join(plain(self.given.get(name, "")).split())
        if len(text) > _LONGEST:
            self.wrong[name] = f"This has {len(text):,} letters; {_LONGEST:,} are enough."
        return text

    def texts(self, name: str) -> list[str]:
        return [one for part in self.text(name).split(",") if (one := part.strip())]

    def number(self, name: str) -> float | None:
        return self._number(name, float, "Write a number, such as 15 or 1.5.")

    def whole(self, name: str) -> int | None:
        return self._number(name, int, "Write a whole number, such as 30.")

    def _number(self, name: str, read: Callable[[str], _Number], remedy: str) -> _Number | None:
        text = self.given.get(name, "").strip()
        if not text:
            return None
        try:
            return read(text)
        except ValueError:
            self.wrong[name] = remedy
            return None

    def time(self, name: str) -> str | None:
        """An instant, from a date and a time by the clock of the zone."""
        text = self.given.get(name, "").strip()
        if not text:
            return None
        try:
            local = datetime.fromisoformat(text)
            if local.tzinfo is None:
                local = local.replace(tzinfo=zone_of(self.zone) or UTC)
            told = rfc3339(microseconds(local.astimezone(UTC)))
            instant(told)  # in the years in which anything happens
        except (ValueError, OverflowError, TimeError):
            self.wrong[name] = "Write a date and a time, such as 2027-03-01 09:00."
            return None
        return told

    def framings(self) -> list[dict[str, str]]:
        """Lines of a name and words."""
        found: list[dict[str, str]] = []
        for line in self.given.get("framings", "").splitlines():
            if not line.strip():
                continue
            name, colon, words = (part.strip() for part in plain(line).partition(":"))
            if not colon or not name or not words:
                self.wrong["framings"] = _FRAMING
                return []
            found.append({"id": name, "text": words})
        return found


_FRAMING: Final = "Each line is a short name, a colon and the words, as roadmap: 15 minutes on it."


# ------------------------------------------------------------------------------------ what is wrong


def wrong_fields(error: LadderError) -> tuple[dict[str, str], tuple[str, ...]]:
    """The mistakes of a table by the field that they belong to, and those that belong to none."""
    wrong: dict[str, str] = {}
    general = []
    for mistake in error.mistakes:
        name = next((part for part in _parts(mistake.path) if part in LABELS), "")
        said = _sentence(mistake.problem, mistake.remedy)
        if name:
            wrong.setdefault(name, said)
        else:
            general.append(said if mistake.path == "id" else f"{mistake.path}: {said}")
    return wrong, tuple(general)


def _parts(path: str) -> Iterator[str]:
    """The keys of a path, the last one that is a field's first."""
    yield from reversed([part.partition("[")[0] for part in path.split(".")])


def _sentence(problem: str, remedy: str) -> str:
    """A mistake as it is read beside its field, keys by the labels of their fields."""
    said = problem + (f"; {remedy}" if remedy else "")
    said = _KEY.sub(lambda key: f"“{LABELS[key[0]]}”" if "_" in key[0] else key[0], said)
    begins = said.startswith(("must", "is ", "cannot", "needs", "names", "begins", "stands"))
    said = f"This {said}" if begins else said[:1].upper() + said[1:]
    return said if said.endswith(".") else f"{said}."


# ------------------------------------------------------------------------------------------ its id


def new_id(title: str, known: Sequence[str]) -> str:
    """An id for a new offer, made of its title; another one than those that there are."""
    letters = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    slug = _NO_SLUG.sub("-", letters).strip("-")[:_LONGEST_ID].strip("-")
    slug = slug if slug[:1].isalpha() else f"offer-{slug}".strip("-")
    found, number = slug, 2
    while found in known or found in NOT_AN_OFFER:
        found, number = f"{slug}-{number}", number + 1
    return found
