"""What the trust in a model rests on: what came since it serves, or what let it serve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from models.judging.served import SCORES, ScoresLook
from serving.pages.common.moments import ShownAt, day_of, shown_at
from serving.process.judged.looks import Look, look_of
from serving.process.judged.versions import gate_of_present
from serving.process.service import Service

__all__ = ["ModelEvidence", "evidence_of"]


@dataclass(frozen=True, slots=True)
class ModelEvidence:
    """An evaluation of the model that serves, and where it comes from.

    Parameters
    ----------
    source : "since" it was trained, as it was served; from its "gate", before it came to serve;
        from the gate of a "twin" that was trained the same way on less; "none".
    evaluation : plain values, as `rung evaluate` has them.
    start, until : of the period that was judged.
    look : at what came since; `note` says why nothing can be judged of it.
    """

    source: Literal["since", "gate", "twin", "none"]
    evaluation: Mapping[str, Any] | None
    start: ShownAt | None
    until: ShownAt | None
    look: Look
    note: str

    @property
    def looked_at(self) -> ShownAt | None:
        """By what was known it was looked at last; None before it was."""
        return shown_at(self.look.as_of) if self.look.body else None


def evidence_of(service: Service) -> ModelEvidence:
    """The newest there is of the model that serves."""
    bundle = service.scorer.bundle
    about = bundle.hash if bundle else ""
    look = look_of(service, SCORES, about, seconds=service.settings.judge_seconds)
    body = cast("ScoresLook | None", look.body)
    note = body["note"] if body else ""
    if body and body["evaluation"] is not None:
        return _of(body["evaluation"], "since", look, note)
    gate = gate_of_present(service)
    # A gate holds what it was passed by, which may be less than a whole evaluation.
    if gate is not None and {"shares", "until"} <= gate.report.keys():
        return _of(gate.report, "twin" if gate.report.get("twin") else "gate", look, note)
    return ModelEvidence("none", None, None, None, look, note)


def _of(
    evaluation: Mapping[str, Any], source: Literal["since", "gate", "twin"], look: Look, note: str
) -> ModelEvidence:
    start, until = day_of(evaluation["start"]), day_of(evaluation["until"])
    return ModelEvidence(source, evaluation, start, until, look, note)
