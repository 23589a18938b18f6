"""The tables as rows."""

from __future__ import annotations

from features.clock import instant, microseconds
from features.store.kept.reports import Reports
from models.judging.served import OFFERS
from serving.pages.experiments.offers import offers_of, worded_offers
from serving.pages.experiments.tables import course_table, goals_table, offers_table, words_table
from serving.pages.experiments.told import card_of
from serving.process.judged.looks import Look
from serving.recommending.experiments import experiment_told
from tests.serving.pages.experiments.scene import B2B, CALCULATOR, SESSION, STEP, WORKSHEET


def rows_of(table) -> list[dict[str, object]]:
    columns, rows = table
    found = [dict(zip(columns, row, strict=True)) for row in rows]
    assert found
    return found


def test_a_row_a_way_and_goal(tools):
    """The figures as they are, not as they are rounded for eyes."""
    one = card_of(experiment_told(tools, B2B, "tools"), B2B)
    rows = rows_of(goals_table([one]))
    assert len(rows) == sum(len(goal.rows) for goal in one.goals)
    control, other = rows[:2]
    assert (control["way"], control["difference"], control["verdict"]) == (
        WORKSHEET.title,
        None,
        None,
    )
    assert (other["way"], other["compared_with"]) == (CALCULATOR.title, WORKSHEET.title)
    assert (other["goal"], other["verdict"], other["leads"]) == (STEP.title, "Helps", 120)
    assert other["rate"] == other["reached"] / other["time_over"]  # type: ignore[operator]
    assert other["low"] < other["difference"] < other["high"]  # type: ignore[operator]


def test_the_way_of_every_interval(tools):
    """All points, also those that the picture's table leaves out."""
    one = card_of(experiment_told(tools, B2B, "tools"), B2B)
    rows = rows_of(course_table(one))
    step = [row for row in rows if row["goal"] == STEP.title]
    assert len(step) == 60
    assert step[0]["leads"] == 1


def test_offers(tools):
    """Asked and left alone, with what is known of them."""
    report = Reports(tools.database).newest(OFFERS, "b2b")
    assert report is not None
    as_of = microseconds(instant("2026-11-20T00:00:00Z"))
    helps, unsure = rows_of(offers_table(offers_of(Look(report.body, as_of), B2B)))
    assert (helps["offer"], helps["asked"], helps["asked_reached"]) == (WORKSHEET.title, 200, 120)
    assert (helps["alone"], helps["alone_reached"], helps["verdict"]) == (195, 70, "Helps")
    assert (helps["asked_share"], helps["alone_share"]) == (0.6, 70 / 195)
    assert (unsure["difference"], unsure["since"]) == (0.003, "2026-09-01T00:00:00Z")


def test_words(tools):
    """A row a way to put an offer; the first has nothing beside it."""
    report = Reports(tools.database).newest(OFFERS, "b2b")
    assert report is not None
    as_of = microseconds(instant("2026-11-20T00:00:00Z"))
    first, other = rows_of(words_table(worded_offers(Look(report.body, as_of), B2B)))
    assert (first["offer"], first["leads"], first["difference"]) == (SESSION.title, 90, None)
    assert (other["words"], other["reached"]) == (f"“{SESSION.framings[1].text}”", 21)
    assert (other["difference"], other["low"], other["high"]) == (0.1, -0.12, 0.31)
