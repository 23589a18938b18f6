"""`rung retrain`, `champion`, `compare` and `rollback` on a folder that serves."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import Any

import pytest

import rung
from features.ladder.file import parse_ladder
from models.bundle import load_bundle, save_bundle
from models.logged.former_bundles import Promotion
from models.logged.versions import ServedVersion, Version
from models.sources import RegistrySource
from rung.judging import champion
from training.scores.challenge import Challenge, GoalChallenge, Pair

QUICK = """
[fit]
folds = 2
repeats = 1

[boosting]
most_rounds = 40
learning_rate = 0.2
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A simulated log, and two bundles: one that knew little, one that knew more."""
    from features.ladder.file import read_ladder
    from training.simulation.config import SimulationConfig
    from training.simulation.world import simulate

    folder = tmp_path_factory.mktemp("champions")
    (folder / "quick.toml").write_text(QUICK)
    config = SimulationConfig(leads=300, days=170, seed=6)
    simulate(read_ladder("b2b"), config).events.to_parquet(folder / "events.parquet")
    for name, until in (("little", "2026-01-25"), ("more", "2026-04-15")):
        command = ["train", str(folder / "events.parquet"), "--ladder", "b2b"]
        command += ["--out", str(folder / name), "--until", f"{until}T00:00:00Z"]
        command += ["--config", str(folder / "quick.toml")]
        assert rung.main(command) == 0
    return folder


@pytest.fixture
def serving(world, tmp_path):
    shutil.copytree(world / "little", tmp_path / "serving")
    return tmp_path / "serving"


def done(capsys, *arguments: object) -> dict[str, Any]:
    capsys.readouterr()
    code = rung.main([*map(str, arguments), "--json"])
    held = capsys.readouterr()
    assert code == 0, held.err
    answer: dict[str, Any] = json.loads(held.out)
    return answer


def bytes_of(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    "meant",
    [(), ("--ladder", "b2b"), ("--accept-reordering", "an upgrade", "--by", "ann")],
)
def test_a_champion_of_another_version(serving, tmp_path, capsys, meant):
    """It says how to go on, before anything is read; what serves is told of all the same."""
    manifest = json.loads((serving / "manifest.json").read_text())
    (serving / "manifest.json").write_text(json.dumps(manifest | {"format": 4}))
    command = ["retrain", str(tmp_path / "none.csv"), "--champion", str(serving), *meant]
    assert rung.main(command) == 1
    told = capsys.readouterr().err
    assert "has bundle format 4" in told
    assert "say so with --accept-reordering WHY --by WHO" in told
    (shown,) = done(capsys, "champion", "show", serving)["champions"]
    assert shown["bundle"] == manifest["hash"]


@pytest.mark.slow
def test_from_retraining_to_rolling_back(world, serving, capsys):
    """What is better serves, is told of with its reason, and goes when it is taken back."""
    before, events = bytes_of(serving), world / "events.parquet"
    quick = ("--config", world / "quick.toml")
    made = done(capsys, "retrain", events, "--champion", serving, "--by", "ann", *quick)
    accepted = {}
    if made["missing"]:  # the top is another one: that is for people to accept
        assert not made["promoted"]
        assert "leads at the top" in made["missing"][0]
        accepted = {"by": "ann", "why": "it knows more"}
        meant = ("--accept-reordering", accepted["why"])
        made = done(capsys, "retrain", events, "--champion", serving, "--by", "ann", *quick, *meant)
    assert made["promoted"], made
    told = done(capsys, "champion", "show", serving)["champions"]
    assert told[0]["bundle"].startswith(made["bundle"])
    assert (told[0]["by"], told[0]["why"]) == ("ann", made["why"])
    assert told[0]["figures"]["advancement_auc"] > 0.5
    gate = json.loads((serving.parent / "serving.former" / "champion.json").read_text())["gate"]
    assert (gate["report"]["reordering"]["accepted"] or {}) == accepted
    done(capsys, "rollback", serving, "--by", "bob", "--why", "a try")
    assert bytes_of(serving) == before


def test_compare(world, serving, capsys):
    """The challenger beside the champion: figures, differences, and who would be at the top."""
    events = world / "events.parquet"
    told = done(capsys, "compare", events, world / "more", "--champion", serving)
    (found,) = told["challenges"]
    assert {pair["name"] for pair in found["goals"][0]["pairs"]} >= {"log loss", "AUC"}
    assert rung.main(
        ["compare", str(events), str(world / "more"), "--champion", str(serving)]
    ) == 0  # fmt: skip
    said = capsys.readouterr().out
    assert f"beside the champion {found['champion']}" in said
    assert "calibration error" in said


def test_columns_hold_their_names_and_money(capsys):
    """Money is written as elsewhere, and nothing runs together."""
    name = "value in the top 10 %, EUR a hundred scores"
    pairs = (
        Pair("AUC", 0.9, 0.91, 0.01, 0.002, is_better=True),
        Pair("lift of the top 10 %", None, 2.0, None, None, is_better=True),
        Pair(name, 45784.6952, 43916.9909, -1867.7043, 2046.2909, is_better=True, is_money=True),
    )
    champion._print_goal(GoalChallenge("purchase", 1000, 500, pairs, ()))
    said = capsys.readouterr().out.splitlines()
    assert said[2].split() == ["AUC", "0.9000", "0.9100", "+0.0100", "±", "0.0020", "better"]
    assert said[3].split() == [*["lift", "of", "the", "top", "10", "%"], "not", "known"]
    assert said[4].strip() == f"{name}  45,784.70  43,916.99  -1,867.70 ± 2,046.29"


def test_by_which_order_the_top_is_told(capsys):
    """Leads that share a chance of a purchase stay, whatever becomes of the order before a step."""
    pairs = tuple(Pair(name, 0.6, 0.5, -0.1, 0.01, is_better=False) for name in ("log loss", "AUC"))
    goal = GoalChallenge("advancement", 900, 311, pairs, ())
    champion._print_challenge(Challenge("one", "other", 0, 1, (goal,), 100, 7.0, 60, 21.4))
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "  of 100 leads at the top by the chance of a purchase 7 would be others",
        "  of 60 leads at the top before their step by the chance of it 21 would be others",
    ]


def test_a_goal_without_figures_says_why(capsys):
    """A purchase that few leads made is a line of its own."""
    note = "not enough data (leads that bought 4, that did not 307)"
    champion._print_goal(GoalChallenge("purchase", 900, 311, (), (), note))
    assert capsys.readouterr().out == f"  purchase: {note}\n"


def test_promote_by_a_report(world, serving, capsys, tmp_path):
    """A report of the bundle, judged beside what serves, is what lets it serve."""
    events, more = world / "events.parquet", world / "more"
    common = ["--ladder", "b2b", "--bundle", str(more), "--report", str(tmp_path / "report")]
    assert rung.main(["evaluate", str(events), *common]) == 0
    told = json.loads((tmp_path / "report" / "report.json").read_text())
    for goal in ("advancement", "purchase"):  # so few leads are calibrated by luck alone
        if told[goal]["performance"]:
            told[goal]["performance"]["ece"] = 0.0
    (tmp_path / "report" / "report.json").write_text(json.dumps(told))
    promote = ["champion", "promote", str(more), "--report", str(tmp_path / "report")]
    assert rung.main([*promote, "--into", str(serving)]) == 1
    said = capsys.readouterr().out
    assert "compared with no champion" in said
    assert "the champion stays what it was" in said
    assert rung.main([*promote, "--into", str(tmp_path / "new"), "--by", "ann"]) == 0
    assert bytes_of(tmp_path / "new") == bytes_of(more)


def test_another_top_is_promoted_on_purpose(world, serving, capsys, tmp_path):
    """The refusal names an option, and the verb has it; who accepts it, and why, is kept."""
    events, more = world / "events.parquet", world / "more"
    judged = ["--ladder", "b2b", "--bundle", str(more), "--report", str(tmp_path / "report")]
    assert rung.main(["evaluate", str(events), *judged, "--champion", str(serving)]) == 0
    told = json.loads((tmp_path / "report" / "report.json").read_text())
    for goal in ("advancement", "purchase"):  # so few leads are calibrated by luck alone
        if told[goal]["performance"]:
            told[goal]["performance"]["ece"] = 0.0
    for order in told["reordering"]["orders"]:
        if order["overlap"] is not None:
            order["overlap"], order["kept"] = 0.1, 0.1 * order["top"]
    (tmp_path / "report" / "report.json").write_text(json.dumps(told))
    promote = ["champion", "promote", str(more), "--report", str(tmp_path / "report")]
    promote += ["--into", str(serving)]
    assert rung.main(promote) == 1
    assert "say so with --accept-reordering" in capsys.readouterr().out
    meant = ["--accept-reordering", "other leads came"]
    assert rung.main([*promote, *meant]) == 1
    assert "takes both: --accept-reordering WHY --by WHO" in capsys.readouterr().err
    assert rung.main([*promote, *meant, "--by", "ann"]) == 0
    kept = json.loads((tmp_path / "serving.former" / "champion.json").read_text())
    assert kept["gate"]["report"]["reordering"]["accepted"] == {
        "by": "ann", "why": "other leads came",
    }  # fmt: skip


def test_nothing_to_show_or_to_go_back_to(tmp_path, serving, capsys):
    """Each says so in a sentence."""
    assert rung.main(["champion", "show", str(tmp_path / "none")]) == 0
    assert "nothing serves yet" in capsys.readouterr().out
    assert rung.main(["rollback", str(serving), "--by", "ann", "--why", "it is worse"]) == 1
    assert "there is nothing to go back to" in capsys.readouterr().err


def test_a_place_that_holds_something_else_is_told_first(tmp_path, capsys):
    """Before the log is read, and long before a bundle is trained for it."""
    (tmp_path / "thesis.txt").write_text("ten years")
    assert rung.main(["retrain", str(tmp_path / "none.csv"), "--champion", str(tmp_path)]) == 1
    assert "holds 'thesis.txt' and no bundle" in capsys.readouterr().err


def test_what_is_wrong_with_what_is_accepted_is_said_before_training(tmp_path, capsys):
    """A reason needs somebody who gives it, and there is no log to read yet."""
    command = ["retrain", str(tmp_path / "none.csv"), "--accept-reordering", "it is meant"]
    assert rung.main(command) == 1
    assert "takes both: --accept-reordering WHY --by WHO" in capsys.readouterr().err


def test_chances_within_other_days_are_not_compared(world, serving, tmp_path, capsys):
    """They answer another question; that is said before any log is read."""
    bundle = load_bundle(world / "more")
    text = bundle.ladder.source.replace("horizon_days = 14", "horizon_days = 15", 1)
    longer = parse_ladder(text, "longer")
    save_bundle(replace(bundle, ladder=longer), tmp_path / "longer")
    words = ["compare", "no.parquet", str(tmp_path / "longer"), "--champion", str(serving)]
    assert rung.main(words) == 1
    assert "scores other horizons, or steps that end otherwise, than" in capsys.readouterr().err


def test_another_ladder_is_not_retrained_on(world, serving, capsys):
    """A champion of other steps serves: that is said, and nothing is trained beside it."""
    command = ["retrain", str(world / "events.parquet"), "--champion", str(serving)]
    assert rung.main([*command, "--ladder", "b2c"]) == 1
    assert "was trained for the ladder 'b2b', and this is 'b2c'" in capsys.readouterr().err


class Registered:
    """A registry where nothing serves unless it is told so, and which notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.present: Version | None = None

    def champion(self, *asked: object) -> Version | None:
        self.asked.append(asked)
        return self.present

    def champions(self, *asked: object) -> list[ServedVersion]:
        self.asked.append(asked)
        version = Version("rung-b2c", 3, "c" * 64, ("live",))
        said = Promotion(1_770_000_000_000_000, "ann", "it is better")
        return [ServedVersion(version, said, taken_back=False)]

    def roll_back(self, *asked: object) -> Version:
        self.asked.append(asked)
        return Version("rung-b2c", 2, "b" * 64, ("live",))


@pytest.fixture
def registry(monkeypatch) -> Registered:
    """What every registry is here, with where it is noted first."""
    one = Registered()

    def opened(source: RegistrySource) -> Registered:
        one.asked.append((source.uri,))
        return one

    monkeypatch.setattr(RegistrySource, "_opened", opened)
    monkeypatch.setenv("RUNG_REGISTRY", "sqlite:///of_the_service.db")
    return one


def test_the_model_of_the_environment_is_shown(registry, monkeypatch, capsys):
    """Its name and its alias decide, not the ladder that comes along first."""
    monkeypatch.setenv("RUNG_MODEL", "rung-b2c@live")
    (told,) = done(capsys, "champion", "show")["champions"]
    assert set(registry.asked) == {("sqlite:///of_the_service.db",), ("rung-b2c", "live")}
    assert (told["version"], told["by"], told["why"]) == ("rung-b2c/3", "ann", "it is better")
    assert told["from"] == "2026-02-02T02:40:00Z"
    assert rung.main(["champion", "show"]) == 0
    said = capsys.readouterr().out
    assert "cccccccccccc, rung-b2c/3 served since 2026-02-02T02:40:00Z" in said
    assert "by ann: it is better" in said
    registry.present = Version("rung-b2c", 3, "c" * 64, ("live",))
    assert rung.main(["champion", "show"]) == 0
    assert "rung-b2c/3 serves since 2026-02-02T02:40:00Z" in capsys.readouterr().out


def test_the_model_of_the_environment_is_taken_back(registry, monkeypatch, capsys):
    """With who did it and why; that of another product stays as it is."""
    monkeypatch.setenv("RUNG_MODEL", "rung-b2c")
    told = done(capsys, "rollback", "--by", "ann", "--why", "the queue looks wrong")
    assert told["bundle"] == "b" * 64
    name, said, alias = registry.asked[-1]
    assert (name, alias) == ("rung-b2c", "champion")
    assert isinstance(said, Promotion)
    assert (said.by, said.why, said.at > 0) == ("ann", "the queue looks wrong", True)


def test_a_named_registry_has_the_model_of_the_environment(registry, monkeypatch, capsys):
    """The option says where; which one is said by RUNG_MODEL, or by a ladder."""
    place = "sqlite:///elsewhere.db"
    monkeypatch.setenv("RUNG_MODEL", "rung-b2c@live")
    done(capsys, "champion", "show", place)
    monkeypatch.delenv("RUNG_MODEL")
    done(capsys, "champion", "show", place, "--ladder", "b2c")
    done(capsys, "champion", "show", place)
    asked = [one for one in dict.fromkeys(registry.asked) if one != (place,)]
    assert asked == [("rung-b2c", "live"), ("rung-b2c", "champion"), ("rung-b2b", "champion")]


@pytest.mark.parametrize(
    "verb",
    [
        ("champion", "show"),
        ("rollback", "--by", "ann", "--why", "it is worse"),
        ("retrain", "none.csv"),
    ],
)
def test_a_ladder_against_the_model_of_the_environment(registry, monkeypatch, capsys, verb):
    """Which of both is meant is not guessed; the same one twice is no contradiction."""
    monkeypatch.setenv("RUNG_MODEL", "rung-b2c@live")
    assert rung.main([*verb, "--ladder", "b2b"]) == 1
    said = capsys.readouterr().err
    assert "--ladder names b2b, whose model is rung-b2b, and RUNG_MODEL names rung-b2c@live" in said
    assert registry.asked == []
    rung.main([*verb, "--ladder", "b2c"])
    assert "whose model" not in capsys.readouterr().err
    assert {asked[0] for asked in registry.asked} == {"sqlite:///of_the_service.db", "rung-b2c"}


def test_compared_and_retrained_beside_the_model_of_the_environment(
    world, registry, monkeypatch, capsys
):
    """Nothing serves there: the one says so; the other reads the log by the model's ladder."""
    monkeypatch.setenv("RUNG_MODEL", "rung-b2c@live")
    events, more = str(world / "events.parquet"), str(world / "more")
    assert rung.main(["compare", events, more]) == 1
    said = capsys.readouterr().err
    assert "no bundle serves from rung-b2c@live in sqlite:///of_the_service.db" in said
    assert registry.asked[-1] == ("rung-b2c", "live")
    monkeypatch.setenv("RUNG_MODEL", "leads@live")
    assert rung.main(["retrain", events]) == 1
    said = capsys.readouterr().err
    assert (
        "nothing serves yet as leads@live in sqlite:///of_the_service.db: name its ladder" in said
    )


def test_a_folder_is_no_place_of_a_registry(world, monkeypatch, capsys, tmp_path):
    """Where a registry's model serves, a folder to promote into is to be named."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNG_MODEL", "rung-b2b@champion")
    command = ["champion", "promote", str(world / "more"), "--report", str(tmp_path / "report")]
    assert rung.main(command) == 1
    assert "name one with --into, or promote in the registry" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
