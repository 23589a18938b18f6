"""Experiments beside a store: begun once, ended once, and never made others."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from features.errors import ExperimentConflict, UnknownExperiment

BODY = {"id": "tools", "arms": [{"id": "a"}], "title": "Two tools"}


def test_a_life(store):
    held = store.experiments
    assert held.of("b2b") == []
    begun = held.start("b2b", "tools", BODY, now=5, by="ann")
    assert held.get("b2b", "tools") == begun
    assert (begun.state, begun.stopped_at, begun.body) == ("running", None, BODY)
    held.start("b2b", "later", {}, now=9, by="ann")
    held.start("b2c", "tools", {}, now=1, by="ann")
    assert held.running("b2b") == ("tools", "later")
    ended = held.stop("b2b", "tools", now=11, verdict="b helps")
    assert (ended.state, ended.stopped_at, ended.verdict) == ("stopped", 11, "b helps")
    assert held.running("b2b") == ("later",)
    assert [one.id for one in held.of("b2b", "stopped")] == ["tools"]
    assert held.archive("b2b", "tools").state == "archived"
    assert held.get("b2c", "tools").state == "running"


def test_what_cannot_be_changed(store):
    held = store.experiments
    held.start("b2b", "tools", BODY, now=5, by="ann")
    with pytest.raises(ExperimentConflict, match="choose another id"):
        held.start("b2b", "tools", {}, now=6, by="bob")
    with pytest.raises(ExperimentConflict, match="stop it first"):
        held.archive("b2b", "tools")
    held.stop("b2b", "tools", now=7, verdict="over")
    with pytest.raises(ExperimentConflict, match="ended before: 'over'"):
        held.stop("b2b", "tools", now=8, verdict="again")
    held.archive("b2b", "tools")
    with pytest.raises(ExperimentConflict, match="choose another id"):
        held.start("b2b", "tools", BODY, now=9, by="ann")
    assert held.get("b2b", "tools").body == BODY
    with pytest.raises(UnknownExperiment, match="did you mean 'tools'"):
        held.get("b2b", "tool")


def test_all_leads_are_scored_anew_when_one_begins_or_ends(store):
    def wanted() -> object:
        return store.scores.full_run()[1]

    before = wanted()
    store.experiments.start("b2b", "tools", BODY, now=5, by="ann")
    begun = wanted()
    assert begun != before
    store.experiments.stop("b2b", "tools", now=7, verdict="")
    assert wanted() != begun


def test_one_begins_after_the_other(store):
    """Whoever begins one sees all that run, so of many at once with the same offers one does."""

    def alone(running) -> None:
        if running:
            raise ExperimentConflict("another runs")

    def begin(number: int) -> bool:
        try:
            store.experiments.start("b2b", f"x{number}", BODY, now=5, by="ann", check=alone)
        except ExperimentConflict:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(begin, range(8))) == 1
    assert len(store.experiments.running("b2b")) == 1


def test_it_ends_with_all_that_goes_with_it_or_not_at_all(store):
    """Where that fails it runs on, and can be ended again; of two who end it one is told it was."""

    def fail(_: object) -> None:
        raise OSError("away")

    held = store.experiments
    held.start("b2b", "tools", BODY, now=5, by="ann")
    with pytest.raises(OSError, match="away"):
        held.stop("b2b", "tools", now=7, verdict="a", then=fail)
    assert held.running("b2b") == ("tools",)

    def end(verdict: str) -> str:
        try:
            return str(held.stop("b2b", "tools", now=8, verdict=verdict).verdict)
        except ExperimentConflict as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(end, "abcdefgh"))
    stands = held.get("b2b", "tools").verdict
    assert told.count(stands) == 1
    assert sum(f"ended before: {stands!r}" in one for one in told) == 7
