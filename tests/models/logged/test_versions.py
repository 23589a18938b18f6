"""What the tags of a version tell of an alias that names it, or named it."""

from __future__ import annotations

from models.logged.former_bundles import Promotion
from models.logged.versions import CHAMPION, AliasTags, Version, ladder_name, model_name

ONE = Version("rung-b2b", 1, "a" * 64, ())
SAID = Promotion(1_770_000_000_000_000, "ann", "it is better")


def test_what_is_written_is_read():
    """Since when, by whom and why."""
    tags = AliasTags.of(CHAMPION)
    written = tags.written(SAID)
    assert written == {
        "champion_since": "2026-02-02T02:40:00Z",
        "champion_by": "ann",
        "champion_why": "it is better",
        "taken_back": "",
    }
    held = {tag: text for tag, text in written.items() if text}
    found = tags.read(ONE, held)
    assert (found.hash, found.promotion, found.taken_back) == (ONE.hash, SAID, False)
    assert tags.read(ONE, held | {"taken_back": "2026-02-03T00:00:00Z"}).taken_back


def test_another_alias_has_tags_of_its_own():
    """What is told of one alias is not told of another."""
    live = AliasTags.of("live")
    assert not set(live.written(SAID)) & set(AliasTags.of(CHAMPION).written(SAID))
    found = live.read(ONE, AliasTags.of(CHAMPION).written(SAID))
    assert (found.promotion, found.taken_back) == (Promotion(), False)


def test_a_version_that_was_promoted_before_tags_said_who():
    """There is nobody and no reason."""
    found = AliasTags.of(CHAMPION).read(ONE, {"champion_since": "2026-02-02T02:40:00Z"})
    assert found.promotion == Promotion(SAID.at)


def test_a_model_is_called_by_its_ladder(b2b):
    """Both ways."""
    assert ladder_name(model_name(b2b)) == b2b.name
