"""What a run says of itself."""

import json
from dataclasses import replace

from features.ladder.words import in_percent
from models.logged import run_page
from tests.gates import scores_gate
from training.scores.evaluate import evaluate
from training.scores.gate import judge

POLICY = "careful"


def test_its_name_says_what_it_is(trained, trained_until):
    """Ladder, date, policy and version, and nothing by lot."""
    day = f"{trained_until:%Y-%m-%d}"
    assert run_page.name_of(trained, POLICY) == f"b2b {day} careful {trained.version}"


def test_baselines_stand_beside_the_model(trained, simulated_log):
    """Every figure of the gate is there, and those of each baseline by its name."""
    report = evaluate(trained, simulated_log, until=int(simulated_log.known.max())).as_dict()
    gate = judge(report, trained)
    figures = run_page.figures_of(gate)
    assert figures.items() >= gate.metrics.items()
    judged = report["advancement"]
    for rival in judged["baselines"]:
        if rival["performance"]:
            name = f"baselines/{rival['name'].replace(' ', '_')}/advancement_log_loss"
            assert figures[name] == rival["performance"]["log_loss"]
    assert "baselines/step_rates/advancement_log_loss" in figures
    assert figures["advancement_base_rate"] == judged["performance"]["rate"]
    page = run_page.page_of(trained, gate, POLICY, "rung-b2b")
    assert f"| The next step | this bundle | {judged['performance']['auc']:.4f} |" in page
    assert "| The next step | step rates |" in page
    assert 'load_model("models:/rung-b2b@champion")' in page
    heaviest = judged["signals"][0]
    assert f"The next step rests on `{heaviest['id']}` {in_percent(heaviest['share'])}, `" in page
    before = {name: part for name, part in judged.items() if name != "signals"}
    former = replace(gate, report={**report, "advancement": before})  # of an earlier version
    page = run_page.page_of(trained, former, POLICY, "rung-b2b")
    assert "The next step rests on" not in page
    assert "A purchase rests on" in page


def test_a_gate_that_was_not_passed(trained):
    """The page and the tag say so, and why; a goal without figures says why there are none."""
    gate = scores_gate(trained, flatters=True)
    assert run_page.tags_of(trained, gate, POLICY)["gate"] == "not passed"
    page = run_page.page_of(trained, gate, POLICY, "rung-b2b")
    assert "but trained on what was known until" in page
    assert "| A purchase | not enough data (n=0) |" in page


def test_no_lead_is_named(trained, simulated_log):
    """Counts and fingerprints are logged of the log, and no id of a lead."""
    gate = scores_gate(trained)
    told = json.dumps(
        [
            run_page.params_of(trained),
            run_page.profile_of(trained),
            run_page.tags_of(trained, gate, POLICY),
            run_page.page_of(trained, gate, POLICY, "rung-b2b"),
        ]
    )
    assert not [lead for lead in simulated_log.leads if lead in told]
    assert run_page.params_of(trained)["trained_on.advancement.points"] > 0
