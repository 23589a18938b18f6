"""A policy's evaluation as files: what people read, what the gate reads, and the picture."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from models.judging.off_policy import Estimate, PolicyGain
from models.offers.policy import POLICIES
from tests.training.policies.scene import us
from tests.training.policies.story import UNTIL, bundle, judged, learned, log
from training.policies.evaluate import Assessment, PolicyEvaluation, compare
from training.policies.gate import missing, read_policy_report
from training.policies.report import comparison_table, write_policy_report


@pytest.fixture(scope="module")
def rivals() -> dict[str, Assessment]:
    return compare(bundle(), log(), until=us(UNTIL))


@pytest.fixture
def page(rivals, tmp_path) -> str:
    return write_policy_report(learned(), tmp_path, rivals).read_text(encoding="utf-8")


def renamed(evaluation: PolicyEvaluation, **segments: PolicyGain) -> PolicyEvaluation:
    return replace(evaluation, assessment=replace(evaluation.assessment, segments=segments))


def rows_of(table: str) -> list[list[str]]:
    """The cells of a Markdown table, its head left out."""
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in table.split("\n")[2:]
    ]


def test_money_is_written_without_exponents(rivals):
    """A value and its error in thousands are read as such, in each column."""
    one = rivals["learned"]
    money = Estimate(1425.2, 410.4, 620.7, 23456.7)
    value, gain = (
        replace(held, ips=money, snips=money, dr=money) for held in (one.value, one.gain)
    )
    table = comparison_table({"two\nlines": replace(one, value=value, gain=gain)})
    (row,) = rows_of(table)
    assert row[0] == r"`two\nlines`"  # a word of others breaks no table
    assert row[1:4] == ["1,425 ± 410"] * 3
    assert row[4:6] == ["+1,425", "+620.7 to +23,460"]


def test_money_has_its_unit(page):
    """Values and gains say what they are in, at the head of each part that holds some."""
    assert " EUR a decision over " in page
    assert "and the gain over the policy that took the decisions, in EUR\n" in page
    assert "\n| segment | decisions | gain (DR), EUR | 95 % interval |\n" in page
    assert "in the\nladder's currency (EUR)." in page


@pytest.mark.parametrize(
    ("value", "low", "high", "said"),
    [
        (
            *(-0.1385, -0.2397, -0.0296),
            "The next step was taken 13.85 percentage points less often (2.96 to 23.97 less).",
        ),
        (
            *(0.05, 0.01, 0.09),
            "The next step was taken 5.00 percentage points more often (1.00 to 9.00 more).",
        ),
        (
            *(0.02, -0.01, 0.05),
            "Whether the next step was taken more or less often the data do not tell (between 1.00"
            " percentage points less and 5.00 more).",
        ),
    ],
)
def test_how_often_the_next_step_is_taken(rivals, tmp_path, value, low, high, said):
    """In percentage points, by the side on which the interval lies; over zero nothing is told."""
    evaluation = learned()
    gain = replace(evaluation.advance, dr=Estimate(value, 0.03, low, high))
    page = write_policy_report(replace(evaluation, advance=gain), tmp_path, rivals)
    assert said in page.read_text(encoding="utf-8").splitlines()


def test_three_files(rivals, tmp_path):
    """The figures, the page and the picture; folders that are not there are made."""
    found = write_policy_report(learned(), tmp_path / "a" / "b", rivals)
    assert found == tmp_path / "a" / "b" / "policy.md"
    names = {path.name for path in found.parent.iterdir()}
    assert names == {"policy.json", "policy.md", "policy.png"}
    assert (found.parent / "policy.png").read_bytes().startswith(b"\x89PNG")


def test_the_gate_reads_what_was_written(rivals, tmp_path):
    """What comes back is the evaluation, figure for figure."""
    write_policy_report(learned(), tmp_path, rivals)
    told = json.loads(json.dumps(learned().as_dict()))
    assert read_policy_report(tmp_path) == told
    assert missing(read_policy_report(tmp_path)) == missing(learned().as_dict())


def test_the_page_says_what_the_gate_would(page):
    """Each refusal stands there as a line of its own."""
    found = missing(learned().as_dict())
    assert found
    for line in found:
        assert f"\n* {line}\n" in page
    assert "Nothing is missing." not in page


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"start": us(0)}, "* judged on decisions from 2026-01-05T00:00:00Z, but the bundle"),
        ({"against": "rules"}, "* judged against 'rules': judge it against the policy that took"),
    ],
)
def test_the_page_says_what_makes_a_report_useless(tmp_path, more, said):
    """A period or a rival that the gate does not take stands among what is missing."""
    text = write_policy_report(judged(**more), tmp_path, {}).read_text(encoding="utf-8")
    assert said in text.split("## Against the gate")[1]


def test_the_page_says_that_it_flatters(page, tmp_path):
    """On decisions that the bundle learned from, first of all."""
    assert "flatter" not in page
    early = write_policy_report(judged(start=us(0)), tmp_path / "early", {})
    head = early.read_text(encoding="utf-8").split("## ")[0]
    assert "**The bundle learned from part of these decisions: the figures flatter it.**" in head


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.1, 2.0, "a sure gain"), (-2.0, -0.1, "a sure loss"), (-0.1, 0.1, "no sure difference")],
)
def test_the_verdict_comes_first(tmp_path, low, high, verdict):
    """The first sentence says whether there is a gain at all, by the interval of all looks."""
    watch = learned().watch
    assert watch is not None
    changed = replace(watch, value=(low + high) / 2, low=low, high=high)
    path = write_policy_report(replace(learned(), watch=changed), tmp_path, {})
    first = path.read_text(encoding="utf-8").split("\n\n")[1]
    assert f"{verdict}** (between {low:+.4g} and {high:+.4g} however often one looks" in first


def test_no_lead_that_can_be_counted(tmp_path):
    """Before that the page says so, and so does the gate."""
    path = write_policy_report(replace(learned(), watch=None), tmp_path, {})
    text = path.read_text(encoding="utf-8")
    assert text.split("\n\n")[1].startswith("**No lead can be counted yet**")
    assert "\n* no lead can be counted yet: " in text


def test_every_segment_and_option_is_told(page):
    """Each segment has a row with its decisions, each option that was chosen one."""
    for name, one in learned().assessment.segments.items():
        assert f"| {name} | {one.decisions:,} |" in page
    for option, shares in learned().shares.items():
        assert (f"| `{option}` |" in page) == (max(shares) > 0)


def test_the_table_stands_best_first(rivals):
    """Every policy has a row, ordered by its doubly robust value."""
    rows = rows_of(comparison_table(rivals))
    assert {row[0] for row in rows} == {f"`{name}`" for name in POLICIES}
    values = {f"`{name}`": one.value.dr.value for name, one in rivals.items()}
    assert [row[0] for row in rows] == sorted(values, key=lambda name: -values[name])


def test_the_table_against_a_rival_tells_one_gain(tmp_path):
    """Judged against another policy, the row of the policy and the verdict say the same gain."""
    found = judged("only:clip", against="rules")
    beside = compare(bundle(), log(), against="rules", until=us(UNTIL))
    text = write_policy_report(found, tmp_path, beside).read_text(encoding="utf-8")
    table = text.split("and the gain over `rules`, in EUR\n\n")[1].split("\n\n")[0]
    gains = {row[0]: row[4] for row in rows_of(table)}
    assert gains["`only:clip`"] == f"{found.assessment.gain.dr.value:+,.4g}"
    assert found.watch is not None
    assert f"**{found.watch.value:+,.4g} EUR a decision over `rules`" in text
    assert gains["`rules`"] == "+0"


def test_words_of_a_trait_cannot_break_the_page_or_the_picture(tmp_path):
    """Prices, bars and brackets are what people call things; none of it is markup here."""
    one = next(iter(learned().assessment.segments.values()))
    names = ("revenue: $1_$ to $5^$", "industry: a|b", r"role: \frac{", "size: {x}")
    path = write_policy_report(renamed(learned(), **dict.fromkeys(names, one)), tmp_path, {})
    text = path.read_text(encoding="utf-8")
    rows = rows_of(text.split("## Segments\n\n")[1].split("\n\n")[0])
    assert [row[0].replace("\\|", "|") for row in rows] == list(names)
    assert all(len(row) == 4 for row in rows)


def test_without_segments(tmp_path):
    """A log too small for any segment gets a page and a picture all the same."""
    path = write_policy_report(renamed(learned()), tmp_path, {})
    assert "No segment had decisions enough." in path.read_text(encoding="utf-8")


def test_the_picture_holds_every_policy_and_segment(rivals, tmp_path, monkeypatch):
    """A line for each: above the policies with the one that is judged first, below the segments."""
    drawn: list[Figure] = []
    save = Figure.savefig

    def kept(figure: Figure, path: Path, dpi: int) -> None:
        drawn.append(figure)
        save(figure, path, dpi=dpi)

    monkeypatch.setattr(Figure, "savefig", kept)
    write_policy_report(learned(), tmp_path, rivals)
    (figure,) = drawn
    above, below = figure.axes
    labels = [label.get_text() for label in above.get_yticklabels()]
    assert labels[0] == "learned"
    assert set(labels) == set(POLICIES)
    names = [label.get_text() for label in below.get_yticklabels()]
    assert names == list(learned().assessment.segments)
