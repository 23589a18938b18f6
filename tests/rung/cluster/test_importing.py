"""From files to parts: the same events, under the same leads, as one machine reads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.errors import EventsError
from features.events.log import EventLog, LogColumns
from features.reading import read_events, read_table
from features.signals.table import ladder_columns
from rung.cluster.importing import Importing, import_events
from rung.cluster.parts import PartFolder, part_of
from tests.rung.cluster.scene import Here, visits
from tests.rung.scene import jsonl, page
from training.pipeline import fingerprint


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return visits(tmp_path_factory.mktemp("visits") / "log")


def asked(ladder, **more):
    return Importing(needs=LogColumns(*ladder_columns(ladder)), names=ladder.events, **more)


def log_of(source, ladder, **more) -> EventLog:
    return read_events(source, ladder, **more)[0]


def test_the_same_log(source, b2b, tmp_path):
    """Duplicates across files, late ones and leads of several ids come out as on one machine."""
    report, leads = import_events(Here(), source, tmp_path / "parts", 7, asked(b2b))
    one = log_of(source, b2b)
    assert report == replace(read_events(source, b2b)[1], in_part=False)
    assert report.duplicates > 0
    assert leads == len(one.leads)
    assert fingerprint(log_of(tmp_path / "parts", b2b)) == fingerprint(one)


def test_whole_leads(source, b2b, tmp_path):
    """A lead's events are in the part that its id says, and in no other."""
    import_events(Here(), source, tmp_path / "parts", 7, asked(b2b))
    events = PartFolder.of_events(tmp_path / "parts")
    for number in events.numbers:
        leads = log_of(events.file(number), b2b).leads
        assert set(part_of(leads, 7)) == {number}


def test_again_is_the_same(source, b2b, tmp_path):
    """Files in another order of rows, and an older import in the place, give the same bytes."""
    import_events(Here(), source, tmp_path / "parts", 7, asked(b2b))
    first = {path.name: path.read_bytes() for path in (tmp_path / "parts").iterdir()}
    import_events(Here(), source, tmp_path / "parts", 5, asked(b2b))
    import_events(Here(), source, tmp_path / "parts", 7, asked(b2b))
    assert {path.name: path.read_bytes() for path in (tmp_path / "parts").iterdir()} == first


def test_properties_stay(events_file, b2b, tmp_path):
    """Whatever events say, not only what the ladder reads, is in the parts."""
    import_events(Here(), events_file, tmp_path / "parts", 3, asked(b2b))
    found, one = read_table(tmp_path / "parts")[0], read_table(events_file)[0]
    assert dict(zip(found.message_id.to_pylist(), found.property_texts(), strict=True)) == dict(
        zip(one.message_id.to_pylist(), one.property_texts(), strict=True)
    )


def test_properties_that_are_called_like_columns(b2b, tmp_path):
    """A property that has the name of a column of ours is not taken for it."""
    rows = [
        {"properties": {"event": "x", "known_at": "y"}, **page("2026-01-01", f"l{at}")}
        for at in range(5)
    ]
    jsonl(tmp_path / "log.jsonl", *rows, page("2026-01-02", "l1", timestamp="z", received_at=None))
    import_events(Here(), tmp_path / "log.jsonl", tmp_path / "parts", 2, asked(b2b))
    one, found = log_of(tmp_path / "log.jsonl", b2b), log_of(tmp_path / "parts", b2b)
    assert fingerprint(found) == fingerprint(one)


def test_bad_rows(b2b, tmp_path):
    """Bad rows of all files are counted, shown and written as on one machine."""
    folder = tmp_path / "log"
    folder.mkdir()
    for at in range(3):
        jsonl(folder / f"{at}.jsonl", page("2026-01-01", f"l{at}"), page("never"), page("no"))
    here, there = tmp_path / "here.jsonl", tmp_path / "there.jsonl"
    report, _ = import_events(Here(), folder, tmp_path / "parts", 2, asked(b2b, rejects=here))
    assert report == read_table(folder, rejects=there, needs=asked(b2b).needs, names=b2b.events)[1]
    assert here.read_bytes() == there.read_bytes()
    with pytest.raises(EventsError, match="refused, as bad rows are"):
        import_events(Here(), folder, tmp_path / "none", 2, asked(b2b, strict=True))
    assert not (tmp_path / "none").exists()


def test_nothing_accepted(b2b, tmp_path):
    """Without a row there are no parts."""
    jsonl(tmp_path / "log.jsonl", page("never"))
    with pytest.raises(EventsError, match="no row was accepted"):
        import_events(Here(), tmp_path / "log.jsonl", tmp_path / "parts", 2, asked(b2b))
    assert list(tmp_path.iterdir()) == [tmp_path / "log.jsonl"]


def test_messages_without_an_id(b2b, tmp_path):
    """Rows without a message id are all kept, as on one machine, and the equal ones are told."""
    folder = tmp_path / "log"
    folder.mkdir()
    for at in range(3):
        jsonl(folder / f"{at}.jsonl", *(page("2026-01-01", f"l{n}") for n in range(4)))
    report, leads = import_events(Here(), folder, tmp_path / "parts", 2, replace(asked(b2b)))
    assert (report.accepted, report.duplicates, leads) == (12, 0, 4)
    assert report.again == read_table(folder)[1].again == 8
    assert np.diff(log_of(tmp_path / "parts", b2b).starts).tolist() == [3, 3, 3, 3]


WRITTEN = {
    "another file shows a comma": (["1.234"], ["1.234,50"], True),
    "another file shows it first": (["1.234,50"], ["1.234"], True),
    "another file shows a point": (["1.234", "1.234,50"], ["2.5"], False),
    "none shows any": (["1.234"], ["1.235"], False),
}


@pytest.mark.parametrize(("first", "second", "is_refused"), WRITTEN.values(), ids=list(WRITTEN))
def test_how_numbers_are_written_is_told_of_all_files(b2b, tmp_path, first, second, is_refused):
    """As on one machine, and in its words: what one file shows of a column holds for the others."""
    source = tmp_path / "log"
    source.mkdir()
    for name, values in (("1", first), ("2", second)):
        rows = [page("2026-01-01", f"l{name}{at}", seconds=one) for at, one in enumerate(values)]
        jsonl(source / f"{name}.jsonl", *rows)
    if not is_refused:
        import_events(Here(), source, tmp_path / "parts", 2, asked(b2b))
        found, one = log_of(tmp_path / "parts", b2b), log_of(source, b2b)
        assert fingerprint(found) == fingerprint(one)
        return
    with pytest.raises(EventsError, match="may be a thousand") as alone:
        read_events(source, b2b)
    with pytest.raises(EventsError) as refused:
        import_events(Here(), source, tmp_path / "parts", 2, asked(b2b))
    assert str(refused.value) == str(alone.value)
    assert not (tmp_path / "parts").exists()
