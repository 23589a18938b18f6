"""`rung ladder check`: the table, the advice, every mistake at once."""

from __future__ import annotations

import pytest

from tests.rung.scene import TEN_MISTAKES, done, refused


def test_ladder_check(b2b):
    """The ladder stands as a table, every step in a line, and the advice is counted."""
    said = done("ladder", "check", "b2b")
    first_words = [line.split(" ")[0] for line in said.out.splitlines() if line[:1].strip()]
    assert first_words == ["step", *(goal.id for goal in b2b.goals), "0", "What"]
    assert "\n0 pieces of advice\n" in said.out
    assert "What Rung is worth is not measured: [controls] no_ask = 0.05" in said.out


@pytest.mark.parametrize("name", ["b2b", "b2b-assessment", "b2c"])
def test_ladder_check_json(name):
    """As JSON: the name, the number of steps and the advice."""
    found = done("ladder", "check", name, "--json").json
    assert found["ladder"] == name
    assert found["steps"] >= 2
    assert isinstance(found["advice"], list)


def test_ladder_check_gives_advice(b2b, tmp_path):
    """A ladder that may be used but could be better exits with 0 and says how, and where."""
    file = tmp_path / "ladder.toml"
    file.write_text(b2b.source.replace('step = "content"', 'step = "value"', 1))
    said = done("ladder", "check", file)
    found = done("ladder", "check", file, "--json").json["advice"]
    assert len(found) >= 1
    for one in found:
        assert {"path", "text", "source"} == set(one)
        assert f"  {one['path']}: {one['text']} [{one['source']}]" in said.out
    counted = f"{len(found)} piece{'s' if len(found) != 1 else ''} of advice"
    assert counted in said.out


def test_ten_mistakes_at_once(tmp_path):
    """A file with ten mistakes is refused once, with all ten in the order of the file."""
    file = tmp_path / "ladder.toml"
    file.write_text(TEN_MISTAKES)
    first, *lines = refused("ladder", "check", file, code=3).splitlines()
    assert first == f"{file}: 10 mistakes"
    assert [line.split(":")[0].strip() for line in lines] == [
        "ladder.name",
        "ladder.dormant_after_days",
        "ladder.colour",
        "step[0].horizon_days",
        "step[0].complete_when[0].where.fraction.at_leest",
        "step[1].band",
        "step[1].complete_when",
        "purchase.horizon_days",
        "offer[0].step",
        "offer[0].effort.minuts",
    ]
    assert "did you mean 'watch'?" in lines[8]
