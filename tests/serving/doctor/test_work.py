"""What the doctor says of who scores in a store."""

from __future__ import annotations

from features.ladder.file import read_ladder
from features.store.kept.leases import ScoresWith
from serving.doctor.work import scorers
from tests.serving import world

SECOND = 1_000_000


def test_another_ladder(store, tmp_path):
    """It is wrong for as long as a process scores with it, and what is right is said."""
    own = world.rates_bundle(tmp_path / "bundle")
    assert list(scorers(store.database, own, 100)) == []
    assert store.scorers.take(ScoresWith("b2c", "0" * 64), "one", 100)
    (said,) = scorers(store.database, own, 100)
    assert said.state == "wrong"
    assert "a process scores with the ladder b2c" in said.what
    assert said.remedy == "give b2b a store of its own (RUNG_DATABASE_URL)"
    assert list(scorers(store.database, None, 100)) == []
    assert list(scorers(store.database, own, 31 * SECOND)) == []


def test_another_bundle(store, tmp_path):
    """Processes that score with another one are a note; it may be that they go over just now."""
    own = world.rates_bundle(tmp_path / "bundle")
    other = world.rates_bundle(tmp_path / "other", ladder=read_ladder("b2c"))
    assert store.scorers.take(ScoresWith("b2b", other.hash), "one", 100)
    (said,) = scorers(store.database, own, 100)
    assert (said.state, own.version in said.what) == ("note", True)
    assert store.scorers.take(ScoresWith("b2b", own.hash), "two", 100)
    assert list(scorers(store.database, own, 100)) == []
