"""Reports: what is kept of them, and which one is shown."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from features.errors import StoreError
from features.store.events import Event
from features.store.kept.columns import KeptColumns
from features.store.kept.reports import Report, Reports
from features.store.privacy import Privacy
from features.store.privacy.erasures import of_report
from features.store.schema import reports

BODY = {"leads": 3, "by_step": {"trial": 0.25}}


@pytest.fixture
def kept(database):
    return Reports(database)


def drift(as_of, about="abc", **body):
    return Report("drift", "b2b", about, as_of, body or BODY)


def test_the_newest_is_shown(kept):
    """Whatever the order in which they were kept, and of its kind, ladder and subject alone."""
    for one in (drift(20), drift(30, leads=4), drift(10), drift(99, about="other")):
        kept.keep(one)
    kept.keep(Report("drift", "b2c", "abc", 50, BODY))
    assert kept.newest("drift", "b2b", "abc") == drift(30, leads=4)
    assert kept.newest("drift", "b2b", "abc", as_of=29) == drift(20)
    assert kept.newest("drift", "b2b", "abc", as_of=9) is None
    assert kept.newest("funnel", "b2b", "abc") is None
    assert kept.newest("drift", "b2b") is None


def test_again_at_the_same_instant(kept):
    """The later one takes the place of the former, and its hash follows from what it says."""
    first = kept.keep(drift(20))
    assert kept.keep(drift(20, **dict(reversed(BODY.items())))) == first
    assert kept.keep(drift(20, leads=5)) != first
    assert kept.newest("drift", "b2b", "abc") == drift(20, leads=5)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_is_no_json(kept, number):
    """A report that could not be read by others is not kept."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        kept.keep(drift(20, share=number))
    assert kept.newest("drift", "b2b", "abc") is None


def test_a_body_that_was_changed(kept, database):
    """A report that is not what was kept is refused."""
    kept.keep(drift(20))
    with database.writing() as connection:
        connection.execute(sa.update(reports).values(body='{"leads":4}'))
    with pytest.raises(StoreError, match="'drift' of 'b2b' is not what was kept; make it again"):
        kept.newest("drift", "b2b", "abc")


def test_of_whoever_was_erased_meanwhile(kept, store):
    """What was read before is not kept: the former one stays, and it is noted to be made again."""
    store.append_events([Event("m", "ann", "view", 1, 1)])
    assert kept.keep_alone(drift(20), kept.erased())
    before = kept.erased()
    Privacy(store.database).erase("ann", 25)
    assert not kept.keep_alone(drift(30, leads=4), before)
    assert kept.newest("drift", "b2b", "abc") == drift(20)
    columns = KeptColumns(store.database)
    assert columns.taken_at(of_report("drift"), "b2b") == 25
    assert not kept.keep_alone(drift(30, leads=4), before)
    assert kept.keep_alone(drift(30, leads=4), kept.erased())
    assert kept.newest("drift", "b2b", "abc", as_of=29) is None
    assert columns.taken_at(of_report("drift"), "b2b") is None
