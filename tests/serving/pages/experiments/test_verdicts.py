"""What a comparison comes to, in words."""

from __future__ import annotations

import pytest

from serving.pages.experiments.verdicts import in_time, verdict_said


@pytest.mark.parametrize(
    ("verdict", "text", "kind"),
    [
        ("helps", "Helps", "good"),
        ("hurts", "Hurts", "bad"),
        ("no_difference", "No difference worth having", "even"),
    ],
)
def test_what_is_sure(verdict, text, kind):
    """Nothing more is said of it, whether it was ended or not."""
    for is_over in (False, True):
        said = verdict_said(verdict, None, None, is_over=is_over)
        assert (said.text, said.kind, said.aside) == (text, kind, "")


def test_no_difference_says_which_would_be_worth_having():
    """A report of an earlier version does not."""
    said = verdict_said("no_difference", None, None, worth=0.0021)
    assert said.aside == "worth having is 0.21 of 100 or more"


def test_what_is_not_known_yet():
    """How many more leads it takes, and when they will be there."""
    said = verdict_said("unknown", 702, 6.2)
    assert (said.text, said.kind) == ("Not known yet", "open")
    assert said.aside == "about 710 more leads, 6 weeks at this rate"
    assert verdict_said("unknown", 1, 0.1).aside == "about 1 more lead, a day at this rate"
    assert verdict_said("unknown", None, None).aside == "nobody's time is over yet"
    assert verdict_said("unknown", 70, 3.0, is_over=True).text == "Ended before it was known"


@pytest.mark.parametrize(
    ("weeks", "said"),
    [
        (None, "and nobody comes at present"),
        (0.0, "a day at this rate"),
        (1.5, "10 days at this rate"),
        (2.0, "2 weeks at this rate"),
        (103.6, "104 weeks at this rate"),
        (105.0, "more than two years at this rate"),
    ],
)
def test_time(weeks, said):
    assert in_time(weeks) == said
