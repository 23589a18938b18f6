"""Let a retrained bundle serve, where its gate lets it beside the champion."""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from features.errors import NotEnoughData
from features.events.log import EventLog
from models.bundle import save_bundle
from models.logged.former_bundles import Promotion
from models.sources import BundleSource
from training.decision_points import decision_points
from training.pipeline import record_training
from training.scores.gate import Accepted, judge
from training.scores.reordering import Incumbent, compared
from training.upkeep.retraining import Retraining, report_of_twin

__all__ = ["Promoted", "promote_retrained"]

_SEED: Final = 7
"""Of the instants at which both put leads in order."""


@dataclass(frozen=True, slots=True)
class Promoted:
    """What came of a promotion.

    Parameters
    ----------
    bundle : the version of the new bundle.
    missing : why its gate was not passed; empty where it was.
    promoted : whether it serves now.
    """

    bundle: str
    missing: tuple[str, ...]
    promoted: bool


def promote_retrained(
    done: Retraining,
    former: Incumbent,
    log: EventLog,
    source: BundleSource,
    promotion: Promotion,
    *,
    accepted: Accepted | None = None,
    trusted: Collection[str] = (),
    dry_run: bool = False,
) -> Promoted:
    """Judge a bundle that came of retraining, and let it serve where its gate is passed.

    Parameters
    ----------
    former : beside which it was trained, or in whose place it is to serve where that cannot be
        read; of no hash where nothing served.
    log : what it was trained on.
    source : where it is to serve.
    accepted : who means that other leads come to the top, and why.
    trusted : as in `load_bundle`.
    dry_run : whether nothing is promoted.

    Raises
    ------
    NotEnoughData : no bundle came of it.
    GateError : another champion serves by now than the one that it was judged beside.
    """
    if done.bundle is None or done.evaluation is None:
        raise NotEnoughData("no bundle came of retraining: there is nothing to promote")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "bundle"
        bundle = save_bundle(done.bundle, folder)
        beside: dict[str, Any] | None = None
        if former.hash:
            points = decision_points(
                log,
                bundle.ladder,
                start=done.evaluation.start,
                end=done.evaluation.until,
                seed=_SEED,
            )
            beside = compared(bundle, former, points).as_dict()
        report = report_of_twin(done, bundle, former, beside)
        gate = judge(report, bundle, former.hash, accepted=accepted)
        is_wanted = gate.passed and not dry_run
        if is_wanted:
            if done.begun is not None:  # before it serves: who is erased from now on is told of it
                record_training(bundle, done.begun)
            source.promote(folder, gate, promotion, trusted=trusted)
        return Promoted(bundle.version, tuple(gate.missing), is_wanted)
