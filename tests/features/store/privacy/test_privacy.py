"""What holds for every question about a lead, and what becomes of scores that come too late."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Event as Signal

import pytest
import sqlalchemy as sa

from features.errors import UnknownLead
from features.store.identities.turns import Erased
from features.store.kept.notifications import Notice, add_notices
from features.store.privacy import not_to_be_scored
from features.store.schema import deliveries, scores
from tests.features.store.privacy.scene import arrival, score, tell

HOUR = 3_600_000_000


def test_what_must_not_be_scored(merged, privacy):
    """Who is opted out, and who was erased since the events were read; nobody else."""

    def asked(erased: Erased | None) -> set[str]:
        with merged.database.reading() as connection:
            return not_to_be_scored(connection, ["ann", "bob", "cid"], erased)

    before = merged.identities.erased_now()
    assert asked(before) == asked(None) == set()
    privacy.opt_out(["bob"], opted_out_at=50)
    assert asked(before) == {"bob"}
    privacy.erase("visitor-1", erased_at=HOUR)
    assert asked(merged.identities.erased_now()) == {"bob"}
    assert asked(before) == asked(None) == {"ann", "bob", "cid"}
    merged.ingest([arrival(20, "visitor-9"), arrival(21, "ann", anonymous_id="visitor-9")])
    assert asked(before) == {"bob", "cid"}


@pytest.mark.parametrize("apart", [-1000 * HOUR, 1000 * HOUR])
def test_whoever_scores_by_another_clock(merged, privacy, apart):
    """Of whoever is erased meanwhile no score is kept, however far the clocks are apart."""
    erased, marks = merged.identities.erased_now(), merged.marks.take(9, 2000 * HOUR, 1)
    rows = [score(one, as_of=2000 * HOUR) for one in ("ann", "bob")]
    privacy.erase("ann", erased_at=2000 * HOUR + apart)
    assert merged.scores.save(rows, done=marks, erased=erased) == 1
    assert merged.scores.of("ann") is None


def test_who_is_erased_and_comes_back_while_they_are_scored(merged, privacy):
    """Nothing of what is gone is told of them: they wait for a score of what they did since."""
    told: list[str] = []
    then = lambda _, __, rows: told.extend(row.lead_id for row in rows)  # noqa: E731
    erased = merged.identities.erased_now()
    marks = merged.marks.take(9, 100, 1)
    privacy.erase("ann", erased_at=100)
    merged.ingest([arrival(20, "ann"), arrival(21, "carl")])
    rows = [score("ann", 200), score("bob", 200)]
    merged.scores.save(rows, then, marks, erased=erased)
    assert told == ["bob"]
    assert merged.scores.of("ann") is None
    assert {mark.sent_id for mark in merged.marks.take(9, 200, 1)} == {"ann", "carl"}


@pytest.mark.parametrize("id_", ["nobody", "", "a\0b", "\ud800", "x" * 1000, "<script>", "a/b"])
def test_unknown(id_, privacy):
    """Of an id that nothing is held of there is nothing to show or to erase."""
    for ask in (privacy.lead, privacy.held):
        with pytest.raises(UnknownLead, match="nothing is held of lead"):
            ask(id_)
    with pytest.raises(UnknownLead, match="nothing is held of lead"):
        privacy.erase(id_, erased_at=1)
    assert not privacy.is_opted_out(id_)


@pytest.mark.parametrize("has_score", [False, True])
@pytest.mark.parametrize("what", ["opt out", "erase", "erase for good"])
def test_who_goes_while_a_score_of_it_is_kept(store, privacy, what, has_score):
    """Neither the score is left nor what was to be told of it, also where it is the first one."""
    store.ingest([arrival(1, "ann"), arrival(2, "bob")])
    store.scores.save([score("ann")] if has_score else [])
    tell(store.database, ["bob"])
    is_saving, go_on = Signal(), Signal()

    def then(connection, _, rows):
        data = json.dumps({"lead_id": "ann"})
        notices = [
            Notice(f"n-{row.lead_id}", "step.completed", row.lead_id, 20, data) for row in rows
        ]
        add_notices(connection, notices)
        is_saving.set()
        assert go_on.wait(20)

    def go() -> None:
        if what == "opt out":
            privacy.opt_out(["ann"], opted_out_at=50)
        else:
            privacy.erase("ann", 50, is_suppressed=what == "erase for good")

    with ThreadPoolExecutor(2) as pool:
        saving = pool.submit(store.scores.save, [score("ann", as_of=2)], then)
        assert is_saving.wait(20)
        going = pool.submit(go)
        wait([going], 0.5)  # it may have to wait for whoever saves
        go_on.set()
        assert saving.result(20) == 1
        going.result(20)
    with store.database.reading() as connection:
        assert connection.scalars(sa.select(scores.c.lead_id)).all() == []
        told = dict(
            connection.execute(sa.select(deliveries.c.notification_id, deliveries.c.extra)).all()
        )
    assert told == ({"n-bob": None, "n-ann": "{}"} if what == "opt out" else {"n-bob": None})
