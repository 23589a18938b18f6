"""Events of a table that are there twice, or were known before they happened."""

from __future__ import annotations

from tests.features.events.scene import EVENTS, NEEDS, NOON_US, as_csv, as_jsonl, event, read, write


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
