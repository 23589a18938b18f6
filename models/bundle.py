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
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from features.arrays import Bools, Floats, Ints
from features.errors import BundleError, LadderError
from features.files import kept_away, new_folder
from features.ladder.catalogue import with_catalogue
from features.ladder.file import parse_ladder
from features.ladder.ladder import Ladder, OfferVersion
from features.signals.snapshot import LOST, Snapshot
from features.signals.table import signals_of
from models.offers.offer_model import OfferModel
from models.scores.calibration import Calibrator
from models.scores.encoding import Encoding
from models.scores.goal_model import Estimates, GoalModel
from models.scores.learners.learner import BoostedTrees, read_learner
from models.scores.reasons import Explanations, explain
from models.scores.timing import Timing

__all__ = [
    "UNREADABLE",
    "Bundle",
    "Scores",
    "check_folder",
    "copy_bundle",
    "load_bundle",
    "manifest_of",
    "save_bundle",
    "unreadable",
    "version_of",
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


@dataclass(frozen=True, eq=False, slots=True)
class Scores:
    """What is served: a row a lead, in the order of the snapshot.

    A lead that has bought has no next step: its step is None and its probabilities are NaN.
    """

    leads: tuple[str, ...]
    as_of: Ints
    position: Ints
    step: tuple[str | None, ...]
    advance: Estimates
    purchase: Estimates

    def frame(self) -> pd.DataFrame:
        """Columns lead_id, as_of, step, p_advance, low, high, p_purchase."""
        return pd.DataFrame(
            {
                "lead_id": list(self.leads),
                "as_of": pd.to_datetime(self.as_of, unit="us", utc=True),
                "step": pd.array(list(self.step), dtype="string"),
                "p_advance": self.advance.probability,
                "low": self.advance.low,
                "high": self.advance.high,
                "p_purchase": self.purchase.probability,
            }
        )


@dataclass(frozen=True, eq=False)
class Bundle:
    """A ladder and the models trained for it. Scores are a pure function of it and a snapshot.

    Parameters
    ----------
    outcomes : by so many outcomes its probabilities have moved since it was trained
        (`models.recalibrated`).
    """

    ladder: Ladder
    encoding: Encoding
    advancement: GoalModel
    purchase: GoalModel
    offers: OfferModel
    manifest: dict[str, Any]
    outcomes: int = 0

    @property
    def hash(self) -> str:
        """SHA-256 of everything in the bundle; BundleError before it was saved."""
        if "hash" not in self.manifest:
            raise BundleError("a bundle has its hash once it is saved: save_bundle(bundle, folder)")
        return str(self.manifest["hash"])

    @property
    def identity(self) -> str:
        """The hash, with how many outcomes it has moved by: the same identity, the same scores."""
        return f"{self.hash}+r{self.outcomes}" if self.outcomes else self.hash

    @property
    def learned_on(self) -> Ladder:
        """The ladder that it was trained on, with the catalogue of then."""
        return (self.offers.learned or self.offers).ladder

    @property
    def version(self) -> str:
        """The identity as it is told, such as 3f9a2c41d0be+r512; "unsaved" before there is one."""
        return version_of(self.identity) if "hash" in self.manifest else "unsaved"

    def require_ladder(self, ladder: Ladder) -> None:
        """BundleError unless scores follow from a ladder as from the one it was trained for."""
        if ladder.fingerprint == self.ladder.fingerprint:
            return
        if ladder.name == self.ladder.name:
            trained = f"another version of the ladder {self.ladder.name!r}"
        else:
            trained = f"the ladder {self.ladder.name!r}, and this is {ladder.name!r}"
        raise BundleError(
            f"the bundle was trained for {trained};"
            " train it again, or evaluate it with the ladder.toml in its folder"
        )

    def on(self, ladder: Ladder) -> Bundle:
        """The same on another version of its ladder: other offers, titles, limits, bands, values.

        Scores, and the hash, stay. An offer that was learned of and that the ladder has no more is
        as good as retired.

        Raises
        ------
        BundleError : another version of the steps, signals or events that scores follow from.
        """
        self.require_ladder(ladder)
        if ladder == self.ladder and ladder.catalogue == self.ladder.catalogue:
            return self
        held = {offer.id for offer in ladder.offers}
        gone = tuple(
            replace(offer, status="retired")
            for offer in self.learned_on.offers
            if offer.id not in held
        )
        if gone:
            ladder = replace(ladder, offers=(*ladder.offers, *gone))
        return replace(self, ladder=ladder, offers=self.offers.on(ladder))

    def score(self, snapshot: Snapshot, matrix: Floats | None = None) -> Scores:
        """The probabilities of each row of a snapshot of this bundle's ladder.

        Parameters
        ----------
        matrix : what its encoding makes of the snapshot, where it is at hand.
        """
        matrix = self.encoding.matrix(snapshot) if matrix is None else matrix
        return self._score(
            matrix, snapshot.leads, snapshot.as_of, snapshot.position, snapshot.is_lost
        )

    def score_frame(self, frame: pd.DataFrame) -> pd.DataFrame:
        """As `score`, from a frame of signals such as `rung features` writes.

        Where it does not say who is lost (`ladder.lost`, of an earlier version), nobody is.
        """
        matrix = self.encoding.matrix_of_frame(frame)
        count = len(frame)
        leads = frame["lead_id"] if "lead_id" in frame else pd.RangeIndex(count)
        as_of = pd.to_datetime(frame["as_of"], utc=True) if "as_of" in frame else None
        micros = np.zeros(count, dtype=np.int64)
        if as_of is not None:
            micros = np.asarray(as_of.dt.as_unit("us").astype("int64"), dtype=np.int64)
        position = frame["ladder.position"].to_numpy(dtype=np.int64)
        names = tuple(str(lead) for lead in leads)
        return self._score(matrix, names, micros, position, _lost(frame)).frame()

    def _score(
        self,
        matrix: Floats,
        leads: tuple[str, ...],
        as_of: Ints,
        position: Ints,
        is_lost: Bools,
    ) -> Scores:
        goals = self.ladder.goals
        bought = position >= len(goals)
        over = bought | is_lost
        rung = np.where(bought, len(goals) - 1, position)
        advance = self.advancement.estimate(matrix, rung)
        # On the last rung the next step is the purchase: one question has one answer.
        last = position == len(goals) - 1
        purchase = advance.where(last, self.purchase.estimate(matrix, rung))
        return Scores(
            leads=leads,
            as_of=as_of,
            position=position,
            step=tuple(
                None if ended else goals[at].id
                for at, ended in zip(position.tolist(), over.tolist(), strict=True)
            ),
            advance=_blank(advance, over),
            purchase=_blank(purchase, over),
        )

    def next_step_chances(self, snapshot: Snapshot) -> Floats:
        """Shape (n,): the probabilities of the next step that `score` tells, and nothing else."""
        goals = len(self.ladder.goals)
        rung = np.minimum(snapshot.position, goals - 1)
        chances = self.advancement.probability(self.encoding.matrix(snapshot), rung)
        return np.where((snapshot.position >= goals) | snapshot.is_lost, np.nan, chances)

    def explain(self, snapshot: Snapshot, matrix: Floats | None = None) -> Explanations:
        """What each signal adds to the probability of advancing; `matrix` as for `score`."""
        rung = np.minimum(snapshot.position, len(self.ladder.goals) - 1)
        matrix = self.encoding.matrix(snapshot) if matrix is None else matrix
        return explain(self.advancement, matrix, rung)


def _lost(frame: pd.DataFrame) -> Bools:
    """Shape (n,): who is lost, by the column that says so."""
    if LOST not in frame:
        return np.zeros(len(frame), dtype=np.bool_)
    is_lost = frame[LOST].eq(1).to_numpy(dtype=np.bool_)
    wrong = ~(is_lost | frame[LOST].eq(0).to_numpy(dtype=np.bool_))
    if wrong.any():
        held = frame[LOST].iloc[int(wrong.argmax())]
        raise BundleError(f"the column {LOST!r} holds {held!r}: it says true or false of each lead")
    return is_lost


def version_of(identity: str) -> str:
    """What is told of a bundle's identity: twelve digits of its hash, and by what it has moved."""
    hashed, plus, outcomes = identity.partition("+")
    return hashed[:12] + plus + outcomes


def _blank(estimates: Estimates, where: Bools) -> Estimates:
    """NaN where the mask says so."""
    nothing = np.full(len(where), np.nan)
    return Estimates(nothing, nothing, nothing).where(where, estimates)


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
            parts[goal]["timing"] = model.timing.as_dict()
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
        signals = manifest["signals_fingerprint"]
    except UNREADABLE as error:
        raise unreadable(folder, error, "train it again") from error
    if signals != signals_fingerprint(ladder):
        raise BundleError(
            f"{folder} was trained on other signals than this version of Rung computes;"
            " train it again"
        )
    return Bundle(ladder, encoding, models["advancement"], models["purchase"], offers, manifest)


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
        Timing.of_dict(part["timing"]) if "timing" in part else None,
    )


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
    held = sorted(path.name for path in folder.iterdir())
    if held:
        name = next((name for name in held if not _is_ours(name)), held[0])
        raise BundleError(f"{folder} holds {name!r} and no bundle; choose an empty folder")


def _is_bundle(folder: Path) -> bool:
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(manifest, dict) and {"format", "hash"} <= manifest.keys()


def _json(values: object) -> str:
    return json.dumps(values, indent=1, sort_keys=True, allow_nan=False) + "\n"
