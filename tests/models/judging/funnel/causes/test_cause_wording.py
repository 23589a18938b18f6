"""What is said of why leads stop."""

from __future__ import annotations

from typing import Any

from models.judging.funnel.causes.cause_wording import fields_said, sentence_of_step

SHARE = {"value": 0.2, "low": 0.1, "high": 0.3, "leads": 100}
RATE = {"value": 0.2, "low": 0.1, "high": 0.3, "leads": 100.0}
JUMP = {
    "ratio": 7.25,
    "most": 5.0,
    "heavier_goes_on_less": None,
    "stops_after_beginning": SHARE | {"value": 0.8},
}
VALUE = {"deep": SHARE | {"value": 0.55}, "shallow": SHARE | {"value": 0.11}, "if_all_deep": 0.5}
STEP: dict[str, Any] = {
    "band": {"low": 0.4, "high": 0.6},
    "rate": RATE,
    "answer": "named",
    "causes": [],
    "more_leads": None,
    "jump": JUMP,
    "value": VALUE,
    "audience": [],
    "experiments": [],
}


def says(**changed):
    step: Any = STEP | changed
    return sentence_of_step(step, "Worksheet")


def test_a_jump():
    """By effort, or by offers that ask more."""
    assert says(causes=["jump"]) == (
        "20 of 100 go on; 40 of 100 would be healthy. The jump to this step is too large: it asks"
        " 7.2 times the effort of the step before (5 is healthy), and 80 of 100 of those that stop"
        " had begun it. It is so whoever the lead is."
    )
    heavier = JUMP | {"ratio": None, "heavier_goes_on_less": True}
    assert "the more an offer asks, the fewer go on, and" in says(causes=["jump"], jump=heavier)


def test_completion_by_fields():
    """Each count with its interval and its leads; nothing where nobody was asked."""
    cells = [{"fields": 1, "went_on": SHARE}, {"fields": 5, "went_on": SHARE | {"leads": 1}}]
    step: Any = STEP | {"by_fields": cells}
    assert fields_said(step) == (
        "By the fields that were asked for, 20 of 100 (10 to 30, 100 leads) with 1 field,"
        " 20 of 100 (10 to 30, 1 lead) with 5 fields go on."
    )
    assert fields_said(step | {"by_fields": []}) == ""
    rare = [{"fields": 1, "went_on": {"value": 0.004, "low": 0.002, "high": 0.008, "leads": 9_000}}]
    told = fields_said(step | {"by_fields": rare})
    assert "0.4 of 100 (0.2 to 0.8, 9,000 leads) with 1 field" in told


def test_too_little_value():
    """Deep users beside shallow ones."""
    assert says(causes=["value"]).endswith(
        "Too little value came before: of the leads that used 'Worksheet' most 55 of 100 go on, of"
        " those that used it least 11 of 100. If all used it as much, and that is"
        " what does it, 50 of 100 would."
    )


def test_neither_and_not_enough():
    """Said, with how many more it takes, and who goes on least."""
    assert says(answer="neither").endswith("look elsewhere.")
    assert "about 1,200 more leads" in says(answer="not enough data", more_leads=1200)
    lower = {
        "trait": "industry",
        "value": "retail",
        "rate": SHARE,
        "others": SHARE | {"value": 0.5},
    }
    cells = [lower | {"false_discovery_rate": 0.01}]
    told = says(answer="neither", audience=cells)
    assert told.endswith("Where industry is 'retail', 20 of 100 go on; of all others 50 of 100.")
    unknown = [cells[0] | {"value": None}]
    assert "Where industry is unknown," in says(answer="neither", audience=unknown)
    higher = [cells[0] | {"others": SHARE | {"value": 0.1}}]
    assert "Where" not in says(answer="neither", audience=higher)


def test_the_segment_that_is_furthest_below_is_told():
    """All of them are sure: which is surest, and which stands first, is no matter."""
    retail, north, south = (
        {
            "trait": trait,
            "value": value,
            "rate": SHARE | {"value": rate},
            "others": SHARE | {"value": others},
            "false_discovery_rate": surely,
        }
        for trait, value, rate, others, surely in (
            ("industry", "retail", 0.1, 0.4, 0.01),
            ("region", "north", 0.2, 0.3, 0.001),
            ("region", "south", 0.6, 0.1, 0.01),
        )
    )
    for cells in ([retail, north, south], [south, north, retail]):
        told = says(answer="neither", audience=cells)
        assert told.endswith(
            "Where industry is 'retail', 10 of 100 go on; of all others 40 of 100."
        )
    assert "Where region is 'north'" in says(answer="neither", audience=[south, north])
    assert "Where" not in says(answer="neither", audience=[south])


def test_the_next_experiment():
    """What to change, how many leads, how long; nobody comes where nobody does."""
    draft = {"change": "give more", "leads_80": 1500, "rate_worth": 0.3, "weeks_80": 11.6}
    told = says(causes=["value"], experiments=[draft])
    assert told.endswith(
        "Try next: give more. 1,500 leads, half of them as it is, show a rise to 30 of 100 four"
        " times in five (about 12 weeks)."
    )
    assert "(about 1 week)." in says(experiments=[draft | {"weeks_80": 1.4}])
    assert "(about 1 week)." in says(experiments=[draft | {"weeks_80": 0.3}])
    assert "(nobody comes at present)" in says(experiments=[draft | {"weeks_80": None}])


def test_not_below():
    """Without a band, without anybody, or not surely."""
    assert says(answer="not below", band=None).startswith("The ladder gives no healthy share")
    none = RATE | {"value": None}
    assert says(answer="not below", rate=none) == "Nobody's time is over yet."
    assert says(answer="not below") == "It is not surely below what is healthy."
