"""What a process does beside answering, though the clock jumps ahead and back."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from features.errors import StoreAway
from features.store.arrivals import Arrival
from features.store.schema import stale
from serving.process import background
from serving.process.service import Service
from serving.scoring.batch import rescoring
from serving.settings import Settings
from tests.serving import world

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
PAUSE = 900


@pytest.fixture
def clock():
    return world.Clock()


@pytest.fixture
def service(url, folder, clock):
    settings = Settings(url, folder / "fitted", rescore_seconds=float(PAUSE))
    opened = Service.open(settings, clock=clock)
    yield opened
    opened.close()


def scored_at(service) -> int:
    run, _ = service.store.scores.full_run()
    assert run is not None
    return int(run["as_of"])


def news(service, lead="ann", at=None) -> None:
    known = service.clock() if at is None else at
    event = Arrival(f"{lead}-{known}", lead, "page_viewed", known, known, "{}", None, None)
    service.store.ingest([event])


@pytest.mark.parametrize("ahead", [90 * SECOND, HOUR, DAY, 400 * DAY])
def test_a_full_scoring_under_a_clock_that_was_ahead(service, clock, ahead):
    """Once it is right again all leads are scored at once, and read again to take the place."""
    assert background._score_all(service)
    clock.at += ahead
    with service.store.database.writing() as connection:
        service.store.scores.want_full_run(connection)
    assert background._score_all(service)
    ahead_at = scored_at(service)
    clock.at -= ahead - SECOND
    assert background._score_all(service)
    assert scored_at(service) == clock.at < ahead_at
    while background._freshen(service):  # who replaces a score of the future has read all the news
        pass
    assert {score.as_of for score in service.store.queue.listed(1000)} == {clock.at}
    assert not background._score_all(service)
    clock.at += PAUSE * SECOND
    assert background._score_all(service)


def test_how_far_the_first_scoring_has_come_is_told(service, clock, monkeypatch):
    """Until it is finished; of those after it nobody has to be told."""
    told = []
    scores = service.store.scores
    monkeypatch.setattr(background, "_TELL_SECONDS", 0.0)
    monkeypatch.setattr(rescoring, "_CHUNK", 20)
    keep = scores.tell_progress

    def tell(*so_far):
        keep(*so_far)
        told.append(scores.progress())

    monkeypatch.setattr(scores, "tell_progress", tell)
    assert background._score_all(service)
    leads = service.run.leads
    assert leads > 20
    assert told == [(min(at, leads), leads) for at in range(20, leads + 20, 20)]
    assert scores.progress() is None
    clock.at += PAUSE * SECOND
    assert background._score_all(service)
    assert told[-1] == (leads, leads)
    assert len(told) == -(-leads // 20)


def test_no_answer_of_an_erased_lead_is_kept(service):
    """It is let go of also where nobody asks for a score any more."""
    news(service)
    service.kept_scores.of(service.scorer, "ann")
    background._let_go(service)
    service.kept_scores.of(service.scorer, "ann")
    assert "ann" in service.kept_scores._kept
    service.scorer.privacy.erase("ann", service.clock())
    background._let_go(service)
    assert not service.kept_scores._kept


@pytest.mark.parametrize(
    ("shares", "waited", "worked", "rest"),
    [
        (True, 0.0, 0.02, 0.1),
        (True, 0.9, 0.6, 0.6),
        (True, 2.9, 5.0, 1.0),
        (True, 3.0, 5.0, 0.1),
        (False, 0.0, 5.0, 0.1),
    ],
)
def test_scoring_rests_where_requests_are_answered(service, shares, waited, worked, rest):
    """As long as it worked, and no more where news waits long, or nobody wants the processor."""
    service.shares_processors, service.freshness = shares, waited
    assert background._rest(service, worked) == rest


@pytest.mark.parametrize("ahead", [HOUR, DAY])
def test_leads_with_news_under_a_clock_that_was_ahead(service, clock, ahead):
    """Marks and scores of a clock that was ahead hold up nobody, and no wait is negative."""
    clock.at += ahead
    news(service)
    taken = service.store.marks.take(10, clock(), 30 * SECOND)  # by one that dies with it
    assert taken
    clock.at -= ahead
    news(service)
    assert background._freshen(service)
    assert service.freshness == 0.0
    assert background._inform(service)
    assert service.freshness == 0.0


@pytest.mark.parametrize("ahead", [HOUR, DAY])
def test_a_score_of_a_clock_that_was_ahead(service, clock, ahead):
    """A lead that was scored in the future is scored anew with its next news."""
    news(service)
    clock.at += ahead
    assert background._freshen(service)
    clock.at -= ahead - SECOND
    news(service)
    assert background._freshen(service)
    score = service.store.scores.of("ann")
    assert score is not None
    assert (score.as_of, score.scored_at) == (clock.at, clock.at)
    with service.store.database.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(stale)) == 0


def test_how_fresh_scores_are_under_a_clock_that_was_ahead(service, clock):
    """What was said of the future is not taken for something recent."""
    store = service.store
    with store.database.writing() as connection:
        store.scores.tell_freshness(connection, clock.at, clock.at + DAY)
    assert store.scores.freshness(clock.at - 60 * SECOND, clock.at) == 0.0
    with store.database.writing() as connection:
        store.scores.tell_freshness(connection, clock.at - 2 * SECOND, clock.at)
    assert store.scores.freshness(clock.at - 60 * SECOND, clock.at) == 2.0


def test_what_goes_on_failing_is_logged_at_times(service, monkeypatch, caplog):
    """Once a minute while it fails alike, at once for another reason, and once when it is over."""
    seconds, why = [0.0], ["the disk is full"]
    monkeypatch.setattr(background, "time", SimpleNamespace(monotonic=lambda: seconds[0]))

    def _work(_):
        if why[0]:
            raise StoreAway(why[0])
        return True

    def said() -> list[str]:
        told = [
            one for one in caplog.records if one.__dict__.get("values", {}).get("work") == "work"
        ]
        caplog.clear()
        return [one.values.get("why", one.message) for one in told]

    caplog.set_level("INFO", "rung")
    for seconds[0] in (0.0, 1.0, 59.9):
        assert not background._attempt(service, _work)
    assert said() == ["the disk is full"]
    for seconds[0] in (60.0, 61.0, 119.0):
        background._attempt(service, _work)
    assert said() == ["the disk is full"]
    why[0] = "it only reads"
    background._attempt(service, _work)
    assert "work failed: StoreAway" in service.failure
    assert said() == ["it only reads"]
    why[0] = ""
    assert background._attempt(service, _work)
    assert background._attempt(service, _work)
    assert service.failure == ""
    assert said() == ["background work goes on"]
