"""The docs say what there is: signals, verbs, settings, routes, errors, and links that lead on."""

import argparse
import inspect
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest

from features import errors
from features.ladder.file import read_ladder
from features.signals.signal import Op
from features.signals.table import signals_of
from features.store.events import EventStore
from models.offers.eligibility import REASONS
from models.offers.offer_model import Evidence
from models.offers.policy import POLICIES
from rung import command
from serving.app import create_app
from serving.connectors import errors as connectors
from serving.edge.kinds import KINDS
from serving.notifications import errors as notifications
from serving.settings import Settings
from tests.documented import promises
from tests.errors import every_error

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = [path for path in (ROOT / "README.md", *sorted(DOCS.rglob("*.md"))) if path.exists()]
LINKED = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
LINKED += [*sorted(ROOT.glob("benchmarks/**/*.md")), *sorted(ROOT.glob("integrations/**/*.md"))]
SIGNAL_DOCS = ROOT / "scripts" / "signal_docs.py"


def said() -> str:
    """All that README and docs say, decision records left out."""
    return "\n".join(path.read_text() for path in PAGES if path.parent != DOCS / "decisions")


def verbs(
    parser: argparse.ArgumentParser, name: str = "rung"
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every verb with its parser, as `rung ladder check`."""
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not below:
        yield name, parser
    for action in below:
        for verb, its_parser in action.choices.items():
            yield from verbs(its_parser, f"{name} {verb}")


VERBS = dict(verbs(command.parser()))
OPTIONS = sorted(
    {
        option
        for verb in VERBS.values()
        for action in verb._actions
        for option in action.option_strings
    }
    - {"-h"}
)


def slug(heading: str) -> str:
    """The anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def links(page: Path) -> list[str]:
    """The relative links of a page, what stands in code left out."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(), flags=re.DOTALL)
    targets = re.findall(r"\]\(\s*<?([^)\s>]+)>?\s*\)", text)
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


# ------------------------------------------------------------------------------------------ signals


def test_signals_page_is_fresh():
    """docs/signals.md is what scripts/signal_docs.py writes today."""
    done = subprocess.run(
        [sys.executable, SIGNAL_DOCS, "--check"], capture_output=True, text=True, cwd=ROOT
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_stale_signals_page(tmp_path):
    """A page that says something else fails the check, and is written anew without it."""
    page = tmp_path / "signals.md"
    page.write_text("old")
    command = [sys.executable, SIGNAL_DOCS, page]
    stale = subprocess.run([*command, "--check"], capture_output=True, text=True, cwd=ROOT)
    assert (stale.returncode, page.read_text()) == (1, "old")
    assert "is stale" in stale.stderr
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    assert page.read_text() == (DOCS / "signals.md").read_text()


@pytest.mark.parametrize("name", ["b2b", "b2b-assessment", "b2c"])
def test_every_standard_signal_is_documented(name):
    """Each signal that follows from a shipped ladder is in docs/signals.md, by its pattern."""
    page = (DOCS / "signals.md").read_text()
    rows = re.findall(r"^\| `(\S+)` \| `", page, re.MULTILINE)
    patterns = [re.sub(r"‹\w+›", r"[^.]+", re.escape(row)) for row in rows]
    standard = [
        signal.id
        for signal in signals_of(read_ladder(name))
        if signal.group != "custom" and not signal.id.startswith("trait.")
    ]
    assert [id_ for id_ in standard if not any(re.fullmatch(p, id_) for p in patterns)] == []


def test_every_operation_is_documented():
    """Each way to aggregate is defined in docs/signals.md."""
    page = (DOCS / "signals.md").read_text()
    assert [op.name for op in Op if f"\n| `{op.name.lower()}` |" not in page] == []


# ------------------------------------------------------------------------------------- command line


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_documented(verb):
    """Each verb of the command line stands in README or docs as it is typed."""
    assert re.search(rf"{verb}\b", said())


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_is_documented(option):
    """Each option of the command line stands in README or docs."""
    assert re.search(rf"(?<![\w-]){option}(?![\w-])", said())


def calls() -> Iterator[list[str]]:
    """Each call of the command line in a block of code of a page, as a shell takes it apart."""
    for page in LINKED:
        for block in re.findall(r"^```\w*\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE):
            for line in block.replace("\\\n", " ").splitlines():
                if called := re.match(r"(?:\S*/)?rung (.*)", line):
                    words = shlex.split(called[1], comments=True)
                    ends = [at for at, word in enumerate(words) if word in {">", "|", "&&"}]
                    yield words[: min(ends, default=None)]


def is_refused(parser: argparse.ArgumentParser, words: list[str]) -> bool:
    """Whether a parser ends with an error; --help and --show-config end without one."""
    try:
        parser.parse_args(words)
    except SystemExit as end:
        return bool(end.code)
    return False


def test_every_call_of_the_docs_is_understood(tmp_path, monkeypatch):
    """No page names a verb or an option that there is not, or a value that an option refuses."""
    monkeypatch.chdir(tmp_path)
    parser, named = command.parser(), list(calls())
    assert len(named) > 50
    assert [words for words in named if is_refused(parser, words)] == []


def test_the_json_of_every_verb_is_documented():
    """Each verb with --json has a row in docs/json.md; tests hold what is printed to it."""
    printing = {
        name
        for name, verb in VERBS.items()
        if any("--json" in action.option_strings for action in verb._actions)
    }
    assert set(promises()) == printing


# ------------------------------------------------------------------------------------------ service


def test_every_problem_is_documented_with_its_status():
    """The table of errors says of each kind what status it has."""
    page = (DOCS / "serving.md").read_text()
    rows = re.findall(r"^\| ((?:`[a-z-]+`,? )+)\| ([\d, ]+) \|", page, re.MULTILINE)
    told: dict[str, str] = {}
    for names, statuses in rows:
        of_each = statuses.split(", ")
        kinds = re.findall(r"`([a-z-]+)`", names)
        told |= zip(kinds, of_each if len(of_each) > 1 else of_each * len(kinds), strict=True)
    kinds = [*KINDS.values(), *connectors.KINDS.values(), *notifications.KINDS.values()]
    assert not {kind.kind: kind.status for kind in kinds if told.get(kind.kind) != str(kind.status)}


@pytest.mark.parametrize("field", fields(Settings), ids=lambda field: field.name)
def test_every_setting_is_documented(field):
    """Each setting of the service has a row in docs/serving.md."""
    assert f"| `RUNG_{field.name.upper()}` |" in (DOCS / "serving.md").read_text()


def test_every_route_is_documented():
    """Each route of the OpenAPI description is in docs/serving.md with its method."""
    page = (DOCS / "serving.md").read_text()
    paths = create_app(Settings()).openapi()["paths"]
    routes = [f"{method.upper()} {path}" for path, of in paths.items() for method in of]
    assert routes
    assert [route for route in routes if f"| `{route}` |" not in page] == []


# ---------------------------------------------------------------------------------- recommendations


@pytest.mark.parametrize("word", [*REASONS, *POLICIES, *get_args(Evidence)])
def test_every_word_of_a_recommendation_is_documented(word):
    """Each reason against an offer, each policy and each kind of evidence is explained."""
    page = (DOCS / "recommendations.md").read_text()
    assert re.search(rf"^\|.*`{word}`.* \|", page, re.MULTILINE)


# ------------------------------------------------------------------------------------------- errors


def test_every_error_is_in_the_tree():
    """The tree on top of features/errors.py shows each error of ours, wherever it is defined."""
    held = set(_pairs((inspect.getdoc(errors) or "").splitlines()))
    assert {(kind.__bases__[0].__name__, kind.__name__) for kind in every_error()} == held


def _pairs(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Each error of a drawn tree, after the one that it is below."""
    above = ["RungError"]
    for line in lines:
        if drawn := re.match(r"((?:│   |    )*)[├└]── (\w+)", line):
            depth = len(drawn[1]) // 4 + 1
            above[depth:] = [drawn[2]]
            yield above[depth - 1], drawn[2]


# -------------------------------------------------------------------------------------------- pages


@pytest.mark.parametrize("page", LINKED, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    """Each relative link of a page of ours points to a file, and to a heading, that is there."""
    for link in links(page):
        target, _, anchor = link.partition("#")
        path = (page.parent / target) if target else page
        assert path.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
            assert anchor in {slug(heading) for heading in headings}, link


@pytest.mark.slow
def test_python_of_the_training_page(events_file, tmp_path, monkeypatch, capsys):
    """The Python in docs/training.md runs as it stands, on a simulated events.parquet."""
    (code,) = re.findall(r"```python\n(.*?)```", (DOCS / "training.md").read_text(), re.DOTALL)
    shutil.copy(events_file, tmp_path / "events.parquet")
    monkeypatch.chdir(tmp_path)
    exec(code, {})  # noqa: S102 - it is ours
    lines = [line.split(maxsplit=2) for line in capsys.readouterr().out.splitlines()]
    assert len({version for version, *_ in lines}) == 2
    assert [verdict for *_, verdict in lines] == ["better than the step rates"] * 2


def test_an_experiment_of_the_docs_can_be_begun(tmp_path):
    """Each `rung experiment start` of the pages, as it is written, on the ladder that it names."""
    url = f"sqlite:///{tmp_path / 'events.db'}"
    EventStore.open(url).close()
    begun = 0
    for line in said().replace("\\\n", " ").splitlines():
        if line.startswith("rung experiment start"):
            words = shlex.split(line.replace("sqlite:///events.db", url))[1:]
            assert command.main(words) == 0, line
            begun += 1
    assert begun >= 2
