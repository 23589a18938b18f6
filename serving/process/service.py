"""What one process of the service holds, and how a route gets at it."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from features.clock import now
from features.errors import BundleError, PolicyError, StoreAway
from features.events.log import EventLog
from features.events.of_lead import Row, log_of_rows
from features.ladder.file import read_ladder
from features.ladder.ladder import Identity, Ladder, OfferVersion
from features.ladder.offer import OfferStatus
from features.store.events import EventStore
from features.store.identities.identification import Identification
from features.store.kept.champions import Champion
from features.store.kept.leases import ScoresWith
from features.store.kept.meta import held_meta, set_meta
from features.store.kept.notifications import add_notices
from features.store.kept.scores import StoredScore
from models.bundle import Bundle, load_bundle
from models.recalibrated import moves_of
from models.served_policy import DEFAULT, read_served
from models.sources import BundleSource, source_of
from serving.edge.logs import log, log_failure
from serving.process.former_models import FormerModels
from serving.process.group_commit import GroupCommit
from serving.process.kept_funnel import KeptFunnel
from serving.process.ladder_in_use import LadderInUse
from serving.process.queue_views import QueueCounts
from serving.recommending.ranker import Ranker
from serving.recommending.recommender import Recommender
from serving.scoring.batch.rescoring import Run
from serving.scoring.changes import model_promoted
from serving.scoring.kept_answers import KeptScores
from serving.scoring.lease import SERVES, ScoringLease
from serving.scoring.model import Model
from serving.scoring.ranking import Ranking
from serving.scoring.scorer import Scorer
from serving.scoring.suggestion import suggestion_for
from serving.settings import Settings
from serving.write_back.configuration import WriteBack
from serving.write_back.outbox import scored

__all__ = ["Service"]


@dataclass(slots=True)
class Service:
    """The parts of a running service. `run` is None until all leads were scored once.

    Parameters
    ----------
    clock : the present, in microseconds since the epoch; all that runs here asks it alone.
    holder : names this process where several share work.
    shares_processors : whether requests are answered beside its work, by this process or by the
        one that has started it.
    problem : why the model that is to serve does not, or why it is not known which one is to; ""
        where it does.
    held_back : the ladder of a bundle that does not serve, as another process scores with another
        ladder in this store; None where that is not so.
    ladder_problem : why the ladder file or the offers of the store are not served; "" where they
        are.
    failures : why work of the background came to nothing the last time, by its name.
    logged : the errors of such work that go on and when each was logged last, by the same names;
        seconds of `time.monotonic`.
    freshness : seconds that news of leads has waited for a score, lately.
    alarmed : leads that wait for a reply, with since when, which were told of already.
    attempts : to deliver notifications, since the start, by outcome.
    """

    settings: Settings
    store: EventStore
    scorer: Scorer
    recommender: Recommender
    ranker: Ranker
    group_commit: GroupCommit
    source: BundleSource
    funnel: KeptFunnel
    counts: QueueCounts
    write_backs: Sequence[WriteBack] = ()
    clock: Callable[[], int] = now
    kept_scores: KeptScores = field(default_factory=KeptScores)
    shares_processors: bool = True
    run: Run | None = None
    problem: str = ""
    held_back: Ladder | None = None
    ladder_problem: str = ""
    failures: dict[str, str] = field(default_factory=dict)
    logged: dict[str, tuple[str, float]] = field(default_factory=dict)
    freshness: float = 0.0
    alarmed: set[tuple[str, int | None]] = field(default_factory=set)
    attempts: Counter[str] = field(default_factory=Counter)
    holder: str = field(default_factory=lambda: uuid.uuid4().hex)
    stopping: threading.Event = field(default_factory=threading.Event)
    _stamp: str | None = None
    _ladder: Ladder | None = None
    _loaded: tuple[Path, Bundle] | None = None
    _waiting: tuple[str | None, Path, Bundle] | None = None
    _taken_over: Bundle | None = None
    _lease: ScoringLease | None = None
    _in_use: tuple[object, ...] = ()
    _identified_by: tuple[Identity, Identification | None] | None = None
    _refreshing: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def open(
        cls,
        settings: Settings,
        write_backs: Sequence[WriteBack] = (),
        clock: Callable[[], int] = now,
    ) -> Service:
        """Open the store and load the bundle, warm; a bundle that is not there can come later.

        Parameters
        ----------
        write_backs : the CRMs that are told of scores.

        Raises
        ------
        StoreError, LadderError : the store, or the ladder of the settings, cannot be used.
        """
        source = source_of(settings.bundle, settings.model, settings.registry, settings.tracking)
        ladder = read_ladder(settings.ladder) if settings.ladder else None
        store = EventStore.open(settings.database_url)
        scorer = Scorer(store, None, clock)
        ranker = Ranker(store, clock, lambda: service.ladder)
        parts = scorer, Recommender(scorer), ranker, GroupCommit(store)
        held = KeptFunnel(store.database), QueueCounts(store)
        service = cls(settings, store, *parts, source, *held)
        service._ladder, service.write_backs, service.clock = ladder, write_backs, clock
        try:
            service.refresh()
        except StoreAway as error:  # it only reads: who looks for another model tries again
            log_failure("the store cannot be written", error)
        store.name_by(service.ladder.events.traits)
        return service

    @property
    def folder(self) -> Path | None:
        """Where the bundle is that serves, as it was trained; None before there is one."""
        return self._loaded[0] if self._loaded else None

    @property
    def failure(self) -> str:
        """Why scores could not be renewed the last time; "" where they could."""
        return next(iter(self.failures.values()), "")

    @property
    def ladder(self) -> Ladder:
        """What events are called and mean: the model's ladder; before it, the settings'."""
        if self.scorer.bundle is not None:
            return self.scorer.bundle.ladder
        if self.held_back is not None:
            return self.held_back
        if self._ladder is None:
            self._ladder = read_ladder("b2b")
        return self._ladder

    @property
    def reply_minutes(self) -> float:
        """How long a lead may wait for a reply before that is an alarm, in minutes; 0: for ever."""
        own, hours = self.settings.reply_minutes, self.ladder.limits.reply_hours
        return own if own is not None else 60.0 * (hours or 0.0)

    @property
    def lease(self) -> ScoringLease:
        """What this process scores with, beside the others of the store."""
        if self._lease is None:
            self._lease = ScoringLease(self.store, self.holder, self.clock)
        return self._lease

    def may_score(self) -> bool:
        """Whether this process is one of those that score now."""
        loaded = self._loaded
        is_waiting = self._waiting is not None  # for those to end who score with another ladder
        return (
            loaded is not None
            and not (is_waiting or self.stopping.is_set())
            and self.lease.is_held(ScoresWith(loaded[1].ladder.name, loaded[1].hash))
        )

    @property
    def offer_ids(self) -> set[str]:
        """The ids of the ladder's offers, those that were added to it among them.

        A bundle's ladder has what was added; before there is one the store alone knows.
        """
        ladder, ids = self.ladder, {offer.id for offer in self.ladder.offers}
        if self.scorer.bundle is None:
            ids |= {id_ for id_, _ in self.store.offers.numbers_at(ladder.name, self.clock())}
        return ids

    @property
    def identification(self) -> Identification | None:
        """What tells who somebody is beside ids, by the ladder; None where nothing does."""
        identity = self.ladder.identity
        if self._identified_by is None or self._identified_by[0] is not identity:
            of = self.store.database, identity, self.ladder.events.traits
            self._identified_by = identity, Identification.of(*of)
        return self._identified_by[1]

    def _former(self, hash_: str) -> Bundle | None:
        """A bundle that served before, on the ladder of now; None where it is kept no more."""
        folder = self.source.folder_of(hash_)
        if folder is None:
            return None
        return self._ladders.of(load_bundle(folder, trusted=self.settings.trusted_types))[0]

    def write_back(self, connection: sa.Connection, rows: Sequence[StoredScore]) -> None:
        """Let CRMs be told of new scores; a part of the transaction that keeps them."""
        if self.write_backs:
            scored(connection, rows, self.write_backs, self.ladder.events.traits)

    def refresh(self) -> bool:
        """Serve with another model, policy or catalogue, if there is one by now; whether there was.

        It is loaded and warm before it takes the place of the former one, in one assignment: a
        request is answered by the one or by the other. One that cannot be loaded changes nothing,
        and is tried again.
        """
        with self._refreshing:
            self._make_way()
            return self._refresh_model() or self._refresh_ladder() or self._refresh_moves()

    def keep_offer(
        self,
        table: Mapping[str, object],
        *,
        from_at: int | None,
        by: str,
        seen: int | None = None,
        is_whole: bool = False,
    ) -> OfferVersion:
        """Keep another version of an offer, or the first one of a new offer, and serve it.

        Parameters
        ----------
        table : the keys of an [[offer]] table, instants as RFC 3339.
        from_at : since when it holds, in microseconds since the epoch; None for now.
        by : who wants it so.
        seen : the version that was made last when the offer was looked at; None where nobody asks.
        is_whole : whether all of the table holds from then on, and not what differs from now.

        Raises
        ------
        LadderError : with all mistakes of the table.
        OfferConflict : another version was made since `seen`.
        NoModel : nothing serves that offers could be changed of.
        """
        ladder, now = self.scorer.model.bundle.ladder, self.clock()
        since = now if from_at is None else from_at
        kept = self.store.offers.keep(
            ladder, table, from_at=since, now=now, by=by, seen=seen, is_whole=is_whole
        )
        self.refresh()
        return kept

    def set_offer_status(
        self,
        offer_id: str,
        status: OfferStatus,
        *,
        from_at: int | None,
        by: str,
        seen: int | None = None,
    ) -> OfferVersion:
        """Pause, resume or retire an offer, and change nothing else of it; see `keep_offer`.

        Raises
        ------
        UnknownOffer : there is none of that id.
        OfferConflict, NoModel : as above.
        """
        ladder, now = self.scorer.model.bundle.ladder, self.clock()
        since = now if from_at is None else from_at
        kept = self.store.offers.set_status(
            ladder, offer_id, status, from_at=since, now=now, by=by, seen=seen
        )
        self.refresh()
        return kept

    def call_off_offer(self, offer_id: str, number: int, *, by: str, seen: int) -> OfferVersion:
        """Call off what is planned for an offer with a version; see `keep_offer`.

        Raises
        ------
        UnknownOffer : there is none of that id, or nothing is planned with that version.
        OfferConflict, NoModel : as above.
        """
        ladder, now = self.scorer.model.bundle.ladder, self.clock()
        kept = self.store.offers.call_off(ladder, offer_id, number, now=now, by=by, seen=seen)
        self.refresh()
        return kept

    @property
    def _ladders(self) -> LadderInUse:
        return LadderInUse(self.store, self.settings.ladder, self.clock)

    def _refresh_ladder(self) -> bool:
        """Serve the same model on other offers, or another version of the ladder file."""
        if self._loaded is None:
            return False
        folder, bundle = self._loaded
        stamp = self._ladders.stamp(bundle.ladder.name)
        if stamp == self._in_use:
            return False
        self._serve_on(folder, bundle, stamp)
        with self.store.database.writing() as connection:  # what is suggested may be another offer
            self.store.scores.want_full_run(connection)
        log("offers taken over", ladder=bundle.ladder.name, problem=self.ladder_problem)
        return True

    def _refresh_moves(self) -> bool:
        """Serve the same model with probabilities that outcomes have moved since."""
        if self._loaded is None:
            return False
        folder, bundle = self._loaded
        known_at = self.scorer.model.track.last_known_at
        if self.store.recalibrations.last_known_at(bundle.hash) == known_at:
            return False
        self._serve_on(folder, bundle, self._in_use)
        with self.store.database.writing() as connection:
            self.store.scores.want_full_run(connection)
        now = self.scorer.model.bundle
        log("recalibrated", version=now.version, outcomes=now.outcomes)
        return True

    def _serve_on(self, folder: Path, bundle: Bundle, stamp: tuple[object, ...]) -> str:
        """Serve a bundle on the ladder of now; the policy that does."""
        served, self.ladder_problem = self._ladders.of(bundle)
        if self.ladder_problem:
            log("ladder unusable", logging.ERROR, why=self.ladder_problem)
        policy = _policy(folder, served)
        warm(served, policy)
        moves = moves_of(self.store.recalibrations.of(bundle.hash))
        self._serve(Scorer(self.store, served, self.clock, policy=policy, moves=moves))
        self._loaded, self._in_use = (folder, bundle), stamp
        return policy

    def _make_way(self) -> None:
        """Serve nothing any more where another process scores with another ladder by now."""
        if self._loaded is None:
            return
        folder, bundle = self._loaded
        if self.lease.other_ladder(bundle.ladder.name):
            self._waiting = self._stamp, folder, bundle
            self._loaded, self._stamp, self._in_use, self._taken_over = None, None, (), None
            self._serve(Scorer(self.store, None, self.clock))

    def _hold_back(self, bundle: Bundle, other: str) -> bool:
        """Do not serve a bundle while another process scores with another ladder.

        The lease for the former is given up: of several that are to go over from one ladder
        to the next none could be the first.
        """
        self.lease.release()
        name = bundle.ladder.name
        why = f"another process scores with the ladder {other!r} in this store; one store has one"
        why += f" ladder: give {name!r} a store of its own (RUNG_DATABASE_URL)"
        if why != self.problem:
            log("another ladder scores here", logging.ERROR, ladder=name, other=other, why=why)
            self.problem = why
        if self.scorer.bundle is None:
            self.held_back = bundle.ladder
            self._serve(Scorer(self.store, None, self.clock, why))
        return False

    def _refresh_model(self) -> bool:
        try:
            stamp = self.source.stamp()
        except BundleError as error:  # whether another is to serve is not known
            return self._keep_former(str(error))
        if stamp is not None and stamp == self._stamp:
            return self._go_on()
        if stamp is None and self._stamp is not None:
            return self._keep_former("the model that is to serve is gone from its place")
        started = time.perf_counter()
        try:
            if self._waiting is None or self._waiting[0] != stamp:
                folder = self.source.folder()
                bundle = load_bundle(folder, trusted=self.settings.trusted_types)
                self._waiting = stamp, folder, bundle
        except BundleError as error:
            return self._keep_former(str(error))
        _, folder, bundle = self._waiting
        other = self.lease.other_ladder(bundle.ladder.name)
        if other:
            return self._hold_back(bundle, other)
        self.held_back, former = None, self._taken_over
        policy = self._serve_on(folder, bundle, self._ladders.stamp(bundle.ladder.name))
        self._renew_scores(bundle, former)
        self._tell(bundle, policy)
        # What could not be written by now is tried again.
        self._stamp, self._waiting, self._taken_over, self.problem = stamp, None, bundle, ""
        self.source.let_go(folder)
        log(
            "bundle loaded",
            version=bundle.version,
            ladder=bundle.ladder.name,
            policy=policy,
            warm_seconds=round(time.perf_counter() - started, 3),
        )
        return True

    def _go_on(self) -> bool:
        """What serves is what is to serve: what was wrong in between is over."""
        self._waiting = None
        if self.problem:
            log("what serves is what is to serve again", version=self.scorer.model.bundle.version)
            self.problem = ""
        return False

    def _keep_former(self, why: str) -> bool:
        self._waiting = None
        if why != self.problem:
            self.problem = why
            serving = self.scorer.bundle
            log(
                "no bundle" if serving is None else "the former bundle goes on serving",
                logging.INFO if serving is None else logging.ERROR,
                why=why,
            )
            if serving is None:
                self._serve(Scorer(self.store, None, self.clock, why))
        return False

    def _serve(self, scorer: Scorer) -> None:
        bundle = scorer.bundle
        if bundle is not None:
            scorer.ranking = Ranking.of(*self.store.scores.chances(bundle.identity))
        scorer.ranking, scorer.usual = scorer.ranking or self.scorer.ranking, self.scorer.usual
        scorer.model_then = FormerModels(self.store, self._former).then
        self.scorer, self.recommender = scorer, Recommender(scorer)
        self.store.name_by(self.ladder.events.traits)

    def _renew_scores(self, bundle: Bundle, former: Bundle | None) -> None:
        """Let all leads be scored anew: since they were, another process may have used the former.

        A process that has just begun asks for it only where there are scores of another model.
        """
        scores = self.store.scores
        served = self.scorer.model.bundle.identity
        if scores.has_others(served) if former is None else bundle.hash != former.hash:
            with self.store.database.writing() as connection:
                scores.want_full_run(connection)

    def _tell(self, bundle: Bundle, policy: str) -> None:
        """Notify, once for all processes, that another model or policy serves; not of the first."""
        serves, at = f"{bundle.hash} {policy}", self.clock()
        # First, and again whoever starts: one that was ended in between has it noted by the next.
        self.store.champions.add(Champion(bundle.ladder.name, at, bundle.hash, policy))
        told = {"ladder": bundle.ladder.name, "model_version": bundle.version, "policy": policy}
        with self.store.database.writing() as connection:
            former = held_meta(connection, SERVES)
            if former is not None and former.startswith(f"{serves} "):
                return
            set_meta(connection, SERVES, f"{serves} since {at}")
            if former is not None:
                add_notices(connection, [model_promoted(at, former, told)])

    def close(self) -> None:
        """Let go of the store, and let others score in it with another ladder."""
        with self._refreshing:
            self.lease.release()
        self.store.close()


def _policy(folder: Path, bundle: Bundle) -> str:
    """The name of the policy to serve a bundle with; the default where a promoted one cannot be."""
    try:
        return read_served(folder, bundle)
    except (BundleError, PolicyError) as error:
        log(f"promoted policy unusable, {DEFAULT} serves", logging.ERROR, why=str(error))
        return DEFAULT


def warm(bundle: Bundle, policy: str = DEFAULT) -> None:
    """Compile the fold, touch the boosters and the policy, for one lead and for many."""
    model = Model.of(bundle, policy)
    columns = model.compiled.columns
    row: Row = ("warm", 0, 0, {})
    suggestion_for(model, "warm", [row], as_of=1)
    alone = log_of_rows("warm", [row], columns)
    times = np.zeros(2, dtype=np.int64)
    many = EventLog.from_columns(["a", "b"], ["warm"] * 2, times, columns=columns)
    for events in (alone, many):
        model.estimate_log(events, 1).details(0)
