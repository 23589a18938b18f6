"""Who they are: a line a value, a cell a step."""

from __future__ import annotations

from models.judging.funnel.rates import funnel
from serving.pages.ladder.choices import LadderChoice
from serving.pages.ladder.segments import segment_tables
from tests.serving.pages.ladder.funnels import climbers, counted, ladder_of

ALL = LadderChoice(within="all")


def tables(choice, *rows):
    stays = counted(ladder_of((0.4, 0.6)), 100, *rows)
    return segment_tables(funnel(stays, choice.selection(stays)), choice)


def test_a_cell_a_step():
    rows = *climbers(200, 20, 5), *climbers(100, 55, source="mail")
    (table,) = tables(ALL, *rows)
    assert table.title == "Source"
    search, mail, unknown = table.lines
    assert (search.value, mail.value, unknown.value) == ("search", "mail", "not known")
    assert search.address == "/ladder?within=all&only=source%3Asearch"
    assert (search.cells[0].rate, search.cells[0].of) == ("10\u00a0%", "200")
    assert search.cells[0].is_below
    assert not mail.cells[0].is_below
    assert search.cells[1].address == "/ladder/leads?within=all&only=source%3Asearch&step=call"
    assert mail.cells[2].of == ""


def test_what_is_chosen_is_not_told_apart():
    rows = *climbers(20, 2), *climbers(10, 5, source="mail")
    assert tables(ALL.of("source", "mail"), *rows) == []


def test_no_more_than_a_page_holds():
    rows = [event for at in range(14) for event in climbers(20 - at, source=f"s{at:02}")]
    (table,) = tables(ALL, *rows)
    assert [line.value for line in table.lines] == [f"s{at:02}" for at in range(10)]
    assert table.more == 5
