"""What the trust in a model rests on."""

from __future__ import annotations

import shutil

import pytest

from models.judging.served import SCORES
from models.logged.former_bundles import Promotion, promote_into
from serving.pages.models.evidence import evidence_of
from tests.gates import scores_gate
from tests.serving.pages.models import scene
from tests.serving.process.judged.scene import keep


def test_what_came_since_it_serves(own, fitted):
    """The newest that was looked at, with its period."""
    keep(own, SCORES, {"evaluation": scene.evaluation(fitted), "note": ""}, fitted.hash)
    found = evidence_of(own)
    assert found.source == "since"
    assert found.start is not None
    assert found.until is not None
    assert (found.start.day, found.until.day) == ("1 Jun 2026", "21 Sep 2026")
    assert found.looked_at is not None


def test_nobody_has_looked(own):
    """It is said that it comes."""
    found = evidence_of(own)
    assert (found.source, found.evaluation, found.look.missing) == ("none", None, "soon")
    assert found.looked_at is None


@pytest.mark.parametrize(("more", "source"), [({}, "gate"), ({"twin": {"recipe": "x"}}, "twin")])
def test_before_anything_came_its_gate_speaks(own, fitted, folder, more, source):
    """What let it serve, or what a twin of it showed; and why nothing else is known."""
    shutil.rmtree(own.folder)
    gate = scores_gate(fitted)
    report = {**gate.report, **scene.evaluation(fitted), **more}
    told = type(gate)("scores", fitted.hash, (), gate.metrics, report)
    promote_into(own.folder, folder / "fitted", told, Promotion(own.clock(), "Ann", "first"))
    keep(own, SCORES, {"evaluation": None, "note": "the horizon of none is over"}, fitted.hash)
    found = evidence_of(own)
    assert (found.source, found.note) == (source, "the horizon of none is over")
    assert found.evaluation is not None


def test_a_gate_that_holds_less_than_an_evaluation(own, fitted, folder):
    """Is no evidence to be shown."""
    shutil.rmtree(own.folder)
    said = Promotion(own.clock(), "Ann", "first")
    promote_into(own.folder, folder / "fitted", scores_gate(fitted), said)
    assert evidence_of(own).source == "none"
