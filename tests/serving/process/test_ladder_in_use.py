"""The ladder that serves: the bundle's, the file's as far as scores allow, and the catalogue."""

from __future__ import annotations

from dataclasses import replace

import pytest

from features.ladder.catalogue import offer_table
from features.store.events import EventStore
from models.bundle import load_bundle
from serving.process.ladder_in_use import LadderInUse


@pytest.fixture
def bundle(folder):
    return load_bundle(folder / "fitted")


@pytest.fixture
def store(url):
    with EventStore.open(url) as store:
        yield store


def in_use(store, path="", now=100):
    return LadderInUse(store, str(path), lambda: now)


def test_without_anything_the_bundle_serves_on_its_own(bundle, store):
    """Nothing is put in its place, and nothing is wrong."""
    served, problem = in_use(store).of(bundle)
    assert (served, problem) == (bundle, "")


def test_an_edited_file_serves_without_training(bundle, store, tmp_path):
    """Another title and limit in the file are served, under the same hash; the stamp tells."""
    path = tmp_path / "mine.toml"
    path.write_text(bundle.ladder.source)
    ladders = in_use(store, path)
    before = ladders.stamp("b2b")
    first = bundle.ladder.offers[0]
    path.write_text(bundle.ladder.source.replace(first.title, "Another title"))
    assert ladders.stamp("b2b") != before
    served, problem = ladders.of(bundle)
    assert problem == ""
    assert served.hash == bundle.hash
    assert served.ladder.offers[0].title == "Another title"


def test_another_ladder_is_told_and_not_served(bundle, store, tmp_path):
    """A file with other steps, or with mistakes, leaves the bundle's own, and says why."""
    path = tmp_path / "mine.toml"
    path.write_text(bundle.ladder.source.replace("horizon_days = 90", "horizon_days = 91"))
    served, problem = in_use(store, path).of(bundle)
    assert served.ladder == bundle.ladder
    assert "trained for another version of the ladder" in problem
    path.write_text("[ladder]\n")
    assert "mistakes" in in_use(store, path).of(bundle)[1]
    assert "neither a file" in in_use(store, tmp_path / "gone.toml").of(bundle)[1]


def test_the_catalogue_stands_over_the_file(bundle, store, tmp_path):
    """A version of the store holds, whatever the file says of that offer."""
    path = tmp_path / "mine.toml"
    first = bundle.ladder.offers[0]
    path.write_text(bundle.ladder.source.replace(first.title, "Of the file"))
    table = offer_table(replace(first, title="Of the store"))
    store.offers.keep(bundle.ladder, table, from_at=50, now=50, by="ann")
    assert in_use(store, path, now=49).of(bundle)[0].ladder.offers[0].title == "Of the file"
    assert in_use(store, path, now=50).of(bundle)[0].ladder.offers[0].title == "Of the store"
    assert in_use(store, path, now=49).stamp("b2b") != in_use(store, path, now=50).stamp("b2b")


def test_an_offer_that_the_file_dropped_is_retired(bundle, store, tmp_path):
    """It is extended to nobody, and what was learned of it stays."""
    path = tmp_path / "mine.toml"
    blocks = bundle.ladder.source.split("[[offer]]")
    path.write_text("[[offer]]".join([blocks[0], *blocks[2:]]))
    served, problem = in_use(store, path).of(bundle)
    assert problem == ""
    assert served.ladder.offer(bundle.ladder.offers[0].id).status == "retired"
