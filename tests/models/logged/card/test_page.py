"""The page: its sections, what it says without a report, and that nothing else gets into it."""

import re

from models.bundle import load_bundle
from models.logged.card.on_record import OnRecord
from models.logged.card.page import card_of
from models.logged.card.wording import EVALUATE

SECTIONS = [
    "Model details",
    "Intended use",
    "Factors",
    "Metrics",
    "Evaluation data",
    "Training data",
    "Quantitative analyses",
    "Ethical considerations",
    "Caveats and recommendations",
    "How to make it again",
]


def test_the_sections_of_a_model_card(known):
    """Those of Mitchell et al. (2019), in their order, and each has something to say."""
    page = card_of(known({}))
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == SECTIONS
    assert not re.search(r"^##? .*\n+(?=##? |\Z)", page, re.MULTILINE)


def test_one_bundle_one_card(known, bundle_folder):
    """A bundle that was loaded has the card of the one that was trained."""
    loaded = OnRecord(load_bundle(bundle_folder), known({}).gate, "careful")
    assert card_of(loaded) == card_of(known({}))


def test_without_a_report(known):
    """What nobody has measured says so and by what it is measured, and there is no figure."""
    page = card_of(known())
    short = page[: page.index("## Model details")]
    assert f"**Not measured.** To measure it: `{EVALUATE}`." in short
    assert "`rung card BUNDLE --report REPORT`" in short
    for heading in ("## Evaluation data", "## Quantitative analyses"):
        section = page[page.index(heading) :].split("\n## ")[0]
        assert section == f"{heading}\n\n**Not measured.** To measure it: `{EVALUATE}`.\n"
    assert "* **Nobody has judged it** on what happened later" in page
    assert "to decide by the chance of the next step before it was judged" in page


def test_no_lead_is_named(known, simulated_log):
    """A card is handed on: it holds counts, and no id of a lead."""
    page = card_of(known({}))
    assert not [lead for lead in simulated_log.leads if lead in page]
