"""Scores that follow the news: marks, merged leads, notifications, what many processes share."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings

from features.events.log import DAY_US
from features.store.arrivals import Arrival
from features.store.events import EventStore
from features.store.privacy import Privacy
from features.store.schema import notifications, opt_outs, scores
from features.store.whole_log.ahead import found_of
from models.bundle import load_bundle
from serving.notifications.outcomes import purge
from serving.process.background import alarm
from serving.scoring import queue
from serving.scoring.batch import rescoring
from serving.scoring.batch.reading import read_leads
from serving.scoring.batch.rescoring import freshen, rescore
from serving.scoring.queue import items
from serving.scoring.scorer import Scorer
from serving.scoring.work import exact_work, tab_of
from tests.features.store.identities.scene import calls, emptied, told
from tests.profiles import examples
from tests.serving import world

NOW = 1_800_000_000_000_000
VIDEO = '{"watched_fraction":0.92}'


def arrival(
    message_id: str,
    sent_id: str,
    name: str = "page_viewed",
    properties: str = "{}",
    at: int = NOW - DAY_US,
    anonymous_id: str | None = None,
) -> Arrival:
    return Arrival(message_id, sent_id, name, at, NOW - 1, properties, anonymous_id)


@pytest.fixture(scope="module")
def bundle(folder):
    return load_bundle(folder / "fitted")


@pytest.fixture
def scorer(store, bundle):
    return Scorer(store, bundle, lambda: NOW)


def notices(store: EventStore) -> list[tuple[str, dict[str, object]]]:
    with store.database.reading() as connection:
        rows = connection.execute(
            sa.select(notifications.c.type, notifications.c.data).order_by(notifications.c.type)
        )
        return [(row.type, json.loads(row.data)) for row in rows]


def test_news_is_scored_and_unmarked(store, scorer):
    """What arrives marks its lead; the score that has seen it takes the mark away."""
    store.ingest([arrival("1", "ann"), arrival("2", "bob", "video_progress", VIDEO)])
    done = freshen(scorer)
    assert done is not None
    assert done.leads == 2
    assert done.seconds_waited == pytest.approx(1e-6)
    assert {row.lead_id: row.position for row in store.queue.listed(9)} == {"ann": 0, "bob": 1}
    assert store.marks.waiting() == (0, None)
    assert freshen(scorer) is None


@pytest.mark.parametrize("score_anew", [freshen, rescore])
def test_who_opts_in_is_back_in_the_queue(store, scorer, score_anew):
    """With the next scoring, and no step that was completed long ago is told as new."""
    store.ingest([arrival("1", "ann", "video_progress", VIDEO)])
    freshen(scorer)
    told, (held,) = notices(store), store.queue.listed(9)
    forget_what_was_told(store)
    privacy = Privacy(store.database)
    privacy.opt_out(["ann"], NOW)
    rescore(scorer)
    privacy.opt_in(["ann"], NOW)
    assert store.queue.listed(9) == []
    score_anew(scorer)
    (back,) = store.queue.listed(9)
    assert (back.position, back.p_advance) == (held.position, held.p_advance)
    assert (len(told) > 0, notices(store)) == (True, [])


def test_news_that_comes_meanwhile(store, scorer, monkeypatch):
    """A lead that is marked again while it is scored stays marked."""
    store.ingest([arrival("1", "ann")])
    true = store.recent.log_of

    def log_of(*asked):
        log = true(*asked)
        store.ingest([arrival("2", "ann", "video_progress", VIDEO)])
        return log

    monkeypatch.setattr(store.recent, "log_of", log_of)
    freshen(scorer)
    monkeypatch.undo()
    assert store.marks.waiting()[0] == 1
    assert store.scores.of("ann").position == 0
    freshen(scorer)
    assert store.scores.of("ann").position == 1


def test_news_from_the_future(store, scorer):
    """News that another machine's clock dates later stays marked until its instant has come."""
    ahead = arrival("2", "ann", "video_progress", VIDEO)._replace(known_at=NOW + 5)
    store.ingest([arrival("1", "ann"), ahead])
    freshen(scorer)
    assert store.scores.of("ann").position == 0
    assert store.marks.waiting()[0] == 1
    later = Scorer(store, scorer.bundle, lambda: NOW + 60_000_000)
    freshen(later)
    assert store.scores.of("ann").position == 1
    assert store.marks.waiting()[0] == 0


def test_a_process_that_died_with_marks(store, scorer):
    """What a process took and did not score is taken by another when its lease has ended."""
    store.ingest([arrival("1", "ann")])
    assert len(store.marks.take(10, NOW, 30_000_000)) == 1
    assert freshen(scorer) is None
    later = Scorer(store, scorer.bundle, lambda: NOW + 31_000_000)
    assert freshen(later) is not None


def test_an_older_score_never_replaces_a_newer(store, scorer):
    """Of two processes that score a lead, the one that knows more has the last word."""
    store.ingest([arrival("1", "ann")])
    freshen(scorer)
    newer = store.scores.of("ann")
    assert store.scores.save([replace(newer, as_of=newer.as_of - 1, position=5)]) == 0
    assert store.scores.of("ann") == newer


def test_a_merged_lead_stands_once(store, scorer):
    """Two ids that turn out to be one lead stand in the queue once, with what both did."""
    store.ingest([arrival("1", "anon", "video_progress", VIDEO), arrival("2", "user")])
    freshen(scorer)
    assert len(store.queue.listed(9)) == 2
    store.ingest([arrival("3", "user", at=NOW - 5, anonymous_id="anon")])
    freshen(scorer)
    (row,) = store.queue.listed(9)
    assert (row.lead_id, row.position) == ("user", 1)
    store.undo_link("claim", "anon", "user", NOW)
    freshen(scorer)
    assert {row.lead_id: row.position for row in store.queue.listed(9)} == {"anon": 1, "user": 0}


@pytest.mark.slow
@settings(
    max_examples=examples(25),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(made=calls())
def test_any_order_gives_the_same_queue(store, bundle, made):
    """The same calls backwards, twice and one by one give the same scores and the same queue."""
    climbing = [
        one._replace(name="video_progress", properties=VIDEO) if at % 2 else one
        for at, one in enumerate(made)
    ]
    queues = []
    for parts in ([climbing], [[one] for one in reversed(climbing + climbing)]):
        fresh = told(emptied(store), parts)
        scorer = Scorer(fresh, bundle, lambda: 10 * DAY_US)
        while freshen(scorer):
            pass
        queues.append(fresh.queue.listed(99))
    assert queues[0] == queues[1]
    assert {row.lead_id for row in queues[0]} == set(fresh.lead_ids())


def test_all_leads_or_those_with_news(store, scorer):
    """A lead has the same score whether it is scored for its news or with all others."""
    until = NOW
    store.append_events([one for at in range(12) for one in world.life(f"l{at}", at, until)])
    rescore(scorer)
    everyone = {row.lead_id: row for row in store.queue.listed(99)}
    since = dict.fromkeys(everyone, NOW)
    with store.database.writing() as connection:
        store.marks.put(connection, since, "again")
    freshen(scorer)
    assert {row.lead_id: row for row in store.queue.listed(99)} == everyone


def test_no_score_of_who_opted_out(store, scorer):
    """Whoever opted out is neither scored for news nor with all others; a former score goes."""
    store.ingest([arrival("1", "ann"), arrival("2", "bob")])
    freshen(scorer)
    with store.database.writing() as connection:
        connection.execute(sa.insert(opt_outs).values(id="ann", at=NOW, reason=""))
    store.ingest([arrival("3", "ann")])
    freshen(scorer)
    rescore(scorer)
    assert [row.lead_id for row in store.queue.listed(9)] == ["bob"]
    assert store.log(scorer.model.bundle.ladder).leads == ("bob",)


# ----------------------------------------------------------------------------------- notifications


def test_a_completed_step_is_told_once(store, scorer):
    """Each step that a lead has completed is told once, however often the lead is scored."""
    store.ingest([arrival("1", "ann")])
    freshen(scorer)
    assert notices(store) == []
    store.ingest([arrival("2", "ann", "video_progress", VIDEO)])
    freshen(scorer)
    store.ingest([arrival("3", "ann")])
    freshen(scorer)
    rescore(scorer)
    completed = [data for type_, data in notices(store) if type_ == "step.completed"]
    assert [(one["lead_id"], one["step"], one["next_step"]) for one in completed] == [
        ("ann", "content", "value")
    ]


def test_a_merge_meanwhile_tells_nothing_again(store, scorer, monkeypatch):
    """An id that joins a lead while it is scored keeps no score; its steps are not told anew."""
    store.ingest([arrival("1", "anon")])
    freshen(scorer)
    store.ingest([arrival("2", "anon", "video_progress", VIDEO)])
    freshen(scorer)
    store.ingest([arrival("3", "anon")])
    true = store.recent.log_of

    def log_of(*asked):
        log = true(*asked)
        store.ingest([arrival("4", "user", at=NOW - 5, anonymous_id="anon")])
        return log

    monkeypatch.setattr(store.recent, "log_of", log_of)
    freshen(scorer)
    monkeypatch.undo()
    assert [row.lead_id for row in store.queue.listed(9)] == ["user"]
    freshen(scorer)
    assert [row.lead_id for row in store.queue.listed(9)] == ["user"]
    assert [type_ for type_, _ in notices(store)].count("step.completed") == 1


def test_what_was_imported_is_no_news(store, scorer):
    """A lead that a scoring of all leads comes upon is told of only if something has just come."""
    store.append_events([*world.climber("old", NOW, 3)])
    store.ingest([arrival("1", "new", "video_progress", VIDEO)])
    rescore(scorer)
    assert {data["lead_id"] for _, data in notices(store)} == {"new"}


@pytest.mark.parametrize(
    ("changed", "cause"), [({"band": "high"}, "time"), ({"band": "high", "bundle": "x"}, "model")]
)
def test_a_band_is_told_when_it_changes(store, scorer, changed, cause):
    """A lead whose own chance moves to another band is told of, with both bands and the cause."""
    store.ingest([arrival("1", "ann")])
    freshen(scorer)
    assert store.scores.of("ann").band == "low"
    assert notices(store) == []  # where every lead begins is no news
    with store.database.writing() as connection:
        connection.execute(sa.update(scores).values(changed))
    rescore(scorer)
    (told_of,) = [data for type_, data in notices(store) if type_ == "score.band_changed"]
    assert (told_of["former_band"], told_of["band"], told_of["cause"]) == ("high", "low", cause)


def test_news_of_a_lead_is_why_its_band_changes(store, scorer):
    """What has just become known is the cause where it was scored for that."""
    store.ingest([arrival("1", "ann")])
    freshen(scorer)
    with store.database.writing() as connection:
        connection.execute(sa.update(scores).values(band="high"))
    store.ingest([arrival("2", "ann")])
    freshen(scorer)
    (told_of,) = [data for type_, data in notices(store) if type_ == "score.band_changed"]
    assert told_of["cause"] == "events"


@pytest.mark.slow
def test_other_leads_move_no_band(store, scorer):
    """A thousand quiet leads more change nothing that is told of any other."""
    store.ingest([arrival(f"old-{at}", f"old-{at}") for at in range(20)])
    freshen(scorer)
    rescore(scorer)
    before = [one for one in notices(store) if str(one[1]["lead_id"]).startswith("old-")]
    bands = {f"old-{at}": store.scores.of(f"old-{at}").band for at in range(20)}
    store.append_events([event for at in range(1100) for event in _quiet(f"new-{at}")])
    rescore(scorer)
    after = [one for one in notices(store) if str(one[1]["lead_id"]).startswith("old-")]
    assert after == before
    assert bands == {lead: store.scores.of(lead).band for lead in bands}


def _quiet(lead):
    return [world.event(lead, "page_viewed", NOW - 40 * DAY_US, {})]


@pytest.mark.parametrize(
    ("minutes", "hours", "is_told"),
    [
        (None, None, False),
        (None, 0.5, True),
        (None, 2.0, False),
        (0.0, 0.5, False),
        (30.0, 2.0, True),
    ],
)
def test_whose_limit_it_is(store, service, bundle, minutes, hours, is_told):
    """The ladder's, unless whoever runs the service says otherwise."""
    store.ingest([arrival("1", "ann", "lead_asked", at=NOW - 3_600_000_000)])
    limits = replace(bundle.ladder.limits, reply_hours=hours)
    scorer = Scorer(
        store, replace(bundle, ladder=replace(bundle.ladder, limits=limits)), lambda: NOW
    )
    freshen(scorer)
    settings_ = replace(service.settings, reply_minutes=minutes)
    watching = replace(service, store=store, scorer=scorer, settings=settings_, alarmed=set())
    assert alarm(watching) is is_told
    told = [data["limit_minutes"] for type_, data in notices(store) if type_ == "reply.overdue"]
    assert told == ([minutes or 60.0 * hours] if is_told else [])


def test_a_lead_that_waits_too_long(store, service, bundle):
    """A lead whose question is not answered in time is told of once; a reply ends the waiting."""
    asked = arrival("1", "ann", "lead_asked", at=NOW - 3_600_000_000)
    store.ingest([asked, arrival("2", "bob", "lead_asked", at=NOW - 60_000_000)])
    scorer = Scorer(store, bundle, lambda: NOW)
    freshen(scorer)
    assert store.scores.of("ann").waiting_since == asked.occurred_at
    watching = replace(
        service,
        store=store,
        scorer=scorer,
        settings=replace(service.settings, reply_minutes=30.0),
        alarmed=set(),
    )
    assert alarm(watching)
    assert not alarm(watching)
    watching.alarmed.clear()  # as after a restart
    alarm(watching)
    overdue = [data for type_, data in notices(store) if type_ == "reply.overdue"]
    assert [one["lead_id"] for one in overdue] == ["ann"]
    assert overdue[0]["limit_minutes"] == 30.0
    watching.alarmed.clear()
    watching.scorer = Scorer(store, bundle, lambda: NOW + 31 * DAY_US)
    purge(store.database, NOW + 31 * DAY_US)
    assert not alarm(watching)  # what was told once is not told again when it is forgotten
    store.ingest([arrival("3", "ann", "business_replied", at=NOW - 5)])
    freshen(scorer)
    assert store.scores.of("ann").waiting_since is None


# ------------------------------------------------------------------------------ what others may see


def test_marks_of_a_scoring_that_failed(store, scorer, monkeypatch):
    """Leads whose scoring failed are taken again at once."""
    store.ingest([arrival("1", "ann")])
    with monkeypatch.context() as broken:
        broken.setattr(store.recent, "log_of", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            freshen(scorer)
    assert freshen(scorer) is not None


# --------------------------------------------------------------------------- One read, one estimate


def news_after_each_read(store, monkeypatch):
    """Whenever events are read, something arrives right after that was known before."""
    count = iter(range(1_000_000))

    def followed_by_news(read):
        def log_of(*asked):
            log = read(*asked)
            store.ingest([arrival(f"late-{next(count)}", "ann", "video_progress", VIDEO)])
            return log

        return log_of

    for reader in (store, store.recent):
        monkeypatch.setattr(reader, "log_of", followed_by_news(reader.log_of))


@pytest.mark.parametrize("chunk", [1, 5000], ids=["many leads", "few leads"])
@pytest.mark.parametrize("scoring", [freshen, rescore])
def test_news_between_two_reads(store, scorer, monkeypatch, scoring, chunk):
    """The stored reasons add up to the stored probability, whatever arrives meanwhile."""
    monkeypatch.setattr(rescoring, "_CHUNK", chunk)
    store.ingest([arrival("1", "ann"), arrival("2", "bob")])
    news_after_each_read(store, monkeypatch)
    scoring(scorer)
    explained = [score for score in store.queue.listed(9) if score.reasons]
    assert {score.lead_id for score in explained} == {"ann", "bob"}
    for score in explained:
        told = json.loads(score.reasons)
        points = sum(reason["points"] for reason in told["reasons"])
        assert told["base"] + points == pytest.approx(score.p_advance, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "properties"),
    [("video_progress", VIDEO), ("page_viewed", "{}"), ("contract_signed", "{}")],
)
def test_the_past_changes_between_scoring_and_reading(store, scorer, monkeypatch, name, properties):
    """Reasons that are found when they are looked at stand beside the probability they explain."""
    monkeypatch.setattr(rescoring, "_EXPLAIN_FRESH", 0)
    store.ingest([arrival("1", "ann"), arrival("2", "bob")])
    freshen(scorer)
    assert not any(score.reasons for score in store.queue.listed(9))
    store.ingest([arrival("3", "ann", name, properties)])
    for item in queue.items(scorer, store.queue.listed(9)):
        points = sum(reason["points"] for reason in item["reasons"])
        if item["base"] is not None:
            assert item["base"] + points == pytest.approx(item["probability"], abs=1e-9)
        else:
            assert (item["lead_id"], name) == ("ann", "contract_signed")


def test_why_a_score_is_another(store, scorer):
    """Events, time, another model; and where nothing changed, the cause of the last change."""
    store.ingest([arrival("1", "ann", "video_progress", VIDEO)])
    freshen(scorer)
    assert store.scores.of("ann").cause == "events"
    scorer.clock = lambda: NOW + 5 * DAY_US
    rescore(scorer)
    assert store.scores.of("ann").cause == "time"
    rescore(scorer)
    assert store.scores.of("ann").cause == "time"
    with store.database.writing() as connection:
        connection.execute(sa.update(scores).values(bundle="x", p_advance=0.123))
    rescore(scorer)
    assert store.scores.of("ann").cause == "model"


def test_what_is_suggested_is_kept_with_the_score(store, scorer):
    """The offer, its gain and its minutes are those of the queue's own suggestion."""
    store.append_events(world.climber("ann", NOW, 2))
    rescore(scorer)
    row = store.scores.of("ann")
    work = exact_work(scorer, "ann", row.as_of)
    assert (row.offer_id, row.gain, row.rep_minutes) == (
        work.option_id,
        work.gain,
        work.rep_minutes,
    )
    assert row.tab == work.tab == tab_of(row.priority)


def test_a_week_ago(store, scorer):
    """The chance of a week ago is that of `as_of` then; none where the lead was elsewhere."""
    store.append_events(world.climber("ann", NOW - 8 * DAY_US, 1))
    store.ingest([arrival(f"{at}", "ann", "video_progress", VIDEO) for at in range(9)])
    store.append_events([world.event("ann", "identify", NOW - DAY_US, {"company_size": 900})])
    store.append_events(world.climber("arrived", NOW, 1)[-1:])
    rescore(scorer)
    row = store.scores.of("ann")
    then = scorer.score("ann", row.as_of - 7 * DAY_US)
    assert row.p_week_ago == then["probability"] != row.p_advance
    assert store.scores.of("arrived").p_week_ago is None


def test_what_is_usual(store, scorer):
    """The mean chance of the queued leads before each step, told with the score and for words."""
    for at in range(4):
        store.append_events(world.climber(f"lead-{at}", NOW, at % 2))
    run = rescore(scorer)
    assert run is not None
    held = [store.scores.of(f"lead-{at}") for at in range(4)]
    for step in {row.step for row in held}:
        chances = [row.p_advance for row in held if row.step == step]
        assert run.usual[step] == pytest.approx(np.mean(chances))
    assert scorer.score("lead-0")["usual"] == run.usual[held[0].step]
    assert scorer.score("lead-0", as_of=held[0].as_of)["usual"] is None
    (item,) = [one for one in items(scorer, held) if one["lead_id"] == "lead-0"]
    assert item["usual"] == run.usual[held[0].step]


def test_nobody_waits_for_a_lead_with_very_many_events(store, bundle, monkeypatch):
    """A bot is scored apart from the others and after them, and at most once in a while."""
    monkeypatch.setattr(rescoring, "CROWDED", 20)
    read: list[list[str]] = []
    now = [NOW]
    scorer = Scorer(store, bundle, lambda: now[0])
    log_of = store.recent.log_of

    def noted(leads, ladder):
        read.append(leads)
        return log_of(leads, ladder)

    monkeypatch.setattr(store.recent, "log_of", noted)
    store.ingest([arrival(f"b{at}", "bot", anonymous_id=f"anon-{at}") for at in range(30)])
    freshen(scorer)
    assert read == [["bot"]]

    store.ingest([arrival("b30", "bot", anonymous_id="anon-30"), arrival("a", "ann")])
    assert freshen(scorer)
    assert freshen(scorer) is None
    assert read[1:] == [["ann"]]
    assert store.marks.waiting()[0] == 1

    now[0] += 61_000_000
    store.ingest([arrival("c", "carl")])
    assert freshen(scorer)
    assert read[2:] == [["carl"], ["bot"]]
    assert store.marks.waiting()[0] == 0


def test_who_reads_which_part_first_is_no_matter(store, scorer, monkeypatch):
    """Of leads that are worth the same, the same ones are looked at closely: the first by id."""
    leads = [f"lead-{at:02}" for at in range(20)]
    store.ingest([arrival(f"of-{lead}", lead) for lead in leads])
    monkeypatch.setattr(rescoring, "_CHUNK", 3)
    looked: list[str] = []

    def noted(scorer, lead_id, as_of):
        looked.append(lead_id)
        return exact_work(scorer, lead_id, as_of)

    def backwards(*given):
        yield from reversed(list(found_of(*given)))

    monkeypatch.setattr(rescoring, "exact_work", noted)
    assert rescore(scorer) is not None
    rows = store.queue.listed(99)
    monkeypatch.setattr(rescoring, "found_of", backwards)
    assert rescore(scorer) is not None
    assert looked == leads * 2
    assert len(rows) == 20
    assert store.queue.listed(99) == rows


@pytest.mark.parametrize(
    ("advised", "few", "is_looked_at"),
    [(2, 0, False), (3, 0, True), (9, 0, True), (2, 1, True)],
)
def test_much_news_is_looked_at_closely_where_it_comes_far_up(
    store, scorer, monkeypatch, advised, few, is_looked_at
):
    """As in a scoring of all; where few leads have news, each is looked at, however far down."""
    for at in range(5):
        store.ingest([arrival(f"of-{at}-{n}", f"lead-{at}") for n in range(1 + 3 * at)])
    assert freshen(scorer)
    stood = store.queue.listed(99)
    places = {row.lead_id: row.priority for row in stood}
    assert len(set(places.values())) == 5
    assert store.queue.priority_of(3) == stood[2].priority
    assert store.queue.priority_of(6) is None

    looked: list[str] = []

    def noted(scorer, lead_id, as_of):
        looked.append(lead_id)
        return exact_work(scorer, lead_id, as_of)

    def as_before(scored, _):
        return np.array([places[lead] for lead in scored.leads])

    monkeypatch.setattr(rescoring, "_ADVISED", advised)
    monkeypatch.setattr(rescoring, "_EXPLAIN_FRESH", few)
    monkeypatch.setattr(rescoring, "_by_signals", as_before)
    monkeypatch.setattr(rescoring, "exact_work", noted)
    store.ingest([arrival("news", stood[2].lead_id)])
    assert freshen(scorer)
    assert looked == [stood[2].lead_id] * is_looked_at


@pytest.mark.parametrize("what", ["erase", "opt out"])
def test_a_lead_that_goes_while_it_is_told_of(store, service, bundle, monkeypatch, what):
    """Who is erased, or opts out, before it is told that it waits for a reply is not told of."""
    store.ingest([arrival("1", "ann", "lead_asked", at=NOW - 3_600_000_000)])
    scorer = Scorer(store, bundle, lambda: NOW)
    freshen(scorer)
    settings_ = replace(service.settings, reply_minutes=30.0)
    watching = replace(service, store=store, scorer=scorer, settings=settings_, alarmed=set())
    write, privacy = store.database.writing, Privacy(store.database)

    def after_it_went():
        monkeypatch.setattr(store.database, "writing", write)
        privacy.erase("ann", NOW) if what == "erase" else privacy.opt_out(["ann"], NOW)
        return write()

    monkeypatch.setattr(store.database, "writing", after_it_went)
    assert not alarm(watching)
    assert "reply.overdue" not in {type_ for type_, _ in notices(store)}


def test_leads_that_are_parted_while_they_are_scored(store, scorer, monkeypatch):
    """What one has done is not told of the other, who had it in common with them when it was read.

    Each is scored by itself a moment later.
    """
    store.ingest(
        [
            arrival("1", "bob"),
            arrival("2", "ann", "video_progress", VIDEO),
            arrival("3", "bob")._replace(previous_id="ann"),
        ]
    )

    def parted_meanwhile(*given, **more):
        found = read_leads(*given, **more)
        monkeypatch.setattr(rescoring, "read_leads", read_leads)
        store.undo_link("alias", "ann", "bob", NOW)
        return found

    assert store.lead_of("ann") == "bob"
    monkeypatch.setattr(rescoring, "read_leads", parted_meanwhile)
    freshen(scorer)
    assert store.scores.of("bob") is None
    freshen(scorer)
    assert {row.lead_id: row.position for row in store.queue.listed(9)} == {"ann": 1, "bob": 0}
    assert completed(store) == [("ann", 1)]


@pytest.mark.parametrize("score_all", [False, True])
def test_what_is_news_of_a_lead_that_is_parted(store, scorer, score_all):
    """It is told of that lead, though it was not yet scored; what was told of both is not again."""
    known = [
        arrival("1", "bob", "video_progress", VIDEO),
        arrival("2", "bob")._replace(previous_id="ann"),
        arrival("3", "bob", anonymous_id="kiosk"),
    ]
    store.ingest([one._replace(known_at=NOW - 9) for one in known])
    freshen(scorer)
    store.ingest([arrival("4", "bob"), arrival("5", "ann", "video_progress", VIDEO)])
    told = completed(store)
    store.undo_link("alias", "ann", "bob", NOW)
    store.undo_link("claim", "kiosk", "bob", NOW)
    if score_all:
        rescore(scorer)
    freshen(scorer)
    assert {row.lead_id: row.position for row in store.queue.listed(9)} == {"ann": 1, "bob": 1}
    assert told == [("bob", 1)]
    assert completed(store) == [("ann", 1), ("bob", 1)]


@pytest.mark.parametrize("score_all", [False, True])
@pytest.mark.parametrize("how", ["by that id", "by another id", "had news before"])
def test_what_is_news_of_a_lead_after_it_was_parted(store, scorer, how, score_all):
    """What it had completed was told of both, and is told of nobody again when other news comes."""
    known = [
        arrival("1", "bob", "video_progress", VIDEO),
        arrival("2", "ann", "video_progress", VIDEO),
        arrival("3", "bob")._replace(previous_id="ann"),
        arrival("4", "bob", anonymous_id="kiosk"),
    ]
    store.ingest([one._replace(known_at=NOW - 9) for one in known])
    freshen(scorer)
    assert completed(store) == [("bob", 1)]
    forget_what_was_told(store)
    if how == "had news before":
        early = [arrival(f"early of {one}", one) for one in ("ann", "bob")]
        store.ingest([one._replace(known_at=NOW - 5) for one in early])
    store.undo_link("alias", "ann", "bob", NOW - 3)
    store.ingest([arrival("5", "ann"), arrival("6", "kiosk" if how == "by another id" else "bob")])
    if score_all:
        rescore(scorer)
    freshen(scorer)
    assert {row.lead_id: row.position for row in store.queue.listed(9)} == {"ann": 1, "bob": 1}
    assert completed(store) == []


def test_what_is_news_of_a_lead_after_it_opted_in(store, scorer):
    """What it did before is told to nobody again, also where something comes at once."""
    privacy = Privacy(store.database)
    store.ingest([arrival("1", "ann", "video_progress", VIDEO)._replace(known_at=NOW - 9)])
    freshen(scorer)
    assert completed(store) == [("ann", 1)]
    forget_what_was_told(store)
    privacy.opt_out(["ann"], NOW - 7)
    store.ingest([arrival("2", "ann")._replace(known_at=NOW - 6)])
    privacy.opt_in(["ann"], NOW - 5)
    store.ingest([arrival("3", "ann")])
    freshen(scorer)
    assert {row.lead_id: row.position for row in store.queue.listed(9)} == {"ann": 1}
    assert completed(store) == []


def forget_what_was_told(store) -> None:
    """As if that had been long ago."""
    with store.database.writing() as connection:
        connection.execute(sa.delete(notifications))


def completed(store) -> list[tuple[object, object]]:
    """The steps that were told of, and of whom."""
    told = [data for type_, data in notices(store) if type_ == "step.completed"]
    return sorted(((one["lead_id"], one["position"]) for one in told), key=str)
