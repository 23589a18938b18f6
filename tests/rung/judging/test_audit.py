"""`rung audit` from files: wins by an event, by columns, by a bundle's ladder beside Rung."""

import json

import numpy as np
import pytest

from rung import main


@pytest.fixture
def scores(tmp_path):
    """A CSV with a score a lead, and events in which every third lead wins a week later."""
    lines = [f"{at},{at % 3 * 10 + at % 7},2026-01-01" for at in range(300)]
    file = tmp_path / "scores.csv"
    file.write_text("\n".join(["id,score,date", *lines]))
    events = ["lead_id,name,occurred_at"]
    events += [f"{at},deal,2026-01-08T00:00:00Z" for at in range(2, 300, 3)]
    events += ["0,visit,2026-06-01T00:00:00Z"]
    (tmp_path / "events.csv").write_text("\n".join(events))
    return file


def test_wins_by_an_event(scores, tmp_path, capsys):
    """Verdicts are printed, figures and a page written."""
    out, page = tmp_path / "out.json", tmp_path / "page.html"
    files = ["--json", str(out), "--html", str(page)]
    asked = ["audit", str(scores), "--events", str(tmp_path / "events.csv"), "--win", "deal"]
    assert main([*asked, *files]) == 0
    said = json.loads(out.read_text())
    assert (said["counts"]["won"], said["counts"]["not_won"]) == (100, 200)
    assert said["verdicts"][0] in capsys.readouterr().out
    assert said["verdicts"][0] in page.read_text()
    assert main([*asked, "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == said
    assert printed.err == ""


@pytest.mark.parametrize(("scale", "known"), [(1.0, {None}), (0.01, {True, False})])
def test_whether_chance_explains_a_band_is_asked_of_probabilities(
    scores, tmp_path, capsys, scale, known
):
    """The mean of points is no rate: that none came beside it says nothing."""
    rows = [line.split(",") for line in scores.read_text().splitlines()[1:]]
    lines = [f"{lead},{int(score) * scale:.2f},{day}" for lead, score, day in rows]
    scores.write_text("\n".join(["id,score,date", *lines]))
    asked = ["audit", str(scores), "--events", str(tmp_path / "events.csv"), "--win", "deal"]
    assert main([*asked, "--json"]) == 0
    assert {one["inside"] for one in json.loads(capsys.readouterr().out)["bins"]} == known


def test_what_a_win_is_has_to_be_said(scores, tmp_path, capsys):
    """Without a win, or with one that no event is, the answer says what would be right."""
    asked = ["audit", str(scores), "--events", str(tmp_path / "events.csv")]
    assert main(asked) == 1
    assert "--win EVENT" in capsys.readouterr().err
    assert main([*asked, "--win", "deel"]) == 1
    assert "did you mean 'deal'" in capsys.readouterr().err
    assert main(["audit", str(scores)]) == 1
    assert "'Is Won' and 'Close Date'" in capsys.readouterr().err


def test_scores_dated_by_their_leads(scores, tmp_path, capsys):
    """That they know the end, and which leads are left out, is said wherever the verdicts are."""
    scores.write_text(scores.read_text().replace("id,score,date", "id,score,Create Date"))
    out, page = tmp_path / "out.json", tmp_path / "page.html"
    asked = ["audit", str(scores), "--events", str(tmp_path / "events.csv"), "--win", "deal"]
    until = ["--until", "2026-03-20T00:00:00Z", "--horizon-days", "30"]
    scores.write_text(scores.read_text() + "\nx,5,2026-03-15\n2,5,2026-02-15\nlate,5,2027-02-15")
    assert main([*asked, *until, "--json", str(out), "--html", str(page)]) == 0
    said = capsys.readouterr().out
    warning = "The date of each score is 'Create Date', the day on which the lead was created"
    assert said.startswith(warning)
    assert json.loads(out.read_text())["warnings"][0].startswith(warning)
    assert warning.replace("'", "&#39;") in page.read_text()
    assert (
        "Of 302 leads with a score 300 are judged: 1 has a horizon that is not over, 1 has" in said
    )


def test_a_day_that_has_not_come_makes_no_horizon_over(tmp_path, capsys):
    """Of leads whose time is not over, a mistaken date of one lead makes none that did not win."""
    lines = [f"{at},{at},2026-01-{1 + at % 28:02},{at % 4 == 0},2026-02-01" for at in range(200)]
    file = tmp_path / "deals.csv"
    odd = ["typo,5,2162-01-05,False,", "plan,5,2026-01-01,True,2126-05-01"]
    file.write_text("\n".join(["id,score,date,is won,close date", *lines, *odd]))
    assert main(["audit", str(file)]) == 1
    said = capsys.readouterr().err
    assert "of 202 with a score 201 have a horizon that is not over, 1 has it dated after" in said


@pytest.mark.parametrize("other", ["--bundle", "--ladder"])
def test_a_win_that_is_said_twice(scores, tmp_path, capsys, other):
    """Beside a ladder, or a bundle with one, no event can be the win: which two is said."""
    asked = ["audit", str(scores), "--events", str(tmp_path / "events.csv"), "--win", "deal"]
    assert main([*asked, other, "b2b"]) == 1
    assert f"--win and {other} together are not possible" in capsys.readouterr().err


def test_rows_that_are_left_out(scores, tmp_path, capsys):
    """They are counted, one as one, with the first of them and what could be read."""
    scores.write_text(scores.read_text().replace("\n7,10,2026-01-01", "\n7,10,01/02/2026"))
    asked = ["audit", str(scores), "--events", str(tmp_path / "events.csv"), "--win", "deal"]
    assert main(asked) == 0
    said = capsys.readouterr().err
    assert f"1 row of {scores} is left out: without a date that can be read (row 9 says" in said
    assert "'01/02/2026'; write a date such as 2026-03-01 " in said


def test_beside_rung(simulated_log, events_file, bundle_folder, tmp_path):
    """Rung's scores stand on the same leads, from what was known on the dates of the others'."""
    starts = simulated_log.starts[:-1]
    dates = simulated_log.known[starts].astype("datetime64[us]")
    score = np.random.default_rng(1).integers(0, 100, len(dates))
    rows = zip(simulated_log.leads, score, dates, strict=True)
    file, out = tmp_path / "scores.csv", tmp_path / "out.json"
    file.write_text("\n".join(["id,score,date", *(f"{a},{b},{c}Z" for a, b, c in rows)]))
    bundle = str(bundle_folder)
    asked = ["audit", str(file), "--events", str(events_file), "--bundle", bundle]
    assert main([*asked, "--json", str(out)]) == 0
    beside = json.loads(out.read_text())["beside"]
    assert beside["leads"] == sum(
        json.loads(out.read_text())["counts"][k] for k in ("won", "not_won")
    )
    assert beside["low"] <= beside["difference"] <= beside["high"]
    assert beside["flattered"] > 0
