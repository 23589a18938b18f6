"""`rung publish`: no bundle without its report, no champion without its gate."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.rung.scene import call, message, refused


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
