"""Errors name what is wrong, where, and what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.errors import (
    Conflict,
    LadderError,
    Mistake,
    OptedOut,
    Refused,
    RungError,
    Unknown,
    UnknownDecision,
    UnknownLead,
    UnknownOffer,
    Unusable,
    did_you_mean,
    without_password,
)
from tests.errors import every_error


def test_four_branches():
    """Every error is of one of four branches, and of no other."""
    branches = {Unknown, Conflict, Refused, Unusable}
    assert set(RungError.__subclasses__()) == branches
    for error in every_error() - branches:
        assert len(branches & set(error.__mro__)) == 1, error


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            UnknownLead.named("anm", ["ann", "bob"]),
            "no lead 'anm' in this log; did you mean 'ann'?",
        ),
        (UnknownLead.named("zoe", ["ann"]), "no lead 'zoe' in this log"),
        (UnknownOffer.named("x"), "no offer 'x' in this ladder"),
        (UnknownDecision.named("d"), "no decision 'd' was made here"),
        (OptedOut.named("ann"), "lead 'ann' has opted out of profiling"),
    ],
)
def test_errors_with_a_name(error, message):
    """What is missing is named, with what is close to it."""
    assert str(error) == message


def test_a_ladder_error_carries_every_mistake():
    """All mistakes are told at once, each at its place, with its remedy."""
    found = [Mistake("step[0].id", "is missing"), Mistake("offer[1]", "is no table", "write one")]
    error = LadderError("own.toml", found)
    assert error.mistakes == tuple(found)
    assert str(error).splitlines() == [
        "own.toml: 2 mistakes",
        "  step[0].id: is missing",
        "  offer[1]: is no table (write one)",
    ]
    assert str(LadderError("own.toml", found[:1])).startswith("own.toml: 1 mistake\n")


def test_a_message_tells_the_first_hundred_mistakes():
    """How many there are it says; the error itself carries all of them."""
    found = [Mistake(f"step[{at}]", "is wrong") for at in range(2_000)]
    error = LadderError("own.toml", found)
    first, *lines, last = str(error).splitlines()
    assert (first, len(lines), last) == ("own.toml: 2000 mistakes", 100, "  and 1900 more")
    assert lines[-1] == "  step[99]: is wrong"
    assert len(error.mistakes) == 2_000
    assert "more" not in str(LadderError("own.toml", found[:100]))


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("postgresql://rung:s3:c@ret@db/rung", "postgresql://rung:***@db/rung"),
        (
            "postgresql+psycopg://rung:p@127.0.0.1:5432/rung",
            "postgresql+psycopg://rung:***@127.0.0.1:5432/rung",
        ),
        ("postgresql://rung@db:5432/rung", "postgresql://rung@db:5432/rung"),
        ("postgresql://rung:p@ss@db/rung", "postgresql://rung:***@db/rung"),
        ("postgresql://rung@corp:p@db/rung", "postgresql://rung@corp:***@db/rung"),
        (
            "postgresql://rung@db/rung?sslmode=require&password=p&sslPassword=q#r",
            "postgresql://rung@db/rung?sslmode=require&password=***&sslPassword=***#r",
        ),
        ("sqlite:////var/rung.db", "sqlite:////var/rung.db"),
        (Path("a:b@c.csv"), "a:b@c.csv"),
    ],
)
def test_no_password_is_shown(source, shown):
    """What a verb reads is named without it."""
    assert without_password(source) == shown


def test_did_you_mean():
    """The closest word, and nothing where none is close."""
    assert did_you_mean("vidoe", ["video", "voice"]) == "; did you mean 'video'?"
    assert did_you_mean("x", ["video"]) == ""
    assert did_you_mean("VIDEO", ["Voice", "Video"]) == "; did you mean 'Video'?"
