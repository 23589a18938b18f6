"""The table of signals: its sentences, its ids, and the columns it reads."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import pytest

from features.errors import LadderError
from features.ladder.file import parse_ladder, read_ladder, shipped_ladders
from features.ladder.ladder import Condition, EventRule, Ladder, SignalRow, Step, Trait
from features.signals.signal import Op, Signal
from features.signals.table import ladder_columns, signals_of


def takes_text(signal: Signal) -> bool:
    """Whether the value of a signal is a text rather than a number."""
    return signal.is_category and signal.op == Op.LAST


TABLE = [(name, signal) for name in shipped_ladders() for signal in signals_of(read_ladder(name))]
EVERY_SIGNAL = [pytest.param(signal, id=f"{name}-{signal.id}") for name, signal in TABLE]
EVERY_CATEGORY = [
    pytest.param(signal, id=f"{name}-{signal.id}") for name, signal in TABLE if takes_text(signal)
]
SHIPPED = pytest.mark.parametrize("ladder", [read_ladder(name) for name in shipped_ladders()])


def ladder_with(**parts: object) -> Ladder:
    fraction = Condition("fraction", "at_least", 0.8)
    plan = Condition("plan", "one_of", ("team", "solo"))
    rules: dict[str, object] = {
        "steps": (
            Step("watch", "Watch", (EventRule("video", (fraction,)),), 7.0, None, ("video",)),
            Step("call", "Call", (EventRule("call"),), 7.0, None, ("call",)),
        ),
        "purchase": Step("purchase", "Buy", (EventRule("order", (plan,)),), 30.0, None, ("order",)),
    }
    return Ladder(name="small", title="Small", **{**rules, **parts})  # type: ignore[arg-type]


def signal(says: str, op: Op = Op.COUNT) -> Signal:
    return Signal("id", "custom", op, says, "never")


# ---------------------------------------------------------------------------------------- Sentences


@pytest.mark.parametrize("signal", EVERY_SIGNAL)
def test_every_signal_says_every_value(signal):
    """A salesperson reads a whole sentence for any value, with nothing left to fill in."""
    values = ["a text"] if takes_text(signal) else [0, 0.0, 1, 1.0, 2.5, 1e6]
    for value in (*values, math.nan, None):
        said = signal.sentence(value)
        assert said.strip()
        assert not set(said) & set("{}")
        assert "nan" not in said.lower().split()


@pytest.mark.parametrize(
    ("id_", "says"),
    [
        ("step.human.count", "Human connection: nothing yet"),
        ("step.human.max.minutes", "Human connection: no minutes so far"),
        ("step.content.max.watched_fraction", "Content: nothing watched so far"),
        ("step.content.did.email_opened", "Content: email opened, not so far"),
        ("pricing_views_7d", "pricing views: nothing in the last 7 days"),
        ("days_since_pricing", "pricing: nothing yet"),
    ],
)
def test_what_is_absent_is_said_and_no_more(id_, says):
    """Who did a step in another way, or before the window, has not done nothing."""
    by_id = {signal.id: signal for signal in signals_of(read_ladder("b2b"))}
    assert by_id[id_].sentence(0 if by_id[id_].op == Op.COUNT else math.nan) == says


def test_who_told_of_itself_was_seen_before_it_was_active():
    """It is counted from its first interest; its first event may be older, and is on its page."""
    by_id = {signal.id: signal for signal in signals_of(read_ladder("b2b"))}
    assert by_id["activity.days_since_first"].sentence(20.0) == "first active 20 days ago"


@pytest.mark.parametrize("days", [1.0, 2.5])
def test_a_window_of_days_in_words(days):
    """A row of a user's own is called by its name, without the window that is said."""
    row = SignalRow("visits_of_2d", (EventRule("visit"),), "count", window_days=days)
    *_, signal = signals_of(ladder_with(signals=(row,)))
    told = "day" if days == 1 else "2.5 days"
    assert signal.sentence(0) == f"visits of: nothing in the last {told}"


@pytest.mark.parametrize("signal", EVERY_CATEGORY)
def test_every_category_says_its_text(signal):
    """The sentence of a category holds its text as it is, braces and all."""
    for text in ("Logistics", "100 {value} %", ""):
        assert text in signal.sentence(text)
    assert not set(signal.sentence("Logistics")) & set("{}")
    assert signal.example not in ("", signal.says_never)
    assert not set(signal.example) & set("{}")


@pytest.mark.parametrize("signal", EVERY_SIGNAL)
def test_absent_is_never(signal):
    """NaN and None are the same sentence, and it is another one than that of a value."""
    never = signal.sentence(None)
    assert never == signal.sentence(math.nan) == signal.says_never
    assert never != signal.sentence("a text" if takes_text(signal) else 2.5)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "never"),
        (1, "did 1 thing"),
        (1.0, "did 1 thing"),
        (2, "did 2 things"),
        (2.5, "did 2.5 things"),
        (1200.0, "did 1,200 things"),
    ],
)
def test_counts_are_said_in_singular_and_plural(value, said):
    """A count of none is never, one thing is one thing, and all else is things."""
    assert signal("did {count:thing}").sentence(value) == said


@pytest.mark.parametrize(
    ("days", "ago"),
    [
        (0.0, "just now"),
        (0.9 / (24 * 60), "just now"),
        (1.0 / (24 * 60), "1 minute ago"),
        (20.5 / (24 * 60), "20 minutes ago"),
        (59.9 / (24 * 60), "59 minutes ago"),
        (1.0 / 24, "1 hour ago"),
        (2.5 / 24, "2 hours ago"),
        (23.9 / 24, "23 hours ago"),
        (1.0, "1 day ago"),
        (1.99, "1 day ago"),
        (2.5, "2 days ago"),
        (400.0, "400 days ago"),
    ],
)
def test_ages_are_said_in_the_largest_whole_unit(days, ago):
    """An age is so many whole minutes, hours or days, in singular and plural."""
    assert signal("seen {ago}", Op.DAYS_SINCE_LAST).sentence(days) == f"seen {ago}"


@pytest.mark.parametrize(
    ("ends", "value", "said"),
    [
        ("sum.watched_fraction", 0.4, "watched less than one whole in all"),
        ("sum.watched_fraction", 1.2, "watched about one whole in all"),
        ("sum.watched_fraction", 1.6, "watched about 2 whole ones in all"),
        ("sum.seconds", 0.3, "less than 1 second in all"),
        ("sum.seconds", 0.5, "less than 1 second in all"),
        ("sum.seconds", 1.0, "1 second in all"),
        ("sum.seconds", 12345.6, "12,346 seconds in all"),
        ("max.seconds", 301.5, "up to 302 seconds in one go"),
        ("max.level", 12.0, "level 12 at the most"),
        ("max.level", 0.2, "level 0.2 at the most"),
        ("sum.level", 2_500_000.0, "level 2,500,000 in all"),
        ("hours_waiting", 0.1, "has waited 6 minutes for our reply"),
        ("hours_waiting", 0.01, "has waited less than a minute for our reply"),
        ("replies.hours", 5.34, "we replied after 5 hours on average"),
        ("replies.hours", 53.4, "we replied after 2 days on average"),
    ],
)
def test_numbers_are_said_as_people_say_them(ends, value, said):
    """Nobody watches something 1.2 times, or waits for 53.4 hours."""
    rules = tuple(
        EventRule("video", (Condition(name, "at_least", 0.8),))
        for name in ("watched_fraction", "seconds", "level")
    )
    watch = Step("watch", "Watch", rules, 7.0, None, ("video",))
    ladder = ladder_with(steps=(watch, ladder_with().steps[1]))
    (one,) = [each for each in signals_of(ladder) if each.id.endswith(ends)]
    assert one.sentence(value).removeprefix("Watch: ") == said


@pytest.mark.parametrize(
    ("says", "value", "said"),
    [
        ("is {value}", 3.0, "is 3"),
        ("is {value}", 0.123456, "is 0.1235"),
        ("is {value}", 2_500_000.4, "is 2,500,000"),
        ("is {value}", -12_345.0, "is -12,345"),
        ("is {value:.0%}", 0.5, "is 50 %"),
        ("is {value:.1f} and {value}", 2.0, "is 2.0 and 2"),
        ("is {{odd}}, {value}", 2.0, "is {odd}, 2"),
        ("{{value}} is {value}", 2.0, "{value} is 2"),
    ],
)
def test_sentences_take_a_number_format(says, value, said):
    """`{value}` is short where no format is given; doubled braces are braces."""
    assert signal(says).sentence(value) == said


def test_doubled_braces_are_braces_around_a_text():
    """What the ladder file says of {{ holds for a category's sentence, too."""
    assert signal("{{fit}}: {value}", Op.LAST).sentence("yes") == "{fit}: yes"


def test_a_title_may_hold_braces():
    """The titles of steps are for people: what stands in them stands in the sentence."""
    watch = Step("watch", "Save {50%}", (EventRule("video"),), 7.0, None, ("video",))
    ladder = ladder_with(steps=(watch, ladder_with().steps[1]))
    for each in signals_of(ladder):
        if each.id.startswith("watch_"):
            assert each.sentence(2.5).startswith("Save {50%}: ")
            assert each.sentence(None).startswith("Save {50%}: ")


def test_a_measure_may_hold_braces():
    """A property is called what the log calls it."""
    rule = EventRule("video", (Condition("x{0}", "above", 1.0),))
    watch = Step("watch", "Watch", (rule,), 7.0, None, ("video",))
    ladder = ladder_with(steps=(watch, ladder_with().steps[1]))
    for each in signals_of(ladder):
        assert each.sentence(2.5)


# ---------------------------------------------------------------------------------------------- Ids


@SHIPPED
def test_ids_are_unique(ladder):
    """Each signal of a shipped ladder has a name of its own."""
    assert twice(ladder) == []


COLLIDING = """
[ladder]
name = "colliding"

[[step]]
id = "{step}"
title = "First"
horizon_days = 7
complete_when = [{{event = "video", where = {{{measure} = {{at_least = 0.8}}}}}}]

[[step]]
id = "{other}"
title = "Second"
horizon_days = 7
band = [0.1, 0.2]
complete_when = [{{event = "call"}}]

[purchase]
horizon_days = 7
complete_when = [{{event = "order"}}]

[[signal]]
id = "{row}"
of = [{{event = "call"}}]
how = "count"
"""


@pytest.mark.parametrize(
    "names",
    [
        {"step": "activity"},  # activity_count_7d is of everything, too
        {"step": "offers"},  # offers_recent is of the offers, too
        {"other": "watch_max", "measure": "count"},  # watch_max_count is a depth and a frequency
        {"row": "watch_count"},
        {"row": "position"},
    ],
)
def test_ids_stay_unique_in_any_ladder(names):
    """A ladder file gives no two signals one name, or it is refused."""
    try:
        ladder = parse_ladder(colliding(**names))
    except LadderError:
        return
    assert twice(ladder) == []


def colliding(
    step: str = "watch", other: str = "call", measure: str = "fraction", row: str = "mine"
) -> str:
    return COLLIDING.format(step=step, other=other, measure=measure, row=row)


def test_ids_of_a_plain_ladder_do_not_collide():
    """The ladder whose names are changed above is accepted as it is, and all its ids differ."""
    assert twice(parse_ladder(colliding())) == []


def twice(ladder: Ladder) -> list[str]:
    counted = Counter(signal.id for signal in signals_of(ladder))
    return [name for name, count in counted.items() if count > 1]


def test_a_measure_is_not_empty():
    """A signal that reads a property names it: an empty name would read some other one."""
    row = '[[signal]]\nid = "total"\nof = [{event = "call"}]\nhow = "sum"\nmeasure = ""\n'
    text = colliding() + row
    with pytest.raises(LadderError, match=r"signal\[1\]\.measure: is (empty|missing)"):
        parse_ladder(text)


# ----------------------------------------------------------------------------------- What they read


def test_ladder_columns_are_what_is_read():
    """The columns are the properties of rules, measures and traits, by type and by name."""
    ladder = ladder_with(
        traits=(Trait("size", "number"), Trait("industry", "category")),
        signals=(
            SignalRow("longest", (EventRule("read"),), "max", "seconds"),
            SignalRow("fit", (EventRule("outcome"),), "last", "fit", "category"),
            SignalRow(
                "red", (EventRule("page", (Condition("colour", "is_not", "red"),)),), "count"
            ),
        ),
        restart_on=(EventRule("again", (Condition("reason", "is", "new"),)),),
        score_at=(EventRule("visit", (Condition("pages", "above", 1.0),)),),
    )
    numbers, texts = ladder_columns(ladder)
    assert numbers == ("fraction", "pages", "seconds", "size")
    assert texts == (
        "colour",
        "fit",
        "granted",
        "industry",
        "offer",
        "plan",
        "reason",
        "rung_record",
    )


@SHIPPED
def test_ladder_columns_hold_every_measure(ladder):
    """No property is a number and a text, and each signal's measure is among those of its type."""
    numbers, texts = ladder_columns(ladder)
    assert not set(numbers) & set(texts)
    for each in signals_of(ladder):
        if each.measure:
            is_text = each.is_category or each.op == Op.DAYS_UNTIL
            assert each.measure in (texts if is_text else numbers)


def test_the_standard_set_follows_from_the_ladder():
    """A step brings its frequency, recency and breadth, and a depth for each figure it needs."""
    ids = {each.id for each in signals_of(ladder_with())}
    rows = ("count", "count_7d", "count_30d", "recent", "days_since_last", "active_days")
    for step in ("watch", "call", "purchase"):
        assert {f"step.{step}.{row}" for row in rows} <= ids
    assert {"step.watch.max.fraction", "step.watch.sum.fraction"} <= ids
    assert {
        "ladder.position",
        "ladder.steps_completed",
        "ladder.days_at_position",
        "ladder.pace",
    } <= ids
    assert not {each for each in ids if each.startswith(("trait.", "profile.", "step.call.max"))}


def test_a_ladder_without_traits_asks_for_no_profile():
    """Completeness is there with the first trait, and only profile signals say who the lead is."""
    with_trait = replace(ladder_with(), traits=(Trait("size", "number"),))
    assert [each.id for each in signals_of(ladder_with()) if each.is_fit] == []
    fit = [each.id for each in signals_of(with_trait) if each.is_fit]
    assert fit == ["profile.completeness", "trait.size"]


def test_custom_rows_come_last_and_in_order():
    """The rows of the ladder file follow the standard set in the file's order."""
    rows = (SignalRow("b", (), "count"), SignalRow("a", (), "active_days"))
    found = signals_of(replace(ladder_with(), signals=rows))
    assert [each.id for each in found[-2:]] == ["b", "a"]
    assert found[:-2] == signals_of(ladder_with())
