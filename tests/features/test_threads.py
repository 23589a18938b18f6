"""Work for several threads is all done, and what fails is heard of."""

from __future__ import annotations

from functools import partial

import pytest

from features import threads
from features.threads import at_most, in_threads, processors


@pytest.mark.parametrize("count", [1, 4])
def test_every_task_is_done(monkeypatch, count):
    """Each task is done once, on one processor and on several."""
    monkeypatch.setattr(threads, "processors", lambda: count)
    done: list[int] = []
    in_threads([partial(done.append, at) for at in range(9)])
    assert sorted(done) == list(range(9))
    assert processors() >= 1


@pytest.mark.parametrize("count", [1, 4])
def test_the_first_error_is_raised(monkeypatch, count):
    """Of tasks that fail the first one's error is raised."""
    monkeypatch.setattr(threads, "processors", lambda: count)

    def fail(at: int) -> None:
        raise ValueError(f"task {at}")

    with pytest.raises(ValueError, match="task 0"):
        in_threads([partial(fail, at) for at in range(3)])


def test_no_more_threads_than_allowed(monkeypatch):
    """Where others run beside it a process takes as many threads as it is told, and no more."""
    monkeypatch.setattr(threads, "_allowed", threads._allowed)
    here = processors()
    at_most(1)
    assert processors() == 1
    at_most(here + 5)
    assert processors() == here
