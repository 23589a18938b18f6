"""A ladder simulator with planted truth: the demo's data, and the known answer for the statistics.

Each lead climbs a ladder rung by rung. On reaching a rung it is, unseen, bound to take the next
step or not; the chance depends on its traits, on the depth of the step before, on the offer it was
extended, on its aversion to effort, on its fatigue and on an intent that nobody sees. Whoever is
bound to go on stays active and completes the step after a Weibull delay; whoever is not grows
quiet. Activity therefore tells, and what it tells can be computed: `Simulation.truth` is
Bayes' rule on everything that was observable.

Offers are extended by habit, the heavier ones to the keener leads, which is what a history looks
like; or they are drawn by a policy, which logs its decisions with their probabilities. Some offers
then suit some leads better than others, and one may be a trap: it helps its own step and spoils
the later ones.

With `SimulationConfig.observable` the chance depends only on what the log shows, and the truth is
the best that any model could say.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit, logit

from features.arrays import Floats, Ints
from features.clock import microseconds
from features.events.log import DAY_US, EventLog, LogColumns
from features.ladder.ladder import Condition, EventRule, Ladder, Offer
from features.ladder.words import OFFER, RECORD
from features.offers.decisions import Decision, decision_event, exposure_events
from features.signals.table import ladder_columns
from features.store.events import Event
from models.offers.offer_model import of_step
from models.offers.options import options_of
from models.scores.step_rates import advancement_priors
from training.simulation.names import SECTIONS, WORDS, company_names, person_names

__all__ = ["Simulation", "SimulationConfig", "simulate"]


_BUSY_PER_DAY: Final = 0.5
"""Actions a day of a lead that is bound to go on."""
_QUIET_PER_DAY: Final = 0.4
"""Actions a day, at first, of a lead that is not."""
_FADE_DAYS: Final = 10.0
"""The time constant with which such a lead grows quiet."""
_LISTENS_DAYS: Final = 60.0
"""Nobody acts on a rung for longer than this."""
_EXPOSED: Final = 0.95
"""Share of drawn decisions that reach their lead."""
_SEEN: Final = 0.7
_KNOWN_AT_FIRST: Final = ("source",)
_SHAPE: Final = 0.9
"""Of the Weibull delay; its scale is a quarter of the step's horizon."""


@dataclass(frozen=True, slots=True)
class SimulationConfig:
    """What is planted. The standard deviations are on the scale of log-odds.

    Parameters
    ----------
    days : over which leads arrive; the log ends there.
    trait_sd, intent_sd, offer_sd : how much traits, the unseen intent and the offers matter.
    depth : how much more likely the deepest completion of a step makes the next.
    aversion : log-odds lost per doubling of an offer's effort over the lightest of its step.
    fatigue : log-odds lost per earlier offer that was not seen.
    late_share : share of events that are reported late, by two days on average.
    drawn : whether offers are drawn, with their probabilities logged, rather than given by habit.
    match_sd : how much more or less an offer suits a lead with other traits, where it is drawn.
    trap : id of an offer that adds `trap_gain` to its step and takes `trap_loss` from later ones.
    arrive_days : over which leads arrive, where it is not all the time.
    world_seed : draws the planted effects, so that the same world can be run with other leads;
        None means `seed`.
    """

    leads: int = 2000
    days: float = 240.0
    seed: int = 1
    trait_sd: float = 0.5
    intent_sd: float = 0.6
    offer_sd: float = 0.3
    depth: float = 0.8
    aversion: float = 0.2
    fatigue: float = 0.15
    late_share: float = 0.03
    drawn: bool = False
    match_sd: float = 0.0
    trap: str = ""
    trap_gain: float = 1.0
    trap_loss: float = 1.5
    arrive_days: float | None = None
    world_seed: int | None = None
    start: datetime = datetime(2026, 1, 5, tzinfo=UTC)

    def observable(self) -> SimulationConfig:
        """The same with nothing hidden: no intent, no effect of offers, all known at once."""
        return replace(self, intent_sd=0.0, offer_sd=0.0, aversion=0.0, fatigue=0.0, late_share=0.0)


@dataclass(frozen=True, eq=False, slots=True)
class _Stays:
    """Every stay of a lead on a rung, sorted by lead, then time."""

    lead: Ints
    rung: Ints
    begin: Ints
    chance: Floats
    scale: Floats


@dataclass(frozen=True, eq=False, slots=True)
class Simulation:
    """The simulated log and what only the simulator knows.

    Parameters
    ----------
    events : columns message_id, lead_id, name, occurred_at, known_at, and one a property.
    end : when the log ends; `known_at` is never later.
    intent : shape (n_leads,), the unseen intent of each lead, by number.
    offer_effect : the planted effect of each offer, in log-odds.
    value : shape (n_leads,), what each lead came to: its purchase, less what offers to it cost.
    """

    ladder: Ladder
    config: SimulationConfig
    events: pd.DataFrame
    end: datetime
    intent: Floats
    offer_effect: dict[str, float]
    value: Floats
    _stays: _Stays
    _tells: tuple[Ints, Ints, Floats]

    def truth(self, lead_ids: tuple[str, ...], as_of: Ints) -> Floats:
        """P(the next step within its horizon | everything observed by `as_of`), shape (n,).

        NaN before a lead's first event and after its purchase. Exact when the configuration is
        `observable`; otherwise conditional on the unseen intent as well.
        """
        lead = np.array([int(lead_id.rsplit("-", 1)[1]) for lead_id in lead_ids])
        stays, (tell_lead, tell_when, tell) = self._stays, self._tells
        at = _last_before(stays.lead, stays.begin, lead, as_of)
        found = (at >= 0) & (stays.lead[np.maximum(at, 0)] == lead)
        at = np.maximum(at, 0)
        rung = stays.rung[at]
        found &= rung < len(self.ladder.goals)
        rung = np.minimum(rung, len(self.ladder.goals) - 1)
        days = (as_of - stays.begin[at]) / DAY_US
        horizon = np.array([goal.horizon_days for goal in self.ladder.goals])[rung]
        total = np.concatenate([[0.0], np.cumsum(tell)])
        told = total[1 + _last_before(tell_lead, tell_when, lead, as_of)]
        told -= total[1 + _last_before(tell_lead, tell_when, lead, stays.begin[at])]
        heard = np.minimum(days, _LISTENS_DAYS)
        silence = _BUSY_PER_DAY * heard - _QUIET_PER_DAY * _FADE_DAYS * -np.expm1(
            -heard / _FADE_DAYS
        )
        still = np.exp(-((days / stays.scale[at]) ** _SHAPE))
        later = np.exp(-(((days + horizon) / stays.scale[at]) ** _SHAPE))
        bound = expit(logit(stays.chance[at]) + np.log(still) + told - silence)
        return np.where(found, bound * (1.0 - later / still), np.nan)


def _last_before(lead: Ints, when: Ints, wanted_lead: Ints, wanted_when: Ints) -> Ints:
    """Index of the last row of (lead, when) that is not after each wanted one; -1 if none.

    Rows of another lead may come back: the caller compares.
    """
    order = np.lexsort(
        [
            np.concatenate([np.zeros(len(lead)), np.ones(len(wanted_lead))]),
            np.concatenate([when, wanted_when]),
            np.concatenate([lead, wanted_lead]),
        ]
    )
    is_row = order < len(lead)
    before = np.cumsum(is_row) - 1
    result = np.empty(len(wanted_lead), dtype=np.int64)
    result[order[~is_row] - len(lead)] = before[~is_row]
    return result


Chooser = Callable[[EventLog, Ints, Ints], Floats]
"""From the log so far, leads by index and instants to the probability of each option.

Its answer has the shape (n, n_options), in the order of `models.offers.options.options_of`.
"""


def simulate(
    ladder: Ladder,
    config: SimulationConfig | None = None,
    progress: Callable[[str], None] = lambda _: None,
    policy: Chooser | None = None,
) -> Simulation:
    """A log of leads that climb the ladder, and the truth behind it; the same for the same seed.

    `policy` draws the offers where the configuration has them drawn; without one, every option of
    the next step is as likely.
    """
    return _World(ladder, config or SimulationConfig(), policy).run(progress)


class _World:
    """The state of one simulation while it is built rung by rung."""

    def __init__(
        self, ladder: Ladder, config: SimulationConfig, policy: Chooser | None = None
    ) -> None:
        self.ladder, self.config, self.policy = ladder, config, policy
        self.options = options_of(ladder)
        self.rng = np.random.default_rng(config.seed)
        own = config.world_seed
        self.world = self.rng if own is None else np.random.default_rng(own)
        self.begin = microseconds(config.start)
        self.end = self.begin + round(config.days * DAY_US)
        self.chunks: list[pd.DataFrame] = []
        self.stays: list[_Stays] = []
        self.tells: list[tuple[Ints, Ints, Floats]] = []
        self.offer_effect = {
            offer.id: float(self.world.normal(0, config.offer_sd)) for offer in ladder.offers
        }
        self.lead = np.arange(config.leads)
        self.intent = self.rng.normal(0, config.intent_sd, config.leads)
        self.aversion = config.aversion * self.rng.lognormal(0, 0.5, config.leads)
        self.unseen = np.zeros(config.leads)
        self.value = np.zeros(config.leads)
        self.spoiled = np.zeros(config.leads)
        suits = self.world.normal(0, config.match_sd, len(self.options))
        self.suits = suits * self.options.is_ask

    def run(self, progress: Callable[[str], None]) -> Simulation:
        ladder = self.ladder
        arrive = self.config.arrive_days or self.config.days
        last = self.begin + round(arrive * DAY_US)
        when = self.rng.integers(self.begin, last, self.config.leads)
        self.emit("page_viewed", self.lead, when, {"section": self.pick(len(self.lead), SECTIONS)})
        self.traits, self.fit = self.draw_traits()
        told = self.config.intent_sd == 0.0
        self.identify(self.lead, when, everything=told)
        lead, depth = self.lead, np.zeros(len(self.lead))
        for rung in range(len(ladder.goals)):
            progress(f"simulating rung {rung + 1} of {len(ladder.goals)}")
            lead, when, depth = self.climb(rung, lead, when, depth)
            if rung == 1 and not told:
                self.identify(lead, when, everything=True)
        self.value[lead] += ladder.value.purchase
        self.stays.append(
            _Stays(
                lead,
                np.full(len(lead), len(ladder.goals)),
                when,
                np.ones(len(lead)),
                np.ones(len(lead)),
            )
        )
        return Simulation(
            ladder=ladder,
            config=self.config,
            events=self.table(),
            end=pd.Timestamp(self.end, unit="us", tz="UTC").to_pydatetime(),
            intent=self.intent,
            offer_effect=self.offer_effect,
            value=self.value,
            _stays=_sorted_stays(self.stays),
            _tells=_sorted_tells(self.tells),
        )

    def climb(self, rung: int, lead: Ints, when: Ints, depth: Floats) -> tuple[Ints, Ints, Floats]:
        """One stay on a rung for those who reached it; who goes on, when, and how deeply."""
        goal = self.ladder.goals[rung]
        log_odds = logit(advancement_priors(self.ladder)[rung]) + self.fit[lead] + self.intent[lead]
        log_odds += self.config.depth * depth
        offer = self.draw_offer if self.config.drawn else self.extend_offer
        log_odds += offer(rung, lead, when)
        chance = np.clip(expit(log_odds), 0.01, 0.99)
        # The same lead has the same luck under every policy, so that policies can be compared.
        luck = self.luck(rung)[lead]
        bound = luck < chance
        scale = goal.horizon_days / 4.0
        delay = scale * self.rng.weibull(_SHAPE, len(lead))
        next_when = when + np.maximum(1, delay * DAY_US).astype(np.int64)
        self.stays.append(
            _Stays(lead, np.full(len(lead), rung), when, chance, np.full(len(lead), scale))
        )
        self.act(rung, lead, when, np.where(bound, delay, np.inf), bound)
        goes = bound & (next_when <= self.end)
        deeper = self.rng.random(int(goes.sum()))
        self.complete(rung, lead[goes], next_when[goes], deeper)
        return lead[goes], next_when[goes], 2.0 * deeper - 1.0

    def luck(self, rung: int, *of: int) -> Floats:
        """Shape (n_leads,): a number in [0, 1) for each lead, the same whatever is done to it."""
        return np.random.default_rng((self.config.seed, 1 + rung, *of)).random(self.config.leads)

    def act(
        self, rung: int, lead: Ints, when: Ints, until: Floats, bound: npt.NDArray[np.bool_]
    ) -> None:
        """What leads do on a rung without completing it: more, if they are to go on."""
        days = np.minimum(np.minimum(until, _LISTENS_DAYS), (self.end - when) / DAY_US)
        faded = _QUIET_PER_DAY * _FADE_DAYS * -np.expm1(-days / _FADE_DAYS)
        count = self.rng.poisson(np.where(bound, _BUSY_PER_DAY * days, faded))
        who = np.repeat(np.arange(len(lead)), count)
        share = self.rng.random(len(who))
        late = -_FADE_DAYS * np.log1p(share * np.expm1(-days[who] / _FADE_DAYS))
        after = np.where(bound[who], share * days[who], late)
        at = when[who] + np.maximum(1, after * DAY_US).astype(np.int64)
        order = np.lexsort([at, lead[who]])
        who, after, at = who[order], after[order], at[order]
        tell = np.log(_BUSY_PER_DAY / _QUIET_PER_DAY) + after / _FADE_DAYS
        self.tells.append((lead[who], at, tell))
        names = self.pool(rung)
        chosen = self.rng.integers(0, len(names), len(who))
        for index, (name, failing) in enumerate(names):
            here = chosen == index
            properties = {
                key: self.rng.uniform(low, high, int(here.sum()))
                for key, (low, high) in failing.items()
            }
            if name == "page_viewed":
                properties["section"] = self.pick(int(here.sum()), SECTIONS)  # type: ignore[assignment]
            self.emit(name, lead[who][here], at[here], properties)
        self.ask(rung, lead[who], at)

    def ask(self, rung: int, lead: Ints, at: Ints) -> None:
        """Some actions are followed by a question, and most questions by an answer."""
        if rung < 2:
            return
        asks = self.rng.random(len(lead)) < 0.06
        when = at[asks] + self.rng.integers(10_000_000, 600_000_000, int(asks.sum()))
        self.emit(self.ladder.events.lead_asked, lead[asks], when, {})
        answered = self.rng.random(len(when)) < 0.9
        hours = self.rng.lognormal(1.0, 1.0, len(when))
        self.emit(
            self.ladder.events.business_replied,
            lead[asks][answered],
            (when + hours * DAY_US / 24).astype(np.int64)[answered],
            {},
        )

    def extend_offer(self, rung: int, lead: Ints, when: Ints) -> Floats:
        """Extend an offer to most; the effect of it. Keen leads are given the heavier ones."""
        goal = self.ladder.goals[rung]
        offers = sorted(self.ladder.offers_of(goal.id), key=self.effort_of)
        effect = np.zeros(len(lead))
        if not offers:
            return effect
        keen = self.intent[lead] + self.fit[lead] + self.rng.normal(0, 0.7, len(lead))
        rank = np.argsort(np.argsort(keen)) / max(1, len(keen))
        chosen = np.minimum((rank * len(offers)).astype(int), len(offers) - 1)
        asked = self.rng.random(len(lead)) < 0.8
        lightest = self.effort_of(offers[0])
        doublings = np.log2([max(1.0, self.effort_of(offer) / lightest) for offer in offers])
        planted = np.array([self.offer_effect[offer.id] for offer in offers])
        effect += np.where(asked, planted[chosen] - self.aversion[lead] * doublings[chosen], 0.0)
        effect -= self.config.fatigue * self.unseen[lead]
        at = when + self.rng.integers(60_000_000, 7_200_000_000, len(lead))
        ids = np.array([offer.id for offer in offers], dtype=object)[chosen]
        events = self.ladder.events
        self.emit(events.offer_extended, lead[asked], at[asked], {"offer": ids[asked]})
        seen = asked & (self.rng.random(len(lead)) < _SEEN)
        later = at + self.rng.integers(60_000_000, 86_400_000_000, len(lead))
        self.emit(events.offer_seen, lead[seen], later[seen], {"offer": ids[seen]})
        self.unseen[lead] += asked & ~seen
        return effect

    def draw_offer(self, rung: int, lead: Ints, when: Ints) -> Floats:
        """Draw one option for each lead, log the decision, and give back what it changes."""
        as_of = when + self.rng.integers(60_000_000, 3_600_000_000, len(lead))
        shares = self.shares(rung, lead, as_of)
        luck = self.luck(rung, 1)[lead]
        chosen = np.minimum(
            (np.cumsum(shares, axis=1) < luck[:, None]).sum(axis=1), shares.shape[1] - 1
        )
        exposed = self.rng.random(len(lead)) < _EXPOSED
        self.log_decisions(rung, lead, as_of, shares, chosen, exposed)
        asked = exposed & self.options.is_ask[chosen]
        self.value[lead[exposed]] -= self.options.cost[chosen[exposed]]
        effect = np.where(asked, self.suited(rung, lead)[np.arange(len(lead)), chosen], 0.0)
        effect -= self.config.fatigue * self.unseen[lead] + self.spoiled[lead]
        trapped = asked & (chosen == self.trap)
        self.spoiled[lead[trapped]] += self.config.trap_loss
        seen = asked & (self.rng.random(len(lead)) < _SEEN)
        later = as_of + self.rng.integers(60_000_000, 86_400_000_000, len(lead))
        ids = np.array(self.options.ids, dtype=object)[chosen]
        self.emit(self.ladder.events.offer_seen, lead[seen], later[seen], {"offer": ids[seen]})
        self.unseen[lead] += asked & ~seen
        return effect

    @property
    def trap(self) -> int:
        ids = self.options.ids
        return ids.index(self.config.trap) if self.config.trap else -1

    def shares(self, rung: int, lead: Ints, as_of: Ints) -> Floats:
        """The probability of each option; the policy's, or all of the next step alike."""
        if self.policy is not None:
            log = self.log_so_far()
            return self.policy(log, self.indices(log, lead), as_of)
        there = of_step(self.ladder, rung)
        return np.tile(there / there.sum(), (len(lead), 1))

    def suited(self, rung: int, lead: Ints) -> Floats:
        """Shape (n, n_options): what each option would change for each lead, in log-odds."""
        planted = np.array([self.offer_effect.get(one, 0.0) for one in self.options.ids])
        here = self.options.effort[of_step(self.ladder, rung) & self.options.is_ask]
        lightest = max(1.0, float(here.min())) if len(here) else 1.0
        doublings = np.log2(np.maximum(self.options.effort / lightest, 1.0))
        kind = np.clip(self.fit[lead] / max(self.config.trait_sd, 1e-9), -2.0, 2.0)
        effect = planted + kind[:, None] * self.suits
        effect -= self.aversion[lead][:, None] * doublings
        if self.config.trap:
            effect[:, self.trap] = self.config.trap_gain
        return effect

    def log_decisions(
        self,
        rung: int,
        lead: Ints,
        as_of: Ints,
        shares: Floats,
        chosen: Ints,
        exposed: npt.NDArray[np.bool_],
    ) -> None:
        """The events of the decisions, as the service writes them."""
        goal, names = self.ladder.goals[rung], self.names()
        made: dict[str, list[tuple[int, Event]]] = {}
        for row in range(len(lead)):
            there = np.flatnonzero(shares[row] > 0)
            decision = Decision(
                decision_id=f"sim-{self.config.seed}-{lead[row]}-{rung}",
                lead_id=names[lead[row]],
                as_of=int(as_of[row]),
                step=goal.id,
                options=tuple(self.options.ids[at] for at in there),
                probabilities=tuple((shares[row, there] / shares[row, there].sum()).tolist()),
                chosen=self.options.ids[chosen[row]],
                policy="simulated",
                policy_version="1",
                expires_at=int(as_of[row] + goal.horizon_days * DAY_US),
            )
            events = [decision_event(decision, self.ladder)]
            if exposed[row]:
                events += exposure_events(decision, self.ladder, int(as_of[row]) + 1)
            for event in events:
                made.setdefault(event.name, []).append((int(lead[row]), event))
        for name, rows in made.items():
            held = [json.loads(event.properties) for _, event in rows]
            columns = {
                key: np.array([one.get(key) for one in held], dtype=object)
                for key in (OFFER, RECORD)
                if any(key in one for one in held)
            }
            self.emit(
                name,
                np.array([one for one, _ in rows]),
                np.array([event.occurred_at for _, event in rows]),
                columns,
            )

    def names(self) -> list[str]:
        """The ids of the leads, by number."""
        width = len(str(self.config.leads - 1))
        return [f"lead-{lead:0{width}d}" for lead in range(self.config.leads)]

    def indices(self, log: EventLog, lead: Ints) -> Ints:
        """Leads by their number, as indices into a log."""
        names = self.names()
        place = {name: at for at, name in enumerate(log.leads)}
        return np.array([place[names[one]] for one in lead], dtype=np.int64)

    def log_so_far(self) -> EventLog:
        """Everything that happened yet, as known when it happened."""
        frame = pd.concat(self.chunks, ignore_index=True)
        columns = LogColumns(*ladder_columns(self.ladder))
        names = np.array(self.names(), dtype=object)
        return EventLog.from_columns(
            names[frame["lead"]].tolist(),
            frame["name"].tolist(),
            frame["occurred"].to_numpy(dtype=np.int64),
            numbers={
                key: pd.to_numeric(frame[key]).to_numpy(dtype=np.float64)
                for key in columns.numbers
                if key in frame
            },
            texts={
                key: [None if one is None or one != one else str(one) for one in frame[key]]
                for key in columns.texts
                if key in frame
            },
            columns=columns,
        )

    def effort_of(self, offer: Offer) -> float:
        return max(1.0, offer.effort.score(self.ladder.effort_weights))

    def complete(self, rung: int, lead: Ints, when: Ints, depth: Floats) -> None:
        rules = self.ladder.goals[rung].complete_when
        chosen = self.rng.integers(0, len(rules), len(lead))
        for index, rule in enumerate(rules):
            here = chosen == index
            properties = {
                condition.property: _meeting(condition, depth[here]) for condition in rule.where
            }
            self.emit(rule.event, lead[here], when[here], properties)

    def pool(self, rung: int) -> list[tuple[str, dict[str, tuple[float, float]]]]:
        """Events that show engagement at the next step without completing any: names and ranges."""
        names = (*self.ladder.goals[rung].engaged_by, "page_viewed", "email_opened")
        rules = [rule for goal in self.ladder.goals for rule in goal.complete_when]
        rules += [*self.ladder.restart_on, *self.ladder.score_at]
        found = [(name, _failing([rule for rule in rules if rule.event == name])) for name in names]
        possible = [(name, ranges) for name, ranges in found if ranges is not None]
        return possible or [("visited", {})]

    def draw_traits(self) -> tuple[dict[str, npt.NDArray[Any]], Floats]:
        """A value of every trait for every lead, and what they add to the log-odds."""
        traits: dict[str, npt.NDArray[Any]] = {}
        fit = np.zeros(len(self.lead))
        share = self.config.trait_sd / max(1.0, np.sqrt(len(self.ladder.traits)))
        for trait in self.ladder.traits:
            if trait.type == "number":
                size = self.rng.normal(0, 1, len(self.lead))
                traits[trait.id] = np.round(np.exp(4.0 + 1.2 * size))
                fit += share * np.clip(size, -2, 2)
            else:
                words = np.array(
                    WORDS.get(trait.id, [f"{trait.id} {n}" for n in "ABCDE"]), dtype=object
                )
                effect = share * self.world.normal(0, 1, len(words))
                code = self.rng.integers(0, len(words), len(self.lead))
                traits[trait.id] = words[code]
                fit += effect[code]
        return traits, fit

    def identify(self, lead: Ints, when: Ints, *, everything: bool) -> None:
        """What the lead has told of itself: where it came from at first, the rest with a form."""
        held = {
            trait.id: self.traits[trait.id][lead]
            for trait in self.ladder.traits
            if everything or trait.id in _KNOWN_AT_FIRST
        }
        if everything and self.config.intent_sd > 0:
            held["full_name"] = person_names(lead)
            held["company"] = company_names(lead)
        if held:
            self.emit(self.ladder.events.traits, lead, when + 1, held)

    def pick(self, count: int, words: tuple[str, ...]) -> npt.NDArray[np.object_]:
        return np.array(words, dtype=object)[self.rng.integers(0, len(words), count)]

    def emit(
        self,
        name: str,
        lead: Ints,
        when: Ints,
        properties: Mapping[str, npt.NDArray[Any]],
    ) -> None:
        columns = {"lead": lead, "occurred": when, **properties}
        self.chunks.append(pd.DataFrame(columns).assign(name=name))

    def table(self) -> pd.DataFrame:
        """The log as a user would bring it, in the order in which things became known."""
        frame = pd.concat(self.chunks, ignore_index=True)
        late = self.rng.random(len(frame)) < self.config.late_share
        delay = np.where(late, self.rng.exponential(2.0, len(frame)), 0.0)
        frame["known"] = frame["occurred"] + (delay * DAY_US).astype(np.int64)
        frame = frame[frame["known"] <= self.end].sort_values(
            ["known", "occurred", "lead"], kind="stable"
        )
        names = np.array(self.names(), dtype=object)
        head = pd.DataFrame(
            {
                "message_id": [f"sim-{self.config.seed}-{n}" for n in range(len(frame))],
                "lead_id": names[frame["lead"]],
                "name": frame["name"].to_numpy(),
                "occurred_at": pd.to_datetime(frame["occurred"].to_numpy(), unit="us", utc=True),
                "known_at": pd.to_datetime(frame["known"].to_numpy(), unit="us", utc=True),
            }
        )
        rest = frame.drop(columns=["lead", "occurred", "known", "name"]).reset_index(drop=True)
        return pd.concat([head, rest], axis=1)


def _meeting(condition: Condition, depth: Floats) -> npt.NDArray[Any]:
    """Values that meet a condition, the deeper the further inside."""
    value = condition.value
    if isinstance(value, tuple):
        return np.full(len(depth), value[0], dtype=object)
    if isinstance(value, str):
        text = value if condition.operator == "is" else f"not {value}"
        return np.full(len(depth), text, dtype=object)
    if condition.operator in ("at_least", "above"):
        top = 1.0 if "fraction" in condition.property else 3.0 * max(abs(value), 1.0)
        return value + (0.001 + 0.999 * depth) * (top - value)
    if condition.operator in ("at_most", "below"):
        return value - (0.001 + 0.999 * depth) * max(abs(value), 1.0)
    return np.full(len(depth), value if condition.operator == "is" else value + 1.0)


def _failing(rules: list[EventRule]) -> dict[str, tuple[float, float]] | None:
    """Ranges of properties that meet none of the rules; None where there are none such."""
    ranges: dict[str, tuple[float, float]] = {}
    for rule in rules:
        below = [c for c in rule.where if c.operator in ("at_least", "above")]
        absent = [c for c in rule.where if c.operator != "is_not"]
        if below and isinstance(below[0].value, float | int):
            high = float(below[0].value)
            low, held = ranges.get(below[0].property, (0.0, high))
            ranges[below[0].property] = (low, min(held, 0.95 * high))
        elif not absent:
            return None
    return ranges


def _sorted_stays(stays: list[_Stays]) -> _Stays:
    lead, rung, begin, chance, scale = (
        np.concatenate([getattr(part, name) for part in stays])
        for name in ("lead", "rung", "begin", "chance", "scale")
    )
    order = np.lexsort([rung, begin, lead])
    return _Stays(lead[order], rung[order], begin[order], chance[order], scale[order])


def _sorted_tells(tells: list[tuple[Ints, Ints, Floats]]) -> tuple[Ints, Ints, Floats]:
    lead, when, tell = (np.concatenate(parts) for parts in zip(*tells, strict=True))
    order = np.lexsort([when, lead])
    return lead[order], when[order], tell[order]
