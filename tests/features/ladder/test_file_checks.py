"""What holds between the tables of a ladder file."""

from __future__ import annotations

import pytest

from features.errors import LadderError, Mistake
from features.ladder.file import parse_ladder

LADDER = """
[ladder]
name = "small"

[[step]]
id = "look"
title = "Look"
horizon_days = 7
complete_when = [{event = "video"}]
engaged_by = ["page"]

[[step]]
id = "try"
title = "Try"
horizon_days = 10
band = [0.1, 0.3]
complete_when = [{event = "trial"}]

[purchase]
horizon_days = 21
complete_when = [{event = "order"}]

[[signal]]
id = "visits"
of = [{event = "visit"}]
how = "count"
"""


def mistakes_of(more: str) -> list[Mistake]:
    try:
        parse_ladder(LADDER + more)
    except LadderError as error:
        return list(error.mistakes)
    return []


def after(event: str, more: str = "") -> str:
    return f'[[after_purchase]]\nid = "renewal"\ntitle = "Renewals"\nevent = "{event}"\n{more}'


@pytest.mark.parametrize(
    ("event", "more"),
    [
        ("video", ""),
        ("order", ""),
        ("page", ""),
        ("visit", ""),
        ("order", '[activity]\ninterest = [{event = "page"}]'),
        ("page", '[activity]\ninterest = [{event = "video"}]'),
        ("lead_asked", ""),  # a question is interest, whatever the file says of it
        ("renewed", '[activity]\ninterest = [{event = "renewed"}]'),
        ("renewed", '[activity]\ninterest = [{event = "*newed"}]'),
        ("renewed", '[activity]\nagainst = [{event = "renewed"}]'),
        ("renewed", '[activity]\nagainst = [{event = "*ed"}]\nours = [{event = "renewed"}]'),
    ],
)
def test_what_comes_after_a_purchase_is_read_by_nothing_that_learns(event, more):
    """Neither by a step or a row of the file, nor by the signals that read all interest."""
    (found,) = mistakes_of(after(event, more))
    assert found.path == "after_purchase[0].event"
    assert found.problem.startswith(f"{event!r} is read by a step or a signal")


@pytest.mark.parametrize(
    ("event", "more"),
    [
        ("renewed", ""),
        ("seat_cancelled", ""),
        ("renewed", '[activity]\ninterest = [{event = "*"}]\nours = [{event = "renewed"}]'),
        ("renewed", '[activity]\ninterest = [{event = "page"}]\nagainst = [{event = "*_lost"}]'),
    ],
)
def test_what_nothing_reads_may_come_after_a_purchase(event, more):
    """Nor what only ends as a refusal does, or is ours."""
    assert mistakes_of(after(event, more)) == []


SOURCE = """
[[source]]
name = "forms"
signature = "none"
subject = "user.id"
"""


@pytest.mark.parametrize("role", ["decision", "exposure", "outcome", "assignment"])
def test_no_source_sends_what_rung_writes(role):
    """Neither as its only event nor as one of its kinds, by whatever name the file gives it."""
    renamed = f'[events]\n{role} = "our_own"\n'
    for more, key in (
        ('event = "our_own"', "event"),
        ('event_at = "kind"\nnames = {form = "our_own"}', "names.form"),
    ):
        (found,) = mistakes_of(f"{SOURCE}{more}\n{renamed}")
        assert (found.path, found.problem) == (f"source[0].{key}", "cannot be 'our_own'")
    assert mistakes_of(f'{SOURCE}event = "form"\n{renamed}') == []


RULES = """complete_when = [
  {event = "trial", where = {plan = "team", days = {at_least = 3}}}, {event = "demo"}]"""


@pytest.mark.parametrize(
    ("rules", "is_same"),
    [
        (
            '{event = "demo"}, {event = "trial", where = {days = {at_least = 3}, plan = "team"}}',
            True,
        ),
        (
            '{event = "demo"}, {event = "trial", where = {days = {at_least = 4}, plan = "team"}}',
            False,
        ),
        ('{event = "demo"}, {event = "trial"}', False),
        ('{event = "demo"}', False),
    ],
)
def test_two_rungs_of_the_same_events(rules, is_same):
    """In whatever order they stand; what only is about the same events is another rung."""
    text = LADDER.replace('complete_when = [{event = "trial"}]', RULES)
    text = text.replace('complete_when = [{event = "order"}]', f"complete_when = [{rules}]")
    problems = []
    try:
        parse_ladder(text)
    except LadderError as error:
        problems = [(one.path, one.problem) for one in error.mistakes]
    same = [("purchase.complete_when", "is the same as step[1].complete_when")]
    assert problems == (same if is_same else [])


@pytest.mark.parametrize(("old", "path"), [("trial", "step[1]"), ("order", "purchase")])
def test_a_refusal_completes_no_rung(old, path):
    """Unless it is one under conditions alone."""
    text = LADDER.replace(f'"{old}"', '"seat_cancelled"')
    with pytest.raises(LadderError) as caught:
        parse_ladder(text)
    (found,) = caught.value.mistakes
    assert found.path == f"{path}.complete_when[0].event"
    assert found.problem.startswith("'seat_cancelled' speaks against a lead")
    some = '[activity]\nagainst = [{event = "seat_cancelled", where = {late = true}}]\n'
    parse_ladder(text + some)


PILOT = """
[[commitment]]
id = "pilot"
title = "A pilot runs"
from = [{event = "pilot_begun"}]
"""
OFFER = """
[[offer]]
id = "guide"
step = "look"
title = "A guide"
kind = "guide"
effort = {minutes = 3}
"""


@pytest.mark.parametrize(
    "end", ["days = 30", 'ends_at = "until"', 'until = [{event = "pilot_over"}]']
)
def test_what_is_under_way_ends(end):
    """After some days, at an instant that is told, or by an event: one of them is enough."""
    assert mistakes_of(f"{PILOT}{end}\n") == []
    (found,) = mistakes_of(PILOT)
    assert (found.path, found.problem) == ("commitment[0]", "never ends")


@pytest.mark.parametrize("key", ["during", "not_while"])
def test_offers_name_what_can_be_under_way(key):
    """What the file has, a question that waits, and an offer that has no answer."""
    pilot = f"{PILOT}days = 30\n"
    assert mistakes_of(f'{pilot}{OFFER}{key} = ["pilot", "reply", "offer"]\n') == []
    (found,) = mistakes_of(f'{pilot}{OFFER}{key} = ["pilots"]\n')
    assert found.path == f"offer[0].{key}"
    assert found.problem == "there is no commitment 'pilots'; did you mean 'pilot'?"
