"""A folder of parts: all of it or none, and nothing else in it."""

from __future__ import annotations

import numpy as np
import pytest

from features.errors import EventsError
from rung.cluster.parts import PartFolder, new_parts, part_of


def written(folder, kind="events", **told):
    with new_parts(folder, kind) as (place, manifest):
        (place / "part-00001.parquet").write_bytes(b"x")
        manifest |= {"parts": [1], **told}
    return folder


def test_what_was_written_is_found(tmp_path):
    """The manifest names the parts that there are."""
    found = PartFolder.of_events(written(tmp_path / "parts", leads=3))
    assert (found.numbers, found.told["leads"]) == ((1,), 3)
    assert found.file(1).read_bytes() == b"x"


def test_all_or_nothing(tmp_path):
    """What fails on the way leaves what was there before."""
    folder = written(tmp_path / "parts")
    with pytest.raises(TypeError), new_parts(folder, "events") as (_, manifest):
        manifest["told"] = {("no", "key"): 1}
    assert sorted(path.name for path in folder.iterdir()) == ["_MANIFEST", "part-00001.parquet"]
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda folder: (folder / "_MANIFEST").unlink(), "no _MANIFEST of `rung cluster import`"),
        (lambda folder: (folder / "_MANIFEST").write_text("{"), "no _MANIFEST"),
        (
            lambda folder: (folder / "part-00001.parquet").unlink(),
            "is missing; import the log again",
        ),
        (lambda folder: written(folder, "scores"), "holds scores, where events are needed"),
    ],
)
def test_what_is_not_whole_is_refused(tmp_path, break_it, said):
    """A folder that is none of ours, or lacks a part, is named."""
    folder = written(tmp_path / "parts")
    break_it(folder)
    with pytest.raises(EventsError, match=said):
        PartFolder.of_events(folder)


def test_what_a_kill_left_in_a_folder(tmp_path):
    """It is ours, and goes, where it stands in the folder itself, as in a volume."""
    folder = tmp_path / "volume"
    (folder / ".0123abcd.volume").mkdir(parents=True)
    written(folder)
    assert PartFolder.of_events(folder).folder == folder
    assert not (folder / ".0123abcd.volume").exists()


def test_a_folder_with_something_else(tmp_path):
    """What is not ours is not swept away."""
    (tmp_path / "letters.txt").write_text("dear")
    with (
        pytest.raises(EventsError, match=r"holds 'letters\.txt'"),
        new_parts(tmp_path, "events"),
    ):
        pass


def test_parts_are_fair():
    """Every part has its share of leads, and a lead always the same part."""
    ids = [f"lead-{at:06}" for at in range(40_000)]
    sizes = np.bincount(part_of(ids, 8), minlength=8)
    assert abs(sizes - 5000).max() < 5 * np.sqrt(5000)
    assert (
        part_of(["ann", "bob"], 64).tolist()
        == part_of(["ann"], 64).tolist() + part_of(["bob"], 64).tolist()
    )
