"""Columns that comparisons are adjusted by."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from features.funnel.activity_rows import KnownThen
from features.funnel.stays import stays_of
from models.judging.adjusting.known_traits import activity_columns, trait_columns
from tests.models.judging.funnel.planted import DropOff, drop_off_log


def test_a_column_for_each_common_value():
    """The unknown, and what is rare, is in none."""
    world = DropOff("low", 300)
    stays = stays_of(drop_off_log(world, 1), world.ladder).at(2)
    found = trait_columns(stays)
    assert found.shape == (300, 5)  # three industries and two regions
    assert (found.sum(axis=1) == 2).all()
    retail = found[stays.where("industry", "retail")]
    assert (retail.sum(axis=0) == len(retail)).any()
    unknown = trait_columns(replace(stays, traits=np.full_like(stays.traits, -1)))
    assert unknown.shape == (300, 0)
    many = replace(stays, traits=np.tile(np.arange(300, dtype=np.int32) % 12, (2, 1)))
    assert trait_columns(many).shape == (300, 16)


def test_activity_grows_less_than_its_count():
    """As logarithms, of nothing too."""
    found = activity_columns(
        KnownThen(np.array([0, 9]), np.array([0, 3]), np.array([0.0, np.e - 1]))
    )
    assert found[0].tolist() == [0.0, 0.0, 0.0, 0.0]
    assert np.allclose(found[1], [np.log(10), np.log(10) ** 2, np.log(4), 1.0])
