"""`rung publish` and `card`: a bundle and its report into the registry, or onto one page."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from models.logged.registry_uri import DEFAULT_URI, address, folder_named
from rung.call.arguments import as_page, as_share
from rung.call.bundles import loaded_bundle, trusted_types, what_serves
from rung.call.options import (
    accept_reordering_option,
    accepted_reordering,
    json_option,
    trust_option,
)
from rung.call.parser import Progress, add_verb
from rung.call.printing import print_json, print_line

if TYPE_CHECKING:
    from models.bundle import Bundle
    from models.gate import Gate
    from models.logged.versions import Version
    from training.scores.gate import Accepted

__all__ = ["add_card", "add_publish"]

_LEAST_OVERLAP: Final = 0.8
"""As in `training.scores.reordering`, which would take a second to import."""


def add_publish(verbs: Any) -> None:
    """Add `rung publish`."""
    publish = add_verb(verbs, "publish", _publish, "put a bundle and its report into the registry")
    publish.add_argument("bundle", type=Path)
    trust_option(publish)
    publish.add_argument("--report", type=Path, required=True, help="from rung evaluate --report")
    publish.add_argument(
        "--registry",
        metavar="URI",
        help="of MLflow (default: MLFLOW_TRACKING_URI and MLFLOW_REGISTRY_URI, or else"
        f" {DEFAULT_URI})",
    )
    publish.add_argument(
        "--promote", action="store_true", help="make it the champion, if its report passes the gate"
    )
    publish.add_argument(
        "--least-overlap",
        type=as_share,
        default=_LEAST_OVERLAP,
        help="share of the leads at the champion's top that must stay there"
        f" (default: {_LEAST_OVERLAP:g})",
    )
    accept_reordering_option(publish)
    publish.add_argument("--by", metavar="WHO", help="who accepts it")
    json_option(publish)


def _publish(parsed: argparse.Namespace, progress: Progress) -> int | None:
    from features.clock import now
    from models.logged.former_bundles import Promotion
    from models.logged.versions import CHAMPION, model_name
    from models.registry import Registry
    from training.scores.gate import judge, read_report

    accepted = _accepted(parsed)
    if parsed.registry and "://" not in parsed.registry:
        folder_named(parsed.registry)
    bundle, report = loaded_bundle(parsed.bundle, parsed), read_report(parsed.report)
    judge(report, bundle)  # of this bundle, or there is no registry to make
    place = address(parsed.registry, os.environ)
    progress(f"asking {place}")
    registry = Registry.at(place)
    former = registry.champion(model_name(bundle.ladder))
    gate = judge(
        report,
        bundle,
        former.hash if former else "",
        least_overlap=parsed.least_overlap,
        accepted=accepted,
    )
    progress(f"logging to {place}")
    version = registry.publish(parsed.bundle, gate, parsed.report, trusted=trusted_types(parsed))
    if parsed.promote:
        said = Promotion(now(), accepted.by, accepted.why) if accepted else None
        version = registry.promote(version, gate, said)
    is_champion, alike = CHAMPION in version.aliases, registry.never_named(version)
    if parsed.json:
        told = _result(version, gate, is_champion=is_champion) | {"alike": alike}
        print_json(told | place.as_dict())
    else:
        print_line(f"{version.name} version {version.version} in {place}")
        if alike:
            print_line(
                f"  this very bundle was published before, as version {', '.join(map(str, alike))},"
                " which no alias ever named: it can be deleted"
            )
        for line in gate.missing:
            print_line(f"  the gate: {line}")
        if parsed.promote:
            print_line(
                "it is the champion now" if is_champion else "the champion stays what it was"
            )
    return 1 if parsed.promote and not is_champion else None


def _accepted(parsed: argparse.Namespace) -> Accepted | None:
    """As `accepted_reordering`; here --by says nothing else, and alone is a reason forgotten."""
    from models.gate import GateError

    accepted = accepted_reordering(parsed)
    if accepted is None and parsed.by is not None:
        raise GateError("to accept a reordering takes both: --accept-reordering WHY --by WHO")
    return accepted


def add_card(verbs: Any) -> None:
    """Add `rung card`."""
    card = add_verb(verbs, "card", _card, "write what is known of a bundle on one page")
    card.add_argument(
        "bundle",
        nargs="?",
        metavar="URI|FOLDER",
        help="the folder of a bundle, or the URI of a registry whose champion is meant (default:"
        " what serves, by RUNG_BUNDLE, or RUNG_REGISTRY where RUNG_MODEL is set)",
    )
    card.add_argument("--ladder", help="whose champion it is, in a registry (default: b2b)")
    card.add_argument(
        "--report",
        type=Path,
        help="from rung evaluate --report, and rung policy evaluate --report (default: the one by"
        " which it serves)",
    )
    card.add_argument("--out", type=as_page, help="a file, .md (default: it is printed)")
    trust_option(card)


def _card(parsed: argparse.Namespace, progress: Progress) -> None:
    from features.files import new_file
    from features.ladder.file import read_ladder
    from models.logged.card.on_record import OnRecord
    from models.logged.card.page import card_of
    from models.logged.former_bundles import Promotion
    from models.served_policy import DEFAULT, served_gate

    asked = read_ladder(parsed.ladder) if parsed.ladder else None
    source = what_serves(parsed.bundle, asked=asked)
    folder = source.folder()
    bundle = loaded_bundle(folder, parsed)
    served, gate = served_gate(folder, bundle), source.gate()
    policy_gate, first = served, source.versions()[0]
    if parsed.report:
        gate = _gate_of(parsed.report, bundle, gate)
        policy_gate = _policy_gate_of(parsed.report, bundle) or served
    policy = served.policy if served else DEFAULT
    said = Promotion(first.from_at, first.by, first.why)
    card = card_of(OnRecord(bundle, gate, policy, policy_gate, said))
    if parsed.out is None:
        return print(card, end="")
    with new_file(parsed.out) as part:
        part.write_text(card, encoding="utf-8")
    return progress(f"model card in {parsed.out}")


def _gate_of(folder: Path, bundle: Bundle, kept: Gate | None) -> Gate:
    """The verdict on a report; the one that is kept, where it was on that report."""
    from training.scores.gate import judge, read_report

    report = read_report(folder)
    beside = report.get("reordering") or {}
    gate = judge(report, bundle, str(beside.get("champion") or ""))
    same = kept is not None and all(kept.report.get(key) == report.get(key) for key in _JUDGED)
    return kept if kept is not None and same else gate


_JUDGED: Final = ("start", "until", "advancement", "purchase")
"""By these parts a report is known again; promoting it adds to others."""


def _policy_gate_of(folder: Path, bundle: Bundle) -> Gate | None:
    """The verdict on the policy's report; None where the folder has none."""
    from training.policies.gate import FILE, judge_policy, read_policy_report

    return judge_policy(read_policy_report(folder), bundle) if (folder / FILE).exists() else None


def _result(version: Version, gate: Gate, *, is_champion: bool) -> dict[str, Any]:
    return {
        "name": version.name,
        "version": version.version,
        "passed": gate.passed,
        "missing": list(gate.missing),
        "champion": is_champion,
    }
