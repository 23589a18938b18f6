"""`rung publish`: no bundle without its report, no champion without its gate; `rung card`."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta

import pytest

from features.clock import microseconds
from features.ladder.words import in_percent
from features.signals.table import signals_of
from rung.command import parser
from tests.gates import policy_report, watched
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


@pytest.mark.parametrize("verb", ["publish", "champion show", "card", "evaluate"])
def test_the_file_of_a_registry_is_no_uri(verb, bundle_folder, report, events_file, tmp_path):
    """Its path is told as what it is, with how the registry in it is named."""
    file = tmp_path / "mlflow.db"
    file.touch()
    calls = {
        "publish": (bundle_folder, "--report", report[0], "--registry", file),
        "champion show": (file,),
        "card": (file,),
        "evaluate": (
            events_file,
            *("--ladder", "b2b", "--bundle", bundle_folder),
            *("--champion", file),
        ),
    }
    said = message(*verb.split(), *calls[verb])
    assert said.endswith(f"is a file, and no folder; a registry in it is named sqlite:///{file}")


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
    assert first.json["alike"] == []
    assert (first.json["registry"], first.json["tracking"]) == (registry[1], registry[1])
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
    assert "published before, as version 1, which no alias ever named: it can be" in second.out
    told["advancement"]["performance"]["ece"] = 0.0
    told["advancement"]["verdict"] = "better"
    (worse / "report.json").write_text(json.dumps(told))
    third = call("publish", bundle_folder, "--report", worse, "--promote", *registry, "--json")
    assert (third.code, third.json["champion"], third.json["version"]) == (0, True, 3)
    assert third.json["alike"] == [1, 2]


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


# ---------------------------------------------------------------------------------- the model card


def card_of(*arguments: object) -> str:
    """The page that `rung card` prints."""
    return done("card", *arguments).out


def test_every_number_of_a_card_is_of_the_evidence(trained, bundle_folder, report):
    """Whatever figure stands on it is one of the bundle or its report, as such figures are told."""
    page = card_of(bundle_folder, "--report", report[0])
    told = json.loads((report[0] / "report.json").read_text())
    ladder = asdict(trained.ladder)
    held = [told, trained.manifest, ladder["steps"], ladder["purchase"], ladder["policy"]]
    inside = [sum(one["inside"] for one in told["advancement"]["performance"]["reliability"])]
    calibrated = [trained.advancement.calibrator.leads, len(signals_of(trained.ladder))]
    allowed = set(forms([*held, inside, calibrated, *CONSTANT]))
    section = page[page.index("## Model details") : page.index("## How to make it again")]
    words = re.sub(r"`[^`]*`|\d{4}-\d\d-\d\dT[\d:.]+Z|10 %\*\*|\*10 %\*", " ", section)
    numbers = re.findall(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?: ?%)?", words)
    assert len(numbers) > 200
    assert [one for one in numbers if one.rstrip(",") not in allowed] == []


def test_the_figures_of_a_card(bundle_folder, report):
    """Each row of the table of a goal is that of the report, the bundle's own first."""
    page = card_of(bundle_folder, "--report", report[0])
    judged = json.loads((report[0] / "report.json").read_text())["advancement"]
    rows = [("**this bundle**", judged["performance"])]
    rows += [(one["name"], one["performance"]) for one in judged["baselines"]]
    for name, one in rows:
        assert (
            f"| {name} | {one['auc']:.4f} ± {one['auc_error']:.4f}"
            f" | {one['log_loss']:.4f} ± {one['log_loss_error']:.4f} | {one['ece']:.4f}"
            f" | {one['ece_by_chance']:.4f} | {one['lift_10']:.2f}"
            f" | {in_percent(one['found_10'], 1)} |"
        ) in page
    assert f"{judged['verdict'].capitalize()}, on {judged['counts']['decided']:,} points" in page
    for one in judged["signals"][:10]:
        assert f"| `{one['id']}` |" in page


def test_a_card_of_what_serves(bundle_folder, report, tmp_path, monkeypatch):
    """What serves brings the report that let it, and who did; another report is judged anew."""
    into = tmp_path / "serving"
    done(
        *("champion", "promote", bundle_folder, "--report", report[0], "--into", into),
        *("--by", "ann", "--why", "the | first"),
    )
    page = card_of(into)
    assert "promoted by ann; the reason: “the \\| first”" in page
    judged = card_of(bundle_folder, "--report", report[0])
    told = [line for line in page.splitlines() if not line.startswith("* **Serving**")]
    assert told == [line for line in judged.splitlines() if not line.startswith("* **Serving**")]
    assert card_of(into, "--report", report[0]) == page
    monkeypatch.setenv("RUNG_BUNDLE", str(into))
    assert card_of() == page
    other = tmp_path / "other"
    shutil.copytree(report[0], other)
    held = json.loads((other / "report.json").read_text()) | {"flatters": True}
    (other / "report.json").write_text(json.dumps(held | {"start": "2026-01-01T00:00:00Z"}))
    page = card_of(into, "--report", other)
    assert "* **The gate**: **Not passed.** Judged from 2026-01-01" in page


def test_a_card_with_a_policy(trained, bundle_folder, report, tmp_path):
    """The report of a policy is told of where it lies beside that of the scores."""
    both = tmp_path / "both"
    shutil.copytree(report[0], both)
    judged = policy_report(bundle=trained.version, watch=watched(219.3, -1401.0, 6793.0))
    (both / "policy.json").write_text(json.dumps(judged))
    page = card_of(bundle_folder, "--report", both)
    assert ": +219.3 EUR a decision, between -1,401 and +6,793 however often" in page
    assert "Its gate was not passed. The gain is not sure: +219.3" in page
    (both / "report.json").unlink()
    assert "no report in" in message("card", bundle_folder, "--report", both)


def test_a_card_in_a_file(bundle_folder, tmp_path):
    """It is what is printed; a file whose name says another format is refused."""
    done("card", bundle_folder, "--out", tmp_path / "card.md")
    assert (tmp_path / "card.md").read_text() == card_of(bundle_folder)
    said = refused("card", bundle_folder, "--out", tmp_path / "card.pdf", code=2)
    assert "must end in .md" in said
    assert "and no bundle" in message("card", tmp_path)


def test_the_commands_of_a_card_can_be_called(trained, bundle_folder, report):
    """Each command on it is one, and that of training has the end of training and the reasons."""
    page = card_of(bundle_folder, "--report", report[0])
    blocks = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    commands = blocks + re.findall(r"`(rung [^`]*[A-Z]+)`", page + card_of(bundle_folder))
    parsed = [parser().parse_args(shlex.split(one.replace("\\\n", ""))[1:]) for one in commands]
    train, evaluate = parsed[:2]
    assert microseconds(train.until) == trained.manifest["until"]
    assert str(evaluate.bundle) == "BUNDLE"
    assert len({one.verb for one in parsed}) == 4


CONSTANT = (0.9, 95, 0.5, 0, 19, 20, 30, 10, 0.1)
"""Numbers of the sentences themselves: levels of intervals, a coin's AUC, the smallest group."""


def forms(held: object) -> Iterator[str]:
    """Every way in which a number in plain values may be written, those in texts as they stand."""
    if isinstance(held, dict):
        held = list(held.values())
    if isinstance(held, list | tuple):
        yield str(len(held))
        for one in held:
            yield from forms(one)
    elif isinstance(held, str):
        yield from (one.rstrip(",") for one in re.findall(r"\d[\d,]*(?:\.\d+)?(?: ?%)?", held))
    elif isinstance(held, int | float) and not isinstance(held, bool):
        size = abs(held)
        yield from (f"{size:{form}}" for form in (".4f", ".2f", ".1f", ",.0f", "g"))
        yield from (in_percent(size), in_percent(size, 1))
        yield f"{100 * size:.1f}"
