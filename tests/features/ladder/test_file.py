"""What `features.ladder.file` accepts, and how it refuses the rest."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from features.errors import LadderError, Mistake
from features.ladder.advice import advise
from features.ladder.controls import Controls
from features.ladder.file import parse_ladder, read_ladder, shipped_ladders
from features.ladder.ladder import (
    Band,
    Condition,
    Effort,
    EffortWeights,
    EventNames,
    EventRule,
    Framing,
    Gain,
    Groups,
    Identity,
    Ladder,
    Limits,
    Offer,
    PolicySettings,
    SignalRow,
    Step,
    Trait,
    Value,
)
from features.ladder.source import Source
from features.signals.table import ladder_columns

ROOT = Path(__file__).parents[3]

LADDER = """\
[ladder]
name = "small"
title = "Small"
dormant_after_days = 60
max_effort_jump = 4
restart_on = [{event = "came_back"}]
score_at = []

[effort_weights]
human = 20
per_money = 0.5

[events]
traits = "profile"

[limits]
asks = 2
asks_days = 7
days_between_asks = 0
days_before_sales = 0
again_after_days = 10
declined_days = 45
unanswered = 3
rest_days = 5
rep_minutes_a_day = 480
form_fields = 0
consent = "opt_in"

[value]
currency = "CHF"
purchase = 900
rep_minute = 1.5
effort_minute = 0.1
horizon_days = 45
gains = [
  {event = "order", where = {plan = "team"}, measure = "amount"},
  {event = "refund", worth = -20},
]

[policy]
exploration = 0.2
certainty = 0.5

[[step]]
id = "watch"
title = "Watch"
horizon_days = 7
complete_when = [{event = "video", where = {fraction = {at_least = 0.8}, live = false}}]
engaged_by = ["page", "video", "mail"]

[[step]]
id = "talk"
title = "Talk"
horizon_days = 14
band = [0.4, 0.6]
complete_when = [{event = "call", where = {room = "blue", kind = ["a", "b"]}}]

[purchase]
horizon_days = 30
complete_when = [{event = "order"}]

[[offer]]
id = "clip"
step = "watch"
title = "A clip"
kind = "video"
effort = {minutes = 3}
role = "support"

[[offer]]
id = "chat"
step = "talk"
title = "A chat"
kind = "session"
effort = {minutes = 15, form_fields = ["name"], live = true, human = true, money = 2}
value_minutes = 60
topics = ["start"]
framing = "Your plan"
rep_minutes = 20
valid_from = 2026-03-01T00:00:00+01:00
valid_until = 2026-04-01T00:00:00Z
guarantee_days = 30
scope_days = 14
framings = [{id = "plan", text = "A plan"}, {id = "map", text = "A map"}]
channels = ["mail", "rep"]
only_after = [{event = "page", where = {room = "red"}}]
again_after_days = 3

[[trait]]
id = "size"
type = "number"
personal = true
says = "{value:.0f} people"

[[signal]]
id = "longest"
of = [{event = "video"}]
how = "max"
measure = "fraction"
window_days = 30
says = "watched {value:.0%}"
"""


def mistakes_of(text: str) -> tuple[Mistake, ...]:
    with pytest.raises(LadderError, match=r"<text>: \d+ mistakes?\n") as raised:
        parse_ladder(text)
    return raised.value.mistakes


def changed(old: str, new: str) -> str:
    """The ladder with one passage, which must be there once, replaced."""
    assert LADDER.count(old) == 1, old
    return LADDER.replace(old, new)


def with_steps(count: int) -> str:
    step = (
        '[[step]]\nid = "s{0}"\ntitle = "S"\nhorizon_days = 1\n'
        'complete_when = [{{event = "e{0}"}}]\n'
    )
    band = "band = [0.1, 0.9]\n"
    steps = "".join(step.format(n) + (band if n else "") for n in range(count))
    purchase = '[purchase]\nhorizon_days = 1\ncomplete_when = [{event = "order"}]\n'
    return '[ladder]\nname = "many"\n' + steps + purchase


# ------------------------------------------------------------------------------------ What is read


def test_every_key_lands_in_its_field() -> None:
    """A file that uses every section gives exactly the values that it states."""
    assert parse_ladder(LADDER) == Ladder(
        name="small",
        title="Small",
        steps=(
            Step(
                "watch",
                "Watch",
                (
                    EventRule(
                        "video",
                        (Condition("fraction", "at_least", 0.8), Condition("live", "is", 0.0)),
                    ),
                ),
                7.0,
                engaged_by=("page", "video", "mail"),
            ),
            Step(
                "talk",
                "Talk",
                (
                    EventRule(
                        "call",
                        (Condition("room", "is", "blue"), Condition("kind", "one_of", ("a", "b"))),
                    ),
                ),
                14.0,
                Band(0.4, 0.6),
                ("call",),
            ),
        ),
        purchase=Step("purchase", "Purchase", (EventRule("order"),), 30.0, engaged_by=("order",)),
        offers=(
            Offer("clip", "watch", "A clip", "video", Effort(3.0), role="support"),
            Offer(
                "chat",
                "talk",
                "A chat",
                "session",
                Effort(15.0, ("name",), live=True, human=True, money=2.0),
                value_minutes=60.0,
                topics=("start",),
                framing="Your plan",
                rep_minutes=20.0,
                valid_from=datetime(2026, 2, 28, 23, tzinfo=UTC),
                valid_until=datetime(2026, 4, 1, tzinfo=UTC),
                guarantee_days=30,
                scope_days=14,
                framings=(Framing("plan", "A plan"), Framing("map", "A map")),
                channels=("mail", "rep"),
                only_after=(EventRule("page", (Condition("room", "is", "red"),)),),
                again_after_days=3.0,
            ),
        ),
        traits=(Trait("size", "number", personal=True, says="{value:.0f} people"),),
        signals=(
            SignalRow(
                "longest",
                (EventRule("video"),),
                "max",
                measure="fraction",
                window_days=30.0,
                says="watched {value:.0%}",
            ),
        ),
        events=EventNames(traits="profile"),
        restart_on=(EventRule("came_back"),),
        dormant_after_days=60.0,
        effort_weights=EffortWeights(human=20.0, per_money=0.5),
        max_effort_jump=4.0,
        limits=Limits(2, 7.0, 0.0, 0.0, 10.0, 45.0, 3, 5.0, 480.0, 0, consent="opt_in"),
        value=Value(
            currency="CHF",
            purchase=900.0,
            rep_minute=1.5,
            effort_minute=0.1,
            horizon_days=45.0,
            gains=(
                Gain(EventRule("order", (Condition("plan", "is", "team"),)), 1.0, "amount"),
                Gain(EventRule("refund"), -20.0),
            ),
        ),
        policy=PolicySettings(0.2, 0.5),
    )


def test_what_is_left_out_has_its_default() -> None:
    """Without limits, value, policy and the new keys of offers, a ladder has their defaults."""
    ladder = parse_ladder(with_steps(2))
    assert (ladder.limits, ladder.value, ladder.policy) == (Limits(), Value(), PolicySettings())
    assert ladder.controls == Controls()
    offer = '[[offer]]\nid = "o"\nstep = "s1"\ntitle = "O"\nkind = "k"\neffort = {}\n'
    assert parse_ladder(with_steps(2) + offer).offers == (Offer("o", "s1", "O", "k", Effort()),)


@pytest.mark.parametrize("table", ["limits", "value", "policy"])
def test_an_empty_table_has_its_defaults(table: str) -> None:
    """A table without a key is the same as no table."""
    assert parse_ladder(f"{with_steps(2)}[{table}]\n") == parse_ladder(with_steps(2))


def test_the_first_framing_is_the_one_by_default() -> None:
    """An offer with framings and no `framing` is put as the first of them says."""
    ladder = parse_ladder(changed('framing = "Your plan"\n', ""))
    assert ladder.offers[1] == replace(parse_ladder(LADDER).offers[1], framing="A plan")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("exploration = 0.2", "exploration = 1"),
        ("certainty = 0.5", "certainty = 0.999"),
        ("unanswered = 3", "unanswered = 1"),
        ("effort = {minutes = 3}", "effort = {}"),
        ("horizon_days = 45", "horizon_days = 36500"),
        ("asks = 2\n", "asks = 1\n"),
        ('traits = "profile"', 'traits = "offer_seen"\noffer_seen = "seen"'),
        ("live = false", 'offer = "clip", rung_record = {is_not = "x"}'),
    ],
)
def test_the_edge_of_what_is_allowed(old: str, new: str) -> None:
    """The last value within a range, a default name that is free again, and texts read as texts."""
    assert parse_ladder(changed(old, new)).name == "small"


def test_a_ladder_reads_what_its_offers_and_gains_need() -> None:
    """Columns are those of `only_after` and of gains too, and what Rung writes itself."""
    numbers, texts = ladder_columns(parse_ladder(LADDER))
    assert numbers == ("amount", "fraction", "live", "size")
    assert texts == ("granted", "kind", "offer", "plan", "room", "rung_record")
    alone = changed('where = {room = "red"}', 'where = {wall = "red"}')
    assert "wall" in ladder_columns(parse_ladder(alone))[1]


def test_the_source_is_kept_but_comments_do_not_change_the_ladder() -> None:
    """A comment changes the source text and neither the value nor the fingerprint."""
    plain, commented = parse_ladder(LADDER), parse_ladder("# mine\n" + LADDER)
    assert commented.source == "# mine\n" + LADDER
    assert commented == plain
    assert commented.fingerprint == plain.fingerprint


def test_an_offset_does_not_change_the_ladder() -> None:
    """The same instant written with another offset gives the same fingerprint."""
    moved = changed("2026-03-01T00:00:00+01:00", "2026-02-28T23:00:00Z")
    assert parse_ladder(moved).fingerprint == parse_ladder(LADDER).fingerprint


@pytest.mark.parametrize(
    ("given", "conditions"),
    [
        ("true", [Condition("live", "is", 1.0)]),
        ("3", [Condition("live", "is", 3.0)]),
        ('"x"', [Condition("live", "is", "x")]),
        ('["x", "y"]', [Condition("live", "one_of", ("x", "y"))]),
        ('{is_not = "x"}', [Condition("live", "is_not", "x")]),
        ("{is_not = true}", [Condition("live", "is_not", 1.0)]),
        ('{one_of = ["x"]}', [Condition("live", "one_of", ("x",))]),
        (
            "{above = 1, below = 2}",
            [Condition("live", "above", 1.0), Condition("live", "below", 2.0)],
        ),
        ("{at_most = 2}", [Condition("live", "at_most", 2.0)]),
    ],
)
def test_a_where_value_becomes_conditions(given: str, conditions: list[Condition]) -> None:
    """A bare value means is, a list one_of, and a table states its operators."""
    rule = parse_ladder(changed("live = false", f"live = {given}")).steps[0].complete_when[0]
    assert list(rule.where)[1:] == conditions


@pytest.mark.parametrize("count", [2, 12])
def test_the_shortest_and_the_longest_ladder_are_read(count: int) -> None:
    """Ladders of 2 and of 12 steps without any offer are ladders."""
    assert len(parse_ladder(with_steps(count)).steps) == count


# ----------------------------------------------------------------------------- What is not a ladder


@pytest.mark.parametrize("count", [0, 1, 13])
def test_too_few_or_too_many_steps_are_one_mistake(count: int) -> None:
    """A ladder has 2 to 12 steps, and the message says how many there are."""
    (mistake,) = mistakes_of(with_steps(count))
    assert mistake.path == "step"
    assert f"this one has {count}" in mistake.problem


WATCH = 'complete_when = [{event = "video", where = {fraction = {at_least = 0.8}, live = false}}]'
RULE = "step[0].complete_when[0]"
PURCHASE = '[purchase]\nhorizon_days = 30\ncomplete_when = [{event = "order"}]\n'
AFTERWARDS = '[[after_purchase]]\nid = "renewal"\ntitle = "R"\nevent = "r"\ndays = 36500.5\n'
SIGNAL = 'how = "max"\nmeasure = "fraction"\nwindow_days = 30\nsays = "watched {value:.0%}"'

ONE_MISTAKE = [
    # keys: absent, unknown, misspelt
    ('name = "small"\n', "", "ladder.name", "is missing"),
    ('title = "Small"', 'titel = "Small"', "ladder.titel", "did you mean 'title'"),
    ('title = "Watch"', 'titel = "Watch"', "step[0].titel", "did you mean 'title'"),
    ('title = "Watch"\n', "", "step[0].title", "is missing"),
    ("horizon_days = 7\n", "", "step[0].horizon_days", "is missing"),
    ("horizon_days = 7\n", "horizon = 7\n", "step[0].horizon", "did you mean 'horizon_days'"),
    ("[purchase]", "[purchases]", "purchases", "did you mean 'purchase'"),
    (PURCHASE, "", "purchase", "is missing"),
    ('[[step]]\nid = "talk"', '[[stepp]]\nid = "talk"', "stepp", "did you mean 'step'"),
    ("[effort_weights]\nhuman", "[effort_weights]\nhumans", "effort_weights.humans", "'human'"),
    ("[events]\ntraits", "[events]\ntrait", "events.trait", "did you mean 'traits'"),
    ("effort = {minutes = 3}", "effort = {minuets = 3}", "offer[0].effort.minuets", "'minutes'"),
    ("effort = {minutes = 3}\n", "", "offer[0].effort", "is missing"),  # else the lightest
    ('kind = "video"\n', "", "offer[0].kind", "is missing"),
    ('type = "number"\n', "", "trait[0].type", "is missing"),
    ('how = "max"\n', "", "signal[0].how", "is missing"),
    ('event = "video", where', 'evnt = "video", where', f"{RULE}.evnt", "did you mean 'event'"),
    # types
    ('title = "Watch"', "title = 3", "step[0].title", "must be a text"),
    ('title = "Watch"', 'title = " "', "step[0].title", "is empty"),
    ('traits = "profile"', 'traits = ""', "events.traits", "is empty"),
    ("horizon_days = 7\n", 'horizon_days = "7"\n', "step[0].horizon_days", "must be a number"),
    ("horizon_days = 7\n", "horizon_days = true\n", "step[0].horizon_days", "must be a number"),
    ("horizon_days = 7\n", "horizon_days = nan\n", "step[0].horizon_days", "must be a number"),
    ("horizon_days = 7\n", f"horizon_days = 1{'0' * 400}\n", "step[0].horizon_days", "a number"),
    ("horizon_days = 7\n", "horizon_days = 1e300\n", "step[0].horizon_days", "a hundred years"),
    ("horizon_days = 30\n", "horizon_days = 1209600\n", "purchase.horizon_days", "number of days"),
    ("horizon_days = 45", "horizon_days = 1e9", "value.horizon_days", "a number of days"),
    ("window_days = 30\n", "window_days = 1e18\n", "signal[0].window_days", "a hundred years"),
    (PURCHASE, PURCHASE + AFTERWARDS, "after_purchase[0].days", "a hundred years"),
    ("minutes = 3}", "minutes = 1e300}", "offer[0].effort.minutes", "a number of minutes"),
    ("human = 20", "human = -1", "effort_weights.human", "must not be negative"),
    ("human = 20", "money = 30", "effort_weights.money", "write per_money"),
    ("per_money = 0.5", "per_money = -1", "effort_weights.per_money", "must not be negative"),
    ('currency = "CHF"', 'currency = "euro"', "value.currency", "three letters"),
    ('currency = "CHF"', "currency = 5", "value.currency", "must be a text"),
    ("effort = {minutes = 3}", "effort = 3", "offer[0].effort", "must be a table"),
    ("live = true,", "live = 1,", "offer[1].effort.live", "must be true or false"),
    ('form_fields = ["name"]', "form_fields = 1", "offer[1].effort.form_fields", "list of texts"),
    ('["name"]', '["name", "name"]', "offer[1].effort.form_fields", "twice"),
    ('topics = ["start"]', "topics = [1]", "offer[1].topics", "must be a list of texts"),
    ('["page", "video", "mail"]', '"page"', "step[0].engaged_by", "must be a list of texts"),
    ("guarantee_days = 30", "guarantee_days = 2.5", "offer[1].guarantee_days", "whole number"),
    ("scope_days = 14", "scope_days = 0", "offer[1].scope_days", "above 0"),
    ("[[trait]]", "[trait]", "trait", "must be a list of tables"),
    ("score_at = []", "score_at = [3]", "ladder.score_at[0]", "must be a table"),
    ("score_at = []", 'score_at = "x"', "ladder.score_at", "must be a list of tables"),
    # ids
    ('name = "small"', 'name = "Small one"', "ladder.name", "cannot be 'Small one'"),
    ('id = "clip"', 'id = "9clip"', "offer[0].id", "cannot be '9clip'"),
    ('id = "chat"', 'id = "clip"', "offer[1].id", "already the id of offer[0]"),
    ('id = "watch"\n', "", "step[0].id", "is missing"),
    ('id = "watch"', 'id = "Watch!"', "step[0].id", "cannot be 'Watch!'"),
    # steps
    ("horizon_days = 14", "horizon_days = 0", "step[1].horizon_days", "must be above 0"),
    ("dormant_after_days = 60", "dormant_after_days = 0", "ladder.dormant_after_days", "above 0"),
    ("max_effort_jump = 4", "max_effort_jump = 1", "ladder.max_effort_jump", "above 1"),
    ("band = [0.4, 0.6]\n", "", "step[1].band", "is missing"),
    ("band = [0.4, 0.6]", "bnad = [0.4, 0.6]", "step[1].bnad", "did you mean 'band'"),
    ("band = [0.4, 0.6]", "band = [0.6, 0.4]", "step[1].band", "0 <= low < high <= 1"),
    ("band = [0.4, 0.6]", "band = [0.4, 1.1]", "step[1].band", "0 <= low < high <= 1"),
    ("band = [0.4, 0.6]", "band = [0.4]", "step[1].band", "must be"),
    ("band = [0.4, 0.6]", "band = 0.4", "step[1].band", "must be"),
    ("horizon_days = 7\n", "horizon_days = 7\nband = [0.6, 0.4]\n", "step[0].band", "first step"),
    ("horizon_days = 30\n", "horizon_days = 30\nband = 1\n", "purchase.band", "must be"),
    (WATCH, "", "step[0].complete_when", "at least one rule"),
    (WATCH, "complete_when = []", "step[0].complete_when", "at least one rule"),
    (WATCH, 'complete_when = ["video"]', "step[0].complete_when[0]", "must be a table"),
    (WATCH, 'completed_when = [{event = "v"}]', "step[0].completed_when", "'complete_when'"),
    ('[{event = "order"}]', "[]", "purchase.complete_when", "at least one rule"),
    (
        '{event = "order"}',
        '{event = "call", where = {kind = ["a", "b"], room = "blue"}}',
        "purchase.complete_when",
        "is the same as step[1].complete_when",
    ),
    # conditions
    ("at_least = 0.8", "at_least = 0.8, below = 0.5", f"{RULE}.where.fraction", "never be met"),
    ("at_least = 0.8", "at_least = 0.8, is = 0.5", f"{RULE}.where.fraction", "never be met"),
    ("at_least = 0.8", "above = 0.8, at_most = 0.8", f"{RULE}.where.fraction", "never be met"),
    (
        'restart_on = [{event = "came_back"}]',
        'restart_on = [{event = "came_back", where = {days = {above = 9, below = 3}}}]',
        "ladder.restart_on[0].where.days",
        "never be met",
    ),
    ("at_least = 0.8", "at_leest = 0.8", f"{RULE}.where.fraction.at_leest", "did you mean 'at_"),
    ("at_least = 0.8", 'at_least = "x"', f"{RULE}.where.fraction.at_least", "must be a number"),
    ("at_least = 0.8", "at_least = true", f"{RULE}.where.fraction.at_least", "must be a number"),
    ("{at_least = 0.8}", "{}", f"{RULE}.where.fraction", "states no condition"),
    ("live = false", "live = [1, 2]", f"{RULE}.where.live", "must be a list of texts"),
    ("live = false", "live = 2026-01-01", f"{RULE}.where.live", "must be a number, a text"),
    ('{room = "blue", kind = ["a", "b"]}', "3", "step[1].complete_when[0].where", "a table"),
    ('room = "blue"', 'fraction = "blue"', "step[1].complete_when[0].where.fraction", RULE),
    # offers
    ('step = "talk"', 'step = "tallk"', "offer[1].step", "did you mean 'talk'"),
    ("2026-04-01T00:00:00Z", "2026-04-01T00:00:00", "offer[1].valid_until", "with an offset"),
    ("2026-04-01T00:00:00Z", "2026-04-01", "offer[1].valid_until", "with an offset"),
    ("2026-04-01T00:00:00Z", "2026-02-01T00:00:00Z", "offer[1].valid_until", "later than valid_"),
    ('id = "chat"', 'id = "no_ask"', "offer[1].id", "'no_ask' is reserved"),
    ('id = "chat"', 'id = "nurture"', "offer[1].id", "'nurture' is reserved"),
    ('id = "map"', 'id = "plan"', "offer[1].framings[1].id", "id of offer[1].framings[0]"),
    ('id = "map"', 'id = "A map"', "offer[1].framings[1].id", "cannot be 'A map'"),
    ('id = "map", ', "", "offer[1].framings[1].id", "is missing"),
    (', text = "A map"', "", "offer[1].framings[1].text", "is missing"),
    ('text = "A map"', 'text = ""', "offer[1].framings[1].text", "is empty"),
    ('text = "A map"', 'txt = "A map"', "offer[1].framings[1].txt", "did you mean 'text'"),
    ('framing = "Your plan"', "framing = 1", "offer[1].framing", "must be a text"),
    ('["mail", "rep"]', '"mail"', "offer[1].channels", "must be a list of texts"),
    ('["mail", "rep"]', '["mail", "mail"]', "offer[1].channels", "twice"),
    ("only_after = [", "only_after = [3, ", "offer[1].only_after[0]", "must be a table"),
    ('{room = "red"}', "{room = 3}", "offer[1].only_after[0].where.room", "reads 'room' as a num"),
    ("again_after_days = 3\n", "again_after_days = 0\n", "offer[1].again_after_days", "above 0"),
    ('role = "support"', 'role = "suport"', "offer[0].role", "did you mean 'support'"),
    (
        "effort = {minutes = 3}",
        'effort = {form_fields = ["name"]}',
        "offer[0].effort.form_fields",
        "cannot be on a support offer (it asks for nothing)",
    ),
    (
        "effort = {minutes = 3}",
        "effort = {minutes = 3, money = 1}",
        "offer[0].effort.money",
        "cannot be on a support offer",
    ),
    # roles of events
    (
        '"profile"',
        '"offer_seen"',
        "events.traits",
        "cannot be 'offer_seen', the name of offer_seen",
    ),
    ('"profile"', '"p"\ndecision = "p"', "events.decision", "cannot be 'p', the name of traits"),
    # controls
    ("[value]\n", "[controls]\nnone = 0.6\n[value]\n", "controls.none", r"must be in [0, 0.5]"),
    ("[value]\n", "[controls]\nnone = -0.1\n[value]\n", "controls.none", "must be in [0, 0.5]"),
    ("[value]\n", '[controls]\nnone = "5 %"\n[value]\n', "controls.none", "must be a number"),
    ("[value]\n", "[controls]\nnon = 0.1\n[value]\n", "controls.non", "did you mean 'none'"),
    # limits
    ("asks = 2\n", "asks = 0\n", "limits.asks", "must be a whole number, 1 or more"),
    ("asks = 2\n", "asks = 2.5\n", "limits.asks", "must be a whole number, 1 or more"),
    ("asks = 2\n", "asks = true\n", "limits.asks", "must be a whole number, 1 or more"),
    ("asks = 2\n", "aks = 2\n", "limits.aks", "did you mean 'asks'"),
    ("asks_days = 7", "asks_days = 0", "limits.asks_days", "above 0"),
    ("days_between_asks = 0", "days_between_asks = -1", "limits.days_between_asks", "negative"),
    ("days_before_sales = 0", "days_before_sales = -1", "limits.days_before_sales", "negative"),
    ("again_after_days = 10", "again_after_days = 0", "limits.again_after_days", "above 0"),
    ("declined_days = 45", "declined_days = 0", "limits.declined_days", "above 0"),
    ("unanswered = 3", "unanswered = 0", "limits.unanswered", "whole number, 1 or more"),
    ("rest_days = 5", "rest_days = inf", "limits.rest_days", "must be a number"),
    ("rest_days = 5", "rest_days = 0", "limits.rest_days", "above 0"),
    ("a_day = 480", "a_day = 0", "limits.rep_minutes_a_day", "above 0"),
    ("form_fields = 0", "form_fields = -1", "limits.form_fields", "whole number, 0 or more"),
    ('consent = "opt_in"', 'consent = "opt-out"', "limits.consent", "did you mean 'opt_out'"),
    ("[limits]", "[limit]", "limit", "did you mean 'limits'"),
    # value
    ("purchase = 900", "purchase = 0", "value.purchase", "above 0"),
    ("rep_minute = 1.5", "rep_minute = -1", "value.rep_minute", "must not be negative"),
    ("effort_minute = 0.1", "effort_minute = -1", "value.effort_minute", "not be negative"),
    ("horizon_days = 45", "horizon_days = 0", "value.horizon_days", "above 0"),
    ("worth = -20", "worth = 0", "value.gains[1].worth", "must not be 0"),
    ("worth = -20", 'worth = "much"', "value.gains[1].worth", "must be a number"),
    ('event = "refund", ', "", "value.gains[1].event", "is missing"),
    ('measure = "amount"', 'measure = ""', "value.gains[0].measure", "is empty"),
    ('measure = "amount"', "measure = 3", "value.gains[0].measure", "must be a text"),
    ('measure = "amount"', 'mesure = "amount"', "value.gains[0].mesure", "did you mean 'measure'"),
    ('measure = "amount"', 'measure = "plan"', "value.gains[0].measure", "'plan' as a number"),
    ('{plan = "team"}', "{plan = {}}", "value.gains[0].where.plan", "states no condition"),
    ("gains = [", "gains = [3,", "value.gains[0]", "must be a table"),
    # policy
    ("exploration = 0.2", "exploration = 0.009", "policy.exploration", "must be in [0.01, 1]"),
    ("exploration = 0.2", "exploration = 1.1", "policy.exploration", "must be in [0.01, 1]"),
    ("certainty = 0.5", "certainty = 0.49", "policy.certainty", "must be in [0.5, 1)"),
    ("certainty = 0.5", "certainty = 1", "policy.certainty", "must be in [0.5, 1)"),
    ("certainty = 0.5", 'certainty = "high"', "policy.certainty", "must be a number"),
    # what Rung itself writes
    (
        'measure = "amount"',
        'measure = "offer"',
        "value.gains[0].measure",
        "reads 'offer' as a number, Rung itself as a text (a property has one type)",
    ),
    ('id = "size"', 'id = "rung_record"', "trait[0].id", "Rung itself as a text"),
    # traits and signals
    ('type = "number"', 'type = "text"', "trait[0].type", "cannot be 'text'"),
    ("{value:.0f} people", "{size} people", "trait[0].says", "cannot use {size}"),
    ("{value:.0f} people", "{value:.0f people", "trait[0].says", "no sentence"),
    ("{value:.0f} people", "{value:d} people", "trait[0].says", "no sentence"),
    ("{value:.0f} people", "{} people", "trait[0].says", "cannot use {}"),
    ("{value:.0f} people", "{value.real} people", "trait[0].says", "cannot use {value.real}"),
    ("{value:.0f} people", "size since {ago}", "trait[0].says", "not an age"),
    ('how = "max"', 'how = "maxx"', "signal[0].how", "did you mean 'max'"),
    ('how = "max"', 'how = "count"', "signal[0].measure", "is not read by 'count'"),
    ('how = "max"', 'how = "distinct"', "signal[0].measure_type", "must be 'category'"),
    ('how = "max"', 'how = "max"\nmeasure_type = "category"', "signal[0].measure_type", "'number'"),
    ('measure = "fraction"\n', "", "signal[0].measure", "is missing"),
    ('measure = "fraction"\n', 'mesure = "fraction"\n', "signal[0].mesure", "'measure'"),
    ("window_days = 30", "window_days = 0", "signal[0].window_days", "above 0"),
    ("window_days = 30", "half_life_days = 3", "signal[0].half_life_days", "not read by 'max'"),
    (SIGNAL, 'how = "decayed_count"', "signal[0].half_life_days", "is missing"),
    (SIGNAL, 'how = "count"\nmeasure_type = "number"', "signal[0].measure_type", "not read by"),
    (
        SIGNAL,
        'how = "days_since_first"\nwindow_days = 3',
        "signal[0].window_days",
        "not read by 'days_since_first'",
    ),
    (
        SIGNAL,
        'how = "last"\nmeasure = "room"\nmeasure_type = "category"\nsays = "{value:.0f}"',
        "signal[0].says",
        "cannot format a text",
    ),
    (
        SIGNAL,
        'how = "last"\nmeasure = "room"',
        "signal[0].measure",
        r"reads 'room' as a number, step[1].complete_when[0].where.room as a text",
    ),
]


@pytest.mark.parametrize(("old", "new", "path", "problem"), ONE_MISTAKE)
def test_each_mistake_is_reported_once_where_it_is(
    old: str, new: str, path: str, problem: str
) -> None:
    """One mistake in a good file gives one report, at its path, without follow-ups."""
    (mistake,) = mistakes_of(changed(old, new))
    assert mistake.path == path
    assert problem in str(mistake)


@pytest.mark.parametrize(
    "how", ["count", "days_since_first", "days_since_last", "active_days", "decayed_count"]
)
def test_a_how_that_reads_no_measure_refuses_one(how: str) -> None:
    """Counts and times take no measure."""
    times = "half_life_days = 2" if how == "decayed_count" else ""
    text = changed(SIGNAL, f'how = "{how}"\nmeasure = "fraction"\n{times}')
    assert [mistake.path for mistake in mistakes_of(text)] == ["signal[0].measure"]


@pytest.mark.parametrize("how", ["sum", "mean", "max", "min", "last", "distinct"])
def test_a_how_that_reads_a_measure_requires_one(how: str) -> None:
    """Sums, means, extremes, the last and distinct values need a measure."""
    text = changed(SIGNAL, f'how = "{how}"')
    assert [mistake.path for mistake in mistakes_of(text)] == ["signal[0].measure"]


def test_the_id_of_the_purchase_is_reserved() -> None:
    """A step cannot be called purchase."""
    (mistake,) = mistakes_of(with_steps(2).replace('id = "s1"', 'id = "purchase"'))
    assert (mistake.path, "reserved" in mistake.problem) == ("step[1].id", True)


def test_an_offer_may_belong_to_the_purchase() -> None:
    """An offer may name the purchase as its step."""
    ladder = parse_ladder(changed('step = "talk"', 'step = "purchase"'))
    assert [offer.id for offer in ladder.offers_of("purchase")] == ["chat"]


def test_an_age_may_be_said_as_one() -> None:
    """A days_since signal may use {ago}."""
    text = changed(SIGNAL, 'how = "days_since_last"\nsays = "seen {ago}"')
    assert parse_ladder(text).signals[0].says == "seen {ago}"


def test_a_property_of_two_types_is_one_mistake() -> None:
    """However often a property is read, its two types are one mistake, naming both places."""
    text = changed('room = "blue"', 'fraction = "blue"').replace(
        'id = "size"\ntype = "number"', 'id = "fraction"\ntype = "category"'
    )
    (mistake,) = mistakes_of(text.replace("{value:.0f} people", "{value}"))
    assert mistake.path == "step[1].complete_when[0].where.fraction"
    assert f"{RULE}.where.fraction.at_least as a number" in mistake.problem


MANY = [
    ('name = "small"', 'name = "Small"', "ladder.name"),
    ("human = 20", "human = -1", "effort_weights.human"),
    ("asks = 2\n", "asks = 0\n", "limits.asks"),
    ("worth = -20", "worth = 0", "value.gains[1].worth"),
    ("certainty = 0.5", "certainty = 5", "policy.certainty"),
    ("horizon_days = 7\n", "", "step[0].horizon_days"),
    ("at_least = 0.8", "at_leest = 0.8", f"{RULE}.where.fraction.at_leest"),
    ("band = [0.4, 0.6]", "band = [0.6, 0.4]", "step[1].band"),
    ('[{event = "order"}]', "[]", "purchase.complete_when"),
    ('step = "watch"', 'step = "wach"', "offer[0].step"),
    ("guarantee_days = 30", "guarantee_days = 0", "offer[1].guarantee_days"),
    ('type = "number"', 'type = "text"', "trait[0].type"),
    ('how = "max"', 'how = "maxx"', "signal[0].how"),
]


def test_many_mistakes_are_as_many_in_file_order() -> None:
    """Many mistakes in one file are all reported, in the order in which they stand there."""
    text = LADDER
    for old, new, _ in MANY:
        text = text.replace(old, new)
    assert [mistake.path for mistake in mistakes_of(text)] == [path for *_, path in MANY]


def test_file_order_holds_where_sections_alternate() -> None:
    """Offers written between steps are reported between them."""
    head, rest = LADDER.split('[[step]]\nid = "talk"')
    offer = '[[offer]]\nid = "First"\nstep = "watch"\ntitle = "F"\nkind = "k"\neffort = {}\n'
    text = f'{head}{offer}[[step]]\nid = "Talk"{rest}'.replace('step = "talk"', 'step = "Talk"')
    paths = [mistake.path for mistake in mistakes_of(text)]
    assert paths == ["offer[0].id", "step[1].id"]


@pytest.mark.parametrize(
    ("text", "line"), [("a = 1\nb 2\n", "line 2"), ('a = 1\nb = """x\n\n', "line 4")]
)
def test_a_syntax_error_is_one_mistake_with_its_line(text: str, line: str) -> None:
    """What is not TOML is one mistake that says in which line."""
    (mistake,) = mistakes_of(text)
    assert mistake.path == line
    assert mistake.problem.startswith("is not TOML: ")


# ------------------------------------------------------------------------------- Files and shipped


TIME = re.compile(r"\b((?:\w+_)?(?:days|hours|minutes)(?:_a_day)?) = \d+")


def test_no_time_of_a_ladder_is_without_an_end() -> None:
    """Every key of the reference that is a time, also those that it comments out."""
    lines = (ROOT / "features/ladder/shipped/b2b.toml").read_text(encoding="utf-8").splitlines()
    seen = set()
    for at, line in enumerate(lines):
        time = TIME.search(line)
        if time is not None and not line.startswith("# days"):  # its header is a comment as well
            seen.add(key := time[1])
            given = TIME.sub(f"{key} = 1{'0' * 300}", line, count=1).removeprefix("# ")
            mistakes = mistakes_of("\n".join([*lines[:at], given, *lines[at + 1 :]]))
            said = [str(one) for one in mistakes if one.path.endswith(f".{key}")]
            assert any("a hundred years (it is a number of " in one for one in said), line
    assert len(seen) == 22


def test_a_file_with_a_byte_order_mark_is_the_same_ladder(tmp_path: Path) -> None:
    """As some editors on Windows write one."""
    file = tmp_path / "small.toml"
    file.write_text(LADDER, encoding="utf-8-sig")
    assert replace(read_ladder(file), source="") == replace(parse_ladder(LADDER), source="")


def test_a_file_is_read_and_named_in_its_errors(tmp_path: Path) -> None:
    """A path is read as a file, and an error names it."""
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text(LADDER)
    bad.write_text(changed('name = "small"\n', ""))
    assert read_ladder(good) == parse_ladder(LADDER)
    with pytest.raises(LadderError, match=re.escape(f"{bad}: 1 mistake\n  ladder.name")):
        read_ladder(str(bad))


def test_a_file_goes_before_a_shipped_ladder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file named like a shipped ladder is what is meant."""
    monkeypatch.chdir(tmp_path)
    assert read_ladder("b2b").name == "b2b"
    Path("b2b").write_text(LADDER)
    assert read_ladder("b2b").name == "small"


def test_an_unknown_name_says_what_is_shipped() -> None:
    """A name that is neither a file nor shipped lists the shipped ones."""
    with pytest.raises(LadderError, match=r"did you mean 'b2c'.*b2b, b2b-assessment, b2c"):
        read_ladder("b2cc")


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are one mistake, not a stack trace."""
    path = tmp_path / "l.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(LadderError, match="cannot be read as UTF-8"):
        read_ladder(path)


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its encoding is not blamed for that, and no number of the system is shown."""
    path = tmp_path / "l.toml"
    path.write_text(LADDER)

    def closed(self: Path, *_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_text", closed)
    with pytest.raises(LadderError) as said:
        read_ladder(path)
    told = f"{path}: 1 mistake\n  {path}: cannot be read: Permission denied"
    assert str(said.value) == told


def test_three_ladders_are_shipped() -> None:
    """The shipped ladders are these."""
    assert shipped_ladders() == ("b2b", "b2b-assessment", "b2c")


@pytest.mark.parametrize("name", shipped_ladders())
def test_a_shipped_ladder_has_five_steps(name: str) -> None:
    """Shipped ladders carry their own name and the five steps with their usual bands."""
    ladder = read_ladder(name)
    assert ladder.name == name
    assert [step.id for step in ladder.steps] == [
        "content",
        "value",
        "participation",
        "human",
        "trial",
    ]
    assert [step.band for step in ladder.goals] == [
        None,
        Band(0.4, 0.6),
        Band(0.3, 0.5),
        Band(0.5, 0.7),
        Band(0.6, 0.8),
        Band(0.7, 1.0),
    ]
    assert ladder.signals
    assert ladder.traits


def asks_of(ladder: Ladder, step_id: str) -> list[Offer]:
    return [offer for offer in ladder.offers if offer.step == step_id and offer.role == "ask"]


@pytest.mark.parametrize("name", shipped_ladders())
def test_a_shipped_ladder_has_a_choice_at_each_step(name: str) -> None:
    """Each step has three asks or more, the value step support, the session several framings."""
    ladder = read_ladder(name)
    assert all(len(asks_of(ladder, step.id)) >= 3 for step in ladder.steps)
    support = [offer for offer in ladder.offers if offer.role == "support" and not offer.during]
    assert {offer.step for offer in support} == {"value"}
    assert any(len(offer.framings) >= 2 for offer in asks_of(ladder, "human"))
    assert all(offer.channels for offer in ladder.offers)


@pytest.mark.parametrize("name", shipped_ladders())
def test_a_shipped_offer_can_be_recommended(name: str) -> None:
    """No ask is too heavy after the step below, or asks for more fields than its ladder allows."""
    ladder = read_ladder(name)
    lightest = float("inf")
    for goal in ladder.goals:
        efforts = [o.effort.score(ladder.effort_weights) for o in asks_of(ladder, goal.id)]
        assert max(efforts) <= ladder.max_effort_jump * max(1.0, lightest)
        lightest = min(efforts)
    assert all(len(o.effort.form_fields) <= ladder.limits.form_fields for o in ladder.offers)


@pytest.mark.parametrize(
    ("sum_", "per_money", "score"),
    [(0.0, 0.01, 10.0), (120.0, 0.01, 11.2), (20_000.0, 0.01, 210.0), (20.0, 0.4, 18.0)],
)
def test_money_weighs_by_its_sum(sum_: float, per_money: float, score: float) -> None:
    """A large sum asks more than a small one, and none asks nothing."""
    effort = Effort(10.0, money=sum_)
    assert effort.score(EffortWeights(per_money=per_money)) == pytest.approx(score)


@pytest.mark.parametrize("name", shipped_ladders())
def test_a_shipped_ladder_says_what_decisions_are_worth(name: str) -> None:
    """A purchase is worth more than any of the offers costs."""
    ladder = read_ladder(name)
    assert ladder.value.rep_minute > 0
    assert all(0 < ladder.cost(offer) < ladder.value.purchase for offer in ladder.offers)


REFERENCE = ["events", "limits", "policy"]


@pytest.mark.parametrize("table", REFERENCE)
def test_the_defaults_that_the_reference_states_are_the_defaults(table: str) -> None:
    """What b2b.toml calls a default is one."""
    assert getattr(read_ladder("b2b"), table) == getattr(parse_ladder(with_steps(2)), table)


def test_the_examples_that_the_reference_comments_out_are_right() -> None:
    """With the comment signs taken off its examples, b2b.toml is a ladder that has them all."""
    text = (ROOT / "features/ladder/shipped/b2b.toml").read_text()
    example = re.compile(
        r"^( *)# ((?:\w+ = |\[\[?(?:source|identity|after_purchase)|  \{|\]|\{id = ).*)$",
        re.MULTILINE,
    )
    ladder = parse_ladder(example.sub(r"\1\2", text))
    assert ladder.limits.rep_minutes_a_day == 480
    assert ladder.identity == Identity(("email", "crm_id"), ("frontdesk",))
    assert [one.id for one in ladder.after_purchase] == ["renewals"]
    assert ladder.controls.standing is not None
    assert ladder.value.horizon_days == 180
    assert [gain.worth for gain in ladder.value.gains] == [1, 500, -1000]
    assert any(offer.valid_from and offer.valid_until for offer in ladder.offers)
    framings = [framing.id for offer in ladder.offers for framing in offer.framings]
    assert framings == ["strategy-session", "roadmap-review", "sales-demo"]
    assert [advice.source for advice in advise(ladder)] == ["S22"]


TABLES = (
    *(Step, Effort, EffortWeights, Offer, Framing, Trait, SignalRow, EventNames),
    *(Limits, Value, Gain, PolicySettings, Source, Identity, Groups),
)
KEYS = sorted(
    {
        key.name
        for table in TABLES
        for key in fields(table)
        if (table, key.name)
        not in {
            (Gain, "rule"),  # written as `event` and `where`
            (Offer, "version"),  # of the catalogue beside the file
            (Source, "lead_id"),  # written as `subject`
            (Limits, "quiet"),  # written as the keys below
        }
    }
    | {"quiet_hours", "quiet_days", "time_zone", "time_zone_trait", "inbound_channels"}
    | {
        "subject",
        "name",
        "dormant_after_days",
        "max_effort_jump",
        "restart_on",
        "score_at",
        "where",
        "event",
    }
    | {"limits", "value", "policy", "controls", "none", "groups", "protected"}
)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("page", ["docs/ladder.md", "features/ladder/shipped/b2b.toml"])
def test_every_key_is_explained(page: str, key: str) -> None:
    """The page on ladders and the reference ladder name every key that a file can have."""
    assert re.search(rf"\b{key}\b", (ROOT / page).read_text())


def test_identity():
    """Traits that tell who somebody is, and mailboxes of several; without them nobody is joined."""
    whole = read_ladder("b2c").source + "\n"
    assert parse_ladder(whole).identity == Identity()
    text = '[identity]\nidentify_by = ["email", "crm_id"]\nshared_mailboxes = ["frontdesk"]\n'
    found = parse_ladder(whole + text)
    assert found.identity == Identity(("email", "crm_id"), ("frontdesk",))
    assert found.fingerprint == parse_ladder(whole).fingerprint
    with pytest.raises(LadderError) as caught:
        parse_ladder(whole + '[identity]\nidentify_by = "email"\nby = ["x"]\n')
    assert {mistake.path for mistake in caught.value.mistakes} == {
        "identity.identify_by",
        "identity.by",
    }


def test_pieces_and_replies():
    """What names a piece of content, and how soon questions are to be answered, or neither."""
    ladder = parse_ladder(LADDER_OF_REPLIES)
    assert ladder.pieces == ("asset", "section")
    assert ladder.limits.reply_hours == 4.0
    assert [rule.event for rule in ladder.limits.automatic_replies] == ["business_replied"]
    plain = parse_ladder(read_ladder("b2c").source)
    assert (plain.limits.reply_hours, plain.limits.automatic_replies) == (None, ())
    numbers, texts = ladder_columns(ladder)
    assert [rule.event for rule in ladder.limits.reply_to] == ["form_sent"]
    assert "automatic" in numbers
    assert {"asset", "section", "form"} <= set(texts)
    without = replace(ladder, pieces=(), limits=replace(ladder.limits, reply_hours=None))
    assert without.fingerprint == ladder.fingerprint
    with pytest.raises(LadderError) as caught:
        parse_ladder(LADDER_OF_REPLIES.replace("reply_hours = 4", "reply_hours = 0"))
    assert [mistake.path for mistake in caught.value.mistakes] == ["limits.reply_hours"]
    with pytest.raises(LadderError) as caught:  # a property is a number or a text, not both
        parse_ladder(LADDER_OF_REPLIES.replace('"section"]', '"automatic"]'))
    assert len(caught.value.mistakes) == 1


LADDER_OF_REPLIES = """
[ladder]
name = "replies"
pieces = ["asset", "section"]
[limits]
reply_hours = 4
reply_to = [{event = "form_sent", where = {form = "contact"}}]
automatic_replies = [{event = "business_replied", where = {automatic = true}}]
[[step]]
id = "one"
title = "One"
horizon_days = 7
complete_when = [{event = "read"}]
[[step]]
id = "two"
title = "Two"
horizon_days = 7
band = [0.4, 0.6]
complete_when = [{event = "used"}]
[purchase]
horizon_days = 30
complete_when = [{event = "bought"}]
"""
