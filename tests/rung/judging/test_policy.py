"""`rung policy`: what is judged, said and promoted."""

from __future__ import annotations

import json
import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from features.clock import microseconds
from features.offers.assignments import CALLED, CALLING, LEFT_ALONE, Assignment, assignment_event
from models.bundle import load_bundle
from models.offers.policy import POLICIES
from models.served_policy import read_served
from tests.full_disk import full_after
from tests.gates import watched
from tests.rung.scene import Said, call, done, jsonl, message


@pytest.fixture
def served(drawn, tmp_path) -> Path:
    """A copy of the bundle, to promote a policy in."""
    return Path(shutil.copytree(drawn.bundle, tmp_path / "bundle"))


def good_report(policy_report: tuple[Path, Said], folder: Path, **more: object) -> Path:
    """The report with figures that pass the gate."""
    told = json.loads((policy_report[0] / "policy.json").read_text())
    told["assessment"] |= {"weight_share": 0.01, "segments": {}}
    told["assessment"]["value"] |= {"effective_sample_size": 1e5, "support": 1.0}
    sure = {"value": 5.0, "error": 1.0, "low": 3.0, "high": 7.0}
    told["assessment"]["gain"] |= {"dr": sure, "snips": sure, "disagreement": 0.1}
    told["watch"] = watched(5.0, 3.0, 7.0)
    folder.mkdir()
    (folder / "policy.json").write_text(json.dumps(told | more))
    return folder


def test_policy_evaluate_in_words(policy_report):
    """A line of counts, a line for each estimator, and what the gate would miss."""
    folder, said = policy_report
    first, *rest = said.out.splitlines()
    assert re.fullmatch(
        r"learned: [\d,]+ decisions of [\d,]+ leads, worth [\d,]+ of equal weight;"
        r" [\d,]+ pending \(not judged\)",
        first,
    )
    assert [line.split()[0] for line in rest[:3]] == ["IPS", "SNIPS", "DR"]
    assert all("EUR a decision; over logged " in line for line in rest[:3])
    assert re.fullmatch(
        r"  at all looks \S+ EUR \(\S+ to \S+\) on [\d,]+ leads with [\d,]+ decisions, by \w+",
        rest[3],
    )
    assert rest[4:]
    assert all(line.startswith("  the gate: ") for line in rest[4:])
    page = (folder / "policy.md").read_text()
    for line in rest[4:]:
        assert line.removeprefix("  the gate: ") in page


def test_a_trait_of_nobody_keeps_a_policy_from_serving(served, policy_report, tmp_path):
    """A report in which nobody has a protected trait does not carry a policy, however good."""
    report = good_report(policy_report, tmp_path / "report")
    done("policy", "promote", served, "--report", report)
    none = {"least_ratio": 0.8, "figures": [],
            "traits": [{"trait": "gender", "known": 0, "unknown": 9}]}  # fmt: skip
    report = good_report(policy_report, tmp_path / "grouped", groups=none)
    said = call("policy", "promote", served, "--report", report)
    assert said.code == 1
    assert "the gate: the trait 'gender' is protected, and of no lead is its value" in said.out


def test_policy_evaluate_writes_a_report(policy_report, drawn):
    """Figures for the gate, a page and a picture for people, all policies beside each other."""
    folder, said = policy_report
    assert {path.name for path in folder.iterdir()} == {"policy.json", "policy.md", "policy.png"}
    told = json.loads((folder / "policy.json").read_text())
    assert told["bundle"] == load_bundle(drawn.bundle).version
    assert (told["name"], told["against"], told["flatters"]) == ("learned", "logged", False)
    page = (folder / "policy.md").read_text()
    assert all(f"| `{name}` |" in page for name in POLICIES)
    assert f"report in {folder}" in said.err


def test_policy_evaluate_json(drawn, policy_report):
    """As JSON it is what the report holds, and nothing else is said."""
    said = done("policy", "evaluate", drawn.events, "--bundle", drawn.bundle, "--json")
    assert said.err == ""
    assert said.json == json.loads((policy_report[0] / "policy.json").read_text())


def test_policy_evaluate_another(drawn):
    """Any policy against any other, in a period that is given."""
    rest = ("--policy", "only:no_ask", "--against", "rules", "--from", "2025-03-01", "--json")
    told = done("policy", "evaluate", drawn.events, "--bundle", drawn.bundle, *rest).json
    assert (told["name"], told["against"]) == ("only:no_ask", "rules")
    assert (told["start"], told["flatters"]) == ("2025-03-01T00:00:00Z", True)


def test_policy_compare(drawn, policy_report):
    """A table with all policies, and as JSON their figures."""
    said = done("policy", "compare", drawn.events, "--bundle", drawn.bundle)
    names = [line.split("`")[1] for line in said.out.splitlines()[4:]]
    assert sorted(names) == sorted(POLICIES)
    told = done("policy", "compare", drawn.events, "--bundle", drawn.bundle, "--json").json
    assert set(told) == set(POLICIES)
    alone = json.loads((policy_report[0] / "policy.json").read_text())["assessment"]
    assert told["learned"]["gain"] == alone["gain"]
    assert {one["currency"] for one in told.values()} == {"EUR"}


def test_some_policies_beside_each_other(drawn):
    """What a factor is worth: a policy beside itself without it. Each is there once."""
    names = ("careful:no_value", "careful", "only:no_ask")
    asked = [part for name in (*names, "careful") for part in ("--policy", name)]
    told = done("policy", "compare", drawn.events, "--bundle", drawn.bundle, *asked, "--json").json
    assert tuple(told) == names
    wrong = call("policy", "compare", drawn.events, "--bundle", drawn.bundle, "--policy", "carful")
    assert wrong.code == 1
    assert "'carful'" in wrong.err


def test_a_policy_that_is_not_good_enough_is_not_promoted(served, policy_report):
    """It exits with 1, says what is missing and what serves, and changes nothing."""
    said = call("policy", "promote", served, "--report", policy_report[0])
    *missing, last = said.out.splitlines()
    assert said.code == 1
    assert missing
    assert [line.removeprefix("the gate: ") for line in missing] == [
        line.removeprefix("  the gate: ") for line in policy_report[1].out.splitlines()[5:]
    ]
    assert last == "careful serves; nothing was changed"
    assert not (served / "served_policy.json").exists()
    told = call("policy", "promote", served, "--report", policy_report[0], "--json")
    assert (told.code, told.json["passed"], told.json["serves"]) == (1, False, "careful")
    assert len(told.json["missing"]) == len(missing)


def test_a_policy_with_a_good_report_is_promoted(served, policy_report, tmp_path):
    """It serves from then on, until a later report carries another policy."""
    good = good_report(policy_report, tmp_path / "good")
    assert done("policy", "promote", served, "--report", good).out == "learned serves\n"
    bundle = load_bundle(served)
    assert read_served(served, bundle) == "learned"
    held = json.loads((served / "served_policy.json").read_text())
    assert held["report"] == json.loads((good / "policy.json").read_text())
    refused_ = call("policy", "promote", served, "--report", policy_report[0])
    assert refused_.out.splitlines()[-1] == "learned serves; nothing was changed"
    other = good_report(policy_report, tmp_path / "other", name="thompson")
    told = done("policy", "promote", served, "--report", other, "--json").json
    assert told == {"passed": True, "missing": [], "serves": "thompson", "retired": False}
    assert read_served(served, bundle) == "thompson"


def test_a_policy_that_is_surely_worse_is_retired(served, policy_report, tmp_path):
    """Once a later report shows it, the careful policy serves again."""
    good = good_report(policy_report, tmp_path / "good")
    done("policy", "promote", served, "--report", good)
    worse = good_report(policy_report, tmp_path / "worse", watch=watched(-3.0, -5.0, -1.0))
    said = call("policy", "promote", served, "--report", worse)
    assert said.code == 1
    assert said.out.splitlines() == [
        "the gate: it is worse: -3 EUR a decision on 2,000 leads, surely below -1 EUR; it should"
        " not serve",
        "learned was retired; careful serves",
    ]
    assert read_served(served, load_bundle(served)) == "careful"
    told = call("policy", "promote", served, "--report", worse, "--json").json
    assert (told["serves"], told["retired"]) == ("careful", False)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"flatters": True}, "the gate: judged on decisions from "),
        ({"against": "rules"}, "the gate: judged against 'rules': "),
    ],
)
def test_a_report_of_the_wrong_kind_promotes_nothing(served, policy_report, tmp_path, more, said):
    """Good figures of decisions that were learned from, or against a weak rival, are not enough."""
    report = good_report(policy_report, tmp_path / "report", **more)
    found = call("policy", "promote", served, "--report", report)
    assert found.code == 1
    assert found.out.startswith(said)
    assert not (served / "served_policy.json").exists()


def test_a_policy_of_another_bundle_is_not_promoted(
    bundle_folder, trained, drawn, policy_report, tmp_path
):
    """A report speaks for the bundle that it judged."""
    said = message("policy", "promote", bundle_folder, "--report", policy_report[0])
    version = load_bundle(drawn.bundle).version
    assert f"the report is of bundle {version}, this is {trained.version}" in said
    assert not (bundle_folder / "served_policy.json").exists()
    none = message("policy", "promote", bundle_folder, "--report", tmp_path)
    assert none.endswith("make one: rung policy evaluate --report")


def test_a_policy_that_there_is_none_of_is_not_promoted(served, policy_report, tmp_path):
    """A bundle is never left with a choice that cannot be served."""
    report = good_report(policy_report, tmp_path / "report", name="lerned")
    assert "no policy 'lerned'" in message("policy", "promote", served, "--report", report)
    assert not (served / "served_policy.json").exists()


def test_a_log_without_drawn_decisions(bundle_folder, events_file):
    """Where the service has drawn nothing there is nothing to judge a policy on."""
    for verb in ("evaluate", "compare"):
        said = message("policy", verb, events_file, "--bundle", bundle_folder)
        assert "no drawn decision after" in said
        assert said.endswith("(0 pending); a policy can be judged once the service has drawn some")


def test_an_unknown_policy(drawn):
    """It is named, with those there are."""
    rest = (drawn.events, "--bundle", drawn.bundle, "--policy", "lerned")
    said = message("policy", "evaluate", *rest)
    assert "no policy 'lerned'; did you mean 'learned'? (there are learned, careful, rules" in said


def test_a_full_disk_leaves_the_old_report(policy_report, drawn, tmp_path):
    """A report that cannot be written leaves the old one, and says which."""
    folder = Path(shutil.copytree(policy_report[0], tmp_path / "report"))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    rest = ("policy", "evaluate", drawn.events, "--bundle", drawn.bundle)
    with full_after(3000):
        said = message(*rest, "--report", folder)
    assert said == f"rung: {folder}: File too large"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


# ---------------------------------------------------------------------------------------- Calling

START = datetime(2026, 1, 5, 9, tzinfo=UTC)


@pytest.fixture
def calls(b2b, tmp_path) -> Path:
    """Leads that watched a video: each second is left alone, and some of each go on."""
    rows: list[dict[str, object]] = []

    def happened(lead: str, name: str, day: float, **more: object) -> None:
        at = (START + timedelta(days=day)).isoformat()
        rows.append({"lead_id": lead, "name": name, "occurred_at": at, **more})

    for at in range(80):
        lead, arm = f"lead-{at:02}", (LEFT_ALONE, CALLED)[at % 2]
        happened(lead, "video_progress", 0.0, watched_fraction=0.9)
        drawn_at = microseconds(START + timedelta(days=1))
        event = assignment_event(Assignment(CALLING, arm, 0.5), lead, b2b, drawn_at)
        happened(lead, event.name, 1.0, **json.loads(event.properties))
        if arm == CALLED:
            happened(lead, "offer_extended", 2.0, offer="strategy-session")
        if at % 2 and at < 60:
            happened(lead, "asset_used", 3.0, minutes=20)
    happened("nobody", "export", 200.0)
    return jsonl(tmp_path / "events.jsonl", *rows)


def test_calling_in_words(calls):
    """Each goal in a sentence, each arm in a line, and the minutes."""
    said = done("calling", calls, "--ladder", "b2b").out.splitlines()
    assert said[0] == "since 2026-01-06, each lead in the arm that it was put into:"
    assert said[1].startswith(
        "advancement: calling makes a difference of +75.0 percentage points ("
    )
    assert said[2].split() == [
        *("could", "be", "called", "40", "leads,", "30", "of", "40", "whose", "horizon", "is"),
        *("over", "(75.0", "%),", "0", "pending"),
    ]
    assert said[4].startswith("purchase: the data do not tell whether calling changes it: +0.0")
    assert said[7] == (
        "minutes of reps that are known: 1,200 for 40 leads that could be called, 0 for 0"
        " to be left alone"
    )


def test_calling_json(calls):
    """The same for programs, with what is pending apart."""
    found = done("calling", calls, "--ladder", "b2b", "--until", "2026-01-10", "--json").json
    advancement = found["goals"][0]
    assert advancement["difference"] is None
    assert advancement["called"] == {
        "leads": 40, "mature": 0, "reached": 0, "pending": 40, "rate": None,
    }  # fmt: skip
    assert "not enough data" in advancement["says"]
    assert found["since"] == "2026-01-06T09:00:00Z"


def test_calling_nobody_yet(one_lead):
    """Without an assignment it says how to begin."""
    said = done("calling", one_lead, "--ladder", "b2b").out
    assert "note: no lead was assigned yet: set [controls] none in the ladder" in said


def test_calling_with_a_broken_record(tmp_path):
    """A record that cannot be read is named with its lead."""
    row: dict[str, object] = {"lead_id": "ann", "name": "rung_assignment"}
    row["occurred_at"] = START.isoformat()
    path = jsonl(tmp_path / "events.jsonl", row)
    assert "lead 'ann': a 'rung_assignment' event" in message("calling", path, "--ladder", "b2b")
