"""The page: the verdict first, whole tables, and every baseline explained."""

import re
from dataclasses import replace

import pytest

from features.ladder.words import in_percent
from tests.training.scores.scene import too_early
from training.scores.written.page import _table, page


@pytest.fixture
def told(judged):
    return page(judged)


def test_verdict_comes_first(told, judged):
    """The page begins with its title and the verdict."""
    title, verdict, *_ = told.split("\n\n")
    assert title == "# How good the scores are: A small ladder"
    assert verdict.startswith(f"**Next step: {judged.verdict}.** Log loss ")


def test_tables_are_whole(told):
    """Every line of a table has as many cells as its head, and none says None or nan."""
    for table in re.findall(r"(?:^\|.*\n)+", told, re.MULTILINE):
        assert len({line.count("|") for line in table.splitlines()}) == 1
    assert not re.search(r"\b(None|nan)\b", told)


def test_baselines_are_explained(told):
    """The page names every baseline, and says what the points rule was given."""
    for name in ("step rates", "counting rule", "points rule", "logistic regression"):
        assert f"| {name} |" in told
    assert "| histogram gradient boosting |" in told
    assert "a logistic curve fitted on the training points" in " ".join(told.split())


def test_how_soon(told, judged):
    """A table of parts of the horizon for each goal; none where the bundle knows no times."""
    assert told.count("### How soon?") == 2
    half = judged.purchase.within[1]
    row = f"| 50 % | {in_percent(half.expected, 1)} | {in_percent(half.came, 1)} |"
    assert row in told.split("\n## ")[2]
    goals = {
        name: replace(getattr(judged, name), within=()) for name in ("advancement", "purchase")
    }
    assert "How soon" not in page(replace(judged, **goals))


def test_what_the_probabilities_rest_on(told, judged):
    """Fifteen signals of each goal with their weights, heaviest first, and whether they moved."""
    for goal, part in zip(
        (judged.advancement, judged.purchase), told.split("\n## ")[1:3], strict=True
    ):
        section = part.split("### What the probabilities rest on\n")[1].split("\n### ")[0]
        first = goal.signals[0]
        row = f"| `{first.id}` | {100 * first.weight:.1f} points | {in_percent(first.share)} |"
        assert row in section
        assert section.count("| `") == 15 < len(goal.signals)
        assert f"These 15 of {len(goal.signals)} have" in section
        assert "The values of none of them have moved beyond what chance explains." in section


def test_few_signals_are_all_told(judged):
    """Where all are in the table nothing is said of others; where there are none, no section."""
    goal = judged.advancement
    few = page(replace(judged, advancement=replace(goal, signals=goal.signals[:3])))
    first = few.split("## Purchase\n")[0]
    assert first.count("| `") == 3
    assert "of the weight." not in first
    none = page(replace(judged, advancement=replace(goal, signals=())))
    assert "rest on" not in none.split("## Purchase\n")[0]


def test_what_was_not_judged_is_said():
    """Where no purchase horizon is over the page says so, and shows no table of figures for it."""
    advancement, purchase = page(too_early()).split("## Purchase\n")
    assert "### Against other ways to score" in advancement
    assert purchase.strip().startswith("Not enough data (n=0): the horizon of none of ")
    assert "### Against other ways to score" not in purchase


def test_a_word_of_others_breaks_no_table():
    """Of a trait's words a report has as many lines as rows."""
    told = _table(("group", "leads"), [("two\nlines | more", "7")]).splitlines()
    assert told[2:] == [r"| two\nlines / more | 7 |"]
