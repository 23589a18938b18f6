"""An evaluation as files: numbers for programs, a page for people, and pictures.

report.json holds every figure, report.md the page, and the PNG files the pictures that it shows;
report.html is the page with its pictures in one file, to open or to send.
"""

from __future__ import annotations

import json
from pathlib import Path

from features.files import new_folder
from models.logged.document import html_document
from training.scores.results import Evaluation
from training.scores.written.figures import DPI, KINDS, figures
from training.scores.written.page import page
from training.scores.written.wording import TITLES

__all__ = ["write_report"]


def write_report(evaluation: Evaluation, folder: Path) -> Path:
    """Write report.json, report.md, its pictures and report.html; return the path of report.md.

    The folder is made if need be; files of an earlier report in it are replaced, all in one step.
    """
    values = json.dumps(evaluation.as_dict(), indent=1, sort_keys=True, allow_nan=False)
    with new_folder(folder, _is_picture) as part:
        (part / "report.json").write_text(values + "\n", encoding="utf-8")
        for goal in (evaluation.advancement, evaluation.purchase):
            for kind, figure in figures(goal, evaluation.capacity):
                figure.savefig(part / f"{goal.goal}-{kind}.png", dpi=DPI)
        text = page(evaluation)
        (part / "report.md").write_text(text, encoding="utf-8")
        told = html_document(text, lambda name: (part / name).read_bytes())
        (part / "report.html").write_text(told, encoding="utf-8")
    return Path(folder) / "report.md"


def _is_picture(name: str) -> bool:
    return name in {f"{goal}-{kind}.png" for goal in TITLES for kind in KINDS}
