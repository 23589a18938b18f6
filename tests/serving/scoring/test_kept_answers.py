"""Answers that are kept for a minute, and no longer, wherever the clock goes."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from serving.scoring.answers import opted_out
from serving.scoring.kept_answers import KeptScores, told
from serving.scoring.scorer import Scorer

SECOND = 1_000_000
NOW = 1_790_000_000 * SECOND


class Asked:
    """A scorer that counts how often it is asked."""

    mark: Any
    known: Any

    def __init__(self) -> None:
        self.at = NOW
        self.count = 0
        self.ranking: object = None
        self.due: int | None = None
        self.meanwhile: Callable[[], None] = lambda: None
        self.stamps, self.mark, self.known = 0, None, ("same",)
        database = SimpleNamespace(looks=SimpleNamespace(mark=lambda: self.mark))
        self.erased: tuple[int, int | None] = (0, None)
        identities = SimpleNamespace(erased_now=lambda: self.erased)
        self.store = SimpleNamespace(stamp=self.stamp, database=database, identities=identities)

    def stamp(self, _: str) -> Any:
        self.stamps += 1
        return self.known

    def clock(self) -> int:
        return self.at

    def score_stamped(self, lead_id: str) -> tuple[Any, int | None, dict[str, Any]]:
        self.count += 1
        answer = {"status": "opted_out", "lead_id": lead_id, "detail": str(self.count)}
        self.meanwhile()
        return self.known, self.due, answer


@pytest.mark.parametrize(
    ("ahead", "count"), [(0, 1), (29, 1), (60, 2), (-3600, 2), (-86_400, 2), (-(10**8), 2)]
)
def test_an_answer_is_kept_for_a_minute(ahead, count):
    """Used again for half a minute to a minute, and never for the day that a clock was ahead."""
    asked, kept = Asked(), KeptScores()
    scorer = cast(Scorer, asked)
    first = kept.of(scorer, "ann")
    asked.at += ahead * SECOND
    assert (kept.of(scorer, "ann") == first) is (count == 1)
    assert asked.count == count


def test_a_lead_is_looked_at_only_after_a_commit():
    """Where nothing was committed nothing is asked; a commit of others' leads changes no answer."""
    asked, kept = Asked(), KeptScores()
    scorer = cast(Scorer, asked)
    asked.mark = 1
    first = kept.of(scorer, "ann")
    assert kept.of(scorer, "ann") is first
    assert (asked.stamps, asked.count) == (0, 1)
    asked.mark = 2
    assert kept.of(scorer, "ann") is first
    assert kept.of(scorer, "ann") is first
    assert (asked.stamps, asked.count) == (1, 1)
    asked.mark, asked.known = 3, ("news",)
    assert kept.of(scorer, "ann") is not first
    assert (asked.stamps, asked.count) == (2, 2)
    asked.at += 61 * SECOND
    kept.of(scorer, "ann")
    assert (asked.stamps, asked.count) == (2, 3)


def test_an_answer_ends_when_an_event_is_due():
    """What an event dated ahead says is told from then on, also where nothing was committed."""
    asked, kept = Asked(), KeptScores()
    scorer = cast(Scorer, asked)
    asked.mark, asked.due = 1, NOW + 5 * SECOND
    kept.of(scorer, "ann")
    asked.at += 4 * SECOND
    kept.of(scorer, "ann")
    assert asked.count == 1
    asked.at += SECOND
    asked.due = NOW + 10**9 * SECOND  # the next one keeps none for longer than a minute
    kept.of(scorer, "ann")
    assert asked.count == 2
    asked.at += 61 * SECOND
    kept.of(scorer, "ann")
    assert asked.count == 3


def test_an_answer_is_of_the_ranking_before_it():
    """All leads are ranked anew while one is scored: what was found by the former is not kept."""
    asked, kept = Asked(), KeptScores()
    scorer = cast(Scorer, asked)

    def ranked_anew() -> None:
        asked.ranking = object()

    asked.mark, asked.meanwhile = 1, ranked_anew
    kept.of(scorer, "ann")
    asked.meanwhile = lambda: None
    kept.of(scorer, "ann")
    kept.of(scorer, "ann")
    assert asked.count == 2


def test_what_is_let_go_of_meanwhile_is_not_kept():
    """A lead is erased, or another model serves, while its score is found: nobody is told it."""
    asked, kept = Asked(), KeptScores()
    scorer = cast(Scorer, asked)
    kept.let_go_of_erased(scorer)

    def erased() -> None:
        asked.erased = (1, NOW)
        kept.let_go_of_erased(scorer)

    asked.mark, asked.meanwhile = 1, erased
    kept.of(scorer, "ann")
    assert not kept._kept
    other = Asked()

    def served_by_other() -> None:
        kept.of(cast(Scorer, other), "ben")

    other.mark, asked.meanwhile = 1, served_by_other
    kept.of(scorer, "ann")
    asked.meanwhile = lambda: None
    kept.of(cast(Scorer, other), "ann")
    assert (asked.count, other.count) == (2, 2)


def test_an_erased_lead_is_out_of_memory():
    """After an erasure nothing is kept of the lead, also where nobody asks for it again."""
    asked, kept = Asked(), KeptScores()
    scorer = cast(Scorer, asked)
    kept.let_go_of_erased(scorer)
    kept.of(scorer, "ann")
    kept.let_go_of_erased(scorer)
    assert [*kept._kept] == ["ann"]
    asked.erased = (1, NOW)
    kept.let_go_of_erased(scorer)
    assert not kept._kept
    kept.of(scorer, "ann")
    assert asked.count == 2


def test_answers_that_were_given_together_end_one_by_one():
    """Of many leads that were asked for at once, few are found anew at the same moment."""
    asked, kept = Asked(), KeptScores()
    leads = [f"lead-{at}" for at in range(300)]
    anew = []
    for second in range(62):
        asked.at, asked.count = NOW + second * SECOND, 0
        for lead in leads:
            kept.of(cast(Scorer, asked), lead)
        anew.append(asked.count)
    assert anew[0] == 300
    assert anew[1:30] == [0] * 29
    assert sum(anew[30:61]) >= 300
    assert max(anew[1:]) < 30


def test_a_store_that_does_not_say_is_asked_each_time():
    """Where commits cannot be counted each lead is looked at, and kept all the same."""
    asked, kept = Asked(), KeptScores()
    for _ in range(3):
        kept.of(cast(Scorer, asked), "ann")
    assert (asked.stamps, asked.count) == (2, 1)


def answer(**more: Any) -> Any:
    """As much of a score as is looked at."""
    numbers = dict.fromkeys(("probability", "usual", "rank_pct", "base", "fit", "engagement"), 0.25)
    return {
        "status": "ok",
        "lead_id": "Chloé 🪜",
        **numbers,
        "interval": {"low": 0.1, "high": 0.3},
        "purchase": {"probability": 1e-05},
        "reasons": [{"points": 0.1}],
        "features_as_of": "2026-03-01T12:00:00Z",
        "scored_at": "2026-03-01T12:00:01Z",
        **more,
    }


def test_an_answer_says_all_of_it():
    """What is sent is the whole answer, in one JSON object."""
    answers: list[Any] = [answer(), answer(usual=None), opted_out("ann")]
    for one in answers:
        assert json.loads(told(one).body) == one


def test_a_tag_is_of_what_is_said_of_the_lead():
    """The ETag is another one for other numbers, and the same where only the clock went on."""
    tag = told(answer()).etag
    assert told(answer(scored_at="2027-01-01T00:00:00Z", usual=0.5)).etag == tag
    assert told(answer(probability=0.26)).etag != tag


@pytest.mark.parametrize(
    "more",
    [
        {"probability": float("nan")},
        {"usual": float("inf")},
        {"interval": {"low": float("nan"), "high": 0.3}},
        {"purchase": {"probability": float("nan")}},
        {"reasons": [{"points": float("-inf")}]},
    ],
)
def test_what_is_no_number_is_not_said(more):
    """A number that JSON has no word for is a mistake of ours, and no null."""
    with pytest.raises(ValueError, match="no number"):
        told(answer(**more))
