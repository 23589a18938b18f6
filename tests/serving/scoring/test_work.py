"""Whose work a lead is, and where it stands: one at a time, and many at once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.events.log import DAY_US
from features.ladder.ladder import Effort, Offer
from features.signals.fold import NONE
from features.store.kept.scores import OUT_OF_QUEUE
from serving.scoring import work as works_of
from serving.scoring.work import Work, Works, exact_work, place, tab_of

NOW = 1_790_000_000_000_000
OPTIONS = (
    Work("talk", "call", 0.0, 20.0),
    Work("talk", "wave", 0.0, 0.25),
    Work("marketing", "mail", 0.0, 0.0),
    Work("quiet", "no_ask", 0.0, 0.0),
)
NUMBERS = st.floats(-1e6, 1e6)
LEADS = st.lists(
    st.tuples(
        st.integers(0, len(OPTIONS) - 1),
        NUMBERS,
        st.floats(0.0, 1.0),
        st.none() | st.integers(0, 400 * DAY_US),
    ),
    max_size=8,
)


def by_the_book(work, purchase, waits_us):
    """The tab is the whole part; behind the point stands what decides within it, squeezed."""
    if waits_us is not None:
        tab, amount = 4.0, waits_us / DAY_US
    else:
        tab = {"talk": 3.0, "marketing": 2.0, "quiet": 1.0}[work.tab]
        amount = max(work.gain / max(work.rep_minutes, 1.0), 0.0) + 1e-6 * purchase
    return tab + (amount / (1.0 + amount) if amount > 0.0 else 0.0)


@given(LEADS)
def test_where_leads_stand(leads):
    """Many at once stand where each stands alone, to the last digit."""
    works = Works(
        OPTIONS,
        np.array([option for option, *_ in leads], dtype=np.int64),
        np.array([gain for _, gain, *_ in leads], dtype=np.float64),
    )
    since = [NONE if waits is None else NOW - waits for *_, waits in leads]
    purchase = np.array([chance for *_, chance, _ in leads], dtype=np.float64)
    found = works.places(purchase, np.array(since, dtype=np.int64), NOW).tolist()
    for stands, (option, gain, chance, waits) in zip(found, leads, strict=True):
        one = OPTIONS[option]
        work = Work(one.tab, one.option_id, gain, one.rep_minutes)
        assert stands == place(work, chance, waits) == by_the_book(work, chance, waits)
        assert tab_of(stands) == ("reply" if waits is not None else work.tab)


def test_a_chance_that_is_not_known_decides_nothing():
    """Who has bought has no chance of it, and stands by nothing else."""
    assert place(OPTIONS[3], float("nan"), None) == 1.0


def test_what_is_no_place_is_in_no_tab():
    """Below the last tab, above the first, or nowhere."""
    tabs = [tab_of(at) for at in (1.0, 1.999, 2.0, 3.5, 4.0, 4.999)]
    assert tabs == ["quiet", "quiet", "marketing", "talk", "reply", "reply"]
    nowhere = (OUT_OF_QUEUE, 0.0, 0.999, -1.0, 5.0, float("inf"), -float("inf"), float("nan"))
    assert [tab_of(at) for at in nowhere] == [None] * len(nowhere)


def test_parts_of_many():
    """Parts are put together in order; a work that was looked at closely takes its place."""
    part = Works(OPTIONS, np.array([0, 2]), np.array([1.0, 2.0]))
    works = Works.joined([part, Works(OPTIONS, np.array([3]), np.array([0.5]))])
    works.put(1, Work("talk", "wave", 7.0, 0.25))
    assert (works.option.tolist(), works.gain.tolist()) == ([0, 1, 3], [1.0, 7.0, 0.5])
    with pytest.raises(ValueError, match="is not in"):
        works.put(0, Work("talk", "nobody offers it", 1.0, 5.0))
    alone = Works.joined([part])
    assert (alone.options, alone.option.tolist()) == (OPTIONS, [0, 2])
    assert len(Works.joined([]).gain) == 0


@pytest.mark.parametrize(
    ("human", "minutes", "tab"),
    [(True, 0.0, "talk"), (False, 5.0, "talk"), (True, 5.0, "talk"), (False, 0.0, "marketing")],
)
def test_whose_work_a_suggestion_is(monkeypatch, human, minutes, tab):
    """Who talks to a lead, or who writes to it, or nobody; by all that is known at that instant."""
    call = Offer("call", "look", "A call", "call", Effort(5, human=human), rep_minutes=minutes)
    said: list[Any] = []

    def with_assignment(_: Any, lead_id: str, read: Any, as_of: int, erased: Any) -> list[Any]:
        return [lead_id, read, as_of, erased]

    def suggestion_for(*given: Any) -> Any:
        said.append(given)
        found, gain = ((call, 3.0), (None, 2.0), (call, None))[len(said) - 1]
        best = SimpleNamespace(option_id=found.id if found else "nurture", gain=gain)
        return SimpleNamespace(
            offer=found, best=best, history=SimpleNamespace(consents={"sms": True}, fit=None)
        )

    for one in (with_assignment, suggestion_for):
        monkeypatch.setattr(works_of, one.__name__, one)
    model = SimpleNamespace(bundle=SimpleNamespace(ladder="ladder"))
    scorer: Any = SimpleNamespace(
        model=model,
        erased=lambda: (1, 7),
        read=lambda lead_id, as_of: (f"{lead_id} by now", ("read", lead_id, as_of)),
        limited=lambda as_of: ("limits", as_of),
    )
    asked, quiet, unknown = (exact_work(scorer, "ann", NOW) for _ in range(3))
    assert asked == Work(tab, "call", 3.0, minutes)
    assert quiet == Work("quiet", "nurture", 2.0, 0.0)
    assert unknown == Work(tab, "call", 0.0, minutes)
    rows = ["ann by now", ("read", "ann", NOW), NOW, (1, 7)]
    assert said == [(model, "ann by now", rows, NOW, ("limits", NOW))] * 3
