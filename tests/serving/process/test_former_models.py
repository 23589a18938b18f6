"""A score of the past is that of what served then, as long as that is kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from features.errors import BundleError, ModelGone
from features.store.events import EventStore
from features.store.kept.champions import Champion
from models.bundle import load_bundle
from serving.process.former_models import FormerModels
from serving.scoring.model import Model

FIRST, SECOND = 1_000_000, 2_000_000


@pytest.fixture(scope="module")
def current(folder):
    return Model.of(load_bundle(folder / "fitted"))


@pytest.fixture(scope="module")
def rates(folder):
    return load_bundle(folder / "rates")


def served(store: EventStore, *bundles: tuple[int, str]) -> None:
    for at, hash_ in bundles:
        store.champions.add(Champion("b2b", at, hash_, "careful"))


def test_what_served_then(store, current, rates):
    """From the instant on from which it served; what serves now stands for before all."""
    served(store, (FIRST, rates.hash), (SECOND, current.bundle.hash))
    asked: list[str] = []

    def former(hash_):
        asked.append(hash_)
        return rates

    models = FormerModels(store, former)
    assert models.then(current, SECOND) is current
    assert models.then(current, FIRST - 1) is current
    then = models.then(current, FIRST)
    assert then.bundle is rates
    assert models.then(current, SECOND - 1) is then  # it is held
    assert asked == [rates.hash]


def test_few_are_held(store, current, rates):
    every = [(at, f"{at:064}") for at in (1, 2, 3)]
    served(store, *every)
    asked: list[str] = []

    def former(hash_):
        asked.append(hash_)
        return replace(rates, manifest={**rates.manifest, "hash": hash_})

    models = FormerModels(store, former)
    for at in (1, 2, 1, 3, 1, 2):
        assert models.then(current, at).bundle.hash == f"{at:064}"
    assert [int(one) for one in asked] == [1, 2, 3, 2]


def test_what_is_kept_no_more(store, current):
    served(store, (FIRST, "1" * 64))
    with pytest.raises(ModelGone, match=r"the model 111111111111 served, which is kept no more"):
        FormerModels(store, lambda _: None).then(current, SECOND)

    def broken(_: str) -> None:
        raise BundleError("it is of another version")

    with pytest.raises(ModelGone, match="cannot be loaded: it is of another version; `model=curr"):
        FormerModels(store, broken).then(current, SECOND)
