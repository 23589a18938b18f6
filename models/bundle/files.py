"""Everything trained, in one folder: LightGBM text files, JSON, the ladder. Nothing is pickled.

manifest.json     format, fingerprints, configuration, what it was trained on, the hash
ladder.toml       the ladder, as its owner wrote it
catalogue.json    the versions of offers that stood beside it; absent without any
model.json        encoding, calibration, typical contributions, one part a goal
offers.json       the effects of the ladder's offers
advancement.txt   the booster for the next step; absent where rates are all there is
purchase.txt      the booster for purchase; the same
*.skops           a classifier of scikit-learn's kind in the place of a booster
amount.txt        the booster for gains, where the ladder names some
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from features.errors import BundleError, LadderError
from features.files import clear_away, kept_away, new_folder
from features.ladder.catalogue import with_catalogue
from features.ladder.file import parse_ladder
from features.ladder.ladder import Ladder, OfferVersion
from features.signals.table import signals_of
from models.bundle.bundle import Bundle
from models.offers.offer_model import OfferModel
from models.scores.calibration import Calibrator
from models.scores.encoding import Encoding
from models.scores.goal_model import GoalModel
from models.scores.learners.learner import BoostedTrees, read_learner
from models.scores.timing import Timing

__all__ = [
    "UNREADABLE",
    "check_folder",
    "copy_bundle",
    "load_bundle",
    "manifest_of",
    "save_bundle",
    "signals_fingerprint",
    "told_by",
    "unreadable",
    "why_not_loaded",
]

FORMAT: Final = 5
UNREADABLE: Final = (
    *(OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError),
    *(RecursionError, LadderError),
)
"""What reading a file raises that holds something else than was written."""
_GOALS: Final = ("advancement", "purchase")


def unreadable(path: Path, error: BaseException, remedy: str) -> BundleError:
    """What is said where a file raised one of `UNREADABLE`: what is damaged alone is made again."""
    if why := kept_away(error):
        return BundleError(f"{getattr(error, 'filename', None) or path} cannot be read: {why}")
    return BundleError(f"{path} is damaged: {error}; {remedy}")


def save_bundle(bundle: Bundle, folder: Path) -> Bundle:
    """Write a bundle, and return it with its hash in the manifest.

    The folder may hold an older bundle, which is replaced in one step; anything else in it is an
    error. Where the new one cannot be written, the old one stays.
    """
    folder = Path(folder)
    if bundle.outcomes:
        raise BundleError("a recalibrated bundle is not saved: its moves are kept beside it")
    if not bundle.ladder.source:
        raise BundleError("only a ladder that was read from a file can be put into a bundle")
    check_folder(folder)
    with new_folder(folder, _is_ours) as part:
        manifest = _write(bundle, part)
    return replace(bundle, manifest=manifest)


def copy_bundle(source: Path, folder: Path) -> None:
    """Put a copy of a bundle, and of what it was served by, in the place of another.

    As with `save_bundle`: a folder that holds anything else is an error.
    """
    check_folder(folder)
    with new_folder(folder, _is_ours) as part:
        for path in sorted(source.iterdir()):
            if _is_ours(path.name):
                shutil.copyfile(path, part / path.name)


def _write(bundle: Bundle, folder: Path) -> dict[str, Any]:
    """Write all files of a bundle into an empty folder; the manifest."""
    (folder / "ladder.toml").write_text(bundle.ladder.source, encoding="utf-8")
    if bundle.ladder.catalogue:
        versions = [asdict(one) for one in bundle.ladder.catalogue]
        (folder / "catalogue.json").write_text(_json(versions), encoding="utf-8")
    parts: dict[str, Any] = {"encoding": bundle.encoding.as_dict()}
    for goal in _GOALS:
        model: GoalModel = getattr(bundle, goal)
        parts[goal] = {
            "calibrator": model.calibrator.as_dict(),
            "typical": model.typical.tolist(),
        }
        if model.timing is not None:
            parts[goal] |= _parts_of(model.timing)
        if model.learner is not None:
            (folder / f"{goal}{model.learner.suffix}").write_bytes(model.learner.to_bytes())
    (folder / "model.json").write_text(_json(parts), encoding="utf-8")
    offers = json.dumps(bundle.offers.as_dict(), sort_keys=True, allow_nan=False)
    (folder / "offers.json").write_text(offers + "\n", encoding="utf-8")
    if bundle.offers.amount is not None:
        (folder / "amount.txt").write_bytes(bundle.offers.amount.to_bytes())
    manifest = {key: value for key, value in bundle.manifest.items() if key != "hash"}
    manifest |= {"format": FORMAT, "ladder": bundle.ladder.name}
    manifest |= {
        "ladder_fingerprint": bundle.ladder.fingerprint,
        "signals_fingerprint": signals_fingerprint(bundle.ladder),
    }
    manifest["hash"] = _hash(folder, manifest)
    (folder / "manifest.json").write_text(_json(manifest), encoding="utf-8")
    return manifest


def manifest_of(folder: Path) -> dict[str, Any]:
    """The manifest of a bundle that lies there, whole; BundleError where there is none."""
    return _manifest(Path(folder))


def told_by(folder: Path) -> tuple[dict[str, Any], str]:
    """The manifest of a bundle, and why this version of Rung cannot go by it; "" where it can.

    What serves or served may be of another version, or damaged: its hash still says which it is.

    Raises
    ------
    BundleError : there is no manifest, or none that says a hash.
    """
    folder = Path(folder)
    try:
        return _manifest(folder), ""
    except BundleError as error:
        manifest = _if_any(folder)
        if manifest is None:
            raise
        return manifest, str(error)


def why_not_loaded(folder: Path) -> str:
    """Why this version of Rung cannot load a bundle, as far as its small files say; "" else.

    Types of code from outside are not asked for: nothing of a bundle is run.
    """
    folder = Path(folder)
    try:
        _require_signals(folder, _manifest(folder), _ladder(folder))
    except BundleError as error:
        return str(error)
    except UNREADABLE as error:
        return str(unreadable(folder, error, "train it again"))
    return ""


def load_bundle(folder: Path, *, trusted: Collection[str] = ()) -> Bundle:
    """Read a bundle.

    Parameters
    ----------
    trusted : types of code from outside that a bundle may be made of, such as "mymodule.MyClass":
        to load one runs its code. Those that the bundle's manifest does not list stay refused.

    Raises
    ------
    BundleError : no bundle there, a damaged file, another format, types that are not trusted, or
        signals that this version of Rung computes otherwise than the version that trained it.
    """
    folder = Path(folder)
    manifest = _manifest(folder)
    try:
        types = _Types(tuple(manifest.get("trusted_types", ())), tuple(trusted))
        ladder = _ladder(folder)
        parts = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        encoding = Encoding.of_dict(parts["encoding"])
        models = {goal: _goal_model(folder, goal, parts[goal], types) for goal in _GOALS}
        for model in models.values():
            model.check(len(ladder.goals), len(encoding.columns))
        offers = _offer_model(folder, ladder)
        _require_signals(folder, manifest, ladder)
    except UNREADABLE as error:
        raise unreadable(folder, error, "train it again") from error
    return Bundle(ladder, encoding, models["advancement"], models["purchase"], offers, manifest)


def _require_signals(folder: Path, manifest: Mapping[str, Any], ladder: Ladder) -> None:
    if manifest["signals_fingerprint"] != signals_fingerprint(ladder):
        raise BundleError(
            f"{folder} was trained on other signals than this version of Rung computes;"
            " train it again"
        )


def _ladder(folder: Path) -> Ladder:
    ladder = parse_ladder((folder / "ladder.toml").read_text(encoding="utf-8"), "ladder.toml")
    beside = folder / "catalogue.json"
    if not beside.exists():
        return ladder
    held = json.loads(beside.read_text(encoding="utf-8"))
    return with_catalogue(ladder, [OfferVersion(**one) for one in held])


def signals_fingerprint(ladder: Ladder) -> str:
    """SHA-256 of the table of signals: a bundle must meet the very signals it was trained on.

    What they are called in sentences is no part of it.
    """
    plain = [replace(signal, says="", says_never="") for signal in signals_of(ladder)]
    return hashlib.sha256(repr(plain).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Types:
    """Types of code from outside: what the manifest lists, and what the caller permits."""

    listed: tuple[str, ...]
    permitted: tuple[str, ...]


def _goal_model(folder: Path, goal: str, part: dict[str, Any], types: _Types) -> GoalModel:
    return GoalModel(
        read_learner(folder, goal, types.listed, types.permitted),
        Calibrator.of_dict(part["calibrator"]),
        np.array(part["typical"], dtype=np.float64),
        _timing(part),
    )


def _parts_of(timing: Timing) -> dict[str, Any]:
    """How soon a goal is reached; how exactly is beside it: an earlier version passes over that."""
    held = timing.as_dict()
    leads = held.pop("leads", None)
    return {"timing": held} if leads is None else {"timing": held, "timing_leads": leads}


def _timing(part: dict[str, Any]) -> Timing | None:
    if "timing" not in part:
        return None
    more = {"leads": part["timing_leads"]} if "timing_leads" in part else {}
    return Timing.of_dict({**part["timing"], **more})


def _offer_model(folder: Path, ladder: Ladder) -> OfferModel:
    held = json.loads((folder / "offers.json").read_text(encoding="utf-8"))
    amount = folder / "amount.txt"
    learner = BoostedTrees.of_bytes(amount.read_bytes()) if amount.exists() else None
    return OfferModel.of_dict(ladder, held, learner)


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / "manifest.json"
    if not path.is_file():
        raise BundleError(f"no bundle in {folder}: it has no manifest.json; make one: rung train")
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        held, made = manifest["hash"], manifest["format"]
    except UNREADABLE as error:
        raise unreadable(path, error, "train it again") from error
    if made != FORMAT:
        raise BundleError(
            f"{folder} has bundle format {made}, this Rung reads {FORMAT}; make it again with"
            " `rung train`"
        )
    unhashed = {key: value for key, value in manifest.items() if key != "hash"}
    try:
        found = _hash(folder, unhashed)
    except (OSError, ValueError) as error:
        raise unreadable(folder, error, "train it again") from error
    if found != held:
        raise BundleError(
            f"{folder} is damaged: its files do not match its hash; train it again (offers are"
            " changed with `rung offer`, or in the ladder file that RUNG_LADDER names, never here)"
        )
    return manifest


def _hash(folder: Path, manifest: dict[str, Any]) -> str:
    digest = hashlib.sha256(_json(manifest).encode())
    for path in _files(folder):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


_PARTS: Final = (
    "ladder.toml",
    "catalogue.json",
    "model.json",
    "offers.json",
    "amount.txt",
    *(f"{goal}{suffix}" for goal in _GOALS for suffix in (".txt", ".skops")),
)


def _files(folder: Path) -> Iterable[Path]:
    return (folder / name for name in _PARTS if (folder / name).exists())


def _is_ours(name: str) -> bool:
    """Whether a file is part of a bundle, or of how it was served, and goes with it."""
    return name in _PARTS or name in ("manifest.json", "served_policy.json")


def check_folder(folder: Path) -> None:
    """Whether a bundle can be written to a folder, before anything is fitted for it.

    Raises
    ------
    BundleError : it is there, and neither empty nor an older bundle, or it is no folder.
    """
    if folder.exists() and not folder.is_dir():
        raise BundleError(f"{folder} is no folder; choose another place")
    if not folder.exists() or _is_bundle(folder):
        return
    clear_away(folder)
    held = sorted(path.name for path in folder.iterdir())
    if held:
        name = next((name for name in held if not _is_ours(name)), held[0])
        raise BundleError(f"{folder} holds {name!r} and no bundle; choose an empty folder")


def _is_bundle(folder: Path) -> bool:
    return _if_any(folder) is not None


def _if_any(folder: Path) -> dict[str, Any] | None:
    """The manifest of a bundle of any version, whole or not; None where that is none."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    is_one = isinstance(manifest, dict) and {"format", "hash"} <= manifest.keys()
    return manifest if is_one else None


def _json(values: object) -> str:
    return json.dumps(values, indent=1, sort_keys=True, allow_nan=False) + "\n"
