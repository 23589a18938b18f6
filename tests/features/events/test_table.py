"""Events that are there twice, with a message id or without, or known before they happened."""

from __future__ import annotations

from features.events.table import EventTable, again_without_id
from features.reading import read_events, read_table
from tests.features.events.scene import (
    EVENTS,
    LADDER,
    NEEDS,
    NOON_US,
    as_csv,
    as_jsonl,
    event,
    read,
    write,
)


def test_duplicates(tmp_path):
    """Of events with one message id the one known first stays; those without an id all stay."""
    rows = [
        event(message_id="m", known_at="2026-03-03T00:00:00Z", section="late"),
        event(message_id="m", known_at="2026-03-02T00:00:00Z", section="early"),
        event(),
        event(),
    ]
    log, report = read(write(tmp_path / "e.jsonl", as_jsonl(rows)))
    assert (len(log), report.duplicates, report.rows) == (3, 1, 4)
    assert log.text_values[NEEDS.texts.index("section")] == ("early",)


def test_equal_rows_without_an_id(tmp_path):
    """Rows that say the same and have no message id are counted: each beside one that stays."""
    rows = [event(), event(), event(), event(minutes=3), event(minutes=3), event(section="blog")]
    rows += [event(message_id="m"), event(message_id="n"), event(lead_id="ben")]
    rows += [event(known_at="2026-03-03T00:00:00Z"), event(occurred_at="2026-03-01T12:00:01Z")]
    for file, text in (("e.jsonl", as_jsonl(rows)), ("e.csv", as_csv(rows))):
        log, report = read(write(tmp_path / file, text))
        assert (len(log), report.again, report.as_dict()["again"]) == (11, 3, 3)
        assert "3 rows without a message_id say just what another row says (each counts" in (
            "\n".join(report.lines())
        )
    assert again_without_id(EventTable.empty()) == 0


def test_equal_in_what_the_ladder_reads(tmp_path):
    """What a ladder does not read is not compared where it alone is read, and that is told."""
    file = write(tmp_path / "e.jsonl", as_jsonl([event(url="/a"), event(url="/b"), event()]))
    log, report = read_events(file, LADDER)
    assert (len(log), report.again) == (3, 2)
    assert "2 rows without a message_id say just what another row says in all that the ladder" in (
        "\n".join(report.lines())
    )
    _, report = read_table(file)
    assert report.again == 0


def test_duplicates_across_files(tmp_path):
    """A message id counts once over all files of a folder."""
    write(tmp_path / "a.csv", as_csv(EVENTS[:3]))
    write(tmp_path / "b.jsonl", as_jsonl(EVENTS[:3]))
    _, report = read(tmp_path)
    assert (report.accepted, report.duplicates) == (3, 3)


def test_moved_clocks(tmp_path):
    """An event known before it occurred is counted and happened no later than it was known."""
    row = event(known_at="2026-03-01T11:00:00Z")
    log, report = read(write(tmp_path / "e.jsonl", as_jsonl([row])))
    assert (report.moved_clocks, report.rejected) == (1, {})
    assert log.occurred.tolist() == log.known.tolist() == [NOON_US - 3_600_000_000]
