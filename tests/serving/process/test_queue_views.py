"""The queue as one person sees it."""

from __future__ import annotations

from dataclasses import replace

from features.store.people.hands import Hand
from serving.process.queue_views import Desk, QueueView
from tests.features.store.kept.scene import SCORE


def test_queue_views_count_up_to_a_most(store):
    """Others' leads are not counted, however many there are at most to be."""
    store.scores.save([replace(SCORE, lead_id=one, priority=3.5) for one in "abcd"])
    theirs = {one: Hand("Lee", 1, 99) for one in "abc"}
    desk = Desk(store, "Kim", 9, theirs, theirs)
    assert [one.lead_id for one in desk.part(QueueView(), 9).scores] == ["d"]
    assert [desk.count(QueueView(), most) for most in (1, 2, 3, 9)] == [1, 1, 1, 1]
