"""How a bundle was judged, on its card."""

from dataclasses import replace

from models.logged.card import judged
from models.logged.card.on_record import OnRecord
from tests.gates import scores_gate, scores_report


def text(parts) -> str:
    return "\n\n".join(parts)


def test_a_report_of_an_earlier_version(known):
    """What it does not hold is left out, and nothing is made up in its place."""
    here = known({})
    page = text(judged.analyses(here))
    assert "Better than the step rates." in page
    assert "| **this bundle** | 0.7500 | 0.4000 | 0.0200 | 0.0100 | – | – |" in page
    assert "the report does not show" in page
    assert "its end the report does not say" in text(judged.evaluation_data(here))
    assert "Could not be judged: not enough data (n=0)." in page


def test_a_report_that_flatters(known):
    """It is said before any figure, and the gate refuses by it."""
    here = known({"flatters": True})
    page = text(judged.evaluation_data(here))
    assert "it has seen some of these outcomes, and the figures flatter it" in page
    assert "it had seen none" not in page
    assert "**Not passed.** Judged from 2026-06-01T00:00:00Z, but trained" in judged.gate_words(
        here
    )


def test_figures_of_a_twin(trained):
    """Whose figures they are is said."""
    report = scores_report(trained, twin={"until": "2026-05-01T00:00:00Z", "recipe": "another"})
    gate = replace(scores_gate(trained), report=report)
    page = text(judged.evaluation_data(OnRecord(trained, gate)))
    assert "The figures are those of a twin: the same recipe, trained on what was known" in page
    assert "until 2026-05-01T00:00:00Z.**" in page


def test_beside_the_champion(trained):
    """How many stay at the top, and who accepted that others come there."""
    orders = [
        {"by": "purchase", "top": 114, "kept": 53.0, "overlap": 53 / 114, "parts": []},
        {"by": "next_step", "top": 0, "kept": 0.0, "overlap": None, "parts": []},
    ]
    told = {"champion": "ab" * 32, "note": "", "leads": 900, "orders": orders}
    accepted = {"least_overlap": 0.8, "accepted": {"by": "ann", "why": "other\nleads came"}}
    gate = scores_gate(trained)
    gate = replace(gate, report=gate.report | {"reordering": told | accepted})
    page = text(judged.analyses(OnRecord(trained, gate)))
    assert "Beside the champion of then, `abababababab`:" in page
    assert "* by the chance of a purchase, of 114 leads at the top 53 stay (46 %)" in page
    assert "their step" not in page
    assert "was accepted by ann: “other leads came”." in page


def test_what_chance_does_not_explain(known):
    """Steps and spans whose chances were off are named by their titles, with both rates."""
    rates = {"expected": 0.19, "came": 0.314, "low": 0.195, "high": 0.464, "n": 341, "leads": 49}
    realised = [
        {"kind": "all", "id": "", **rates, "inside": True},
        {"kind": "step", "id": "value", **rates, "inside": False},
        {"kind": "step", "id": "trial", **rates, "inside": True},
        {"kind": "span", "id": "2026-06-01T00:00:00Z", **rates, "inside": False},
    ]
    part = scores_report(known().bundle)["advancement"] | {"realised": realised}
    page = text(judged.analyses(known({"advancement": part})))
    came = "19.0 % was said, and 31.4 % came (95 % interval 19.5 % to 46.4 %, by 49 leads)"
    assert f"On average {came}: chance explains the difference." in page
    assert f"* Before Value exchange, {came}." in page
    assert f"* In the four weeks from 2026-06-01T00:00:00Z, {came}." in page
    assert "Before Trial" not in page
