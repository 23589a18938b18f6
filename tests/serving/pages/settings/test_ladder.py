"""The ladder in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from features.ladder.event_rule import Condition, EventRule
from features.ladder.file import parse_ladder, read_ladder
from serving.pages.settings.ladder import (
    advice_shown,
    ladder_home,
    measured,
    rule_words,
    steps_shown,
)

SOURCE = read_ladder("b2b").source


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (Condition("minutes", "at_least", 15.0), "Asset used (minutes 15 or more)"),
        (Condition("own_data", "is", 1.0), "Asset used (own data: yes)"),
        (Condition("own_data", "is_not", 1.0), "Asset used (own data: anything but yes)"),
        (Condition("day", "is", 3.0), "Asset used (day: 3)"),
        (Condition("plan", "one_of", ("a", "b")), "Asset used (plan: a or b)"),
        (Condition("plan", "is", "gold"), "Asset used (plan: gold)"),
        (Condition("price", "below", 2.5), "Asset used (price less than 2.5)"),
        (Condition("price", "above", 1_500_000.0), "Asset used (price more than 1,500,000)"),
        (Condition("url", "is_not", ""), "Asset used (url: anything but nothing)"),
    ],
)
def test_rules_in_words(condition, words):
    """A rule is told without a sign of the ladder file."""
    assert rule_words(EventRule("asset_used", (condition,))) == words


def test_a_level_of_one_is_a_number():
    """Truth values are kept as 1 and 0; what other steps count by is none."""
    rules = [EventRule("rose", (Condition("level", "is", float(at)),)) for at in (1, 2)]
    ladder = read_ladder("b2b")
    first, second, *others = ladder.steps
    first, second = (
        replace(one, complete_when=(rule,))
        for one, rule in zip((first, second), rules, strict=True)
    )
    told = steps_shown(replace(ladder, steps=(first, second, *others)))
    assert told[0].done_when == ("Rose (level: 1)",)
    assert rule_words(rules[0]) == "Rose (level: yes)"


def test_steps():
    """Each step has its time, its healthy share and what it asks with."""
    first, second, *_, last = steps_shown(read_ladder("b2b"))
    assert (first.title, first.healthy, first.active, first.paused) == ("Content", "", 3, 0)
    assert (second.days, second.healthy) == (14.0, "40 to 60 of 100")
    assert last.healthy == "70 or more of 100"


def test_advice_by_titles():
    """Advice names steps and offers by their titles, and leads to the offer it is about."""
    source = SOURCE.replace("again_after_days = 60", "again_after_days = 61").replace(
        'title = "Strategy session on your weakest handovers"', 'title = "A sales demo"'
    )
    ladder = parse_ladder(source)
    (one,) = advice_shown(ladder)
    assert one.offer_id == "strategy-session"
    assert one.about == "A sales demo"
    assert one.text.startswith("“A sales demo” speaks of")
    assert "strategy-session" not in one.text


def test_measured():
    """Whether the worth of Rung is measured is said either way."""
    assert "is not measured" in measured(read_ladder("b2b"))
    source = SOURCE.replace("# no_ask = 0.05", "no_ask = 0.05 #")
    assert source != SOURCE
    assert "5 % of leads are asked nothing" in measured(parse_ladder(source))


def test_home(site, empty):
    """A file is named without its folder; without one the default is."""
    assert ladder_home(site.service) == ("file", "ladder.toml")
    assert ladder_home(empty.service) == ("default", "b2b")


def test_a_purchase_without_a_band(site, monkeypatch):
    """No share is named for it; that nothing comes before it is said of the first step alone."""
    ladder = site.service.ladder
    bare = replace(ladder, purchase=replace(ladder.purchase, band=None))
    monkeypatch.setattr(type(site.service), "ladder", bare)
    text = site.get("/settings").text
    assert text.count("Nothing before it") == 1
    assert text.count("No share is named") == 1
