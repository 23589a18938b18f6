"""What a bundle would change in the order that people work, beside the champion that serves.

Both score the same leads at the same instants. Two orders are what people see: all leads by the
chance of a purchase, and those before one step by the chance of that step. Only the tops matter to
whoever works them, so that is what the gate asks of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np

from features.arrays import Bools, Floats, Ints
from features.ladder.words import in_percent
from models.bundle import Bundle, signals_fingerprint
from models.judging.orders import kept_at_the_top, rank_correlation
from training.decision_points import Points

__all__ = [
    "LEAST_OVERLAP",
    "SAYS",
    "Incumbent",
    "Reordering",
    "TopLeads",
    "WorkedOrder",
    "by_next_step",
    "compared",
    "refusals",
]

LEAST_OVERLAP: Final = 0.8
"""Of the leads at the top so many stay there, where nothing else is asked for."""
_TOP: Final = 0.1
_LEAST_TOP: Final = 20
"""A tenth of few leads would turn on one or two of them."""
_ACCEPT: Final = "if that is meant, say so with --accept-reordering and why"
SAYS: Final = {"purchase": "the chance of a purchase", "next_step": "the chance of their step"}


@dataclass(frozen=True, eq=False, slots=True)
class Incumbent:
    """A champion that a bundle is to follow.

    Parameters
    ----------
    hash : its whole hash; "" where there is no champion.
    bundle : None where it cannot be loaded, for which `why` is the reason; without a hash, why
        what is called champion is none.
    """

    hash: str = ""
    bundle: Bundle | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class TopLeads:
    """Some leads in two orders.

    Parameters
    ----------
    title : which leads.
    top : how many of them are looked at; 0 where they are too few to have a top.
    kept : how many of those are at the top of both. Equals at the edge share places.
    correlation : of the ranks of all of them (Spearman); None where all are equal.
    """

    title: str
    leads: int
    top: int
    kept: float
    correlation: float | None

    @property
    def overlap(self) -> float | None:
        """The share of the top that stays; None without a top."""
        return self.kept / self.top if self.top else None


@dataclass(frozen=True, slots=True)
class WorkedOrder:
    """One order that people work by, in parts that are never ranked against each other."""

    by: Literal["purchase", "next_step"]
    parts: tuple[TopLeads, ...]

    @property
    def top(self) -> int:
        """How many leads are at the tops of all parts."""
        return sum(part.top for part in self.parts)

    @property
    def kept(self) -> float:
        """How many of them stay there."""
        return sum(part.kept for part in self.parts)

    @property
    def overlap(self) -> float | None:
        """The share of the tops that stays; None where no part has one."""
        return self.kept / self.top if self.top else None

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, with what follows from the counts."""
        parts = [asdict(part) | {"overlap": part.overlap} for part in self.parts]
        return {"by": self.by, "top": self.top, "kept": self.kept, "overlap": self.overlap} | {
            "parts": parts
        }


@dataclass(frozen=True, slots=True)
class Reordering:
    """A bundle beside the champion, on the same leads and instants.

    Parameters
    ----------
    champion : its whole hash; "" where there is none.
    note : why nothing was compared; "" where it was.
    leads : how many, each at the last instant of the period at which it was judged.
    """

    champion: str
    note: str = ""
    leads: int = 0
    orders: tuple[WorkedOrder, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        orders = [order.as_dict() for order in self.orders]
        return {"champion": self.champion, "note": self.note, "leads": self.leads} | {
            "orders": orders
        }


def compared(bundle: Bundle, former: Incumbent, points: Points) -> Reordering:
    """A bundle beside a champion on the last point of each lead."""
    if not former.hash:
        return Reordering("", f"{former.why or 'there is none yet'}, so nothing to compare")
    champion = former.bundle
    if champion is None:
        return Reordering(former.hash, f"the champion cannot be compared: {former.why}")
    if not _is_alike(bundle, champion):
        note = "the champion was trained on other steps or signals of the ladder: every score moves"
        return Reordering(former.hash, note)
    last = points.rows(_is_last(points))
    new, old = bundle.score(last.snapshot), champion.score(last.snapshot)
    everyone = [("all leads", np.ones(len(last), dtype=np.bool_))]
    by_purchase = tuple(_tops(everyone, old.purchase.probability, new.purchase.probability))
    by_step = by_next_step(bundle, last, old.advance.probability, new.advance.probability)
    orders = (WorkedOrder("purchase", by_purchase), by_step)
    return Reordering(former.hash, leads=len(last), orders=orders)


def by_next_step(bundle: Bundle, last: Points, former: Floats, new: Floats) -> WorkedOrder:
    """Leads before each step, by the chance of it: one point of each lead, estimated by both."""
    of_steps = [(goal.title, last.position == at) for at, goal in enumerate(bundle.ladder.goals)]
    return WorkedOrder("next_step", tuple(_tops(of_steps, former, new)))


def _is_alike(bundle: Bundle, champion: Bundle) -> bool:
    """Whether both score the same signals for the same steps."""
    ladders = bundle.ladder, champion.ladder
    steps, others = ([goal.id for goal in ladder.goals] for ladder in ladders)
    signals, more = map(signals_fingerprint, ladders)
    return steps == others and signals == more


def _is_last(points: Points) -> Bools:
    """Shape (n,): whether a point is the latest of its lead."""
    order: Ints = np.lexsort((points.as_of, points.lead))
    lead = points.lead[order]
    is_last = np.zeros(len(points), dtype=np.bool_)
    is_last[order] = np.append(lead[1:] != lead[:-1], True) if len(lead) else False
    return is_last


def _tops(parts: Iterable[tuple[str, Bools]], former: Floats, new: Floats) -> Iterator[TopLeads]:
    """Some leads each in both orders; parts without a lead are left out."""
    for title, keep in parts:
        leads = int(keep.sum())
        if not leads:
            continue
        before, after = former[keep], new[keep]
        top = max(_LEAST_TOP, round(_TOP * leads))
        if leads < 2 * top:  # the top of so few would be most of them
            top = 0
        kept = kept_at_the_top(before, after, top) if top else 0.0
        yield TopLeads(title, leads, top, kept, rank_correlation(before, after))


def refusals(held: Mapping[str, Any] | None, champion: str, least: float) -> list[str]:
    """What keeps a bundle from following the champion, one sentence for each.

    Parameters
    ----------
    held : the comparison of a report; None where it has none.
    champion : the whole hash of what serves.
    """
    if held is None or held["champion"] != champion:
        other = f"with {held['champion'][:12]}" if held and held["champion"] else "with no champion"
        return [
            f"compared {other}, and {champion[:12]} serves: evaluate it beside the champion, with"
            " rung evaluate --champion"
        ]
    if held["note"]:
        return [f"{held['note']}; {_ACCEPT}"]
    return [
        f"of the {order['top']} leads at the top by {SAYS[order['by']]}"
        f" {round(order['kept'])} stay ({in_percent(order['overlap'], 1)}), and"
        f" {in_percent(least, 1)} should; {_ACCEPT}"
        for order in held["orders"]
        if order["overlap"] is not None and order["overlap"] < least
    ]
