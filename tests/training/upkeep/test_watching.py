"""What is watched of what serves: which bundle is judged on what, by when, and what is kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from features.errors import NotEnoughData
from features.ladder.file import read_ladder
from features.store.events import EventStore
from features.store.kept.reports import Report, Reports
from models.judging.served import AHEAD, OFFERS, POLICY, SCORES, about_policy
from training.upkeep import watching
from training.upkeep.watching import Watched, keep_watched, watch_served

UNTIL = 1_790_000_000_000_000
B2B = read_ladder("b2b")


class Named:
    """Stands for a bundle, or for what was found with it."""

    def __init__(self, name: str, **more: Any) -> None:
        self.hash = self.name = name
        self.ladder = replace(B2B, title=name)
        self.more = more

    def as_dict(self) -> dict[str, Any]:
        return self.more


TRAINED: Any = Named("trained")
SERVED: Any = Named("served")
LOG: Any = "the log"


# Judges that say what they were asked about, and judge nothing.


def recalibrate(log: Any, bundle: Named, as_of: int) -> Any:
    return ["moves", log, bundle.name, as_of]


def evaluate(bundle: Named, log: Any, *, until: int, moves: Any = None) -> Named:
    return Named("", judged=[bundle.name, log, until, moves])


def look_ahead(bundle: Named, log: Any, until: int, moves: Any, progress: Any) -> Any:
    progress("which signals have moved")
    return {"looked": [bundle.name, log, until, moves]}


def evaluate_policy(bundle: Named, log: Any, name: str, *, until: int = 0) -> Named:
    if name == "thompson":
        raise NotEnoughData("no drawn decision after the training")
    return Named("", judged=[bundle.name, log, name, until])


def judge_policy(report: dict[str, Any], bundle: Named) -> Named:
    return Named("", of=report["judged"], beside=bundle.name)


def checks(report: dict[str, Any], ladder: Any) -> tuple[Any, ...]:
    return (report["judged"][2], ladder.title)


def offers_by_lot(log: Any, ladder: Any, until: int = 0) -> Any:
    return {"offers": [log, ladder.title, until]}


@pytest.fixture(autouse=True)
def _judges(monkeypatch) -> None:
    judges = (evaluate, evaluate_policy, judge_policy, checks)
    for one in (recalibrate, look_ahead, offers_by_lot, *judges):
        monkeypatch.setattr(watching, one.__name__, one)


def watched(policy: str = "careful") -> Watched:
    return watch_served(TRAINED, SERVED, policy, LOG, UNTIL)


def test_what_is_judged():
    """What serves, by what was known then; probabilities move as those of the trained one did."""
    found: Any = watched()
    moves = ["moves", LOG, "trained", UNTIL]
    judged = {"judged": ["served", LOG, UNTIL, moves]}
    assert found.scores == {"evaluation": judged, "note": ""}
    assert found.ahead == {"looked": ["served", LOG, UNTIL, moves]}
    assert found.offers == {"offers": [LOG, "served", UNTIL]}
    (learned,) = found.policies
    assert learned["gate"] == {"of": ["served", LOG, "learned", UNTIL], "beside": "served"}
    assert learned["checks"] == ["learned", "served"]


@pytest.mark.parametrize(
    ("serves", "names"),
    [
        ("careful", ["learned"]),
        ("learned", ["learned"]),
        ("rules", ["learned", "rules"]),
        ("thompson", ["learned", "thompson"]),
    ],
)
def test_policies(serves, names):
    """The learned one, and the one that serves; the usual one needs no gate."""
    found = watched(serves).policies
    assert [one["name"] for one in found] == names
    for one in found:
        is_known = one["name"] != "thompson"
        assert (one["gate"] is not None, bool(one["checks"])) == (is_known, is_known)
        assert one["note"] == ("" if is_known else "no drawn decision after the training")


def test_scores_that_cannot_be_judged(monkeypatch):
    """It is said why, and the rest is judged."""

    def nothing(*_: Any, **__: Any) -> Any:
        raise NotEnoughData("no lead to score")

    monkeypatch.setattr(watching, "evaluate", nothing)
    found: Any = watched()
    assert found.scores == {"evaluation": None, "note": "no lead to score"}
    assert found.ahead["looked"][0] == "served"
    assert len(found.policies) == 1


def test_the_newest_of_each_is_kept():
    """Of the bundle, the ladder, and each policy with the bundle; what was kept before goes."""
    found = watched("rules")
    abouts = {
        SCORES: ["served"],
        AHEAD: ["served"],
        OFFERS: [""],
        POLICY: [about_policy("served", one) for one in ("learned", "rules")],
    }
    with EventStore.open(":memory:") as store:
        reports = Reports(store.database)
        for kind, about in abouts.items():
            reports.keep(Report(kind, B2B.name, about[0], UNTIL - 1, {"old": kind}))
        keep_watched(store, found)
        told = {
            (kind, one): reports.newest(kind, B2B.name, one)
            for kind, about in abouts.items()
            for one in about
        }
        bodies: dict[tuple[str, str], Any] = {
            (SCORES, "served"): found.scores,
            (AHEAD, "served"): found.ahead,
            (OFFERS, ""): found.offers,
            (POLICY, "served learned"): found.policies[0],
            (POLICY, "served rules"): found.policies[1],
        }
        for (kind, of), body in bodies.items():
            assert told[kind, of] == Report(kind, B2B.name, of, UNTIL, body)
            assert reports.newest(kind, B2B.name, of, as_of=UNTIL - 1) is None
