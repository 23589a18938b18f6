"""The queue: leads by the work that they are (`serving.scoring.work`), with why and what to do.

The order is that of the stored scores (`serving.process.background` says how it comes about), so
a page is one read. Customers and dormant leads are scored, but stand in no queue unless they wait
for a reply: a customer who does has no next step there, and no chance.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, cast

import numpy as np

from features.clock import rfc3339
from features.errors import OptedOut, UnknownLead
from features.events.log import DAY_US
from features.ladder.ladder import Ladder, Step
from features.store.events import EventStore, StoredScore
from features.store.kept.accounts import Account, AnyOf
from features.store.kept.queue import Order, QueueFilter, place_of
from features.store.people.hands import NOBODY
from models.bundle import version_of
from models.offers.options import NURTURE
from models.recommendation import ACTIVE_DAYS
from serving.scoring.answers import (
    AccountOfLead,
    AnyOfAnswer,
    Details,
    QueueItem,
    ScoreBand,
    SuggestionAnswer,
)
from serving.scoring.bands import band_of
from serving.scoring.changes import Cause
from serving.scoring.scorer import Scorer
from serving.scoring.suggestion import Suggestion, suggestion_for
from serving.scoring.work import tab_of

__all__ = [
    "QueuePart",
    "account_line",
    "active_since",
    "items",
    "part_to_work",
    "queue_part",
    "suggestion_of",
]

_MINUTE_US: Final = 60_000_000
_MOST_HELD: Final = 5_000
"""Leads whose advice is remembered."""
_MOST_AT_ONCE: Final = 1_000
"""Leads that are read in one go for a page, where many before them are left out."""


# ------------------------------------------------------------------------------------------- Pages


@dataclass(frozen=True, slots=True)
class QueuePart:
    """Some leads of the queue; `after` is where the next part begins, None at the end."""

    scores: list[StoredScore]
    after: tuple[float, str] | None


def queue_part(
    store: EventStore,
    limit: int,
    after: tuple[float, str] | None = None,
    step: str | None = None,
    order: Order = "work",
    account: str | None = None,
) -> QueuePart:
    """The next `limit` queued leads.

    Parameters
    ----------
    step, account : those alone that have this step before them, or belong to this company.
    """
    wanted = QueueFilter(step=step, account=account)
    found = store.queue.part(wanted, limit + 1, after, order=order)
    page = found[:limit]
    return QueuePart(page, place_of(page[-1], order) if len(found) > limit else None)


def part_to_work(
    store: EventStore,
    limit: int,
    after: tuple[float, str] | None = None,
    step: str | None = None,
    order: Order = "work",
    account: str | None = None,
    *,
    now: int,
    free_for: str | None = None,
) -> QueuePart:
    """The next `limit` queued leads that are not put aside; see `queue_part`.

    Parameters
    ----------
    now : microseconds since the epoch, UTC.
    free_for : a name: without those that others work with. None: whoever works with them.
    """
    kept: list[StoredScore] = []
    many = limit
    while True:
        part = queue_part(store, many, after, step, order, account)
        hands = store.actions.hands_of([score.lead_id for score in part.scores])
        for score in part.scores:
            hand = hands.get(score.lead_id, NOBODY)
            is_free = free_for is None or hand.owner_at(now) in ("", free_for)
            if is_free and not hand.is_snoozed(now, score.last_active, score.asked_at):
                kept.append(score)
        after = part.after
        if len(kept) >= limit or after is None:
            break
        many = min(2 * many, max(limit, _MOST_AT_ONCE))
    page = kept[:limit]
    is_last = after is None and len(kept) <= limit
    return QueuePart(page, None if is_last else place_of(page[-1], order))


# ------------------------------------------------------------------------------------------- Items


def items(scorer: Scorer, scores: list[StoredScore]) -> list[QueueItem]:
    """Stored scores as they are shown: with reasons, what to do next, and who works with them."""
    hands, now = scorer.store.actions.hands_of([one.lead_id for one in scores]), scorer.clock()
    explained, suggestions = _explained(scorer, scores), _suggestions(scorer, scores)
    named = [score.account_id for score in scores if score.account_id]
    accounts = scorer.store.accounts.some(named, active_since(scorer)) if named else {}
    return [
        _item(scorer, score, details, suggestions.get(score.lead_id))
        | {
            "account": account_line(account) if account else None,
            "claimed_by": hands.get(score.lead_id, NOBODY).owner_at(now) or None,
        }
        for score, details in explained
        for account in (accounts.get(score.account_id or ""),)
    ]


def active_since(scorer: Scorer) -> int:
    """Who did something since then is active; microseconds since the epoch."""
    return scorer.clock() - round(ACTIVE_DAYS * DAY_US)


def account_line(account: Account) -> AccountOfLead:
    """A company as it is told beside a lead."""
    return {
        "id": account.id,
        "name": account.name or None,
        "leads": account.leads,
        "active": account.active,
        "probability": _any_of(account.advance),
        "purchase_probability": _any_of(account.purchase),
    }


def _any_of(told: AnyOf) -> AnyOfAnswer:
    return {"value": told.chance, "least": told.least, "most": told.most}


def _explained(
    scorer: Scorer, scores: list[StoredScore]
) -> list[tuple[StoredScore, Details | None]]:
    """Each score with its reasons; those that were not stored are found again, as of then."""
    bundle = scorer.bundle
    version = bundle.identity if bundle else None
    absent = [
        score for score in scores if not score.reasons and score.step and score.bundle == version
    ]
    again = dict(_found_again(scorer, absent)) if absent else {}
    return [
        (score, json.loads(score.reasons))
        if score.reasons
        else again.get(score.lead_id, (score, None))
        for score in scores
    ]


def _found_again(
    scorer: Scorer, scores: list[StoredScore]
) -> Iterator[tuple[str, tuple[StoredScore, Details]]]:
    """Scores with their reasons, both from one read.

    What was imported since with a date in the past may have changed a score: then a stored number
    beside reasons of today would not add up.
    """
    log = scorer.store.log_of([score.lead_id for score in scores], scorer.model.bundle.ladder)
    for as_of in sorted({score.as_of for score in scores}):
        stored = {score.lead_id: score for score in scores if score.as_of == as_of}
        estimates = scorer.model.estimate_log(log, as_of)
        found = estimates.scores
        names = estimates.snapshot.leads
        rows = [row for row, name in enumerate(names) if name in stored and found.step[row]]
        for row, details in zip(
            rows, estimates.details_of(np.array(rows, np.intp)).values(), strict=True
        ):
            score = replace(
                stored[names[row]],
                step=found.step[row] or "",
                position=int(found.position[row]),
                p_advance=float(found.advance.probability[row]),
                low=float(found.advance.low[row]),
                high=float(found.advance.high[row]),
                p_purchase=float(found.purchase.probability[row]),
            )
            yield score.lead_id, (score, details)


def _item(
    scorer: Scorer, score: StoredScore, details: Details | None, suggested: SuggestionAnswer | None
) -> QueueItem:
    ladder = scorer.bundle.ladder if scorer.bundle else None
    step = _step(ladder, score.step)
    ranking, chance = scorer.ranking, score.p_advance
    band = score.band
    if band is None and step is not None and chance is not None:
        band = band_of(chance, step)
    return {
        "lead_id": score.lead_id,
        "account": None,
        "ladder": score.ladder,
        "step": {"id": score.step, "title": step.title if step else score.step}
        if score.step
        else None,
        "position": score.position,
        "tab": tab_of(score.priority),
        "claimed_by": None,
        "probability": chance,
        "interval": {"low": score.low, "high": score.high}
        if score.low is not None and score.high is not None
        else None,
        "horizon_days": step.horizon_days if step else None,
        "purchase_probability": score.p_purchase,
        "band": cast("ScoreBand | None", band),
        "rank_pct": ranking.percent(score.position, chance)
        if ranking and chance is not None
        else None,
        "usual": scorer.usual.get(score.step),
        "p_week_ago": score.p_week_ago,
        "cause": cast("Cause", score.cause),
        "base": details["base"] if details else None,
        "fit": details["fit"] if details else None,
        "engagement": details["engagement"] if details else None,
        "reasons": details["reasons"] if details else [],
        "suggestion": suggested,
        "last_active": None if score.last_active is None else rfc3339(score.last_active),
        "waiting_since": None if score.waiting_since is None else rfc3339(score.waiting_since),
        "model": {"name": score.ladder, "version": version_of(score.bundle)},
        "features_as_of": rfc3339(score.as_of),
        "scored_at": rfc3339(score.scored_at),
    }


def _step(ladder: Ladder | None, step_id: str) -> Step | None:
    goals = ladder.goals if ladder else ()
    return next((goal for goal in goals if goal.id == step_id), None)


# ---------------------------------------------------------------------------------- What to do next


def suggestion_of(advice: Suggestion) -> SuggestionAnswer:
    """The option that the policy would choose most likely, as the queue has it."""
    offer = advice.offer
    useful = advice.recommendation.useful if advice.best.option_id == NURTURE else None
    return {
        "kind": advice.kind,
        "offer_id": advice.best.option_id,
        "text": advice.text,
        "quiet_hours": {"until": rfc3339(advice.spell.over_at), "text": advice.spell.text}
        if advice.spell
        else None,
        "offer": {
            "id": offer.id,
            "title": offer.title,
            "kind": offer.kind,
            "minutes": offer.effort.minutes,
            "framing": advice.framing.text,
        }
        if offer
        else None,
        "useful": {"offer_id": useful.id, "title": useful.title} if useful else None,
    }


def _suggestions(scorer: Scorer, scores: list[StoredScore]) -> dict[str, SuggestionAnswer]:
    """What to do next with each lead, by what is known now; nothing is drawn or kept."""
    if scorer.bundle is None:
        return {}
    model, now, found = scorer.model, scorer.clock(), {}
    asked = scorer.limited(now)
    for lead in (score.lead_id for score in scores):
        # As long as nothing new is known of a lead, what is advised stays so for a minute.
        stamp = scorer.store.stamp(lead), asked, now // _MINUTE_US
        held = scorer.advised.get(lead)
        if held is not None and held[0] == stamp and stamp[0] is not None:
            found[lead] = held[1]
            continue
        with suppress(OptedOut, UnknownLead):  # since the page was read
            advice = suggestion_for(model, lead, scorer.rows_of(lead, now), now, asked)
            found[lead] = suggestion_of(advice)
            if len(scorer.advised) >= _MOST_HELD:
                scorer.advised.clear()
            scorer.advised[lead] = stamp, found[lead]
    return found
