"""`rung champion judge`: what serves, judged on what came since; kept where it is a store."""

from __future__ import annotations

from typing import Any

import pytest

from features.store.events import EventStore
from features.store.kept.reports import Reports
from models.bundle import load_bundle
from models.gate import Gate
from models.judging.served import OFFERS, POLICY, SCORES, about_policy
from rung.judging.served import _print_framings, _print_offer
from tests.rung.scene import call, done, message


@pytest.fixture(scope="module")
def url(drawn, tmp_path_factory) -> str:
    made = f"sqlite:///{tmp_path_factory.mktemp('judged') / 'rung.db'}"
    done("import", drawn.events, "--store", made, "--ladder", "b2b")
    return made


@pytest.mark.slow
def test_what_is_found_is_kept(drawn, url, monkeypatch):
    """The model, the offers and the learned policy: as it is printed it is in the store."""
    monkeypatch.setenv("RUNG_BUNDLE", str(drawn.bundle))
    monkeypatch.setenv("RUNG_DATABASE_URL", url)
    found = done("champion", "judge", "--json").json
    bundle = load_bundle(drawn.bundle)
    with EventStore.existing(url) as store:
        reports = Reports(store.database)
        scores = reports.newest(SCORES, "b2b", bundle.hash)
        offers = reports.newest(OFFERS, "b2b")
        learned = reports.newest(POLICY, "b2b", about_policy(bundle.hash, "learned"))
    assert scores is not None
    assert offers is not None
    assert learned is not None
    assert scores.body == found["scores"]
    assert offers.body == found["offers"]
    assert [learned.body] == found["policies"]
    told = found["scores"]["evaluation"]["advancement"]["realised"]
    assert told[0]["kind"] == "all"
    assert {one["kind"] for one in told} == {"all", "step", "span"}
    gate = Gate.of_dict(learned.body["gate"])
    assert gate.bundle == bundle.hash
    lines = [line for check in learned.body["checks"] for line in check["missing"]]
    assert lines == list(gate.missing)
    said = done("champion", "judge", url, "--bundle", drawn.bundle).out
    assert "of 100 were expected to" in said
    assert "by lot: " in said
    assert "learned: may not serve yet" in said
    assert "  the gate: " in said


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("unknown", "whether it helps is not known yet"),
        ("no_difference", "no difference worth having"),
        ("helps", "it helps"),
    ],
)
def test_a_verdict_in_words(b2b, capsys, verdict, words):
    """A word of programs stands in no line: whoever reads it is told what it means."""
    effect = {"value": 0.01, "low": -0.02, "high": 0.04}
    arm = {"leads": 40}
    one: Any = {"offer": "guide", "effect": effect, "asked": arm, "alone": arm}
    _print_offer(b2b, one | {"worth": 0.02, "verdict": verdict})
    assert capsys.readouterr().out == (
        f"guide: 40 asked, 40 left alone, by lot: +1.0 of 100 (-2.0 to +4.0), {words}\n"
    )


def test_the_ways_to_put_an_offer(b2b, capsys):
    """A line for each but the first, beside which it stands."""
    effect = {"value": 0.01, "low": -0.02, "high": 0.04}
    arms = [{"arm": name, "leads": leads} for name, leads in (("short", 40), ("deep", 1230))]
    other = {"arm": "deep", "effect": effect, "worth": 0.02, "verdict": "helps"}
    one: Any = {"offer": "guide", "control": "short", "arms": arms, "comparisons": [other]}
    _print_framings(b2b, one)
    assert capsys.readouterr().out == (
        "guide, put as deep: 1,230 beside 40 short, by lot: +1.0 of 100 (-2.0 to +4.0), it helps\n"
    )


def test_a_bundle_of_today_cannot_be_judged(bundle_folder, events_file):
    """Where nothing came since it was trained that is said, and it is no failure."""
    rest = ("--bundle", bundle_folder, "--until", "2026-01-01T00:00:00Z")
    said = call("champion", "judge", events_file, *rest)
    assert said.code == 0
    assert said.out.startswith("scores: no lead to score between")
    assert "offers: none was drawn by lot yet" in said.out
    assert "learned: no drawn decision after" in said.out


def test_without_a_bundle(events_file, monkeypatch):
    """It says what to name."""
    monkeypatch.delenv("RUNG_BUNDLE", raising=False)
    assert "RUNG_BUNDLE is not set" in message("champion", "judge", events_file)
