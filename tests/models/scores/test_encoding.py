"""Snapshots as a matrix: a text means the same at every time, whatever order it came in."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features.clock import when
from features.errors import BundleError
from features.events.log import DAY_US, EventLog, LogColumns
from features.ladder.ladder import EventRule, Ladder, Step, Trait
from features.signals.snapshot import Snapshot, snapshot
from features.signals.table import ladder_columns
from models.scores.encoding import Encoding


def ladder_with(*traits: Trait) -> Ladder:
    return Ladder(
        name="small",
        title="Small",
        steps=(
            Step("look", "Look", (EventRule("video"),), horizon_days=7.0),
            Step("try", "Try", (EventRule("trial"),), horizon_days=7.0),
        ),
        purchase=Step("buy", "Buy", (EventRule("order"),), horizon_days=21.0),
        traits=traits,
    )


LADDER = ladder_with(Trait("device", "category"), Trait("size", "number"))
DEVICE = "trait.device"


def seen(*devices: str | None, ladder: Ladder = LADDER) -> Snapshot:
    """The signals of one lead a device, in the order given."""
    columns = LogColumns(*ladder_columns(ladder))
    leads = [f"lead-{at:03}" for at in range(len(devices))]
    log = EventLog.from_columns(
        leads,
        ["identify"] * len(leads),
        np.full(len(leads), DAY_US),
        numbers={"size": np.arange(len(leads), dtype=np.float64)},
        texts={"device": list(devices)},
        columns=columns,
    )
    return snapshot(log, ladder, None, when(2 * DAY_US))


@pytest.fixture(scope="module")
def encoding() -> Encoding:
    some = [*["phone"] * 10, *["laptop"] * 12, *["tablet"] * 10, None, *["watch"] * 9]
    return Encoding.learn(seen(*some))


def devices_of(encoding, shot):
    return encoding.matrix(shot)[:, encoding.columns.index(DEVICE)]


def test_learns_the_texts_that_teach(encoding):
    """Texts stand by frequency, then by name; one of fewer than ten leads is left out."""
    assert encoding.texts == {DEVICE: ("laptop", "phone", "tablet")}
    assert encoding.category_columns == [encoding.columns.index(DEVICE)]


def test_a_text_of_few_leads_is_left_out_in_however_many_rows():
    """A bundle holds no text that tells who a lead is: leads count, not rows of them."""
    shot = seen(*["phone"] * 10, "Role-Magda", *["watch"] * 9)
    often = np.repeat(np.arange(len(shot)), np.where(np.arange(len(shot)) < 10, 1, 40))
    encoding = Encoding.learn(shot.rows(np.random.default_rng(1).permutation(often)))
    assert encoding.texts == {DEVICE: ("phone",)}


def test_texts_stand_by_their_rows():
    """Which are told apart by leads, in which order by rows: baselines keep the first ones."""
    shot = seen(*["phone"] * 10, *["laptop"] * 12)
    often = np.repeat(np.arange(len(shot)), np.where(np.arange(len(shot)) < 10, 2, 1))
    assert Encoding.learn(shot.rows(often)).texts == {DEVICE: ("phone", "laptop")}


def test_unseen_text_is_as_good_as_absent(encoding):
    """A text that training did not hold, or held too rarely, is NaN like no text at all."""
    codes = devices_of(encoding, seen("abacus", "tablet", None, "laptop", "watch", "phone"))
    np.testing.assert_array_equal(codes, [np.nan, 2.0, np.nan, 0.0, np.nan, 1.0])


def test_codes_do_not_depend_on_the_log(encoding):
    """Other texts in the log, in another order, do not change what a lead's text is."""
    few, many = seen("tablet"), seen("zebra", "aardvark", "tablet", "phone")
    assert devices_of(encoding, few)[0] == devices_of(encoding, many)[2] == 2.0


@pytest.mark.parametrize("without", [10, 9])
def test_the_absent_have_a_code_where_some_were(without):
    """Having none is the code after the last text; a text that nobody had is no such thing."""
    some = [*["phone"] * 10, *["laptop"] * 12, *[None] * without, "watch"]
    encoding = Encoding.learn(seen(*some))
    assert encoding.absent == ({DEVICE} if without == 10 else set())
    code = 2.0 if without == 10 else np.nan
    shot = seen("abacus", None, "phone", "watch", "laptop")
    expected = [np.nan, code, 1.0, np.nan, 0.0]
    np.testing.assert_array_equal(devices_of(encoding, shot), expected)
    for text in ("object", "string", "category"):
        frame = shot.frame()
        frame[DEVICE] = frame[DEVICE].astype(object).astype(text)
        np.testing.assert_array_equal(encoding.matrix_of_frame(frame), encoding.matrix(shot))


def test_a_trait_whose_texts_are_all_rare_has_no_codes():
    """Nothing can be told by it, having none neither."""
    encoding = Encoding.learn(seen("a", "b", "c", *[None] * 10))
    assert (encoding.texts[DEVICE], encoding.absent) == ((), frozenset())
    assert np.isnan(devices_of(encoding, seen("a", None))).all()


def test_a_log_without_any_text(encoding):
    """Where no lead has the trait, the column is absent throughout."""
    assert np.isnan(devices_of(encoding, seen(None, None))).all()


def test_numbers_pass_as_they_are(encoding):
    """All other columns are the snapshot's, NaN included, and the snapshot is left alone."""
    shot = seen("phone", None, "laptop")
    before = shot.values.copy()
    matrix = encoding.matrix(shot)
    others = [at for at in range(len(encoding.columns)) if at not in encoding.category_columns]
    np.testing.assert_array_equal(matrix[:, others], before[:, others])
    np.testing.assert_array_equal(shot.values, before)
    assert np.isnan(matrix[:, others]).any()


def test_a_ladder_without_categories():
    """Without a text trait there is nothing to encode."""
    ladder = ladder_with(Trait("size", "number"))
    shot = seen("phone", ladder=ladder)
    encoding = Encoding.learn(shot)
    assert (encoding.texts, encoding.category_columns) == ({}, [])
    np.testing.assert_array_equal(encoding.matrix(shot), shot.values)


def test_other_signals_are_refused(encoding):
    """A snapshot of another ladder is no input for this model."""
    other = ladder_with(Trait("device", "category"))
    with pytest.raises(BundleError, match="trained on other signals than this ladder has"):
        encoding.matrix(seen("phone", ladder=other))


def test_matrix_of_frame_is_the_matrix(encoding, tmp_path):
    """A frame of signals gives the same matrix, also through Parquet and with columns to spare."""
    shot = seen("abacus", "tablet", None, "laptop", "watch", "phone")
    expected = encoding.matrix(shot)
    frame = shot.frame()
    np.testing.assert_array_equal(encoding.matrix_of_frame(frame), expected)
    shuffled = frame[frame.columns[::-1]].assign(more=1)
    np.testing.assert_array_equal(encoding.matrix_of_frame(shuffled), expected)
    frame.to_parquet(tmp_path / "signals.parquet", index=False)
    again = pd.read_parquet(tmp_path / "signals.parquet")
    np.testing.assert_array_equal(encoding.matrix_of_frame(again), expected)


@pytest.mark.parametrize("text", ["object", "string", "category"])
def test_texts_of_any_pandas_type(encoding, text):
    """Texts may come as objects, strings or categories; an absent one is NaN in all of them."""
    frame = seen("phone", None, "abacus").frame()
    frame[DEVICE] = frame[DEVICE].astype(object).astype(text)
    codes = encoding.matrix_of_frame(frame)[:, encoding.category_columns[0]]
    np.testing.assert_array_equal(codes, [1.0, np.nan, np.nan])


def test_numbers_of_any_pandas_type(encoding):
    """Whole numbers and nullable ones are numbers, too."""
    frame = seen("phone", "phone").frame()
    frame["trait.size"] = pd.array([3, None], dtype="Int64")
    column = encoding.columns.index("trait.size")
    np.testing.assert_array_equal(encoding.matrix_of_frame(frame)[:, column], [3.0, np.nan])


def test_a_frame_that_lacks_columns_is_refused(encoding):
    """The message names the columns that are not there."""
    frame = seen("phone").frame().drop(columns=[DEVICE, "trait.size"])
    with pytest.raises(BundleError, match=r"lacks the signal columns \['trait.device', 'trait.s"):
        encoding.matrix_of_frame(frame)


def test_a_real_snapshot_round_trips(trained, simulated_log, simulation):
    """On the simulated log, frame and snapshot give one matrix."""
    shot = snapshot(simulated_log, trained.ladder, None, simulation.end)
    assert len(trained.encoding.category_columns) >= 3
    np.testing.assert_array_equal(
        trained.encoding.matrix_of_frame(shot.frame()), trained.encoding.matrix(shot)
    )
