"""When nobody is contacted, beside a walk minute by minute; what the file may say of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.clock import instant, microseconds, when
from features.errors import LadderError
from features.ladder import quiet_hours
from features.ladder.file import parse_ladder
from features.ladder.quiet_hours import QuietHours, zone_of
from tests.profiles import examples

MINUTE_US = 60_000_000
BERLIN = "Europe/Berlin"
SMALL = """
[ladder]
name = "small"
[[step]]
id = "watch"
title = "Watch"
horizon_days = 7
complete_when = [{event = "watched"}]
[[step]]
id = "talk"
title = "Talk"
horizon_days = 14
band = [0.4, 0.6]
complete_when = [{event = "talked"}]
[purchase]
horizon_days = 60
complete_when = [{event = "signed"}]
[limits]
"""


def at(text: str) -> int:
    return microseconds(instant(text))


def night(time_zone: str = BERLIN, days: tuple[int, ...] = ()) -> QuietHours:
    return QuietHours((20 * 60, 8 * 60), days, time_zone)


def over(quiet: QuietHours, text: str, time_zone: str = "") -> str | None:
    """When it is quiet no more, as UTC to the second."""
    found = quiet.until(at(text), time_zone)
    return None if found is None else f"{when(found):%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-01-14T18:59:59Z", None),  # 19:59:59 in Berlin
        ("2026-01-14T19:00:00Z", "2026-01-15T07:00:00Z"),
        ("2026-01-14T23:30:00Z", "2026-01-15T07:00:00Z"),  # past midnight there
        ("2026-01-15T06:59:59.999999Z", "2026-01-15T07:00:00Z"),
        ("2026-01-15T07:00:00Z", None),
        ("2026-07-15T18:00:00Z", "2026-07-16T06:00:00Z"),  # in summer
        ("2026-07-16T06:00:00Z", None),
    ],
)
def test_a_night(moment, expected):
    """Hours pass midnight, and are those of the clock on the wall in winter and in summer."""
    assert over(night(), moment) == expected


def test_hours_within_a_day():
    """Hours that do not pass midnight, as a break at noon."""
    noon = QuietHours((12 * 60, 13 * 60 + 30))
    assert over(noon, "2026-01-14T11:59:59Z") is None
    assert over(noon, "2026-01-14T12:00:00Z") == "2026-01-14T13:30:00Z"
    assert over(noon, "2026-01-14T13:30:00Z") is None


def test_days():
    """Whole days of the week, and the night that follows them."""
    weekend = night("UTC", days=(5, 6))
    assert over(weekend, "2026-01-16T19:59:00Z") is None  # a Friday
    assert over(weekend, "2026-01-16T20:00:00Z") == "2026-01-19T08:00:00Z"
    assert over(weekend, "2026-01-17T12:00:00Z") == "2026-01-19T08:00:00Z"
    alone = QuietHours(days=(5, 6), time_zone=BERLIN)
    assert over(alone, "2026-01-17T12:00:00Z") == "2026-01-18T23:00:00Z"


def test_two_zones():
    """The lead's own zone goes before the ladder's; one that there is not is the ladder's own."""
    assert over(night(), "2026-01-14T12:00:00Z") is None
    assert over(night(), "2026-01-14T12:00:00Z", "Asia/Tokyo") == "2026-01-14T23:00:00Z"
    assert over(night(), "2026-01-14T12:00:00Z", "America/New_York") == "2026-01-14T13:00:00Z"


def test_the_day_of_23_hours():
    """On 29 March 2026 Berlin goes from 2 to 3: the night is an hour shorter."""
    assert over(night(), "2026-03-28T19:00:00Z") == "2026-03-29T06:00:00Z"
    assert night().until(at("2026-03-28T19:00:00Z")) == at("2026-03-28T19:00:00Z") + 11 * 60 * (
        MINUTE_US
    )


def test_the_day_of_25_hours():
    """On 25 October 2026 Berlin goes from 3 back to 2: the night is an hour longer."""
    assert over(night(), "2026-10-24T18:00:00Z") == "2026-10-25T07:00:00Z"
    assert night().until(at("2026-10-24T18:00:00Z")) == at("2026-10-24T18:00:00Z") + 13 * 60 * (
        MINUTE_US
    )


def test_an_end_that_the_clock_leaves_out():
    """Quiet until half past two ends as the clock goes from 2 to 3."""
    early = QuietHours((20 * 60, 150), time_zone=BERLIN)
    assert over(early, "2026-03-28T22:00:00.5Z") == "2026-03-29T01:00:00Z"


def test_an_end_that_comes_twice():
    """Quiet until half past two ends twice: the hour from 2 to 3 is there two times."""
    early = QuietHours((20 * 60, 150), time_zone=BERLIN)
    assert over(early, "2026-10-24T22:00:00Z") == "2026-10-25T00:30:00Z"
    assert over(early, "2026-10-25T00:30:00Z") is None
    assert over(early, "2026-10-25T01:00:00Z") == "2026-10-25T01:30:00Z"


def test_the_only_hour_is_left_out():
    """Where the one hour of the day that is not quiet is left out, it is quiet until the next."""
    rare = QuietHours((3 * 60, 2 * 60), time_zone=BERLIN)
    assert over(rare, "2026-03-28T12:00:00Z") == "2026-03-30T00:00:00Z"


def test_never():
    """Without hours or days it is never quiet."""
    assert QuietHours(time_zone=BERLIN).until(at("2026-01-14T23:30:00Z")) is None


minutes = st.integers(0, 24 * 60 - 1)
zones = st.sampled_from(
    [
        "UTC",
        BERLIN,
        "America/New_York",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "Africa/Casablanca",
    ]
)
quiets = st.builds(
    QuietHours,
    hours=st.one_of(st.none(), st.tuples(minutes, minutes).filter(lambda two: two[0] != two[1])),
    days=st.lists(st.integers(0, 6), max_size=3, unique=True).map(tuple),
    time_zone=zones,
)
CHANGES = [  # of the clock, somewhere
    at(text)
    for text in ("2026-03-29T01:00Z", "2026-10-25T01:00Z", "2026-03-08T07:00Z", "2026-04-04T15:00Z")
]
moments = st.one_of(
    st.integers(at("2026-01-01T00:00Z"), at("2027-01-01T00:00Z")),
    st.tuples(st.sampled_from(CHANGES), st.integers(-2 * 1440, 1440)).map(
        lambda two: two[0] + two[1] * MINUTE_US
    ),
)


def is_quiet(quiet: QuietHours, moment: datetime) -> bool:
    wall = moment.astimezone(ZoneInfo(quiet.time_zone))
    if wall.weekday() in quiet.days:
        return True
    minute = wall.hour * 60 + wall.minute
    begins, ends = quiet.hours or (0, 0)
    return any(begins <= minute + day < ends + 1440 * (ends < begins) for day in (0, 1440))


@settings(deadline=None, max_examples=examples(200))
@given(quiets, moments)
def test_walk(quiet: QuietHours, as_of: int):
    """It is over at the first minute that is not quiet, as one who looks every minute finds."""
    found = quiet.until(as_of)
    moment = when(as_of)
    if not is_quiet(quiet, moment):
        assert found is None
        return
    while is_quiet(quiet, moment):
        moment = moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
    assert found == microseconds(moment)


# -------------------------------------------------------------------------------------------- File


def read(text: str) -> QuietHours:
    return parse_ladder(SMALL + text).limits.quiet


def test_file():
    """All keys are read; left out, it is never quiet, in UTC."""
    assert read("") == QuietHours()
    assert read(
        """
        quiet_hours = "20:00-08:30"
        quiet_days = ["sunday", "Saturday"]
        time_zone = "Europe/Berlin"
        time_zone_trait = "time_zone"
        inbound_channels = ["page"]
        """
    ) == QuietHours((1200, 510), (5, 6), BERLIN, "time_zone", ("page",))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('quiet_hours = "20-8"', r"limits.quiet_hours: cannot be '20-8' \(.*as 20:00-08:00"),
        ('quiet_hours = "20:00-24:00"', "midnight is 00:00"),
        ('quiet_hours = "08:00-08:00"', "end when they begin"),
        ("quiet_hours = 20", "limits.quiet_hours: must be a text"),
        ('quiet_hour = "20:00-08:00"', "did you mean 'quiet_hours'"),
        ('quiet_days = ["sonday"]', "has no day 'sonday'; did you mean 'sunday'"),
        ('quiet_days = ["sunday", "sunday"]', "names one thing twice"),
        (f"quiet_days = {list(quiet_hours.DAYS)}", "leave no day to contact anybody"),
        ('time_zone = "Europe/Berln"', "has no zone 'Europe/Berln'; did you mean 'Europe/Berlin'"),
        ('time_zone = "Europe"', "limits.time_zone: has no zone 'Europe'"),
        ('time_zone = "/etc/passwd"', "limits.time_zone: has no zone"),
        ('time_zone = "../UTC"', "limits.time_zone: has no zone"),
        ("time_zone = 1", "limits.time_zone: must be a text"),
        ('inbound_channels = "page"', "limits.inbound_channels: must be a list of texts"),
        ("time_zone_trait = 1", "limits.time_zone_trait: must be a text"),
    ],
)
def test_mistakes(line, problem):
    """A mistake is named with its place and what would be right."""
    with pytest.raises(LadderError, match=problem):
        read(line)


def test_a_machine_without_time_zones(monkeypatch):
    """UTC needs no database of time zones; for another zone the remedy is said."""
    monkeypatch.setattr(quiet_hours, "_zones", frozenset)
    zone_of.cache_clear()
    try:
        assert zone_of("UTC") is UTC
        with pytest.raises(LadderError, match="install the package tzdata"):
            read(f'time_zone = "{BERLIN}"')
    finally:
        zone_of.cache_clear()


def test_no_part_of_the_fingerprint():
    """A model goes on with other quiet hours, as with other limits."""
    texts = ("", 'quiet_hours = "20:00-08:00"\n', "asks = 7\n")
    assert len({parse_ladder(SMALL + text).fingerprint for text in texts}) == 1
