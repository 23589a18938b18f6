"""Ways of working by a trained bundle: probability order, Rung as it was, Rung as it is.

What Rung would do is asked of the functions that its service calls (`serving.scoring`), with the
events of a lead where the service reads them from its store.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from benchmarks.outcomes.acts import ANSWER_MINUTES, DAY_MINUTES, Act
from benchmarks.outcomes.journal import Journal
from benchmarks.outcomes.teams import MAIL_DAYS, CallList, answered, open_leads
from benchmarks.outcomes.world import World
from features.arrays import Floats, Ints
from features.events.log import DAY_US
from features.events.of_lead import Row
from features.ladder.ladder import Activity, EventRule, Ladder, Offer
from features.ladder.words import RECORD, REPLY
from features.offers.history import OfferHistory, history_of
from features.signals.snapshot import Snapshot, snapshot
from features.store.identities.turns import Erased
from models.bundle import Bundle
from models.bundle import Scores as BundleScores
from models.offers.eligibility import UNRESTRICTED, Asked
from models.scores.goal_model import Estimates
from serving.scoring.model import Model, ScoredLeads
from serving.scoring.scorer import Scorer
from serving.scoring.work import exact_work, place, tab_of

__all__ = ["AsItIs", "AsItWas", "ProbabilityOrder", "as_it_was"]

_MAILS_AT, _WORKS_AT = 6.9, 7.95
"""The hours at which the mailer and the reps ask what to do."""
_ROUND_DAYS = 7
"""Leads without news are scored anew once in so many days."""


def as_it_was(ladder: Ladder) -> Ladder:
    """A ladder as of commit ce9580f: without commitments, without an end, all events activity."""
    return replace(
        ladder,
        offers=tuple(one for one in ladder.offers if not one.during),
        commitments=(),
        lost_when=(),
        back_when=(),
        activity=Activity(interest=(EventRule("*"),), against=()),
        limits=replace(ladder.limits, support_days=0.0, offer_open_days=0.0),
    )


class Scores:
    """The scores of all leads, anew for those with news, and once a week for the others.

    Attributes
    ----------
    advance, purchase : shape (n,), NaN for those that have none.
    """

    def __init__(self, model: Model, leads: int) -> None:
        self.model = model
        self._renewed: dict[int, int] = {}
        self.advance: Floats = np.full(leads, np.nan)
        self.purchase: Floats = np.full(leads, np.nan)

    def renew(self, world: World) -> list[int]:
        """Score those whose turn it is, and say who they are."""
        journal = world.journal
        turn = {lead for lead in open_leads(world).tolist() if lead % _ROUND_DAYS == world.day % 7}
        leads = sorted(turn | journal.news)
        journal.news.clear()
        if not leads:
            return []
        self._found = self._estimate(journal, leads, journal.instant(world.day, _MAILS_AT))
        self._renewed = {lead: row for row, lead in enumerate(leads)}
        self.advance[leads] = self._found.scores.advance.probability
        self.purchase[leads] = self._found.scores.purchase.probability
        return leads

    def of(self, lead: int) -> tuple[Snapshot, BundleScores]:
        """The signals and scores of one of those that were renewed last."""
        row = self._renewed[lead]
        found, here = self._found.scores, slice(row, row + 1)
        advance, purchase = (
            Estimates(one.probability[here], one.low[here], one.high[here])
            for one in (found.advance, found.purchase)
        )
        scores = BundleScores(
            found.leads[here],
            found.as_of[here],
            found.position[here],
            found.step[here],
            advance,
            purchase,
        )
        return self._found.snapshot.rows(np.array([row])), scores

    def _estimate(self, journal: Journal, leads: list[int], as_of: int) -> ScoredLeads:
        log = journal.log(leads, self.model.compiled.columns, without=[RECORD])
        instants = np.full(len(leads), as_of, dtype=np.int64)
        return self.model.estimate(snapshot(log, self.model.bundle.ladder, None, instants), as_of)


class ProbabilityOrder(CallList):
    """Whoever is likeliest to take the next step is called first."""

    def __init__(self, bundle: Bundle, leads: int) -> None:
        self.scores = Scores(Model.of(bundle), leads)

    def order(self, world: World, leads: Ints) -> Floats:
        """The chance of the next step of each."""
        self.scores.renew(world)
        return np.nan_to_num(self.scores.advance[leads], nan=-1.0)


@dataclass
class LeadReader:
    """What `exact_work` asks of a service's scorer, from the events of a journal."""

    model: Model
    journal: Journal

    def erased(self) -> Erased:
        """Nobody is."""
        return 0, None

    def read(self, lead_id: str, as_of: int) -> tuple[str, list[Row]]:  # noqa: ARG002 its shape
        """The events of a lead, by its id."""
        return lead_id, self.journal.rows[number_of(lead_id)]

    def limited(self, as_of: int, asked: Asked = UNRESTRICTED) -> Asked:  # noqa: ARG002 likewise
        """Held to the minutes that the reps have in a day."""
        return replace(asked, rep_minutes_left=DAY_MINUTES)


class _Rung:
    """A bundle that recommends for the leads of one world."""

    def __init__(self, bundle: Bundle, leads: int, policy: str) -> None:
        self.scores = Scores(Model.of(bundle, policy), leads)
        self.model = self.scores.model

    def drawn(self, world: World, lead: int) -> Offer | None:
        """What is drawn for the mailer for a lead whose score was just renewed."""
        journal = world.journal
        snapshot, scores = self.scores.of(lead)
        history = self._history(journal, lead, journal.instant(world.day, _MAILS_AT))
        decision_id = f"{journal.lead_ids[lead]}-{world.day}"
        asked = Asked(rep_minutes_left=0.0)
        return self.model.adviser.recommend(snapshot, scores, history, decision_id, asked).offer

    def suggested(self, world: World, lead: int, left: float) -> Offer | None:
        """The likeliest option, as the queue shows it to a rep; None where that is no offer."""
        journal, as_of = world.journal, world.journal.instant(world.day, _WORKS_AT)
        found = self.model.estimate_rows(journal.lead_ids[lead], journal.rows[lead], as_of)
        history = self._history(journal, lead, as_of)
        asked = Asked(rep_minutes_left=left)
        adviser = self.model.adviser
        best = adviser.recommend(found.snapshot, found.scores, history, "", asked).ranking[0]
        return self.model.bundle.ladder.offer(best.option_id)

    def _history(self, journal: Journal, lead: int, as_of: int) -> OfferHistory:
        return self.seen(history_of(journal.rows[lead], self.model.bundle.ladder, as_of))

    def seen(self, history: OfferHistory) -> OfferHistory:
        """What of a history is looked at."""
        return history

    def mailed(self, world: World, leads: Iterable[int]) -> list[Act]:
        """What the mailer sends: what is drawn, where it costs no rep a minute."""
        sent = []
        for lead in leads:
            if world.day - world.journal.last_active[lead] <= MAIL_DAYS:
                offer = self.drawn(world, lead)
                if offer is not None and offer.rep_minutes == 0.0:
                    sent.append(_act(lead, offer, by_mail=True))
        return sent


class AsItWas(_Rung):
    """The queue and suggestions of commit ce9580f: one list by the chance of the next step.

    The ladder's rules suggest, without a look at what is under way or was taken up. Who waits for a
    reply is answered when its turn comes.
    """

    def __init__(self, bundle: Bundle, leads: int) -> None:
        super().__init__(bundle, leads, "rules")

    def seen(self, history: OfferHistory) -> OfferHistory:
        """Nothing was known then of what is under way."""
        return replace(history, in_flight={}, taken={})

    def mails(self, world: World) -> list[Act]:
        """What is drawn for those whose scores are new."""
        renewed, known = self.scores.renew(world), set(open_leads(world).tolist())
        rung, menu = world.state.rung, world.menu
        return self.mailed(
            world,
            [one for one in renewed if one in known and not menu.is_for_reps(int(rung[one]))],
        )

    def work(self, world: World) -> list[Act]:
        """Down the list with what is suggested; who is to be sent something is passed over."""
        leads = open_leads(world)
        chance = np.nan_to_num(self.scores.advance[leads], nan=-1.0)
        left, done = DAY_MINUTES, list[Act]()
        for lead in leads[np.argsort(-chance, kind="stable")].tolist():
            acts = answered(world, lead)
            if world.menu.is_for_reps(int(world.state.rung[lead])) and _may_be_active(world, lead):
                offer = self.suggested(world, lead, left - minutes_of(acts))
                acts += [] if offer is None or not offer.rep_minutes else [_act(lead, offer)]
            if minutes_of(acts) <= left:
                done += acts
                left -= minutes_of(acts)
            if left < ANSWER_MINUTES:
                break
        return done


class AsItIs(_Rung):
    """Today's queue: who waits for a reply, then those worth most for a minute; then the mailer's.

    The order is `serving.scoring.work.place`, as the service stores it; what is done with a lead is
    suggested anew when its turn comes, with the minutes that are left.
    """

    def __init__(self, bundle: Bundle, leads: int) -> None:
        super().__init__(bundle, leads, "careful")
        self.places: Floats = np.zeros(leads)

    def mails(self, world: World) -> list[Act]:
        """What is drawn for those whose scores are new and whose work is the mailer's."""
        known = set(open_leads(world).tolist())
        sent = []
        for lead in self.scores.renew(world):
            self.places[lead] = self._place(world, lead) if lead in known else 0.0
            if lead in known and tab_of(float(self.places[lead])) in ("marketing", None):
                sent.append(lead)
        return self.mailed(world, sent)

    def _place(self, world: World, lead: int) -> float:
        journal, rung = world.journal, int(world.state.rung[lead])
        if not world.menu.is_for_reps(rung) and journal.waits_since[lead] < 0:
            return 0.0  # no rep is needed, whatever is suggested: the mailer asks for it
        reader = cast("Scorer", LeadReader(self.model, journal))
        as_of = journal.instant(world.day, _MAILS_AT)
        work = exact_work(reader, journal.lead_ids[lead], as_of)
        since = int(journal.waits_since[lead])
        waits = (world.day - since) * DAY_US if since >= 0 else None
        if work.is_out and waits is None:
            return 0.0
        return place(work, float(np.nan_to_num(self.scores.purchase[lead])), waits)

    def work(self, world: World) -> list[Act]:
        """Down the queue until the day is over, or nobody is left whom a person helps."""
        left, done = DAY_MINUTES, list[Act]()
        for lead in np.argsort(-self.places, kind="stable").tolist():
            if tab_of(float(self.places[lead])) not in ("reply", "talk"):
                break
            offer = self.suggested(world, lead, left)
            if offer is not None and 0.0 < offer.rep_minutes <= left:
                done.append(_act(lead, offer))
                left -= offer.rep_minutes
        return done


def _may_be_active(world: World, lead: int) -> bool:
    """Whether anything happened with a lead lately; without it the rules suggest no offer."""
    since = world.journal.instant(world.day - 8, 0.0)
    return world.journal.rows[lead][-1][1] >= since


def minutes_of(acts: Iterable[Act]) -> float:
    """Of reps."""
    return sum(act.minutes for act in acts)


def number_of(lead_id: str) -> int:
    """The number of a lead, by its id."""
    return int(lead_id.rpartition("-")[2])


def _act(lead: int, offer: Offer, *, by_mail: bool = False) -> Act:
    """The extension of an offer, or an answer, or help."""
    if REPLY in offer.during:
        return Act(lead, "answer", offer.id, offer.rep_minutes)
    if offer.role == "support":
        return Act(lead, "help", offer.id, offer.rep_minutes)
    return Act(lead, "mail" if by_mail else "call", offer.id, offer.rep_minutes)
