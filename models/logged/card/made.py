"""What a bundle says of itself: what it is and reads, what it learned from, how to remake it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any, Final

from features.clock import rfc3339
from features.ladder.ladder import Ladder
from features.ladder.words import in_percent, things
from features.signals.table import TRAIT, signals_of
from models.logged.card.on_record import GOALS, OnRecord
from models.logged.card.wording import EVALUATE, bullets, listed, plain, sentence, table, unmeasured

__all__ = ["details", "factors", "remade", "training_data"]

_HEAVIEST: Final = 10
_LEARNED_FROM: Final = {
    "model": "a model",
    "rates": "the rates of the steps",
    "prior": "the ladder's bands",
}


def details(known: OnRecord) -> Iterator[str]:
    """What it is, where its probabilities come from, and that it serves."""
    bundle, manifest = known.bundle, known.manifest
    yield bullets(
        [
            f"**Ladder** `{bundle.ladder.name}`, “{plain(bundle.ladder.title)}”:"
            f" {len(bundle.ladder.steps)} steps, and the purchase.",
            f"**Version** `{bundle.version}`; the whole hash is `{bundle.hash}`.",
            f"**Trained** on what was known until {rfc3339(int(manifest['until']))}, by Rung"
            f" {manifest['rung']}.",
            *(f"**{title}**: {_answers(known, goal)}" for goal, title in GOALS.items()),
            _serves(known),
        ]
    )
    yield "It says of a lead before each step how likely it is to go on in time:"
    yield table(
        ["a lead's next step", "within"],
        [[plain(goal.title), things(goal.horizon_days, "day")] for goal in bundle.ladder.goals],
    )


def _answers(known: OnRecord, goal: str) -> str:
    """Where the probabilities of a goal come from."""
    counts = known.trained(goal)
    basis = counts.get("evidence")
    if basis == "model":
        model = known.bundle.advancement if goal == "advancement" else known.bundle.purchase
        leads = things(model.calibrator.leads, "lead")
        return f"{_learner(known, counts)}, calibrated on {leads} that it had not seen."
    if basis == "prior":
        return "the ladder's bands. In training not one outcome was known: no data speak in it."
    if basis != "rates":
        return "the bundle does not say where its probabilities come from."
    but = ""
    if goal == "purchase" and known.trained("advancement").get("evidence") == "model":
        last = plain(known.bundle.ladder.purchase.title)
        but = f" But where {last} is the next step, the two are one chance."
    return (
        "the rates of the steps, and no model: leads before the same step have the same chance, as"
        f" training did not find that signals tell them apart.{but}"
    )


def _learner(known: OnRecord, counts: Mapping[str, Any]) -> str:
    if counts.get("learner") == "BoostedTrees":
        return f"a model of {counts['trees']:,} boosted trees (LightGBM)"
    estimator = known.manifest.get("config", {}).get("fit", {}).get("estimator")
    return (
        f"a model of another kind than Rung's trees, `{plain(estimator)}`, whose reasons are"
        " approximate"
    )


def _serves(known: OnRecord) -> str:
    said = known.promotion
    if said is None or not said.at:
        return (
            "**Serving**: whether it serves, and who let it, is not on record here; `rung champion"
            " show` tells what serves."
        )
    who = f"promoted by {plain(said.by)}" if said.by else "nobody is named who promoted it"
    why = f"the reason: “{plain(said.why)}”" if said.why else "no reason is on record"
    return f"**Serving** since {rfc3339(said.at)}; {who}; {why}."


# ---------------------------------------------------------------------------------- what it reads


def factors(known: OnRecord) -> Iterator[str]:
    """What of a lead it reads and what not, and what weighs most."""
    ladder = known.bundle.ladder
    signals = signals_of(ladder)
    traits = [one.id.removeprefix(TRAIT) for one in signals if one.id.startswith(TRAIT)]
    yield (
        f"It reads {len(signals):,} signals of a lead, made of the events that are known by the"
        " instant at which it is scored."
    )
    if traits:
        personal = [trait.id for trait in ladder.traits if trait.personal]
        marked = f" Marked as personal data: {listed(personal)}." if personal else ""
        yield f"What leads have told of themselves, of that it reads {listed(traits)}.{marked}"
    yield protected_words(ladder)
    weighed = [one for goal, title in GOALS.items() for one in _heaviest(known, goal, title)]
    yield from weighed
    if not weighed or known.report is None:
        return
    yield (
        "What a signal moves a chance by, in percentage points on average, says what chances are"
        " made of, and not what causes an outcome. Signals that tell the same share theirs."
    )


def protected_words(ladder: Ladder) -> str:
    """Which traits nothing may read."""
    if not ladder.protected:
        return "The ladder that it was trained with protects no trait."
    protected = listed(trait.id for trait in ladder.protected)
    return f"Protected by the ladder, and read by no signal: {protected}."


def _heaviest(known: OnRecord, goal: str, title: str) -> Iterator[str]:
    if known.trained(goal).get("evidence") != "model":
        return
    found = known.judged(goal).get("signals")
    if found is None:
        yield f"What weighs most in **{title.lower()}**: {unmeasured()}"
        return
    says = {signal.id: signal.example for signal in signals_of(known.bundle.ladder)}
    yield f"**{title}** rests on {len(found):,} of them. The heaviest:"
    yield table(
        ["signal", "says, for example", "moves a chance by", "of all", "more of it goes with"],
        [
            [
                f"`{plain(one['id'])}`",
                plain(says.get(one["id"], "")),
                f"{100 * one['weight']:.1f} points",
                in_percent(one["share"]),
                _LEANS.get(one["more_of_it"], ""),
            ]
            for one in found[:_HEAVIEST]
        ],
        texts=(0, 1, 4),
    )


_LEANS: Final = {
    "higher": "a higher chance",
    "lower": "a lower chance",
    "either": "either",
    "": "–",
}


# ---------------------------------------------------------------------------- what it learned from


def training_data(known: OnRecord) -> Iterator[str]:
    """The log in counts, what was learned from, and what probes found in it."""
    manifest = known.manifest
    until, log = rfc3339(int(manifest["until"])), manifest.get("log")
    if log and log["from"] is not None:
        yield (
            f"{things(log['events'], 'event')} of {things(log['leads'], 'lead')}, from"
            f" {rfc3339(log['from'])}, as far as they were known until {until}."
        )
    else:
        yield (
            f"What was known until {until}. How many events and leads that was, the bundle does not"
            " say; `rung train` of this version keeps it."
        )
    yield (
        "A point is a lead at an instant at which it could have been scored. It is learned from"
        " once its horizon is over, and at steps where leads are lost once it is decided; the"
        " others are left out, those among them that advanced early as well."
    )
    heads = ["", "points", "leads", "reached", "lost", "decided early", "not over"]
    yield table(
        [*heads, "answers come from"],
        [
            [
                title,
                *(f"{counts[key]:,}" for key in _COUNTS),
                _LEARNED_FROM.get(counts["evidence"], plain(counts["evidence"])),
            ]
            for goal, title in GOALS.items()
            if (counts := known.trained(goal))
        ],
        texts=(0, 7),
    )
    if made := manifest.get("decisions"):
        yield (
            f"The effects of offers were learned from {made['drawn']:,} decisions drawn with known"
            f" probabilities, and from {made['observed']:,} made by others, adjusted by what was"
            " seen of the leads."
        )
    if "probes" not in manifest:
        yield "Whether probes looked for leaks before training, the bundle does not say."
    elif not manifest["probes"]:
        yield "Before training, probes looked for leaks, and found none."
    else:
        yield "Before training, probes looked for leaks, and found:"
        yield bullets(map(_probe, manifest["probes"]))
    if manifest.get("notes"):
        yield "Noted in training:"
        yield bullets(sentence(plain(one)) for one in manifest["notes"])


_COUNTS: Final = ("points", "leads", "reached", "lost", "early", "pending")


def _probe(found: Mapping[str, Any]) -> str:
    said = f"`{plain(found['id'])}` ({found['kind']}): {sentence(plain(found['says']))}"
    if not found["accepted"]:
        return said
    return f"{said} **Accepted by whoever trained**: “{plain(found['accepted'])}”."


# --------------------------------------------------------------------------------- how to remake it


def remade(known: OnRecord) -> Iterator[str]:
    """The command that makes it again, with its configuration, and what it is known by."""
    manifest = known.manifest
    config: Mapping[str, Any] = manifest.get("config", {})
    yield (
        "The same log, ladder, configuration and versions give the same bundle, to the last bit;"
        " its hash says whether they did."
    )
    yield _block("sh", _command(manifest, config))
    yield "with `config.toml`:"
    yield _block("toml", "\n".join(_toml(config)))
    if config.get("fit", {}).get("estimator"):
        yield (
            f"and with the estimator `{plain(config['fit']['estimator'])}`, named by `--estimator`."
            " The bundle does not keep where it was found; all its parameters are in"
            " `manifest.json`."
        )
    report = known.report or {}
    if "until" in report and not report.get("twin"):
        yield "It was judged by"
        yield _block("sh", f"{EVALUATE} \\\n  --from {report['start']} --until {report['until']}")
    yield "What it came from:"
    yield bullets(
        [
            _versions(manifest),
            *(f"{name}, by its SHA-256: `{manifest[key]}`" for name, key in _PRINTS.items()),
        ]
    )


_PRINTS: Final = {
    "the log": "data_fingerprint",
    "what scores follow from in the ladder": "ladder_fingerprint",
    "the table of signals": "signals_fingerprint",
}


def _versions(manifest: Mapping[str, Any]) -> str:
    libraries: Mapping[str, str] = manifest.get("libraries", {})
    told = ", ".join(f"{name} {held}" for name, held in sorted(libraries.items()))
    return f"Rung {manifest['rung']}, with {told or 'libraries whose versions were not kept'}"


def _command(manifest: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    parts = [
        "rung train EVENTS --ladder BUNDLE/ladder.toml --out AGAIN --config config.toml",
        f"--until {rfc3339(int(manifest['until']))}",
    ]
    if config.get("look_back_days") is not None:
        parts.append(f"--look-back {config['look_back_days']!r}")
    parts += [f"--trust {name}" for name in manifest.get("trusted_types", ())]
    parts += [
        f"--accept-leak {one['id']} {shlex.quote(' '.join(one['accepted'].split()))}"
        for one in manifest.get("probes", ())
        if one["accepted"]
    ]
    return " \\\n  ".join(parts)


def _block(kind: str, text: str) -> str:
    return f"```{kind}\n{text}\n```"


def _toml(config: Mapping[str, Any]) -> Iterator[str]:
    """The configuration as `rung train --config` takes it: one seed, at the top, holds for all."""
    fit: Mapping[str, Any] = config.get("fit", {})
    yield from _values({key: one for key, one in config.items() if key != "look_back_days"})
    yield from ("", "[fit]")
    yield from _values({key: one for key, one in fit.items() if key not in ("seed", "estimator")})
    yield from ("", "[boosting]")
    yield from _values(fit.get("boosting", {}))


def _values(held: Mapping[str, Any]) -> Iterator[str]:
    for key, value in sorted(held.items()):  # as a bundle that was loaded has them
        if isinstance(value, bool | int | float | str):
            yield f"{key} = {json.dumps(value)}"
