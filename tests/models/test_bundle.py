"""The bundle: one folder that answers alike wherever it is loaded, and that notices a change."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.clock import microseconds, when
from features.errors import BundleError
from features.events.log import DAY_US, EventLog
from features.ladder.catalogue import offer_table, with_catalogue
from features.ladder.file import parse_ladder, read_ladder
from features.ladder.ladder import Ladder, OfferVersion
from features.reading import read_events
from features.signals.fold import NONE
from features.signals.snapshot import snapshot
from models.bundle import Bundle, check_folder, load_bundle, save_bundle
from models.offers.offer_model import Forecast, of_step
from models.recommendation import forecast_of
from models.scores.goal_model import FitConfig
from models.scores.learners.boosting import BoostingConfig
from models.served_policy import read_served, write_served
from tests.gates import policy_gate
from tests.training.simulation.scene import log_of_simulation
from training.pipeline import TrainConfig, train
from training.simulation.world import Simulation, SimulationConfig, simulate

FILES = {"manifest.json", "ladder.toml", "model.json", "offers.json", "advancement.txt"}
QUICK = TrainConfig(fit=FitConfig(folds=2, repeats=1, boosting=BoostingConfig(most_rounds=15)))


@pytest.fixture(scope="module")
def trained(trained_and_saved: tuple[Bundle, Path]) -> Bundle:
    """As it was trained: it was never written and read."""
    return trained_and_saved[0]


@pytest.fixture(scope="module")
def bundle_folder(trained_and_saved: tuple[Bundle, Path]) -> Path:
    """Where that lies."""
    return trained_and_saved[1]


@pytest.fixture
def folder(bundle_folder, tmp_path) -> Path:
    """A copy of the trained bundle, to be spoilt."""
    return Path(shutil.copytree(bundle_folder, tmp_path / "copy"))


@pytest.fixture(scope="module")
def shot(simulated_log, b2b, simulation):
    return snapshot(simulated_log, b2b, None, simulation.end)


def assert_same_scores(one: Bundle, other: Bundle, shot) -> None:
    first, second = one.score(shot), other.score(shot)
    for goal in ("advance", "purchase"):
        for part in ("probability", "low", "high"):
            np.testing.assert_array_equal(
                getattr(getattr(first, goal), part), getattr(getattr(second, goal), part)
            )
    assert first.step == second.step
    found, expected = one.explain(shot), other.explain(shot)
    np.testing.assert_array_equal(found.points, expected.points)
    np.testing.assert_array_equal(found.base, expected.base)


def quickly_trained(log, ladder, until, folder, config=QUICK) -> str:
    return save_bundle(train(log, ladder, until=until, config=config), folder).hash


def change_manifest(folder: Path, **values: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


# ------------------------------------------------------------------------------------ Save and load


def test_save_and_load_score_alike(trained, bundle_folder, shot):
    """What was trained and what was loaded give the same scores and reasons, bit for bit."""
    assert_same_scores(load_bundle(bundle_folder), trained, shot)


def test_how_exactly_times_are_known_is_beside_what_earlier_versions_read(trained, bundle_folder):
    """It comes back; and without it the rest is what a version that does not know of it has."""
    held = json.loads((bundle_folder / "model.json").read_text())["purchase"]
    assert set(held["timing"]) == {"level", "share"}
    loaded = load_bundle(bundle_folder).purchase.timing
    assert loaded is not None
    np.testing.assert_array_equal(loaded.leads, trained.purchase.timing.leads)
    assert held["timing_leads"] == trained.purchase.timing.leads.tolist()


def test_the_chances_of_the_next_step_alone(trained, shot):
    """They are those that a score tells; who has bought or is lost has none."""
    lost = np.arange(len(shot)) % 5 == 0
    shot = replace(shot, lost_at=np.where(lost, 1, shot.lost_at))
    told = trained.score(shot).advance.probability
    assert 0 < np.isnan(told[~lost]).sum() < (~lost).sum()
    np.testing.assert_array_equal(trained.next_step_chances(shot), told)


def test_saving_again_changes_nothing(trained, folder, tmp_path):
    """A bundle that is loaded and saved is the same bundle, file by file."""
    again = save_bundle(load_bundle(folder), tmp_path / "again")
    assert again.hash == trained.hash
    for name in FILES:
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()


def test_what_is_in_the_folder(trained, bundle_folder):
    """Text files and nothing else: no pickle, no archive, and no model where rates answer."""
    assert trained.advancement.learner is not None
    assert trained.purchase.learner is None
    assert {path.name for path in bundle_folder.iterdir()} == FILES
    for path in bundle_folder.iterdir():
        text = path.read_bytes()
        if path.suffix == ".json":
            json.loads(text)
        if path.suffix == ".txt":
            assert text.startswith(b"tree\n")
        assert not text.startswith((b"\x80", b"PK", b"\x1f\x8b"))
        assert b"\0" not in text
        text.decode("utf-8")


def test_the_ladder_comes_along(trained, bundle_folder, b2b):
    """The ladder file stands in the folder as its owner wrote it, comments included."""
    assert (bundle_folder / "ladder.toml").read_text(encoding="utf-8") == b2b.source
    loaded = load_bundle(bundle_folder)
    assert loaded.ladder == b2b
    assert loaded.ladder.fingerprint == trained.manifest["ladder_fingerprint"]


def test_the_manifest_says_what_it_was_trained_on(trained, simulation):
    """Hash, version, instants and counts are there, and the version is the hash's beginning."""
    manifest = trained.manifest
    assert len(trained.hash) == 64
    assert trained.hash.startswith(trained.version)
    assert len(trained.version) == 12
    assert manifest["ladder"] == "b2b"
    counts = manifest["trained_on"]["advancement"]
    assert 0 < counts["reached"] < counts["points"]
    assert counts["leads"] <= simulation.config.leads
    assert (counts["evidence"], counts["learned"]) == ("model", True)


def test_replaces_an_older_bundle(trained, folder):
    """A folder with a bundle takes another one; a booster that is no longer there is gone."""
    bare = replace(trained, advancement=trained.purchase)
    saved = save_bundle(bare, folder)
    assert {path.name for path in folder.iterdir()} == FILES - {"advancement.txt"}
    assert load_bundle(folder).hash == saved.hash != trained.hash


def test_makes_the_folders_above(trained, tmp_path):
    """Folders that are not there are made."""
    save_bundle(trained, tmp_path / "a" / "b")
    assert load_bundle(tmp_path / "a" / "b").hash == trained.hash


def test_a_foreign_folder_is_not_overwritten(trained, tmp_path):
    """A folder that holds something else is left alone."""
    (tmp_path / "thesis.txt").write_text("ten years of work")
    (tmp_path / "model.json").write_text("not yours")
    with pytest.raises(BundleError, match=r"holds 'thesis.txt' and no bundle; choose an empty"):
        save_bundle(trained, tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "ten years of work"
    assert (tmp_path / "model.json").read_text() == "not yours"


def test_what_was_left_in_a_folder_is_nothing_foreign(trained, tmp_path):
    """A folder beside which nothing may be written, such as a volume, holds what a kill left."""
    folder = tmp_path / "volume"
    (folder / ".0123abcd.volume").mkdir(parents=True)
    (folder / ".0123abcd.volume" / "manifest.json").write_text("{}")
    check_folder(folder)
    saved = save_bundle(trained, folder)
    assert load_bundle(folder).hash == saved.hash
    assert not (folder / ".0123abcd.volume").exists()


@pytest.mark.parametrize("name", ["ladder.toml", "manifest.json"])
def test_a_foreign_file_of_one_of_our_names_is_not_overwritten(trained, tmp_path, name):
    """Neither is a file that happens to be called as one of ours: a ladder, a web application's."""
    (tmp_path / name).write_text('{"name": "not a bundle"}')
    with pytest.raises(BundleError, match="and no bundle; choose an empty folder"):
        save_bundle(trained, tmp_path)
    assert (tmp_path / name).read_text() == '{"name": "not a bundle"}'


def test_before_it_is_saved(trained, shot):
    """A bundle scores and names itself unsaved; what hangs on its hash says what to do."""
    fresh = replace(trained, manifest={k: v for k, v in trained.manifest.items() if k != "hash"})
    assert fresh.version == "unsaved"
    assert fresh.score(shot).step == trained.score(shot).step
    with pytest.raises(BundleError, match="once it is saved"):
        assert fresh.hash


def test_a_ladder_built_in_code_is_refused(trained, tmp_path):
    """Without the text of a ladder file there is nothing to put into the folder."""
    bundle = replace(trained, ladder=replace(trained.ladder, source=""))
    with pytest.raises(BundleError, match="only a ladder that was read from a file"):
        save_bundle(bundle, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


# -------------------------------------------------------------------------------------- The offers


@pytest.fixture(scope="module")
def earning(b2b) -> Ladder:
    """The ladder with gains of money, which no probability can stand for."""
    events = '{event = "contract_signed", worth = 900}, {event = "trial_started"}'
    told = f"[value]\nhorizon_days = 30\ngains = [{events}]\n"
    return parse_ladder(b2b.source.replace("[value]\n", told, 1), "earning.toml")


@pytest.fixture(scope="module")
def learned(b2b) -> tuple[Simulation, EventLog]:
    """A simulated log of offers that were drawn."""
    simulation = simulate(b2b, SimulationConfig(leads=500, days=200, drawn=True))
    return simulation, log_of_simulation(simulation)


def forecast_at_the_end(bundle: Bundle, log: EventLog) -> Forecast:
    """What the options would do for every lead of a log."""
    shot = snapshot(log, bundle.ladder, None, when(int(log.known.max())))
    eligible = np.array([of_step(bundle.ladder, at) for at in shot.position])
    return forecast_of(bundle, shot, bundle.score(shot), eligible, np.zeros_like(eligible))


def assert_same_forecast(one: Forecast, other: Forecast) -> None:
    for part in ("uplift", "low", "high"):
        np.testing.assert_array_equal(getattr(one, part), getattr(other, part))
    for part in ("advance", "gain", "gain_sd"):
        np.testing.assert_array_equal(getattr(one.beliefs, part), getattr(other.beliefs, part))
    np.testing.assert_array_equal(one.beliefs.gain_draws(), other.beliefs.gain_draws())


@pytest.mark.slow
def test_the_offer_model_comes_back(learned, b2b, tmp_path):
    """What was learned of offers forecasts the same after it was saved, bit for bit."""
    bundle = save_bundle(train(learned[1], b2b, config=QUICK), tmp_path)
    loaded = load_bundle(tmp_path)
    assert bundle.manifest["decisions"]["drawn"] > 100
    assert "randomised" in bundle.offers.evidence or max(bundle.offers.leads) > 20
    assert loaded.offers.as_dict() == bundle.offers.as_dict()
    assert loaded.offers.framings == bundle.offers.framings != {}
    assert set(loaded.offers.fields) == {trait.id for trait in b2b.traits}
    assert_same_forecast(
        forecast_at_the_end(loaded, learned[1]), forecast_at_the_end(bundle, learned[1])
    )


@pytest.mark.slow
def test_the_offer_model_of_gains_comes_back(learned, earning, tmp_path):
    """With gains in the ladder, what is expected of them stands in a booster of its own."""
    log = log_of_simulation(replace(learned[0], ladder=earning))
    bundle = save_bundle(train(log, earning, config=QUICK), tmp_path)
    assert bundle.offers.amount is not None
    assert bundle.offers.value.kind == "amount"
    assert {path.name for path in tmp_path.iterdir()} >= {"amount.txt"} | FILES
    loaded = load_bundle(tmp_path)
    found, expected = forecast_at_the_end(loaded, log), forecast_at_the_end(bundle, log)
    assert_same_forecast(found, expected)
    (tmp_path / "amount.txt").unlink()
    with pytest.raises(BundleError, match="is damaged: its files do not match its hash"):
        load_bundle(tmp_path)


def test_a_promoted_policy_is_no_part_of_the_hash(trained, folder):
    """Who promotes a policy changes no score, and needs no other bundle."""
    write_served(folder, policy_gate(trained))
    assert load_bundle(folder).hash == trained.hash


def test_a_new_bundle_begins_with_the_careful_policy(trained, folder):
    """A policy that was promoted for the bundle before does not choose with this one's effects."""
    write_served(folder, policy_gate(trained))
    bundle = save_bundle(replace(trained, advancement=trained.purchase), folder)
    assert not (folder / "served_policy.json").exists()
    assert read_served(folder, bundle) == "careful"


def test_a_bundle_is_of_one_version_of_a_ladder(trained, b2b):
    """Its own ladder will do, with other words around it; another horizon makes another ladder."""
    trained.require_ladder(parse_ladder("# mine\n" + b2b.source, "mine"))
    source = b2b.source.replace("horizon_days = 14", "horizon_days = 15", 1)
    with pytest.raises(BundleError, match="trained for another version of the ladder 'b2b'"):
        trained.require_ladder(parse_ladder(source, "changed"))


# ----------------------------------------------------------------------------------------- The hash


@pytest.fixture(scope="module")
def first(simulated_log, b2b, trained_until, tmp_path_factory) -> str:
    """The hash of a bundle that was trained quickly."""
    until = microseconds(trained_until)
    return quickly_trained(simulated_log, b2b, until, tmp_path_factory.mktemp("first"))


@pytest.mark.slow
def test_the_same_twice(first, simulation, b2b, trained_until, tmp_path):
    """The same events, in whatever order they were written, give the same bundle bit for bit."""
    shuffled = simulation.events.sample(frac=1.0, random_state=5)
    shuffled.to_parquet(tmp_path / "shuffled.parquet", index=False)
    log, _ = read_events(tmp_path / "shuffled.parquet", b2b)
    assert quickly_trained(log, b2b, microseconds(trained_until), tmp_path / "b") == first


@pytest.mark.slow
@pytest.mark.parametrize(
    "config",
    [
        replace(QUICK, seed=8),
        replace(QUICK, fit=replace(QUICK.fit, seed=8)),
        replace(QUICK, fit=replace(QUICK.fit, folds=3)),
    ],
    ids=["seed of the points", "seed of the fit", "folds"],
)
def test_another_configuration(first, simulated_log, b2b, trained_until, tmp_path, config):
    """A seed or a setting is part of what a bundle is."""
    until = microseconds(trained_until)
    assert quickly_trained(simulated_log, b2b, until, tmp_path / "b", config) != first


def test_one_more_event(first, simulation, b2b, trained_until, tmp_path):
    """One event more is another training set."""
    events = simulation.events
    more = events.iloc[[0]].assign(message_id="one-more")
    pd.concat([events, more]).to_parquet(tmp_path / "more.parquet", index=False)
    log, _ = read_events(tmp_path / "more.parquet", b2b)
    assert quickly_trained(log, b2b, microseconds(trained_until), tmp_path / "b") != first


@pytest.mark.slow
def test_what_was_known_later_does_not_matter(events_file, b2b, trained_until, tmp_path):
    """Trained until an instant, a bundle is the same whether or not the log goes on after it.

    The instant is that of the last event by then: of what comes after its end a log knows nothing.
    """
    log, report = read_events(events_file, b2b, until=trained_until)
    assert report.later > 100
    until = int(log.known.max())
    whole, _ = read_events(events_file, b2b)
    hashes = {
        quickly_trained(one, b2b, until, tmp_path / name)
        for name, one in (("cut", log), ("whole", whole))
    }
    assert len(hashes) == 1


# ---------------------------------------------------------------------------------- What is refused


def test_no_bundle(tmp_path):
    """A folder without a manifest, or none at all, is told how to be made one."""
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(BundleError, match=r"it has no manifest.json; make one: rung train"):
            load_bundle(folder)


@pytest.mark.parametrize("name", sorted(FILES))
def test_one_flipped_byte(folder, name):
    """Any byte that is not what it was is found, wherever it stands."""
    path = folder / name
    sound = path.read_bytes()
    rng = np.random.default_rng(3)
    for at in {0, len(sound) - 1, *rng.integers(0, len(sound), 40).tolist()}:
        flipped = bytes([sound[at] ^ (1 << int(rng.integers(0, 8)))])
        path.write_bytes(sound[:at] + flipped + sound[at + 1 :])
        with pytest.raises(BundleError, match=r"is damaged: .*; train it again|bundle format"):
            load_bundle(folder)
    path.write_bytes(sound)
    load_bundle(folder)


@pytest.mark.parametrize("name", sorted(FILES - {"manifest.json"}))
def test_a_missing_file(folder, name):
    """A file that is gone is damage, too: no bundle falls back to rates by itself."""
    (folder / name).unlink()
    with pytest.raises(BundleError, match="is damaged: its files do not match its hash"):
        load_bundle(folder)


def test_a_booster_that_was_put_there(folder):
    """A file that was not trained with the bundle is not loaded."""
    shutil.copy(folder / "advancement.txt", folder / "purchase.txt")
    with pytest.raises(BundleError, match="is damaged: its files do not match its hash"):
        load_bundle(folder)


def test_what_may_not_be_read_is_not_damaged(folder, monkeypatch):
    """Nobody trains again for want of a permission, or as a disk fails: it is said what fails."""

    def closed(self: Path, *_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_text", closed)
    with pytest.raises(BundleError) as said:
        load_bundle(folder)
    assert str(said.value) == f"{folder / 'manifest.json'} cannot be read: Permission denied"


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", "{", '{"format": 1}', '{"hash": "a"}'])
def test_a_manifest_that_is_none(folder, text):
    """A manifest that is cut short or something else is damage."""
    (folder / "manifest.json").write_text(text)
    with pytest.raises(BundleError, match=r"manifest.json is damaged: .*; train it again"):
        load_bundle(folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_manifest_with_a_number_that_is_none(folder, value):
    """So is one with a number that JSON does not know."""
    change_manifest(folder, until=value)
    with pytest.raises(BundleError, match="is damaged"):
        load_bundle(folder)


def test_another_format(folder):
    """A bundle of a later Rung is refused by name, not as damage."""
    change_manifest(folder, format=6)
    with pytest.raises(BundleError, match="has bundle format 6, this Rung reads 5"):
        load_bundle(folder)


# ------------------------------------------------------------------------ offers without training


def edited(ladder: Ladder, offer_id: str, **changes: object) -> Ladder:
    """The ladder with a changed offer."""
    offers = tuple(
        replace(offer, **changes) if offer.id == offer_id else offer  # type: ignore[arg-type]
        for offer in ladder.offers
    )
    return replace(ladder, offers=offers)


def forecast_for(bundle: Bundle, shot) -> Forecast:
    """What each option of a bundle would do, whatever the step."""
    wide = np.ones((len(shot.leads), len(bundle.offers.options)), dtype=np.bool_)
    return forecast_of(bundle, shot, bundle.score(shot), wide, ~wide)


def test_scores_do_not_move_with_the_offers(trained, b2b, shot):
    """Whatever is edited, added or retired, scores, reasons, the hash and no ask stay."""
    longer = replace(b2b.offers[0].effort, minutes=90.0)
    new = replace(b2b.offers[0], id="another", effort=longer, title="Another")
    ladder = edited(b2b, b2b.offers[0].id, effort=longer, title="Longer")
    ladder = edited(ladder, b2b.offers[1].id, status="retired")
    other = trained.on(replace(ladder, offers=(new, *ladder.offers[1:], ladder.offers[0])))
    assert other.hash == trained.hash
    assert_same_scores(other, trained, shot)
    before, after = forecast_for(trained, shot), forecast_for(other, shot)
    for held in ("advance", "gain"):
        np.testing.assert_allclose(
            getattr(after.beliefs, held)[:, other.offers.options.no_ask],
            getattr(before.beliefs, held)[:, trained.offers.options.no_ask],
            atol=1e-12,
        )
    stays = b2b.offers[2].id
    np.testing.assert_allclose(
        after.uplift[:, other.offers.options.index(stays)],
        before.uplift[:, trained.offers.options.index(stays)],
        atol=1e-12,
    )
    edited_at = other.offers.options.index(b2b.offers[0].id)
    assert (after.uplift[:, edited_at] != before.uplift[:, 0]).any()


def test_a_new_offer_begins_as_a_prior(trained, b2b):
    """Nothing was learned of it yet, and it says so."""
    new = replace(b2b.offers[0], id="another")
    model = trained.on(replace(b2b, offers=(*b2b.offers, new))).offers
    at = model.options.index("another")
    assert (model.evidence[at], model.leads[at]) == ("prior", 0)
    assert model.usual[:, at].tolist() == [0.0] * len(b2b.goals)
    assert model.leads[:at] == trained.offers.leads[:at]


def test_an_offer_that_the_ladder_lost_is_retired(trained, b2b):
    """What was learned of it is kept: scores are expectations under it."""
    other = trained.on(replace(b2b, offers=b2b.offers[1:]))
    assert other.ladder.offers[-1] == replace(b2b.offers[0], status="retired")
    again = other.on(b2b)
    assert again.offers.leads == trained.offers.leads
    assert again.ladder == b2b


def test_there_and_back(trained, b2b, shot):
    """What was changed and changed back says what it said, however often."""
    longer = replace(b2b.offers[0].effort, minutes=90.0)
    there = trained.on(edited(b2b, b2b.offers[0].id, effort=longer))
    back = there.on(edited(there.ladder, b2b.offers[0].id, effort=b2b.offers[0].effort))
    before, after = forecast_for(trained, shot), forecast_for(back, shot)
    np.testing.assert_array_equal(after.beliefs.advance, before.beliefs.advance)
    np.testing.assert_array_equal(after.beliefs.gain, before.beliefs.gain)


def test_another_ladder_is_refused(trained, b2b):
    """Steps, signals and events are what scores follow from."""
    with pytest.raises(BundleError, match="trained for another version of the ladder 'b2b'"):
        trained.on(replace(b2b, purchase=replace(b2b.purchase, horizon_days=91.0)))


def test_the_catalogue_comes_along(trained, b2b, tmp_path):
    """Versions of offers that stood beside the ladder are in the bundle, under its hash."""
    table = offer_table(replace(b2b.offers[0], title="Edited"))
    version = OfferVersion(b2b.offers[0].id, 3, json.dumps(table), "paused", 5, 5, "ann")
    ladder = with_catalogue(b2b, [version])
    saved = save_bundle(replace(trained.on(ladder), offers=trained.offers), tmp_path / "b")
    assert saved.hash != trained.hash
    loaded = load_bundle(tmp_path / "b")
    assert loaded.ladder == ladder
    assert loaded.ladder.catalogue == (version,)
    assert (loaded.ladder.offers[0].title, loaded.ladder.offers[0].status) == ("Edited", "paused")
    (tmp_path / "b" / "catalogue.json").write_text("[]")
    with pytest.raises(BundleError, match="do not match its hash"):
        load_bundle(tmp_path / "b")


def test_other_signals(folder, monkeypatch):
    """A bundle that was trained on signals that are computed otherwise now is refused."""
    monkeypatch.setattr("models.bundle.files.signals_of", lambda _: ())
    with pytest.raises(BundleError, match="trained on other signals than this version of Rung"):
        load_bundle(folder)


def test_a_snapshot_of_another_ladder(trained, simulation, events_file):
    """Scores of a lead on another ladder are refused."""
    other = read_ladder("b2c")
    log, _ = read_events(events_file, other)
    with pytest.raises(BundleError, match="trained on other signals than this ladder has"):
        trained.score(snapshot(log, other, None, simulation.end))


# --------------------------------------------------------------------------------------- The scores


def test_scores_are_probabilities_inside_their_intervals(trained, shot):
    """Each lead has a row; low, probability and high stand in order in [0, 1]."""
    scores = trained.score(shot)
    assert scores.leads == shot.leads
    here = scores.position < len(trained.ladder.goals)
    for found in (scores.advance, scores.purchase):
        low, chance, high = found.low[here], found.probability[here], found.high[here]
        assert ((low >= 0) & (low <= chance) & (chance <= high) & (high <= 1)).all()


def test_a_lead_that_has_bought(trained, shot):
    """It has no next step, and no probabilities: NaN, and NA in the frame."""
    scores = trained.score(shot)
    bought = shot.position == len(trained.ladder.goals)
    assert 0 < bought.sum() < len(shot)
    for found in (scores.advance, scores.purchase):
        for part in (found.probability, found.low, found.high):
            np.testing.assert_array_equal(np.isnan(part), bought)
    assert [step is None for step in scores.step] == bought.tolist()
    frame = scores.frame()
    assert frame["step"].isna().tolist() == bought.tolist()


def test_the_step_is_the_next_one(trained, shot):
    """Before anything the first step comes next, on the last step the purchase."""
    goals = [goal.id for goal in trained.ladder.goals]
    pairs = set(zip(shot.position.tolist(), trained.score(shot).step, strict=True))
    assert pairs <= {*enumerate(goals), (len(goals), None)}
    assert (0, goals[0]) in pairs


def test_the_columns_of_the_frame(trained, shot, simulation):
    """The frame has exactly the columns that are documented, in their types."""
    frame = trained.score(shot).frame()
    assert list(frame) == ["lead_id", "as_of", "step", "p_advance", "low", "high", "p_purchase"]
    assert (frame["as_of"] == pd.Timestamp(simulation.end)).all()
    assert str(frame["step"].dtype) == "string"
    assert {str(frame[name].dtype) for name in ("p_advance", "low", "high", "p_purchase")} == {
        "float64"
    }


def test_a_lead_is_scored_alike_in_any_company(trained, shot):
    """A lead's score does not depend on which others are asked about, nor on their order."""
    whole = trained.score(shot).frame()
    order = np.random.default_rng(1).permutation(len(shot))[:50]
    some = trained.score(shot.rows(order)).frame()
    pd.testing.assert_frame_equal(some, whole.iloc[order].reset_index(drop=True))


def test_a_frame_of_signals_scores_alike(trained, shot):
    """Scores from `Snapshot.frame` are those of the snapshot, bit for bit."""
    pd.testing.assert_frame_equal(trained.score_frame(shot.frame()), trained.score(shot).frame())


@pytest.mark.parametrize("through", ["frame", "numbers", "csv", "parquet"])
def test_a_frame_says_who_is_lost(trained, shot, through, tmp_path):
    """Who is lost has no score by a frame either, whatever file it went through."""
    lost = replace(shot, lost_at=np.where(np.arange(len(shot)) % 7 == 0, shot.as_of - 1, NONE))
    frame = lost.frame()
    if through == "numbers":
        frame["ladder.lost"] = frame["ladder.lost"].astype(float)
    elif through == "csv":
        frame.to_csv(tmp_path / "signals.csv", index=False)
        frame = pd.read_csv(tmp_path / "signals.csv")
    elif through == "parquet":
        frame.to_parquet(tmp_path / "signals.parquet")
        frame = pd.read_parquet(tmp_path / "signals.parquet")
    found, expected = trained.score_frame(frame), trained.score(lost).frame()
    assert found["p_advance"].isna()[::7].all()
    assert found["p_advance"].notna().any()
    for name in ("step", "p_advance", "p_purchase"):
        assert found[name].isna().tolist() == expected[name].isna().tolist()
    if through != "csv":
        pd.testing.assert_frame_equal(found, expected)


def test_a_frame_of_an_earlier_version_says_of_nobody_that_it_is_lost(trained, shot):
    """It has no such column, and is scored as it was then."""
    frame = shot.frame().drop(columns="ladder.lost")
    pd.testing.assert_frame_equal(trained.score_frame(frame), trained.score(shot).frame())


@pytest.mark.parametrize("held", [2.0, None, "lost"])
def test_a_frame_that_does_not_say_whether_a_lead_is_lost(trained, shot, held):
    """What is neither true nor false is no answer, and not taken for one."""
    frame = shot.frame().astype({"ladder.lost": object})
    frame.loc[3, "ladder.lost"] = held
    with pytest.raises(BundleError, match=r"'ladder.lost' holds .*: it says true or false"):
        trained.score_frame(frame)


@pytest.mark.parametrize("held", [np.nan, -1.0, 0.5, 7.0, np.inf])
def test_a_frame_with_a_position_that_the_ladder_has_not(trained, shot, held):
    """It is refused by name; below the first step would be the last one, and above all a buyer."""
    frame = shot.frame().astype({"ladder.position": float})
    frame.loc[3, "ladder.position"] = held
    said = rf"'ladder.position' holds {held:g}: it counts the steps .*, from 0 to 6$"
    with pytest.raises(BundleError, match=said):
        trained.score_frame(frame)


def test_a_frame_without_names_and_instants(trained, shot):
    """Signals alone can be scored, too: the rows are numbered."""
    frame = shot.frame().drop(columns=["lead_id", "as_of"])
    found = trained.score_frame(frame)
    assert found["lead_id"].tolist()[:2] == ["0", "1"]
    expected = trained.score(shot).advance.probability
    np.testing.assert_array_equal(found["p_advance"], expected)


def test_a_frame_without_a_position_is_refused(trained, shot):
    """What is missing is named."""
    with pytest.raises(BundleError, match=r"lacks the signal columns \['ladder.position'\]"):
        trained.score_frame(shot.frame().drop(columns="ladder.position"))


def test_nobody_to_score(trained, simulated_log, b2b, simulation):
    """No leads give no scores, and no error."""
    empty = snapshot(simulated_log, b2b, [], simulation.end)
    assert len(trained.score(empty).frame()) == 0
    assert len(trained.score_frame(empty.frame())) == 0
    assert trained.explain(empty).points.shape == (0, len(empty.signals))


def test_comments_do_not_make_another_ladder(trained, simulated_log):
    """A ladder file with another comment is the same ladder: its snapshots can be scored."""
    ladder = parse_ladder("# a word\n" + trained.ladder.source)
    found = snapshot(simulated_log, ladder, None, when(int(trained.manifest["until"]) + DAY_US))
    assert len(trained.score(found).leads) == len(simulated_log.leads)
