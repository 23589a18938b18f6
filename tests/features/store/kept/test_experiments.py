"""Experiments beside a store: begun once, ended once, and never made others."""

from __future__ import annotations

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
