"""The report as files: its numbers, its page with every picture, and nothing left behind."""

import html
import json
import re
from base64 import b64decode

import pytest

from tests.training.scores.scene import small_world, too_early
from training.scores.written.figures import KINDS
from training.scores.written.report import write_report


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports") / "full"
    write_report(small_world()[2], folder)
    return folder


def names(folder, ending):
    return sorted(path.name for path in folder.glob(f"*.{ending}"))


def test_numbers(folder):
    """report.json holds the whole evaluation."""
    held = json.loads((folder / "report.json").read_text())
    assert held == json.loads(json.dumps(small_world()[2].as_dict()))
    assert {"verdict", "advancement", "purchase", "start", "until", "version"} <= held.keys()


def test_pictures_are_shown(folder):
    """Every picture is a PNG that the page shows, and the page shows no other."""
    pictures = sorted(
        f"{goal}-{kind}.png" for goal in ("advancement", "purchase") for kind in KINDS
    )
    assert names(folder, "png") == pictures
    shown = re.findall(r"!\[[^]]+\]\(([^)]+)\)", (folder / "report.md").read_text())
    assert sorted(shown) == pictures
    assert all((folder / name).read_bytes().startswith(b"\x89PNG") for name in pictures)


def test_one_file_to_open(folder):
    """report.html says what the page says, holds every picture, and asks nobody for anything."""
    told = (folder / "report.html").read_text()
    held = re.findall(r'<img alt="[^"]+" src="data:image/png;base64,([^"]+)">', told)
    pictures = {(folder / name).read_bytes() for name in names(folder, "png")}
    assert {b64decode(one) for one in held} == pictures
    assert re.findall(r"<(?:script|link)|https?:", told) == []
    text = html.unescape(re.sub(r"<[^>]+>", " ", told.partition("<main>")[2]))
    page = re.sub(
        r"!\[[^]]+\]\([^)]+\)|^\|[ |:-]+\|$", "", (folder / "report.md").read_text(), flags=re.M
    )
    assert re.findall(r"\w+", text) == re.findall(r"\w+", page)


def test_too_early_for_purchase(tmp_path):
    """What could not be judged is said in words, and has no pictures of how good it is."""
    page = write_report(too_early(), tmp_path).read_text()
    assert "**Purchase: not enough data (n=0): the horizon of none of " in page
    assert "Working the best 5 leads in each of " in page
    purchase = [name for name in names(tmp_path, "png") if name.startswith("purchase")]
    assert purchase == ["purchase-outcomes.png", "purchase-signals.png"]


def test_replaces_an_older_report(folder, tmp_path):
    """A picture of an earlier report does not stay behind; other files do."""
    stale, other = tmp_path / "purchase-gain.png", tmp_path / "notes.txt"
    stale.write_bytes((folder / "purchase-gain.png").read_bytes())
    other.write_text("mine")
    write_report(too_early(), tmp_path)
    assert not stale.exists()
    assert other.read_text() == "mine"
