"""What a ladder file may just say, what is just too much, and what holds between its tables."""

from __future__ import annotations

import sys

import pytest

from features.errors import LadderError, Mistake
from features.ladder.file import parse_ladder
from features.ladder.file.names import check_unique
from features.ladder.ladder import EventNames, Ladder
from features.toml_table import Found

LADDER = """
[ladder]
name = "small"

[policy]

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

[[offer]]
id = "guide"
step = "look"
title = "A guide"
kind = "guide"
effort = {minutes = 3}
"""
TOPIC = '[[topic]]\nname = "costs"\nfrom = [{event = "said"}]\ndays = 9\n'
COMMITMENT = '[[commitment]]\nid = "pilot"\ntitle = "P"\ndays = 3\nfrom = [{event = "begun"}]\n'
SIGNAL = '[[signal]]\nid = "visits"\nof = [{event = "visit"}]\nhow = "count"\n'
BEATS = '[[beats]]\nevent = "beat"\nmeasure = "seconds"\nper = "piece"\nmost = 60\n'
AFTER = '[[after_purchase]]\nid = "renewal"\ntitle = "R"\nevent = "renewed"\n'
SOURCE = '[[source]]\nname = "forms"\nsignature = "none"\nsubject = "id"\nevent = "form"\n'
FROM, UNTIL = "valid_from = 2026-03-01T00:00:00Z\n", "valid_until = 2026-03-08T00:00:00Z\n"
WEEKLY = f"{FROM}{UNTIL}repeats_days = 7\n"


def mistakes_of(text: str) -> list[Mistake]:
    try:
        parse_ladder(text)
    except LadderError as error:
        return list(error.mistakes)
    return []


def changed(old: str, new: str) -> str:
    """The ladder with something else in one place, or after its end."""
    if not old:
        return LADDER + new
    assert LADDER.count(old) == 1
    return LADDER.replace(old, new)


ALLOWED = [
    ("band = [0.1, 0.3]", "band = [0, 0.3]"),
    ("band = [0.1, 0.3]", "band = [0.1, 1]"),
    ("[policy]", "[policy]\nexploration = 1\ncertainty = 0.5"),
    ("", WEEKLY),  # over just when it begins again
    ("", f"{WEEKLY}repeats_until = 2026-03-01T00:00:00Z\n"),
    ("[policy]", '[value]\ngains = [{event = "refund", worth = -3}]'),
    ("[policy]", "[limits]\nasks = 1\nunanswered = 1\nform_fields = 0\ndays_between_asks = 0"),
    ('{event = "trial"}', '{event = "trial", where = {live = {is_not = true}}}'),
    ('{event = "trial"}', '{event = "trial", where = {plan = {is_not = "team"}}}'),
    ("", f"{AFTER}days = 1\n"),
    ("[policy]", "[limits]\nrep_minutes_a_day = 40000\nreply_hours = 40000"),  # no days
]


@pytest.mark.parametrize(("old", "new"), ALLOWED)
def test_what_is_just_allowed(old, new):
    """The ends of what may be said are part of it."""
    assert mistakes_of(changed(old, new)) == []


REFUSED = [
    ('id = "try"', 'id = "try!"', "step[1].id", "cannot be 'try!'"),
    ('id = "guide"', 'id = "no_ask"', "offer[0].id", "is reserved"),
    ('id = "guide"', 'id = "nurture"', "offer[0].id", "is reserved"),
    ("band = [0.1, 0.3]", "band = [0.3, 0.3]", "step[1].band", "0 <= low < high <= 1"),
    ("horizon_days = 10", "horizon_days = 0", "step[1].horizon_days", "above 0"),
    ("horizon_days = 10", "horizon_days = 10\nhigh_from = 1", "step[1].high_from", "in (0, 1)"),
    ("horizon_days = 10", "horizon_days = 10\nlow_below = 0", "step[1].low_below", "in (0, 1)"),
    ("[policy]", "[policy]\nexploration = 0", "policy.exploration", "in [0.01, 1]"),
    ("[policy]", "[policy]\ncertainty = 1", "policy.certainty", "in [0.5, 1)"),
    ("[policy]", "[policy]\ncertainty = 0.49", "policy.certainty", "in [0.5, 1)"),
    ("[policy]", '[value]\ncurrency = "EURO"', "value.currency", "cannot be 'EURO'"),
    (
        *("[policy]", '[value]\ngains = [{event = "refund", worth = 0}]'),
        *("value.gains[0].worth", "must not be 0"),
    ),
    ("[policy]", "[limits]\nasks = 0", "limits.asks", "1 or more"),
    ("[policy]", "[limits]\nunanswered = 0", "limits.unanswered", "1 or more"),
    ("[policy]", "[groups]\nleast_ratio = 1", "groups.least_ratio", "above 0 and below 1"),
    ("[policy]", "max_effort_jump = 1", "ladder.max_effort_jump", "above 1"),
    ("[policy]", "dormant_after_days = 0", "ladder.dormant_after_days", "above 0"),
    ('{event = "trial"}', '{event = "t*"}', "step[1].complete_when[0].event", "first letter"),
    ('{event = "trial"}', '{event = "*l"}', "step[1].complete_when[0].event", "in [activity]"),
    (
        *('{event = "trial"}', '{event = "trial", where = {plan = []}}'),
        *("step[1].complete_when[0].where.plan", "a list of texts, not empty"),
    ),
    ("", f"{FROM}valid_until = 2026-03-01T00:00:00Z\n", "offer[0].valid_until", "be later than"),
    ("", f"{FROM}repeats_days = 7\n", "offer[0].repeats_days", "needs valid_from and valid_until"),
    ("", f"{UNTIL}repeats_days = 7\n", "offer[0].repeats_days", "needs valid_from and valid_until"),
    ("", f"{FROM}{UNTIL}repeats_days = 6\n", "offer[0].repeats_days", "begins again before"),
    (
        *("", f"{WEEKLY}repeats_until = 2026-02-28T23:59:59Z\n"),
        *("offer[0].repeats_until", "must not be earlier than valid_from"),
    ),
    (
        "",
        "repeats_until = 2026-02-28T23:59:59Z\n",
        "offer[0].repeats_until",
        "without repeats_days",
    ),
    ("", COMMITMENT.replace("pilot", "reply"), "commitment[0].id", "'reply' is reserved"),
    ("", COMMITMENT.replace('{event = "begun"}', ""), "commitment[0].from", "at least one rule"),
    ("", TOPIC.replace('{event = "said"}', ""), "topic[0].from", "at least one rule"),
    ("", TOPIC.replace('"costs"', '" "'), "topic[0].name", "is empty"),
    ("", TOPIC.replace("days = 9", "days = 0"), "topic[0].days", "must be above 0"),
    ("", TOPIC * 2, "topic[1].name", "'costs' is already the name of topic[0]"),
    ("", COMMITMENT * 2, "commitment[1].id", "'pilot' is already the id of commitment[0]"),
    (
        *("", BEATS + SIGNAL.replace("count", "sum") + 'measure = "piece"\n'),
        *("signal[0].measure", "reads 'piece' as a number, beats[0].per as a text"),
    ),
    (
        *("", SIGNAL.replace("count", "cuont") + 'says = "was here {ago}"\n'),
        *("signal[0].how", "did you mean 'count'"),
    ),
    ("", SIGNAL * 2, "signal[1].id", "'visits' is already the id of signal[0]"),
    ("", BEATS * 2, "beats[1].event", "'beat' is already the event of beats[0]"),
    ("", SOURCE * 2, "source[1].name", "'forms' is already the name of source[0]"),
    ("", AFTER * 2, "after_purchase[1].id", "'renewal' is already the id of after_purchase[0]"),
    (
        *("", SOURCE.replace('event = "form"', "event_at = 3")),
        *("source[0].event_at", "must be a text"),
    ),
    ("", SOURCE.replace("forms", "rungs"), "source[0].name", "cannot be 'rungs'"),
    (
        *("", SOURCE.replace("none", "hmac-sha256-hex") + 'header = "H"\nsecret = "env:A B"\n'),
        *("source[0].secret", "must name a variable"),
    ),
]


@pytest.mark.parametrize(("old", "new", "path", "problem"), REFUSED)
def test_what_is_just_too_much(old, new, path, problem):
    """One mistake, at its place."""
    (found,) = mistakes_of(changed(old, new))
    assert found.path == path
    assert problem in f"{found.problem} {found.remedy}"


def test_a_property_is_named_as_it_is_written():
    """Dots and words of ours are a part of its name."""
    rule = '{event = "trial", where = {"a.where.b" = {at_least = 3}, "c.d" = "x"}}'
    (held,) = parse_ladder(changed('{event = "trial"}', rule)).steps[1].complete_when
    assert [one.property for one in held.where] == ["a.where.b", "c.d"]


def test_a_role_that_cannot_be_read_is_in_no_others_way():
    """Its usual name may be what the file gives another one."""
    usual = EventNames().traits
    for wrong, problem in (('""', "is empty"), ("3", "must be a text")):
        more = f'[events]\ntraits = {wrong}\nconsent = "{usual}"'
        (found,) = mistakes_of(changed("[policy]", more))
        assert (found.path, found.problem) == ("events.traits", problem)


def test_ids_that_are_missing_are_not_the_same_id():
    """Each is missing, and no more is said of them."""
    text = LADDER.replace('id = "look"\n', "").replace('id = "try"\n', "")
    text = text.replace('step = "look"', 'step = "purchase"')
    found = [(one.path, one.problem) for one in mistakes_of(text)]
    assert found == [("step[0].id", "is missing"), ("step[1].id", "is missing")]


def test_a_step_that_is_nearly_one_is_told_although_another_is_unreadable():
    """What an offer means may be the step that cannot be read, but for a slip of the pen."""
    text = LADDER.replace('id = "look"', 'id = "Look!"')
    assert [one.path for one in mistakes_of(text)] == ["step[0].id"]
    near = text.replace('step = "look"', 'step = "trry"')
    assert [one.path for one in mistakes_of(near)] == ["step[0].id", "offer[0].step"]


def test_protected_traits_by_other_spellings():
    """Capitals, hyphens and blanks make no other name."""
    text = LADDER + '[[trait]]\nid = "age_group"\ntype = "category"\nprotected = true\n'
    for name in ("age_group", "Age-Group", "age group", "AGEGROUP"):
        asks = text.replace("{minutes = 3}", f'{{minutes = 3, form_fields = ["{name}"]}}')
        (found,) = mistakes_of(asks)
        assert found.path == "offer[0].effort.form_fields"
    assert mistakes_of(text.replace("{minutes = 3}", '{minutes = 3, form_fields = ["age"]}')) == []


def test_what_is_left_out():
    """The defaults that docs/ladder.md states."""
    ladder: Ladder = parse_ladder(LADDER + BEATS + AFTER)
    assert (ladder.dormant_after_days, ladder.max_effort_jump) == (90.0, 5.0)
    assert ladder.steps_never_lower
    assert (ladder.limits.claim_days, ladder.groups.least_ratio) == (3.0, 0.8)
    assert (ladder.beats[0].within_minutes, ladder.after_purchase[0].days) == (30.0, 365.0)
    assert ladder.title == "small"
    assert (ladder.limits.rest_days, ladder.limits.asks_days) == (14.0, 14.0)
    rested = parse_ladder(changed("[policy]", "[limits]\nasks_days = 3")).limits
    assert (rested.rest_days, rested.asks_days) == (14.0, 3.0)
    assert ladder.steps[0].engaged_by == ("page", "video")


# --------------------------------------------------------------------------- between its tables


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
        ("offer_extended", ""),  # ours, and counted by signals
        ("business_replied", ""),
        ("told", '[events]\ntraits = "told"'),
        ("renewed", '[activity]\ninterest = [{event = "renewed"}]'),
        ("renewed", '[activity]\ninterest = [{event = "*newed"}]'),
        ("renewed", '[activity]\nagainst = [{event = "renewed"}]'),
        ("renewed", '[activity]\nagainst = [{event = "*ed"}]\nours = [{event = "renewed"}]'),
    ],
)
def test_what_comes_after_a_purchase_is_read_by_nothing_that_learns(event, more):
    """Neither by a step or a row of the file, nor by the signals that read all interest."""
    (found,) = mistakes_of(LADDER + SIGNAL + after(event, more))
    assert found.path == "after_purchase[0].event"
    assert found.problem.startswith(f"{event!r} is read by a step or a signal")


@pytest.mark.parametrize(
    ("event", "more"),
    [
        ("renewed", ""),
        ("seat_cancelled", ""),
        ("renewed", '[activity]\ninterest = [{event = "*"}]\nours = [{event = "renewed"}]'),
        ("renewed", '[activity]\ninterest = [{event = "page"}]\nagainst = [{event = "*_lost"}]'),
        ("beat", BEATS),  # sums tell a rule how much it was, and nothing else
        ("begun", COMMITMENT),
        ("refund", '[value]\ngains = [{event = "refund", worth = -3}]'),
    ],
)
def test_what_nothing_reads_may_come_after_a_purchase(event, more):
    """Nor what only ends as a refusal does, or is ours."""
    assert mistakes_of(LADDER + SIGNAL + after(event, more)) == []


@pytest.mark.parametrize("key", ["lost_when", "back_when", "score_at"])
def test_what_comes_after_a_purchase_settles_nothing_that_is_learned_from(key):
    """Neither that a lead has failed or is scored, nor when: the sentence names the place."""
    named = f'{key} = [{{event = "other"}}, {{event = "renewed"}}]'
    text = changed('name = "small"', f'name = "small"\n{named}')
    (found,) = mistakes_of(text + AFTER)
    assert found.path == "after_purchase[0].event"
    assert found.problem.startswith(f"'renewed' is named by ladder.{key}[1] too")
    assert mistakes_of(text + AFTER.replace('"renewed"', '"referred"')) == []


def test_what_comes_after_a_purchase_may_begin_the_ladder_anew():
    """Who ended a contract is to be won again: that changes nothing of what came before."""
    anew = changed('name = "small"', 'name = "small"\nrestart_on = [{event = "renewed"}]')
    assert mistakes_of(anew + AFTER) == []


FORMS = """
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
        (found,) = mistakes_of(f"{LADDER}{FORMS}{more}\n{renamed}")
        assert (found.path, found.problem) == (f"source[0].{key}", "cannot be 'our_own'")
    assert mistakes_of(f'{LADDER}{FORMS}event = "form"\n{renamed}') == []


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
    problems = [(one.path, one.problem) for one in mistakes_of(text)]
    same = [("purchase.complete_when", "is the same as step[1].complete_when")]
    assert problems == (same if is_same else [])


@pytest.mark.parametrize(("old", "path"), [("trial", "step[1]"), ("order", "purchase")])
def test_a_refusal_completes_no_rung(old, path):
    """Unless it is one under conditions alone."""
    text = LADDER.replace(f'"{old}"', '"seat_cancelled"')
    (found,) = mistakes_of(text)
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


@pytest.mark.parametrize(
    "end", ["days = 30", 'ends_at = "until"', 'until = [{event = "pilot_over"}]']
)
def test_what_is_under_way_ends(end):
    """After some days, at an instant that is told, or by an event: one of them is enough."""
    assert mistakes_of(f"{LADDER}{PILOT}{end}\n") == []
    (found,) = mistakes_of(LADDER + PILOT)
    assert (found.path, found.problem) == ("commitment[0]", "never ends")


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("days = 30\nelse_days = 9", "is for where ends_at is not told"),
        ('ends_at = "until"\ndays = 9\nelse_days = 9', "is never reached"),
        ('ends_at = "until"\nelse_days = 0', "above 0"),
    ],
)
def test_days_where_no_end_is_told(lines, problem):
    """They stand beside the property that tells one, and come before the most."""
    assert mistakes_of(f'{LADDER}{PILOT}ends_at = "until"\ndays = 30\nelse_days = 9\n') == []
    (found,) = mistakes_of(f"{LADDER}{PILOT}{lines}\n")
    assert found.path == "commitment[0].else_days"
    assert problem in found.problem


OVERDUE = '[[commitment]]\nid = "overdue"\ntitle = "It is over"\ndays = 9\n'


def test_one_follows_another_that_runs_out():
    """The commitment that it follows is begun by an event, and is over by itself."""
    runs = f"{LADDER}{PILOT}days = 30\n"
    after = 'after = "pilot"\n'
    ladder = parse_ladder(runs + OVERDUE + after)
    assert (ladder.commitments[1].after, ladder.commitments[1].begins) == ("pilot", ())
    endless = LADDER + PILOT + 'until = [{event = "pilot_over"}]\n'
    for text, path, problem in (
        (runs + OVERDUE, "commitment[1].from", "needs at least one rule"),
        (runs + OVERDUE + 'after = "pilots"\n', "commitment[1].after", "did you mean 'pilot'?"),
        (runs + OVERDUE + 'after = "overdue"\n', "commitment[1].after", "'overdue' with from"),
        (
            runs + OVERDUE + f'{after}from = [{{event = "a"}}]\n',
            "commitment[1].after",
            "beside from",
        ),
        (endless + OVERDUE + after, "commitment[1].after", "'pilot' never runs out"),
    ):
        (found,) = mistakes_of(text)
        assert found.path == path
        assert problem in found.problem


@pytest.mark.parametrize("key", ["during", "not_while"])
def test_offers_name_what_can_be_under_way(key):
    """What the file has, a question that waits, and an offer that has no answer."""
    named = 'kind = "guide"'
    known = changed(named, f'{named}\n{key} = ["pilot", "reply", "offer"]')
    assert mistakes_of(f"{known}{PILOT}days = 30\n") == []
    (found,) = mistakes_of(known.replace('"pilot"', '"pilots"') + f"{PILOT}days = 30\n")
    assert found.path == f"offer[0].{key}"
    assert found.problem == "there is no commitment 'pilots'; did you mean 'pilot'?"


# --------------------------------------------------------------------------- very many mistakes


OFFER = '[[offer]]\nid = "o{0}"\nstep = "s"\ntitle = "A"\nkind = "k"\neffort = {{}}\n'
STEP = '[[step]]\nid = "s{0}"\ntitle = "A"\nhorizon_days = 7\n'
MANY = {
    "commitments": '[[commitment]]\nid = "c{0}"\ntitle = "C"\nfrom = [{{event = "a"}}]\n'
    + OFFER
    + 'during = ["x"]\n',
    "steps": STEP + 'complete_when = [{{event = "same"}}]\n' + OFFER,
}


def steps_of_work(text: str) -> int:
    """The calls that refusing a text takes, those of functions built in among them."""
    calls = 0

    def count(_frame: object, event: str, _of: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    former = sys.getprofile()
    sys.setprofile(count)
    try:
        assert mistakes_of(text)
    finally:
        sys.setprofile(former)
    return calls


@pytest.mark.parametrize("row", MANY.values(), ids=list(MANY))
def test_twice_the_mistakes_are_twice_the_work(row):
    """A file of very many mistakes is refused as soon as it is read."""
    few, many = (LADDER + "".join(row.format(at) for at in range(n)) for n in (60, 240))
    assert steps_of_work(many) < 5 * steps_of_work(few)


def test_ids_are_looked_up_once():
    """A list of all of them is not gone through for each."""
    compared = 0

    class Id(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return str.__eq__(self, other)

    found = Found()
    check_unique(found, "offer", [Id(f"o{at % 99}") for at in range(100)])
    assert [one.path for one in found.mistakes] == ["offer[99].id"]
    assert compared <= 100
