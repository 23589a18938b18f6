"""Groups, what is done by lot and the policy, on a card."""

from dataclasses import replace

from features.ladder.controls import Controls
from features.ladder.ladder import Trait
from features.ladder.words import in_percent
from models.judging.groups.figures import GroupFigure
from models.judging.groups.report import GroupsReport, TraitKnown, group_rows
from models.logged.card import conduct
from models.logged.card.wording import EVALUATE, EVALUATE_POLICY
from tests.gates import policy_gate, watched

SHARES = 0.061, 0.04, 0.09, 0.138, 0.001
"""The share of a group, its interval, that of the rest, and the chance of such a ratio."""


def text(parts) -> str:
    return "\n\n".join(parts)


def groups(**verdicts) -> GroupsReport:
    """A report of the groups of a trait, each with a verdict."""
    figures = [
        GroupFigure("gender", group, "selected", 120, *SHARES, ratio=0.44, verdict=verdict)
        for group, verdict in verdicts.items()
    ]
    return GroupsReport(0.8, (TraitKnown("gender", 240, 12),), tuple(figures))


def test_no_protected_trait(known):
    """Nobody knows of groups, and the card says what would let them be compared."""
    said = conduct.groups_verdict(known({}))
    assert said.startswith("**Not measured.** The ladder protects no trait")


def test_a_protected_trait_without_a_report(known, trained):
    """What measures it is the evaluation."""
    ladder = replace(trained.ladder, protected=(Trait("gender", "category"),))
    assert EVALUATE in conduct.groups_verdict(known(ladder=ladder))


def test_groups_by_their_verdicts(known):
    """Those that are apart come first; the figures are the rows of the report."""
    held = groups(f="apart", m="unknown", x="alike")
    here = known({"groups": held.as_dict()})
    said = conduct.groups_verdict(here)
    assert said.startswith("**Surely treated apart** on some measure: `gender` (f).")
    assert "is not known yet on some measure: `gender` (m)." in said
    page = text(conduct.conduct(here))
    assert "`gender` is known of 240 leads and of 12 not" in page
    for row in group_rows(held)[1]:
        assert f"| {' | '.join(row)} |" in page
    assert "apart" not in conduct.groups_verdict(
        known({"groups": groups(f="alike", m="alike").as_dict()})
    )


def test_a_group_called_by_anybody(known):
    """What leads told of themselves stays words: no tag, no link, no column of its own."""
    held = groups(**{"<b>[here](http://a.b)|\nx": "apart"})
    page = text(conduct.conduct(known({"groups": held.as_dict()})))
    told = "&lt;b>\\[here](http://a.b)\\| x"
    assert f"| gender | {told} | 120 |" in page
    assert f"`gender` ({told})" in page


def test_groups_of_a_policy(known, trained):
    """How offers are made to groups is among what is said of them."""
    held = groups(f="alike")
    gate = policy_gate(trained, groups=groups(f="apart").as_dict())
    here = replace(known({"groups": held.as_dict()}), policy_gate=gate)
    assert "Surely treated apart" in conduct.groups_verdict(here)
    assert text(conduct.conduct(here)).count("**Apart**: the ratio") == 1


def test_groups_that_cannot_be_read(known):
    """A report whose groups are damaged says nothing of them."""
    said = conduct.groups_verdict(known({"groups": {"figures": []}}))
    assert said.startswith("**Not measured.**")


def test_what_is_done_by_lot(known, trained):
    """The shares of the ladder, those that are off left out."""
    ladder = replace(trained.ladder, controls=Controls(none=0.05, no_ask=0.1))
    page = text(conduct.conduct(known({}, ladder=ladder)))
    assert f"a share of {in_percent(trained.ladder.policy.exploration)} is spread" in page
    assert "5 % of those that become worth a call are not called; 10 % of all leads are" in page
    assert "at random" not in page
    assert "By lot" not in text(conduct.conduct(known({}, ladder=replace(ladder, offers=()))))


def test_a_policy(known, trained):
    """Which serves, what it gains with the interval of all looks, and what its gate says."""
    assert EVALUATE_POLICY in text(conduct.conduct(known({})))
    here = replace(known({}), policy="learned", policy_gate=policy_gate(trained))
    page = text(conduct.conduct(here))
    assert "The policy `learned` serves with this bundle." in page
    assert "`learned` surely gains over the policy that took the decisions: +1 EUR" in page
    assert "between +0.4 and +1.6 however often one looks" in page
    assert "Its gate was passed." in page
    for watch, words in (
        (watched(0.2, -0.4, 0.8), "Whether `learned` gains over the policy"),
        (watched(-1.0, -1.6, -0.4), "`learned` surely loses beside the policy"),
        (None, "no lead can be counted yet"),
    ):
        page = text(conduct.conduct(replace(here, policy_gate=policy_gate(trained, watch=watch))))
        assert words in page
        assert "Its gate was not passed." in page
