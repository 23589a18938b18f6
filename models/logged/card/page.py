"""A model card: the evidence on one bundle, in the sections of Mitchell et al. (2019).

"Model Cards for Model Reporting", in Proceedings of the Conference on Fairness, Accountability, and
Transparency. Every figure is one of the bundle or of a report on it. What nobody has measured is
said to be so, with the command that measures it.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.logged.card.conduct import conduct, groups_verdict
from models.logged.card.judged import METRICS, analyses, evaluation_data, gate_words, verdict_of
from models.logged.card.limits import caveats, intended_use
from models.logged.card.made import details, factors, remade, training_data
from models.logged.card.on_record import GOALS, OnRecord
from models.logged.card.wording import bullets, plain, unmeasured

__all__ = ["card_of"]


def card_of(known: OnRecord) -> str:
    """Markdown: the same bundle and report give the same card."""
    return "\n\n".join(_parts(known)) + "\n"


def _parts(known: OnRecord) -> Iterator[str]:
    bundle = known.bundle
    yield f"# Model card: {plain(bundle.ladder.title)}"
    yield (
        f"What is known of bundle `{bundle.version}`, from what it holds and from the reports on"
        " it. What nobody has measured is marked so, with the command that measures it."
    )
    yield bullets(_in_short(known))
    for heading, section in (
        ("Model details", details(known)),
        ("Intended use", intended_use(known)),
        ("Factors", factors(known)),
        ("Metrics", iter([METRICS])),
        ("Evaluation data", evaluation_data(known)),
        ("Training data", training_data(known)),
        ("Quantitative analyses", analyses(known)),
        ("Ethical considerations", conduct(known)),
        ("Caveats and recommendations", caveats(known)),
        ("How to make it again", remade(known)),
    ):
        yield f"## {heading}"
        yield from section


def _in_short(known: OnRecord) -> Iterator[str]:
    if known.gate is None:
        yield f"**How good it is**: {unmeasured()} Then: `rung card BUNDLE --report REPORT`."
    else:
        for goal, title in GOALS.items():
            yield f"**{title}**: {verdict_of(known, goal)}"
        yield f"**The gate**: {gate_words(known)}"
    yield f"**Groups of people**: {groups_verdict(known)}"
