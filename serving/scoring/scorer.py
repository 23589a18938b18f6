"""A store and a bundle make answers: score, interval, reasons. No HTTP, and one path for all of it.

One lead, a batch of stored leads, leads with their events in the request, and the background's
scoring of everything go through `Model.estimate`, so an `as_of` in the past gives what was served
then.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace
from typing import Final, cast

import numpy as np

from features.clock import rfc3339, said_at, when
from features.errors import NoModel, OptedOut, UnknownLead
from features.events.log import DAY_US, EventLog
from features.events.of_lead import Row
from features.events.properties import as_text, number_or_nan
from features.ladder.ladder import Ladder
from features.signals.fold import NONE
from features.signals.program import Compiled
from features.store.changes import LastScore
from features.store.events import EventStore, Stamp
from features.store.identities.turns import Erased
from features.store.privacy import Privacy
from models.bundle import Bundle
from models.horizons import WithinDays, within
from models.offers.eligibility import UNRESTRICTED, Asked
from models.recalibrated import Recalibrated
from models.scores.goal_model import Estimates
from models.scores.recalibration import Move
from models.scores.venn_abers import LEVEL
from models.served_policy import DEFAULT
from serving.scoring.answers import (
    ChanceAnswer,
    HorizonAnswer,
    Method,
    ScoreAnswer,
    ScoreOrNot,
    SuggestionAnswer,
    opted_out,
)
from serving.scoring.bands import band_of
from serving.scoring.changes import Cause
from serving.scoring.model import Model, ScoredLeads
from serving.scoring.ranking import Ranking

__all__ = ["Scorer"]

_METHOD: Final[dict[bool, Method]] = {
    True: "venn-abers, resampled leads",
    False: "beta posterior of the step's rate",
}


class Scorer:
    """Scores leads of a store with a bundle.

    Parameters
    ----------
    bundle : None before there is one; then every score is a `NoModel`.
    clock : the present, in microseconds since the epoch.
    why_not : what is wrong with the bundle where there is none.
    policy : the name of the policy that serves.
    moves : how the bundle's probabilities have moved since it was trained, by goal.
    """

    def __init__(
        self,
        store: EventStore,
        bundle: Bundle | None,
        clock: Callable[[], int],
        why_not: str = "",
        policy: str = DEFAULT,
        moves: Mapping[str, Sequence[Move]] | None = None,
    ) -> None:
        self.store = store
        self.privacy = Privacy(store.database)
        self.clock = clock
        self.why_not = why_not
        self.ranking: Ranking | None = None
        """Where the queue's probabilities lie; set by whoever scores everything, after `usual`:
        with another one what was answered before is old."""
        self.usual: dict[str, float] = {}
        """The mean chance of the queued leads before each step; likewise."""
        self.advised: dict[str, tuple[tuple[object, ...], SuggestionAnswer]] = {}
        """What was suggested last for leads of the queue, each with what that depends on."""
        self.crowded: dict[str, int] = {}
        """Leads with very many events, and when each was read last to be scored, in microseconds
        since the epoch; set by whoever scores leads with news."""
        self.model_then: Callable[[Model, int], Model] | None = None
        """What served at an instant, where the first serves now; set by whoever knows."""
        track = Recalibrated(bundle, moves or {}) if bundle else None
        self._model = Model.of(track.at(clock()), policy, track) if track else None

    @property
    def bundle(self) -> Bundle | None:
        """What it scores with."""
        return self._model.bundle if self._model else None

    @property
    def ladder(self) -> Ladder | None:
        """The ladder that it scores on; None before there is a bundle."""
        return self._model.bundle.ladder if self._model else None

    @property
    def model(self) -> Model:
        """What it scores and recommends with; NoModel where there is none."""
        if self._model is None:
            why = f" ({self.why_not})" if self.why_not else ""
            raise NoModel(
                f"there is no model yet{why}; train one with `rung train`,"
                " or try `rung demo` first. It is picked up without a restart"
            )
        return self._model

    def _model_at(self, as_of: int | None, *, by_current: bool) -> Model:
        """What is asked of the present, or of an instant: by what served then, or serves now."""
        if as_of is None or by_current or self.model_then is None:
            return self.model
        return self.model_then(self.model, as_of)

    def erased(self) -> Erased:
        """The erasures by now; to be asked before what is to be kept is read."""
        return self.store.identities.erased_now()

    # --------------------------------------------------------------------------------- questions

    def score(
        self,
        lead_id: str,
        as_of: int | None = None,
        most_reasons: int = 5,
        horizon_days: Sequence[float] = (),
        *,
        by_current: bool = False,
    ) -> ScoreAnswer:
        """The score of a stored lead, from what was known at `as_of` (now, where it is None).

        Of the reasons the strongest are told one by one, at most so many, and the rest in one.
        `horizon_days` are told as well, in the order given.

        Parameters
        ----------
        by_current : a score of the past is that of what serves now, and not of what served then.

        Raises
        ------
        ModelGone : what served at `as_of` is kept no more.
        UnknownLead : nothing was known of the lead then.
        OptedOut : it must not be profiled.
        NoModel : there is no bundle.
        UnknownHorizon : days about which nothing was learned.
        """
        model = self._model_at(as_of, by_current=by_current)
        instant = self.clock() if as_of is None else as_of
        lead, rows = self.read(lead_id, instant)
        found = model.estimate_rows(lead, rows, instant)
        horizons = _horizons(found, horizon_days)
        answer = self._answer(found, 0, as_of is None, most_reasons, horizons)
        if as_of is None:
            last = self.store.scores.last_of([lead]).get(lead)
            answer["cause"] = _cause(last, _newest(rows, instant))
        return answer

    def score_stamped(self, lead_id: str) -> tuple[Stamp, int | None, ScoreAnswer] | None:
        """As `score`, now, with the stamp of what it is of; None of a lead that has no stamp.

        Second is when the next of its events is due that are dated or known later, in microseconds
        since the epoch, None where there are none: until then nothing is news but by the stamp.
        """
        as_of = self.clock()
        found = self.store.read_stamped(lead_id)
        if found is None:
            return None
        stamp, lead, rows, last = found
        _check_known(lead_id, rows, as_of)
        answer = self._answer(self.model.estimate_rows(lead, rows, as_of), 0, True)
        answer["cause"] = _cause(last, _newest(rows, as_of))
        return stamp, _next_due(rows, as_of), answer

    def many(
        self,
        lead_ids: Sequence[str],
        as_of: int | None = None,
        horizon_days: Sequence[float] = (),
        *,
        by_current: bool = False,
    ) -> list[ScoreOrNot]:
        """The scores of stored leads, in order; NoModel where there is no bundle.

        UnknownHorizon, ModelGone and `by_current` as for `score`.
        """
        model = self._model_at(as_of, by_current=by_current)
        out = self.privacy.opted_out_of(lead_ids)
        texts = [lead_id for lead_id in lead_ids if "\0" not in lead_id]
        with self.store.database.reading() as connection:
            lead_of = self.store.identities.leads_of(connection, texts)
        read = [lead_id for lead_id in texts if lead_id not in out]
        log = self.store.log_of(read, model.bundle.ladder)
        leads = [lead_of.get(lead_id, lead_id) for lead_id in lead_ids]
        out_leads = {lead_of[lead_id] for lead_id in out}
        asked = [(lead, lead) for lead in leads]
        instant = self.clock() if as_of is None else as_of
        answers = self._answers(model, log, asked, instant, out_leads, horizon_days, as_of is None)
        if as_of is None:
            self._tell_causes(answers, log, instant)
        return answers

    def _tell_causes(self, answers: Sequence[ScoreOrNot], log: EventLog, as_of: int) -> None:
        """Say of scores of now why each is another than the one before."""
        scored = [one for one in answers if one["status"] in ("ok", "no_score")]
        last = self.store.scores.last_of(sorted({one["lead_id"] for one in scored}))
        of_row = log.lead_of_rows()
        newest = np.zeros(len(log.leads), dtype=np.int64)
        known = log.known <= as_of
        np.maximum.at(newest, of_row[known], log.known[known])
        place = {lead: at for at, lead in enumerate(log.leads)}
        for one in scored:
            lead = one["lead_id"]
            one["cause"] = _cause(last.get(lead), int(newest[place[lead]]))

    def stateless(
        self,
        leads: Sequence[tuple[str, Sequence[Row]]],
        as_of: int | None = None,
        horizon_days: Sequence[float] = (),
        *,
        by_current: bool = False,
    ) -> list[ScoreOrNot]:
        """The scores of leads with their events, in order, whatever the store holds of them.

        Of the store it is asked alone who has opted out; ModelGone and `by_current` as for `score`.
        """
        model = self._model_at(as_of, by_current=by_current)
        out = self.privacy.opted_out_of(lead_id for lead_id, _ in leads)
        keyed = {  # an id may come twice
            _key(at): rows for at, (lead_id, rows) in enumerate(leads) if lead_id not in out
        }
        log = _log_of_leads(keyed, model.compiled)
        ids = [(_key(at), lead_id) for at, (lead_id, _) in enumerate(leads)]
        instant = self.clock() if as_of is None else as_of
        return self._answers(model, log, ids, instant, out, horizon_days, as_of is None)

    def read(self, lead_id: str, as_of: int) -> tuple[str, list[Row]]:
        """What the lead is called that an id belongs to, and its events.

        UnknownLead where nothing was known of it at `as_of`, OptedOut where it has opted out.
        """
        if self.privacy.is_opted_out(lead_id):
            raise OptedOut.named(lead_id)
        lead, rows = self.store.read(lead_id)
        _check_known(lead_id, rows, as_of)
        return lead, rows

    def rows_of(self, lead_id: str, as_of: int) -> list[Row]:
        """The events of the lead that an id belongs to; see `read`."""
        return self.read(lead_id, as_of)[1]

    def limited(self, as_of: int, asked: Asked = UNRESTRICTED) -> Asked:
        """What a caller asks, held to what the reps can still give on the day of `as_of`, UTC."""
        limit = self.model.bundle.ladder.limits.rep_minutes_a_day
        if limit is None:
            return asked
        left = max(0.0, limit - self.store.rep_minutes(as_of // DAY_US))
        return replace(asked, rep_minutes_left=left)

    # ------------------------------------------------------------------------------------ answers

    def _answers(
        self,
        model: Model,
        log: EventLog,
        leads: Sequence[tuple[str, str]],
        instant: int,
        out: Container[str],
        horizon_days: Sequence[float],
        now: bool,
    ) -> list[ScoreOrNot]:
        """An answer for each lead; `leads` holds what it is called in the log, and its id."""
        estimates = model.estimate_log(log, instant)
        row_of = {key: row for row, key in enumerate(estimates.snapshot.leads)}
        held = set(log.leads)
        horizons = _horizons(estimates, horizon_days)
        answers: list[ScoreOrNot] = []
        for key, lead_id in leads:
            if lead_id in out:
                answers.append(opted_out(lead_id))
            elif key in row_of:
                answer = self._answer(estimates, row_of[key], now, horizons=horizons)
                answer["lead_id"] = lead_id
                answers.append(answer)
            else:
                detail = _nothing_known(lead_id, key in held, instant)
                answers.append({"status": "not_found", "lead_id": lead_id, "detail": detail})
        return answers

    def _answer(
        self,
        estimates: ScoredLeads,
        row: int,
        now: bool,
        most_reasons: int = 5,
        horizons: Sequence[WithinDays] = (),
    ) -> ScoreAnswer:
        """One row as it is served. Its place in the queue is known for the present alone."""
        ladder, scores = estimates.model.bundle.ladder, estimates.scores
        position = int(scores.position[row])
        answer = self._no_score(estimates, row)
        if horizons:
            answer["horizons"] = [_horizon(one, row) for one in horizons]
        if scores.step[row] is None:
            answer["no_score_reason"] = _why_no_score(estimates, row)
            return answer
        step = ladder.goals[position]
        probability = float(scores.advance.probability[row])
        evidence = estimates.bundle.advancement.evidence
        answer["status"] = "ok"
        answer["step"] = {"id": step.id, "title": step.title}
        answer["probability"] = probability
        answer["interval"] = {
            "low": float(scores.advance.low[row]),
            "high": float(scores.advance.high[row]),
            "method": _METHOD[evidence == "model"],
            "level": LEVEL,
        }
        answer["horizon_days"] = step.horizon_days
        answer["purchase"] = {
            "probability": float(scores.purchase.probability[row]),
            "horizon_days": ladder.purchase.horizon_days,
        }
        answer["band"] = band_of(probability, step)
        if now and self.ranking is not None:
            answer["rank_pct"] = self.ranking.percent(answer["position"], probability)
            answer["usual"] = self.usual.get(step.id)
        details = estimates.details(row, most_reasons)
        answer["base"], answer["fit"] = details["base"], details["fit"]
        answer["engagement"], answer["reasons"] = details["engagement"], details["reasons"]
        return answer

    def _no_score(self, estimates: ScoredLeads, row: int) -> ScoreAnswer:
        """The answer for a lead that has bought or is lost; what every answer begins as."""
        bundle = estimates.bundle
        goal = bundle.advancement
        is_model = goal.evidence == "model"
        return {
            "status": "no_score",
            "lead_id": estimates.snapshot.leads[row],
            "ladder": bundle.ladder.name,
            "step": None,
            "position": int(estimates.scores.position[row]),
            "probability": None,
            "interval": None,
            "horizon_days": None,
            "calibration": {
                "status": "calibrated" if is_model else "insufficient",
                "evidence": goal.evidence,
                "leads": goal.calibrator.leads,
            },
            "purchase": None,
            "band": None,
            "rank_pct": None,
            "usual": None,
            "cause": None,
            "base": None,
            "fit": None,
            "engagement": None,
            "reasons": [],
            "no_score_reason": None,
            "model": {
                "name": str(bundle.manifest.get("name", bundle.ladder.name)),
                "version": bundle.version,
            },
            "features_as_of": rfc3339(int(estimates.snapshot.as_of[row])),
            "scored_at": rfc3339(self.clock()),
        }


def _horizons(estimates: ScoredLeads, horizon_days: Sequence[float]) -> list[WithinDays]:
    """What the scores are within other days."""
    return [within(estimates.bundle, estimates.scores, days) for days in horizon_days]


def _horizon(one: WithinDays, row: int) -> HorizonAnswer:
    return {
        "horizon_days": one.days,
        "next_step": _chance(one.advance, row),
        "purchase": _chance(one.purchase, row),
    }


def _chance(estimates: Estimates, row: int) -> ChanceAnswer | None:
    """None where nothing is known of it."""
    if np.isnan(estimates.probability[row]):
        return None
    return {
        "probability": float(estimates.probability[row]),
        "low": float(estimates.low[row]),
        "high": float(estimates.high[row]),
    }


def _why_no_score(estimates: ScoredLeads, row: int) -> str:
    lost_at = int(estimates.snapshot.lost_at[row])
    if lost_at != NONE:
        return f"is lost since {when(lost_at):%Y-%m-%d}, by the ladder's lost_when"
    return _bought(estimates.model.bundle.ladder)


def _bought(ladder: Ladder) -> str:
    """Why a customer has no score, and what gives it one again."""
    events = list(dict.fromkeys(rule.event for rule in ladder.restart_on))
    again = (
        f"it begins the ladder anew with {' or '.join(events)} (restart_on)"
        if events
        else "restart_on of the ladder would say what begins it anew, and names nothing"
    )
    return f"has bought: there is no next step to score; {again}"


def _cause(last: LastScore | None, newest: int) -> Cause:
    """Why a score of now is another than the one before; `newest` is when news became known."""
    if last is None or newest > last.as_of:
        return "events"
    return cast("Cause", last.cause)


def _newest(rows: Sequence[Row], as_of: int) -> int:
    """When the latest of what was known at an instant became known."""
    return max(row[2] for row in rows if row[2] <= as_of)


def _check_known(lead_id: str, rows: Sequence[Row], as_of: int) -> None:
    """UnknownLead where nothing was known of a lead by then."""
    if not rows or min(row[2] for row in rows) > as_of:
        raise UnknownLead(_nothing_known(lead_id, bool(rows), as_of))


def _next_due(rows: Sequence[Row], as_of: int) -> int | None:
    """When the first counts of the events that do not yet."""
    ahead = (max(row[1], row[2]) for row in rows if row[1] > as_of or row[2] > as_of)
    return min(ahead, default=None)


def _nothing_known(lead_id: str, is_stored: bool, as_of: int) -> str:
    if is_stored:
        return f"nothing was known of lead {lead_id!r} by {said_at(as_of)} yet"
    return f"no event of lead {lead_id!r} has arrived"


def _key(at: int) -> str:
    return f"{at:06}"


def _log_of_leads(leads: dict[str, Sequence[Row]], compiled: Compiled) -> EventLog:
    """One log of many leads' rows."""
    events = [(key, row) for key, rows in leads.items() for row in rows]
    columns = compiled.columns
    return EventLog.from_columns(
        [key for key, _ in events],
        [row[0] for _, row in events],
        np.array([row[1] for _, row in events], dtype=np.int64),
        np.array([row[2] for _, row in events], dtype=np.int64),
        {
            name: np.array([number_or_nan(row[3].get(name)) for _, row in events])
            for name in columns.numbers
        },
        {name: [as_text(row[3].get(name)) for _, row in events] for name in columns.texts},
        columns,
    )
