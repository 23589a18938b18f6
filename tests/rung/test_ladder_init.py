"""`rung init`: from a file to a ladder that is accepted."""

from __future__ import annotations

import csv

import pytest

from features.ladder.file import read_ladder
from tests.rung.scene import message
from tests.training.drafting.scene import DAY, START, funnel


def written(file, at_first=("lead_id", "event", "timestamp"), told=None):
    from features.clock import rfc3339

    with file.open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(at_first)
        for who, what, day in told or funnel():
            rows.writerow([who, what, rfc3339(START + round(day * DAY))])
    return file


def test_from_a_log_to_a_ladder(tmp_path, capsys):
    """The draft is written, told in a table, and the next commands are named."""
    import rung

    log, ladder = written(tmp_path / "log.csv"), tmp_path / "mine.toml"
    assert rung.main(["init", str(log), "--to", str(ladder)]) == 0
    out = capsys.readouterr().out
    assert "guide-read" in out
    assert "50 %  order_placed" in out
    assert f"0 offers, 0 traits; the draft is {ladder}\nWithout offers nothing is ever" in out
    assert f"add an [[offer]] for each step to {ladder}" in out
    assert f"rung train {log} --ladder {ladder} --out bundle --until 2026-01-05T00:00:00Z" in out
    assert f"rung evaluate {log} --ladder {ladder} --bundle bundle" in out
    assert [step.id for step in read_ladder(ladder).steps] == ["guide-read", "call-held"]
    assert rung.main(["ladder", "check", str(ladder)]) == 0


def test_long_ids_stay_in_line(tmp_path, capsys):
    """The columns of the table are as wide as what stands in them."""
    import rung

    long = {"guide_read": "became_a_marketing_qualified_lead_of_the_year"}
    told = [(who, long.get(what, what), day) for who, what, day in funnel()]
    log = written(tmp_path / "log.csv", told=told)
    assert rung.main(["init", str(log), "--to", str(tmp_path / "mine.toml")]) == 0
    table = capsys.readouterr().out.split("\n\n")[1].splitlines()
    assert len(table) == 4
    assert {line.index(last) for line, last in zip(
        table, ["completed by", long["guide_read"], "call_held", "order_placed"], strict=True
    )} == {table[0].index("completed by")}  # fmt: skip


def test_a_log_with_other_columns_is_told_the_way(tmp_path):
    """There is no ladder yet: a file of its own says what is what."""
    log = written(tmp_path / "log.csv", ("who", "what", "day"))
    said = message("init", log, "--to", tmp_path / "mine.toml")
    assert "no column lead_id; it has who, what, day; say what is what in an [import] table" in said
    assert "of a file for rung init --columns" in said


def test_a_log_of_which_nothing_will_do(tmp_path):
    """The last line says that all rows were refused, why, and what to add to the call."""
    log, head = tmp_path / "log.csv", "lead_id,event,timestamp\n"
    log.write_text(f"{head}ann,came,2026-01-01 09:00\nbob,came,2026-01-01 10:00\n")
    said = message("init", log, "--to", tmp_path / "mine.toml").splitlines()[-1]
    assert said.startswith(f"rung: {log}: all 2 rows were refused: naive time (")
    assert "--timezone Europe/Berlin" in said
    log.write_text(f"{head}ann,came,2190-01-01T09:00:00Z\n")
    said = message("init", log, "--to", tmp_path / "mine.toml").splitlines()[-1]
    assert said == f"rung: {log}: all its events are dated in the future"


def test_nothing_is_overwritten(tmp_path):
    """A ladder that is there stays as it is."""
    (tmp_path / "mine.toml").write_text("mine")
    said = message("init", written(tmp_path / "log.csv"), "--to", tmp_path / "mine.toml")
    assert "mine.toml: is there already; move it away, or name another by --to" in said
    assert (tmp_path / "mine.toml").read_text() == "mine"


def test_several_files_and_a_table_of_columns(tmp_path, capsys):
    """Files are read together; the [import] table goes into the draft, which reads them again."""
    import rung

    told, columns = funnel(), ("who", "what", "day")
    logs = [written(tmp_path / f"{at}.csv", columns, told[at::2]) for at in range(2)]
    (tmp_path / "columns.toml").write_text(
        '[import]\nlead = "who"\nevent = "what"\noccurred_at = "day"\n'
    )
    ladder = tmp_path / "ladder.toml"
    asked = ["init", *map(str, logs), "--to", str(ladder)]
    assert rung.main([*asked, "--columns", str(tmp_path / "columns.toml")]) == 0
    out = capsys.readouterr().out
    assert "400 leads" in out
    assert out.count("rung import") == 2
    store = f"sqlite:///{tmp_path / 'events.db'}"
    for log in logs:
        command = ["import", str(log), "--ladder", str(ladder), "--store", store]
        assert rung.main(command) == 0
    assert "looks like what the [import] table describes" in capsys.readouterr().out


@pytest.mark.parametrize("more", [["--final", "shipped"], ["--layout", "ga5"]])
def test_what_is_not_there(more, tmp_path):
    """An event or a layout that there is none of is named, and no file is left behind."""
    ladder = tmp_path / "ladder.toml"
    said = message("init", written(tmp_path / "log.csv"), "--to", ladder, *more)
    assert f"no {'event' if '--final' in more else 'layout'} {more[1]!r}" in said
    assert not ladder.exists()
