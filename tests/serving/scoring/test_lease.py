"""One store has one ladder, and the bundle that came last: who scores says so, and others wait."""

from __future__ import annotations

import json
import shutil

import pytest
import sqlalchemy as sa

from features.ladder.file import read_ladder
from features.store.events import EventStore
from features.store.kept.leases import ScoresWith
from features.store.kept.meta import set_meta
from features.store.schema import notifications
from serving.process import background
from serving.process.service import Service
from serving.process.upkeep import Chore, is_due
from serving.scoring.lease import SERVES, ScoringLease
from serving.settings import Settings
from tests.serving import world

SECOND = 1_000_000
ROUNDS = 3


@pytest.fixture
def clock():
    return world.Clock()


@pytest.fixture
def opened(database_url, clock):
    """Opens services on one store, and lets go of them in the end."""
    services = []
    with EventStore.open(database_url) as store:
        store.append_events(world.life("ann", 1, clock()) + world.life("bob", 2, clock()))

    def open_one(bundle):
        settings = Settings(database_url, bundle, rescore_seconds=3600.0)
        services.append(Service.open(settings, clock=clock))
        return services[-1]

    yield open_one
    for one in services:
        one.close()


@pytest.fixture(scope="module")
def consumer(tmp_path_factory):
    """A bundle for another ladder than the one of `folder`."""
    path = tmp_path_factory.mktemp("consumer") / "bundle"
    world.rates_bundle(path, ladder=read_ladder("b2c"))
    return path


def scored(service) -> bool:
    """Whether a round of the background scored all leads."""
    service.refresh()
    return background._score_all(service)


def serves(service) -> bool:
    return service.scorer.bundle is not None


def step_notices(service) -> list[dict[str, object]]:
    with service.store.database.reading() as connection:
        wanted = sa.select(notifications.c.data).where(notifications.c.type == "step.completed")
        return [json.loads(data) for data in connection.scalars(wanted)]


def test_two_ladders_on_one_store(opened, folder, consumer, clock, caplog):
    """The second scores nothing, says why once, and takes over as soon as the first has ended."""
    first = opened(folder / "rates")
    assert scored(first)
    second = opened(consumer)
    for _ in range(ROUNDS):
        clock.at += 2 * SECOND
        assert not scored(second)
        assert not background._freshen(second)
        assert not scored(first)
    assert not serves(second)
    assert second.ladder.name == "b2c"
    assert "'b2b'" in second.problem
    assert "a store of its own" in second.problem
    assert [one.message for one in caplog.records].count("another ladder scores here") == 1
    assert not is_due(second, Chore("try", 1.0, ("true",), needs_model=False))
    assert step_notices(first) == []
    first.close()
    assert scored(second)
    assert serves(second)
    assert second.problem == ""


def test_two_ladders_that_start_at_once(opened, folder, consumer, clock):
    """Both may have looked before either scores; one of them does, and the other finds out."""
    first, second = opened(folder / "rates"), opened(consumer)
    assert background._score_all(second)
    for _ in range(ROUNDS):
        clock.at += 2 * SECOND
        assert not background._score_all(first)
        assert not background._freshen(first)
        assert not scored(second)
    assert not scored(first)
    assert not serves(first)


def test_a_ladder_whose_process_died(opened, folder, consumer, clock):
    """It holds for as long as a lease, and no longer."""
    assert scored(opened(folder / "rates"))
    second = opened(consumer)
    clock.at += 29 * SECOND
    assert not scored(second)
    clock.at += 2 * SECOND
    assert scored(second)


def test_who_was_stopped_for_long_finds_another_ladder(opened, folder, consumer, clock):
    """Its lease is over: it scores nothing before it has looked."""
    first = opened(folder / "rates")
    assert scored(first)
    clock.at += 31 * SECOND
    assert scored(opened(consumer))
    assert not background._score_all(first)
    assert not background._freshen(first)


def test_another_ladder_in_the_place_of_the_one_that_serves(
    opened, folder, consumer, tmp_path, clock
):
    """Of one service, and of several that look at one place: all go over within some looks."""
    bundle = tmp_path / "bundle"
    shutil.copytree(folder / "rates", bundle)
    services = [opened(bundle), opened(bundle)]
    assert [scored(one) for one in services] == [True, False]
    assert not background._freshen(services[1])
    shutil.rmtree(bundle)
    shutil.copytree(consumer, bundle)
    done = []
    for _ in range(ROUNDS):
        clock.at += 2 * SECOND
        done += [scored(one) for one in services]
    assert done.count(True) == 1
    assert {one.ladder.name for one in services} == {"b2c"}
    assert [one.problem for one in services] == ["", ""]


def test_a_ladder_that_is_taken_back(opened, folder, consumer, tmp_path):
    """Whoever was to serve another one, and is to serve the former again, goes on as before."""
    bundle = tmp_path / "bundle"
    shutil.copytree(folder / "rates", bundle)
    first, other = opened(bundle), opened(folder / "rates")
    assert scored(first)
    assert not scored(other)
    shutil.rmtree(bundle)
    shutil.copytree(consumer, bundle)
    assert not scored(first)
    assert "a store of its own" in first.problem
    assert first.ladder.name == "b2b"
    assert not first.may_score()
    shutil.rmtree(bundle)
    shutil.copytree(folder / "rates", bundle)
    first.refresh()
    assert first.may_score()
    assert first.problem == ""


def test_two_bundles_of_one_ladder(opened, folder, clock):
    """The one that came last scores; the other waits, and takes over when it is alone."""
    former = opened(folder / "rates")
    assert scored(former)
    latter = opened(folder / "fitted")
    done = []
    for _ in range(ROUNDS):
        clock.at += 2 * SECOND
        done.append((scored(latter), scored(former), background._freshen(former)))
    assert done == [(True, False, False)] + [(False, False, False)] * (ROUNDS - 1)
    assert serves(former)
    latter.close()
    assert scored(former)


def test_who_gives_way_says_so_once_and_lets_go(opened, folder, clock, caplog):
    """Others see that it scores no more; it says so anew where it gives way another time."""

    def told() -> int:
        return [one.message for one in caplog.records].count("another bundle scores here")

    former = opened(folder / "rates")
    assert scored(former)
    own = former.store.scorers.others("nobody", clock())
    for times in (1, 2):
        latter = opened(folder / "fitted")
        latter.refresh()
        assert latter.may_score()
        for _ in range(ROUNDS):
            clock.at += 2 * SECOND
            assert not former.may_score()
            assert former.store.scorers.others("nobody", clock()) != own
            assert len(former.store.scorers.others("nobody", clock())) == 1
        assert told() == times
        latter.close()
        assert former.may_score()
        assert former.store.scorers.others("nobody", clock()) == own


def test_all_that_have_the_former_bundle_give_way(store, clock):
    """Two of them do not keep each other at it; which came last nobody has to have written down."""
    former, newer = ScoresWith("b2b", "1"), ScoresWith("b2b", "2")
    leases = {name: ScoringLease(store, name, clock) for name in ("one", "two", "three")}
    own = {"one": former, "two": former, "three": newer}
    assert all(leases[name].is_held(with_it) for name, with_it in own.items())
    with store.database.writing() as connection:
        set_meta(connection, SERVES, f"{newer.bundle} since 1")
    for _ in range(ROUNDS):
        clock.at += 2 * SECOND
        held = [name for name, with_it in own.items() if leases[name].is_held(with_it)]
        assert held == ["three"]


def test_whoever_asks_often_writes_seldom(store, clock, monkeypatch):
    """A lease is renewed every ten seconds, after a clock was put back, and for something else."""
    taken: list[ScoresWith] = []

    def take(own: ScoresWith, *_: object) -> bool:
        taken.append(own)
        return True

    monkeypatch.setattr(store.scorers, "take", take)
    lease, begun = ScoringLease(store, "one", clock), clock()
    own, other = ScoresWith("b2b", "1"), ScoresWith("b2b", "2")
    asked = ((own, 0), (own, 1), (own, 9), (own, 10), (own, 19), (own, 20), (own, 15), (own, 16))
    for what, seconds in (*asked, (other, 16), (other, 17)):
        clock.at = begun + seconds * SECOND
        assert lease.is_held(what)
    assert taken == [own] * 4 + [other]


def test_who_scores_is_kept(store):
    """Each process with what it scores with, until its lease ends or it is let go of."""
    b2b, newer, b2c = ScoresWith("b2b", "1"), ScoresWith("b2b", "2"), ScoresWith("b2c", "3")
    scorers = store.scorers
    assert scorers.take(b2b, "one", 100)
    assert scorers.take(newer, "two", 100)
    assert not scorers.take(b2c, "three", 100)
    assert scorers.others("one", 100) == [newer]
    assert sorted(scorers.others("three", 100)) == [b2b, newer]
    assert not scorers.take(b2c, "one", 100)
    assert scorers.others("three", 100) == [newer], "who wants another one has let go"
    scorers.release("two")
    assert scorers.take(b2c, "three", 100)
    assert scorers.take(b2b, "one", 100 + 30 * SECOND)
