"""The dbt package on the tables of a store, by dbt itself: its tests pass, its marts are right."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path
from statistics import fmean

import duckdb
import pytest
import yaml  # type: ignore[import-untyped]

from features.clock import instant
from features.store.events import EventStore
from models.bundle import load_bundle
from serving.routes.exports.tables import KEYS, schemas_of, write_tables
from tests.serving.routes.exports.scene import weeks

PACKAGE = Path(__file__).resolve().parents[4] / "integrations/dbt"
REQUIREMENTS = Path(__file__).with_name("dbt_requirements.txt")
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rung/dbt"
"""Where `.ci/run` installs what the requirements name."""
MARTS = {
    "rung_current_scores": "lead_id",
    "rung_decision_outcomes": "decision_id",
    "rung_offer_take_up": "ladder, step, offer_id",
    "rung_score_deciles": "ladder, decile",
}


def found_dbt() -> tuple[str, str]:
    """Where dbt is, and why it cannot be run; one of them is ""."""
    (pin,) = re.findall(r"^dbt-duckdb==(\S+)", REQUIREMENTS.read_text(), re.MULTILINE)
    own = CACHE / "bin/dbt"
    if own.is_file():
        if list(CACHE.glob(f"lib/python*/site-packages/dbt_duckdb-{pin}.dist-info")):
            return str(own), ""
        return "", f"dbt-duckdb {pin} is not installed; .ci/run does"
    on_path = shutil.which("dbt")
    if on_path is None:
        return "", "there is no dbt here; .ci/run installs it"
    said = subprocess.run([on_path, "--version"], capture_output=True, text=True).stdout
    return (on_path, "") if "- duckdb: " in said else ("", f"{on_path} is without dbt-duckdb")


def properties(kind):
    """What the files of the package say of each source table or model."""
    files = (PACKAGE / "models").rglob("*.yml")
    held = [one for file in files for one in yaml.safe_load(file.read_text()).get(kind, [])]
    return {one["name"]: one for one in held}


def documented(table):
    """The columns of a table or a model that have a description, in order."""
    return [one["name"] for one in table["columns"] if one.get("description")]


def test_every_column_is_documented(b2b):
    """The sources are the tables that are written, with their columns, each in words."""
    sources = {one["name"]: one for one in properties("sources")["rung"]["tables"]}
    assert set(sources) == set(KEYS)
    said = (PACKAGE / "models/columns.md").read_text()
    for name, schema in schemas_of(b2b).items():
        columns = [one for one in schema.names if not one.startswith("trait_")]
        assert documented(sources[name]) == columns
        assert [one for one in columns if f"{{% docs rung_{one} %}}" not in said] == []
        staged = documented(properties("models")[f"stg_rung__{name}"])
        assert staged == [one for one in columns if one != "gone"]


def test_every_key_is_tested():
    """Each staging model has a test that its key is unique, and none that is null."""
    models = properties("models")
    for name, keys in KEYS.items():
        model = models[f"stg_rung__{name}"]
        tests = {one["name"]: one.get("data_tests", []) for one in model["columns"]}
        assert all("not_null" in tests[key] for key in keys)
        together = [one["rung_unique_together"]["arguments"] for one in model.get("data_tests", [])]
        assert "unique" in tests[keys[0]] or {"columns": list(keys)} in together


# --------------------------------------------------------------------------------------- dbt itself


class Warehouse:
    """A DuckDB database that dbt builds from a folder of tables."""

    def __init__(self, folder: Path, dbt: str) -> None:
        self.folder = folder
        self.dbt = dbt
        self.tables = folder / "tables"
        self.path = folder / "warehouse.duckdb"
        out = {"type": "duckdb", "path": str(self.path), "threads": 1}
        profile = {"rung": {"target": "dev", "outputs": {"dev": out}}}
        (folder / "profiles.yml").write_text(yaml.safe_dump(profile))

    def build(self, traits: list[str]) -> str:
        """What `dbt build` says of a package and its tests that all went well."""
        given = yaml.safe_dump({"rung_tables": str(self.tables), "rung_traits": traits})
        folder = str(self.folder)
        done = subprocess.run(
            [
                *(self.dbt, "--no-use-colors", "--no-version-check", "build"),
                *("--project-dir", str(PACKAGE), "--profiles-dir", folder, "--vars", given),
                *("--target-path", f"{folder}/target", "--log-path", f"{folder}/logs"),
            ],
            capture_output=True,
            text=True,
            cwd=folder,
            env={**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"},
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def rows(self) -> dict[str, list[dict[str, object]]]:
        """The rows of each mart, by its key."""
        with duckdb.connect(str(self.path), read_only=True) as connection:
            return {
                name: connection.sql(f"select * from {name} order by {key}")  # noqa: S608
                .arrow()
                .read_all()
                .to_pylist()
                for name, key in MARTS.items()
            }


@pytest.mark.slow
def test_the_package(folder, tmp_path):
    """All tests of the package pass, a second run gives the same rows, and they are the store's."""
    dbt, why_not = found_dbt()
    if why_not:
        pytest.skip(why_not)
    warehouse = Warehouse(tmp_path, dbt)
    with EventStore.open(tmp_path / "events.db") as store:
        made = weeks(store, load_bundle(folder / "fitted"), leads=16, of=6)
        traits = [one.id for one in made.ladder.traits]

        def built():
            write_tables(warehouse.tables, ".parquet", store.database, made.ladder)
            said = warehouse.build(traits)
            assert re.search(r"PASS=\d\d+ WARN=0 ERROR=0 SKIP=0", said), said
            assert "Deprecat" not in said, said
            return warehouse.rows()

        first = built()
        assert built() == first
        check_scores(made, first["rung_current_scores"])
        counted = check_decisions(made, first["rung_decision_outcomes"])
    check_take_up(first["rung_decision_outcomes"], first["rung_offer_take_up"])
    check_deciles(counted, first["rung_score_deciles"])


def check_scores(made, rows):
    """A row is what the export has of the lead, with the step's title."""
    scores = made.scores()
    titles = {one.id: one.title for one in made.ladder.goals}
    assert [row["lead_id"] for row in rows] == sorted(scores)
    for row in rows:
        score = scores[row["lead_id"]]
        assert {key: row[key] for key in row if key in score} == {
            key: score[key] for key in score if key in row
        }
        assert {key for key in score if key.startswith("trait_")} <= set(row)
        assert row["step_title"] == titles.get(score["step"])
    assert {row["band"] for row in rows} > {None}


def check_decisions(made, rows):
    """A decision is what the API tells; what counts of it follows from that. By believed chance."""
    answers, counted = made.told(), []
    present = max(row["features_as_of"] for row in made.scores().values())
    assert [row["decision_id"] for row in rows] == sorted(answers)
    for row in rows:
        told = answers[row["decision_id"]]
        outcome = told["outcome"]
        if told["exposed_at"] is None:
            state, counts = "not_exposed", None
        elif outcome is not None:
            late = outcome["late"]
            state, counts = ("late", 0.0) if late else ("reported", outcome["value"])
        elif instant(told["expires_at"]) < present:
            state, counts = "none", 0.0
        else:
            state, counts = "pending", None
        assert (row["state"], row["counted_outcome"]) == (state, counts)
        assert row["offer_id"] == told["offer"]["id"]
        assert row["is_offer"] == (told["offer"]["title"] is not None)
        assert row["outcome"] == (outcome and outcome["value"])
        if counts is not None and row["p_advance"] is not None:
            counted.append((row["p_advance"], row["decision_id"], counts))
    assert {row["state"] for row in rows} == {"not_exposed", "reported", "late", "none", "pending"}
    return sorted(counted)


def check_take_up(decisions, rows):
    """Counted by hand."""
    groups = defaultdict(list)
    for one in decisions:
        groups[one["ladder"], one["step"], one["offer_id"]].append(one)
    assert {(row["ladder"], row["step"], row["offer_id"]) for row in rows} == set(groups)
    assert len(rows) == len(groups)
    for row in rows:
        group = groups[row["ladder"], row["step"], row["offer_id"]]
        states = [one["state"] for one in group]
        judged = [one["counted_outcome"] for one in group if one["counted_outcome"] is not None]
        taken = sum(one > 0 for one in judged)
        assert [row[key] for key in ("decisions", "exposed", "pending", "judged", "taken")] == [
            len(group),
            len(group) - states.count("not_exposed"),
            states.count("pending"),
            len(judged),
            taken,
        ]
        assert row["take_up"] == (pytest.approx(taken / len(judged)) if judged else None)
        assert row["mean_outcome"] == (pytest.approx(fmean(judged)) if judged else None)


def check_deciles(counted, rows):
    """Ten parts of nearly one size, from the lowest chance that was believed to the highest."""
    assert [row["decile"] for row in rows] == list(range(1, 11))
    assert [row["decisions"] for row in rows] == [
        len(counted) // 10 + (at < len(counted) % 10) for at in range(10)
    ]
    start = 0
    for row in rows:
        part = counted[start : start + row["decisions"]]
        start += row["decisions"]
        assert row["least_p_advance"] == part[0][0]
        assert row["most_p_advance"] == part[-1][0]
        assert row["mean_p_advance"] == pytest.approx(fmean(one for one, _, _ in part))
        assert row["mean_outcome"] == pytest.approx(fmean(one for _, _, one in part))
