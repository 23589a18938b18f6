"""The steps one under the other: how many go on, beside the usual, and where each number leads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from features.ladder.words import things
from models.judging.funnel.shapes import (
    BandedWay,
    BandVerdict,
    Funnel,
    LeadCounts,
    Rate,
    StepBand,
    StepFunnel,
    Trend,
    Whole,
)
from models.judging.funnel.wording import in_100
from serving.pages.common import words
from serving.pages.ladder.choices import LadderChoice

__all__ = ["STATES", "LinkedCount", "StepRow", "percent", "span", "step_rows", "way_rows"]

STATES: Final[Mapping[str, str]] = {
    "advanced": "went on",
    "lapsed": "not in time",
    "lost": "lost",
    "pending": "still have time",
}
"""What came of leads, in words, by what the address of their list says."""
_ONE: Final = {"pending": "still has time"}
_SPACE: Final = "\u00a0"
_VERDICTS: Final[Mapping[BandVerdict, tuple[str, str]]] = {
    "below": ("below the usual", "bad"),
    "within": ("within the usual", "good"),
    "above": ("above the usual", "good"),
    "undetermined": ("not sure yet", "open"),
    "no band": ("no usual share is named", "open"),
}


_NOBODY: Final = ("–", "nobody came", "", "open")


@dataclass(frozen=True, slots=True)
class LinkedCount:
    """A number of leads, what they are, and where they are named; "" where they are not."""

    number: str
    what: str
    address: str


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step, or a way over several, as it is drawn and told.

    Parameters
    ----------
    below : what stands under the title.
    rate, likely : "23 %" and "likely 21 to 26 %"; where it is too early, what is sure by now.
    value, low, high, band, former : what is drawn, in [0, 1]; None where there is none.
    usual : "40 to 60 %", or "".
    verdict, kind : in words, and as the style knows it.
    before : how it was in the stretch before, or "".
    half, most : in how long half and nine in ten of those go on who do, or "".
    """

    id: str
    title: str
    below: str
    rate: str
    likely: str
    value: float | None
    low: float
    high: float
    band: tuple[float, float] | None
    former: float | None
    usual: str
    verdict: str
    kind: str
    before: str = ""
    half: str = ""
    most: str = ""
    counts: tuple[LinkedCount, ...] = ()


def percent(share: float) -> str:
    """A share in percent: "23 %", and below one with a place."""
    return f"{in_100(share)}{_SPACE}%"


def span(low: float, high: float) -> str:
    """From one share to another: "21 to 26 %"."""
    start, end = in_100(low), in_100(high)
    return f"{start} to {end}{_SPACE}%" if start != end else f"{end}{_SPACE}%"


def step_rows(found: Funnel, choice: LadderChoice) -> list[StepRow]:
    """The steps, the purchase last."""
    return [_row(step, choice) for step in found["steps"]]


def way_rows(found: Funnel) -> list[StepRow]:
    """From the first step to the purchase; and from the first step with a usual share, if later."""
    whole, banded, last = found["whole"], found["whole"]["banded"], found["steps"][-1]["title"]
    product = whole["product"]["value"]
    below = "" if product is None else f"the steps multiply to {percent(product)}"
    came = {step["id"]: step["counts"]["came"] for step in found["steps"]}
    rows = [_way(f"All the way to {last}", below, whole, came[found["steps"][0]["id"]])]
    if banded is not None:
        below = "before that no usual share is named"
        rows.append(_way(f"From {banded['title']} to {last}", below, banded, came[banded["step"]]))
    return rows


def _way(title: str, below: str, way: Whole | BandedWay, came: int) -> StepRow:
    rate, likely = _told(way["followed"])
    verdict, kind = _verdict(way["followed"], way["verdict"], "nobody who waits has had the time")
    if not came:
        rate, likely, verdict, kind = _NOBODY
    return StepRow(
        id="",
        title=title,
        below=below,
        rate=rate,
        likely=likely,
        value=way["followed"]["value"],
        low=way["followed"]["low"],
        high=way["followed"]["high"],
        band=_band(way["band"]),
        former=None,
        usual=_usual(way["band"]),
        verdict=verdict,
        kind=kind,
    )


def _row(step: StepFunnel, choice: LadderChoice) -> StepRow:
    days = things(step["horizon_days"], "day")
    rate, likely = _told(step["rate"])
    trend = step["trend"] if choice.is_beside and choice.has_before else None
    verdict, kind = _verdict(step["rate"], step["verdict"], f"nobody who waits has had {days}")
    if not step["counts"]["came"]:
        rate, likely, verdict, kind = _NOBODY
    return StepRow(
        id=step["id"],
        title=step["title"],
        below=f"within {days}",
        rate=rate,
        likely=likely,
        value=step["rate"]["value"],
        low=step["rate"]["low"],
        high=step["rate"]["high"],
        band=_band(step["band"]),
        former=trend["before"]["value"] if trend else None,
        usual=_usual(step["band"]),
        verdict=verdict,
        kind=kind,
        before=_before(trend, rate),
        half=_took("half in", step["days"]["median"]),
        most=_took("nine in ten in", step["days"]["most_of_them"]),
        counts=tuple(_counts(step["id"], step["counts"], choice)),
    )


def _told(rate: Rate) -> tuple[str, str]:
    if rate["value"] is not None:
        return percent(rate["value"]), f"likely {span(rate['low'], rate['high'])}"
    return "Too early", f"at least {percent(rate['low'])}" if rate["low"] > 0.0 else ""


def _verdict(rate: Rate, verdict: BandVerdict, too_early: str) -> tuple[str, str]:
    if rate["value"] is None and verdict in ("undetermined", "no band"):
        return too_early, "open"
    return _VERDICTS[verdict]


def _band(band: StepBand | None) -> tuple[float, float] | None:
    return None if band is None else (band["low"], band["high"])


def _usual(band: StepBand | None) -> str:
    return "" if band is None else span(band["low"], band["high"])


def _before(trend: Trend | None, rate: str) -> str:
    """How it was before; with an arrow where it surely differs, and by what is told of it."""
    if trend is None or trend["before"]["value"] is None:
        return ""
    former = percent(trend["before"]["value"])
    low, high = trend["low"], trend["high"]
    if low is None or high is None or low <= 0.0 <= high or former == rate:
        return f"before {former}"
    return f"{'up' if low > 0.0 else 'down'} from {former}"


def _took(what: str, number: float | None) -> str:
    if number is None:
        return ""
    if number < 0.1:
        return f"{what} under 3{_SPACE}hours"
    text = f"{number:.1f}" if number < 10 else f"{number:.0f}"
    days = f"{text.removesuffix('.0')}{_SPACE}day{'' if text == '1.0' else 's'}"
    return f"{what} {days}"


def _counts(step: str, counts: LeadCounts, choice: LadderChoice) -> Iterator[LinkedCount]:
    """Who came and what came of them; who opted out is counted and never named."""
    if not counts["came"]:
        return
    yield LinkedCount(words.count(counts["came"]), "came", _address(step, None, counts, choice))
    told = {
        "advanced": counts["advanced"],
        "lapsed": counts["lapsed"],
        "lost": counts["lost"],
        "pending": counts["pending"],
    }
    for state, number in told.items():
        if number or state == "advanced":
            what = _ONE.get(state, STATES[state]) if number == 1 else STATES[state]
            address = choice.leads(step, state) if number else ""
            yield LinkedCount(words.count(number), what, address)
    if counts["left"]:
        yield LinkedCount(words.count(counts["left"]), "opted out", "")


def _address(step: str, state: str | None, counts: LeadCounts, choice: LadderChoice) -> str:
    return choice.leads(step, state) if counts["came"] > counts["left"] else ""
