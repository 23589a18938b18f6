"""Proofs on planted truth at full size, which tests make a seeded part of.

Each is a test: what it repeats, and what it wants, stands there. This runs them with all
repetitions and prints the figures that they judged.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from benchmarks.tables import markdown

__all__ = ["run"]

_ROOT: Final = Path(__file__).resolve().parents[2]
_PROOFS: Final = {
    "intervals of policies' gains (500 logs)": "tests/models/judging/test_off_policy.py",
    "intervals at all looks (1,000 experiments)": "tests/models/judging/trials/test_sequences.py",
    "sample ratios at all looks (1,000)": "tests/models/judging/trials/test_sample_ratio.py",
    "gains at all looks (1,000 programmes)": "tests/models/judging/test_off_policy_sequence.py",
    "the former gate for policies, one look (500 logs)": "tests/training/policies/test_gate.py",
    "causes of drop-offs (300 logs a world)": "tests/models/judging/funnel/test_diagnosis.py",
    "lifts of content (300 logs)": "tests/models/judging/funnel/test_content.py",
    "what fast replies add (300 logs)": "tests/models/judging/funnel/test_replies.py",
    "rates of steps (1,000 programmes)": "tests/models/scores/test_step_rates.py",
    "calibration of scores (one large programme)": "tests/training/scores/test_planted_truth.py",
    "the learned policy, run (one large programme)": "tests/training/policies/test_policy_truth.py",
    "kill -9 under load (100 times, each store)": "tests/serving/live/test_crashes.py",
}


def run(*, small: bool = False) -> str:
    """All proofs as a table; `small` takes the parts that the tests take."""
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder) / "figures.jsonl"
        states = {
            what: _proved(what, place, figures, is_full=not small)
            for what, place in _PROOFS.items()
        }
        lines = figures.read_text(encoding="utf-8").splitlines() if figures.exists() else []
    told = [json.loads(line) for line in lines]
    proofs = markdown(("proof", "result"), list(states.items()))
    return f"{proofs}\n\n{markdown(('figure', 'is', 'wanted', 'of'), list(map(_row, told)))}"


def _proved(what: str, place: str, figures: Path, *, is_full: bool) -> str:
    print(f"{what} ...", file=sys.stderr, flush=True)
    sizes = {"PROOFS": "full" if is_full else "part", "PROOF_FIGURES": str(figures)}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", place],
        cwd=_ROOT,
        env={**os.environ, "HYPOTHESIS_PROFILE": "ci", **sizes},
        capture_output=True,
        text=True,
        check=False,
    )
    summary = done.stdout.strip().rpartition("\n")[2].strip("= ")
    return summary if done.returncode == 0 else f"**{summary or done.stderr.strip()[-200:]}**"


def _row(told: dict[str, Any]) -> tuple[str, str, str, str]:
    return told["what"], f"{told['figure']:.3f}", told["wanted"], f"{told['repetitions']:,}"
