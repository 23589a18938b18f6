"""Protected traits in a ladder file: apart from all others, and named by nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from features.errors import LadderError, Mistake
from features.ladder.catalogue import offer_of_table
from features.ladder.file import parse_ladder
from features.ladder.ladder import Groups, Trait
from features.signals.table import ladder_columns, protected_signals, signals_of

LADDER = """\
[ladder]
name = "small"
title = "Small"

[events]
traits = "profile"

[limits]
asks = 2

[value]
gains = [{event = "order", measure = "amount"}]

[[step]]
id = "watch"
title = "Watch"
horizon_days = 7
complete_when = [{event = "video"}]

[[step]]
id = "talk"
title = "Talk"
horizon_days = 14
band = [0.1, 0.3]
complete_when = [{event = "call"}]

[purchase]
title = "Buy"
horizon_days = 60
band = [0.1, 0.3]
complete_when = [{event = "order"}]

[[offer]]
id = "clip"
step = "watch"
title = "A clip"
kind = "video"
effort = {minutes = 3}

[[offer]]
id = "chat"
step = "talk"
title = "A chat"
kind = "session"
effort = {minutes = 15, form_fields = ["name"]}
only_after = [{event = "page", where = {room = "red"}}]

[[trait]]
id = "size"
type = "number"

[[signal]]
id = "longest"
of = [{event = "video"}]
how = "max"
measure = "fraction"
"""


def mistakes_of(text: str) -> tuple[Mistake, ...]:
    with pytest.raises(LadderError, match="mistake") as raised:
        parse_ladder(text)
    return raised.value.mistakes


GENDER = '\n[[trait]]\nid = "gender"\ntype = "category"\nprotected = true\n'
PROTECTED = LADDER + GENDER


def test_a_protected_trait_is_no_trait_of_the_others() -> None:
    """It stands apart; a log has its column, and no signal is made of it."""
    ladder, plain = parse_ladder(PROTECTED), parse_ladder(LADDER)
    assert ladder.protected == (Trait("gender", "category"),)
    assert ladder.traits == plain.traits
    assert signals_of(ladder) == signals_of(plain)
    assert [one.measure for one in protected_signals(ladder)] == ["gender"]
    assert "gender" in ladder_columns(ladder)[1]
    assert "gender" not in ladder_columns(plain)[1]


def test_marking_a_trait_asks_for_a_new_training() -> None:
    """What left the signals changes the fingerprint; one that was never among them does not."""
    marked = parse_ladder(PROTECTED)
    plain = parse_ladder(PROTECTED.replace("protected = true", "protected = false"))
    assert plain.protected == ()
    assert [one.id for one in plain.traits] == ["size", "gender"]
    assert marked.fingerprint != plain.fingerprint
    assert marked.fingerprint == parse_ladder(LADDER).fingerprint
    assert marked != parse_ladder(LADDER)


def test_the_limit() -> None:
    """Four fifths by default; another one asks for no new training."""
    ladder = parse_ladder(PROTECTED + "[groups]\nleast_ratio = 0.9\n")
    assert parse_ladder(PROTECTED).groups == Groups(0.8)
    assert ladder.groups == Groups(0.9)
    assert ladder.fingerprint == parse_ladder(PROTECTED).fingerprint
    assert replace(ladder, groups=Groups()) == parse_ladder(PROTECTED)


@pytest.mark.parametrize("ratio", ["0", "1", "1.2", "-0.5", '"x"', "true"])
def test_a_limit_that_is_none(ratio: str) -> None:
    """At 0 nothing is apart, at 1 everything is."""
    (mistake,) = mistakes_of(PROTECTED + f"[groups]\nleast_ratio = {ratio}\n")
    assert mistake.path == "groups.least_ratio"


NAMED = [
    ("[[trait]]\nid = \"size\"", '[identity]\nidentify_by = ["Gender"]\n\n[[trait]]\nid = "size"',
     "identity.identify_by"),
    ('form_fields = ["name"]', 'form_fields = ["name", "gender"]', "offer[1].effort.form_fields"),
    ('room = "red"', 'gender = "f"', "offer[1].only_after[0].where.gender"),
    ("[limits]\n", '[limits]\ntime_zone_trait = "gender"\n', "limits.time_zone_trait"),
    (
        '[[signal]]\nid = "longest"',
        '[[signal]]\nid = "g"\nof = [{event = "profile"}]\nhow = "last"\nmeasure = "gender"\n'
        'measure_type = "category"\n\n[[signal]]\nid = "longest"',
        "signal[0].measure",
    ),
    (
        "[[trait]]\nid = \"size\"",
        '[[commitment]]\nid = "c"\ntitle = "c"\nfrom = [{event = "x"}]\nends_at = "gender"\n'
        '\n[[trait]]\nid = "size"',
        "commitment[0].ends_at",
    ),
    ('measure = "amount"', 'measure = "GENDER"', "value.gains[0].measure"),
    (
        "[[trait]]\nid = \"size\"",
        '[[topic]]\nname = "prices"\nfrom = [{event = "profile", where = {"Génder" = "f"}}]\n'
        '\n[[trait]]\nid = "size"',
        "topic[0].from[0].where.Génder",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "path"), NAMED, ids=[path for *_, path in NAMED])
def test_nothing_else_names_it(old: str, new: str, path: str) -> None:
    """No rule, signal, form or identity goes by what is protected, however it is spelt."""
    assert PROTECTED.count(old) == 1, old
    (mistake,) = mistakes_of(PROTECTED.replace(old, new))
    assert mistake.path == path
    assert "the trait 'gender' is protected" in str(mistake)
    without = PROTECTED.replace(old, new).replace("protected = true", "")
    parse_ladder(without)  # unprotected, all of this may be


def test_an_offer_that_comes_later_does_not_ask_for_it() -> None:
    """The offers that are made beside the file are read by the same rules."""
    ladder = parse_ladder(PROTECTED)
    table = {"id": "form", "step": "talk", "title": "F", "kind": "form",
             "effort": {"form_fields": ["gender"]}}  # fmt: skip
    with pytest.raises(LadderError, match="the trait 'gender' is protected"):
        offer_of_table(ladder, table)


def test_it_says_nothing() -> None:
    """A sentence for it would be read by nobody."""
    (mistake,) = mistakes_of(PROTECTED + 'says = "is {value}"\n')
    assert (mistake.path, "not read" in mistake.problem) == ("trait[1].says", True)


def test_one_id_for_one_trait() -> None:
    """A trait is protected or not, not both."""
    again = GENDER.replace("gender", "size").replace("category", "number")
    (mistake,) = mistakes_of(LADDER + again)
    assert mistake.path == "trait[1].id"
