"""A service over a folder that may be written to, and reports as a worker would keep them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from features.store.kept.reports import Report, Reports
from models.judging.served import POLICY, about_policy
from serving.process.service import Service
from tests.gates import policy_gate
from training.policies.gate import checks

__all__ = ["keep", "keep_gate"]


def keep(
    service: Service, kind: str, body: Mapping[str, Any], about: str = "", age_days: float = 0.0
) -> None:
    """Keep a report of what was known so many days ago."""
    as_of = service.clock() - round(age_days * 86_400e6)
    report = Report(kind, service.ladder.name, about, as_of, body)
    Reports(service.store.database).keep(report)


def keep_gate(service: Service, name: str = "learned", **more: Any) -> None:
    """Keep the gate of a policy with the bundle that serves: passed, but for what is given."""
    bundle = service.scorer.model.track.bundle
    gate = policy_gate(bundle, name, **more)
    body = {
        "name": name,
        "gate": gate.as_dict(),
        "checks": list(checks(gate.report, bundle.ladder)),
        "note": "",
    }
    keep(service, POLICY, body, about_policy(bundle.hash, name))
