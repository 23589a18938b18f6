"""What a bundle says of itself on its card."""

import re
from dataclasses import replace

import pytest

from features.clock import rfc3339
from features.ladder.ladder import Trait
from features.signals.table import signals_of
from models.logged.card import made
from models.logged.former_bundles import Promotion
from training.pipeline import TrainConfig
from training.setup.config_file import parse_config

LEAK = {
    "id": "trait.role",
    "kind": "written after",
    "says": "it is written when they buy",
    "stops": True,
    "figures": {},
    "accepted": "asked at <sign-up> | \n first",
}
USE = {"weight": 0.0408, "share": 0.1766, "has_moved": False, "more_of_it": "lower"}


def text(parts) -> str:
    return "\n\n".join(parts)


def test_what_it_is(known, trained):
    """Its ladder, hash, end of training, where each goal's answers come from, every horizon."""
    page = text(made.details(known()))
    assert f"the whole hash is `{trained.hash}`" in page
    assert (
        f"until {rfc3339(trained.manifest['until'])}, by Rung {trained.manifest['rung']}." in page
    )
    trees = trained.manifest["trained_on"]["advancement"]["trees"]
    leads = trained.advancement.calibrator.leads
    assert f"**The next step**: a model of {trees} boosted trees (LightGBM), calibrated" in page
    assert f"on {leads} leads that it had not seen" in page
    assert "**A purchase**: the rates of the steps, and no model" in page
    for goal in trained.ladder.goals:
        assert f"| {goal.title} | {goal.horizon_days:g} days |" in page


def test_before_any_outcome(known, trained):
    """Where the bands are all there is, the card says that no data speak."""
    told = {goal: one | {"evidence": "prior"} for goal, one in trained_on(trained).items()}
    page = text(made.details(known(trained_on=told)))
    assert page.count("In training not one outcome was known: no data speak in it.") == 2


def test_an_estimator_of_another_kind(known, trained):
    """What took the place of the trees is named, its types are, and that the command needs it."""
    told = trained_on(trained)
    told["advancement"] |= {"learner": "Averaged", "trees": 0}
    config = trained.manifest["config"]
    config = config | {"fit": config["fit"] | {"estimator": "Mine(C=0.01)"}}
    here = known(trained_on=told, config=config, trusted_types=["mymodule.Mine"])
    assert "another kind than Rung's trees, `Mine(C=0.01)`, whose reasons are approximate" in text(
        made.details(here)
    )
    again = text(made.remade(here))
    assert "--trust mymodule.Mine" in again
    assert "estimator `Mine(C=0.01)`, named by `--estimator`" in again
    assert 'estimator = "' not in again


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (Promotion(1_780_000_000_000_000, "ann", "it is better"), "promoted by ann; the reason"),
        (Promotion(1_780_000_000_000_000), "nobody is named who promoted it; no reason"),
        (None, "is not on record here; `rung champion show`"),
    ],
)
def test_who_let_it_serve(known, said, words):
    """Since when it serves, by whom and why, as far as that is on record."""
    assert words in text(made.details(replace(known(), promotion=said)))


def test_what_it_reads(known, trained):
    """How many signals, which traits and which of them are personal, and the heaviest signals."""
    signals = [{"id": "activity.recent_3d", **USE}, {"id": "gone.since", **USE}]
    judged = {"performance": None, "note": "", "verdict": "", "signals": signals}
    page = text(made.factors(known({"advancement": judged})))
    assert f"It reads {len(signals_of(trained.ladder))} signals" in page
    assert "it reads `company_size`, `industry`, `role`, `source`. Marked as personal" in page
    assert "data: `role`." in page
    assert "The ladder that it was trained with protects no trait." in page
    assert "**The next step** rests on 2 of them." in page
    said = "somewhat active these days"
    row = f"| `activity.recent_3d` | {said} | 4.1 points | 18 % | a lower chance |"
    assert row in page
    assert "| `gone.since` |  | 4.1 points |" in page
    assert "**A purchase**" not in page  # it rests on rates


def test_a_protected_trait(known, trained):
    """It is named as read by no signal, and is read by none."""
    ladder = replace(trained.ladder, protected=(Trait("gender", "category"),))
    page = text(made.factors(known({}, ladder=ladder)))
    assert "Protected by the ladder, and read by no signal: `gender`." in page
    assert not [one.id for one in signals_of(ladder) if "gender" in one.id]
    assert "gender" not in " ".join(trained.encoding.columns)


def test_what_it_learned_from(known, trained, simulated_log):
    """The log in counts, which are those of the log, and the counts of training."""
    page = text(made.training_data(known()))
    log = simulated_log.known_by(trained.manifest["until"])
    leads = sum(log.starts[1:] > log.starts[:-1])
    assert f"{len(log.occurred):,} events of {leads:,} leads, from " in page
    assert f"from {rfc3339(int(log.occurred.min()))}, as far" in page
    for goal, title, basis in (
        ("advancement", "The next step", "a model"),
        ("purchase", "A purchase", "the rates of the steps"),
    ):
        one = trained_on(trained)[goal]
        counts = [one[key] for key in ("points", "leads", "reached", "lost", "early", "pending")]
        assert f"| {title} | {' | '.join(f'{count:,}' for count in counts)} | {basis} |" in page
    assert "| lost | decided early | not over |" in page
    observed = trained.manifest["decisions"]["observed"]
    assert f"and from {observed:,} made by others" in page
    assert "probes looked for leaks, and found none" in page


def test_a_bundle_of_an_earlier_version(known, trained):
    """What it did not keep is said to be unknown, and not to be nothing."""
    here = known(log=None)
    assert "How many events and leads that was, the bundle does not say" in text(
        made.training_data(here)
    )
    before = {key: one for key, one in trained.manifest.items() if key not in ("log", "probes")}
    here = replace(here, bundle=replace(trained, manifest=before))
    page = text(made.training_data(here))
    assert "the bundle does not say; `rung train` of this version keeps it" in page
    assert "Whether probes looked for leaks before training, the bundle does not say." in page


def test_a_leak_that_was_accepted(known):
    """It stands there with the reason, in words alone."""
    here = known(probes=[LEAK, LEAK | {"id": "labels", "accepted": ""}], notes=["a note: odd"])
    page = text(made.training_data(here))
    assert (
        "* `trait.role` (written after): It is written when they buy. **Accepted by whoever"
        " trained**: “asked at &lt;sign-up> \\| first”."
    ) in page
    assert "* `labels` (written after): It is written when they buy.\n" in page
    assert "* A note: odd." in page
    assert "--accept-leak trait.role 'asked at <sign-up> | first'" in text(made.remade(here))


def test_the_configuration_can_be_used_again(known):
    """The block is a file for `rung train --config` that gives the configuration of then."""
    (block,) = re.findall(r"```toml\n(.*?)```", text(made.remade(known())), re.DOTALL)
    assert parse_config(block, "card").train == TrainConfig()


def test_what_it_came_from(known, trained):
    """The versions of what computed it, and a fingerprint of all that went in."""
    page = text(made.remade(known()))
    manifest = trained.manifest
    for name, held in manifest["libraries"].items():
        assert f"{name} {held}" in page
    for key in ("data_fingerprint", "ladder_fingerprint", "signals_fingerprint"):
        assert f"by its SHA-256: `{manifest[key]}`" in page
    before = replace(trained, manifest={**manifest, "libraries": {}})
    assert "with libraries whose versions were not kept" in text(
        made.remade(replace(known(), bundle=before))
    )


def test_points_of_some_days_alone(known, trained):
    """How far back it looked is an option of the command."""
    config = trained.manifest["config"] | {"look_back_days": 90.0}
    page = text(made.remade(known(config=config)))
    assert "--look-back 90.0" in page
    (block,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert "look_back" not in block


def trained_on(bundle):
    """A copy of its counts."""
    return {goal: dict(one) for goal, one in bundle.manifest["trained_on"].items()}
