"""`rung publish`: no bundle without its report, no champion without its gate."""

from __future__ import annotations

import json
import shutil
from datetime import datetime, timedelta

import pytest

from tests.rung.scene import call, done, message, refused


def test_publish_without_a_report(bundle_folder, tmp_path):
    """No bundle gets into the registry without a report: the option, the file, its bundle."""
    registry = ("--registry", f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert "--report" in refused("publish", bundle_folder, *registry, code=2)
    said = message("publish", bundle_folder, "--report", tmp_path / "none", *registry)
    assert said.endswith("make one: rung evaluate --report")
    assert list(tmp_path.iterdir()) == []


def test_publish_with_the_report_of_another_bundle(trained, bundle_folder, report, tmp_path):
    """A report speaks for the bundle that it judged."""
    other = tmp_path / "report"
    shutil.copytree(report[0], other)
    told = json.loads((other / "report.json").read_text()) | {"version": "0123456789ab"}
    (other / "report.json").write_text(json.dumps(told))
    said = message(
        *("publish", bundle_folder, "--report", other),
        *("--registry", f"sqlite:///{tmp_path / 'mlflow.db'}"),
    )
    assert f"the report is of bundle 0123456789ab, this is {trained.version}" in said


@pytest.mark.parametrize("text", ["[]", "{}", "nonsense"])
def test_publish_with_a_report_that_is_none(bundle_folder, tmp_path, text):
    """A report.json that is something else is refused like one that is not there."""
    (tmp_path / "report.json").write_text(text)
    said = message(
        *("publish", bundle_folder, "--report", tmp_path),
        *("--registry", f"sqlite:///{tmp_path / 'mlflow.db'}"),
    )
    assert "report" in said


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Operation with range is deprecated")  # MLflow's example
def test_publish_and_promote(bundle_folder, report, tmp_path):
    """A bundle whose report passes becomes the champion; one that fails exits with 1."""
    registry = ("--registry", f"sqlite:///{tmp_path / 'mlflow.db'}")
    first = call("publish", bundle_folder, "--report", report[0], *registry, "--json")
    assert first.code == 0, first.err
    assert (first.json["name"], first.json["version"]) == ("rung-b2b", 1)
    assert not first.json["champion"]
    worse = tmp_path / "worse"
    shutil.copytree(report[0], worse)
    told = json.loads((worse / "report.json").read_text())
    told["advancement"]["performance"]["ece"] = 0.5
    told["advancement"]["baselines"][-1]["performance"]["ece"] = 0.6  # as it is served
    (worse / "report.json").write_text(json.dumps(told))
    second = call("publish", bundle_folder, "--report", worse, "--promote", *registry)
    assert second.code == 1
    assert "the gate: advancement: calibration error 0.500, at most" in second.out
    assert "the champion stays what it was" in second.out
    told["advancement"]["performance"]["ece"] = 0.0
    told["advancement"]["verdict"] = "better"
    (worse / "report.json").write_text(json.dumps(told))
    third = call("publish", bundle_folder, "--report", worse, "--promote", *registry, "--json")
    assert (third.code, third.json["champion"], third.json["version"]) == (0, True, 3)


@pytest.mark.parametrize("given", [("--accept-reordering", "it is meant"), ("--by", "Ann")])
def test_who_accepts_a_reordering(bundle_folder, report, tmp_path, given):
    """Who accepts one says why, and whoever says why says who; nothing is made without."""
    registry = ("--registry", f"sqlite:///{tmp_path / 'mlflow.db'}")
    said = message("publish", bundle_folder, "--report", report[0], *registry, *given)
    assert "takes both: --accept-reordering WHY --by WHO" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("share", ["1.1", "-0.1", "most", "nan"])
def test_least_overlap_is_a_share(bundle_folder, tmp_path, share):
    """A share that is none is refused."""
    rest = ("--report", tmp_path, f"--least-overlap={share}")
    assert "must be a number from 0 to 1" in refused("publish", bundle_folder, *rest, code=2)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Operation with range is deprecated")  # MLflow's example
def test_a_champion_is_followed_on_purpose(bundle_folder, report, events_file, end, tmp_path):
    """A bundle is compared with the champion; where too many leads change, somebody says why."""
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    registry = ("--registry", uri)
    other = tmp_path / "other"
    until = (datetime.fromisoformat(end) - timedelta(days=75)).isoformat()
    done("train", events_file, "--ladder", "b2b", "--out", other, "--until", until)
    judged = ("evaluate", events_file, "--ladder", "b2b", "--bundle", other, "--report")
    first = done(*judged, tmp_path / "first", "--champion", uri)
    assert "beside the champion: there is none yet, so nothing to compare" in first.out
    done("publish", bundle_folder, "--report", report[0], "--promote", *registry)
    again = call("publish", other, "--report", tmp_path / "first", "--promote", *registry)
    assert again.code == 1
    assert "serves: evaluate it beside the champion" in again.out
    second = done(*judged, tmp_path / "second", "--champion", uri)
    assert "leads at the top" in second.out
    strict = ("--promote", *registry, "--least-overlap", "1", "--json")
    third = call("publish", other, "--report", tmp_path / "second", *strict)
    assert (third.code, third.json["champion"]) == (1, False)
    assert "if that is meant, say so with --accept-reordering" in third.json["missing"][0]
    meant = ("--accept-reordering", "other leads came", "--by", "Ann")
    last = done("publish", other, "--report", tmp_path / "second", *strict, *meant)
    assert last.json["champion"]
    told = done("champion", "show", uri, "--json").json["champions"]
    assert [(one["by"], one["why"]) for one in told] == [("Ann", "other leads came"), ("", "")]
    kept = _last_gate(tmp_path)
    assert kept["reordering"]["accepted"] == {"by": "Ann", "why": "other leads came"}
    assert kept["reordering"]["least_overlap"] == 1.0


def _last_gate(folder):
    """The report of the gate that the last promotion rests on."""
    path = max(folder.rglob("champion.json"), key=lambda one: one.stat().st_mtime_ns)
    return json.loads(path.read_text())["report"]


def test_a_folder_as_the_champion(bundle_folder, events_file):
    """The champion may be a folder; beside itself a bundle moves nobody."""
    said = done(
        *("evaluate", events_file, "--ladder", "b2b", "--bundle", bundle_folder),
        *("--champion", bundle_folder, "--json"),
    )
    overlaps = [order["overlap"] for order in said.json["reordering"]["orders"]]
    assert overlaps == [1.0, 1.0]
