"""Advice over random ladders, histories and clocks: it agrees with itself, and with decency."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.events.log import DAY_US
from features.events.of_lead import Row, log_of_rows
from features.ladder.field_names import field_key
from features.ladder.ladder import Ladder, Limits
from features.offers.history import history_of
from features.signals.program import compile_ladder
from features.signals.snapshot import snapshot_at
from models.bundle import Bundle, Scores
from models.offers.options import NO_ASK
from models.recommendation import Adviser, Recommendation
from tests.profiles import examples

NOW = 1_790_000_000_000_000
HOUR_US = DAY_US // 24
KNOWN: list[dict[str, object]] = [
    {"Email": "a@b.c", "firstName": "Ada"},
    {"e-mail": "a@b.c"},
    {"company_size": 180, "Role": "founder"},
    {"name": "Ada", "company": "Byron"},
]
HAPPENINGS: list[tuple[str, dict[str, object]]] = [
    ("page_viewed", {"section": "pricing"}),
    ("video_progress", {"watched_fraction": 0.92}),
    ("asset_opened", {"asset": "bottleneck-template"}),
    ("asset_used", {"minutes": 18, "asset": "bottleneck-template"}),
    ("webinar_registered", {}),
    ("webinar_attended", {"minutes": 41}),
    ("session_booked", {}),
    ("session_held", {"minutes": 15}),
    ("pilot_started", {}),
    ("lead_asked", {}),
    ("business_replied", {}),
    ("offer_extended", {"offer": "video-audit"}),
    ("offer_seen", {"offer": "video-audit"}),
    ("consultation_outcome", {"fit": "no"}),
    *(("identify", one) for one in KNOWN),
    *(("form_submitted", one) for one in KNOWN),
]
AGAINST: list[tuple[str, dict[str, object]]] = [
    ("offer_declined", {"offer": "video-audit"}),
    ("email_unsubscribed", {}),
    ("session_ended", {"seconds": 3, "pages": 1}),
    ("form_abandoned", {}),
    ("session_no_show", {}),
    ("pilot_failed", {}),
    ("consent", {"granted": "no"}),
]

happenings = st.tuples(
    st.sampled_from([*HAPPENINGS, *HAPPENINGS, *AGAINST]),
    st.integers(0, 24 * 40),
    st.integers(0, 9),
)
days = st.sampled_from([0.25, 1.0, 3.0, 14.0])


@st.composite
def histories(draw: st.DrawFn) -> list[Row]:
    """What happened to a lead within forty days; some of it was known later."""
    drawn = draw(st.lists(happenings, min_size=1, max_size=14))
    return [
        (name, NOW - ago * HOUR_US, NOW - max(0, ago - late) * HOUR_US, dict(properties))
        for (name, properties), ago, late in drawn
    ]


@st.composite
def versions(draw: st.DrawFn, ladder: Ladder) -> Ladder:
    """The ladder with other limits, commitments and offers; scores follow from it as before."""
    limits = Limits(
        asks=draw(st.integers(1, 4)),
        days_between_asks=draw(days),
        support_days=draw(days),
        offer_open_days=draw(days),
        consent=draw(st.sampled_from(["opt_in", "opt_out"])),
        form_fields=draw(st.integers(0, 4)),
    )
    kept = draw(st.lists(st.sampled_from(ladder.offers), min_size=3, unique_by=lambda one: one.id))
    ids = {one.id for one in kept}
    offers = tuple(
        replace(
            one,
            status=draw(st.sampled_from(["active", "active", "paused"])),
            again_after_days=draw(st.one_of(st.none(), days)),
        )
        for one in ladder.offers
        if one.id in ids
    )
    return replace(ladder, limits=limits, offers=offers)


def scored(bundle: Bundle, rows: list[Row], as_of: int) -> tuple[Any, Scores]:
    compiled = compile_ladder(bundle.ladder)
    log = log_of_rows("ann", rows, compiled.columns)
    shot = snapshot_at(log, compiled, ("ann",), np.zeros(1, np.int64), np.array([as_of]))
    return shot, bundle.score(shot)


def advised(
    bundle: Bundle, rows: list[Row], as_of: int, policy: str, decision_id: str
) -> Recommendation:
    shot, scores = scored(bundle, rows, as_of)
    history = history_of(rows, bundle.ladder, as_of)
    return Adviser(bundle, policy).recommend(shot, scores, history, decision_id)


@settings(deadline=None, max_examples=examples(150), suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), histories(), st.integers(0, 24 * 20), st.sampled_from(["careful", "learned"]))
def test_advice_agrees_with_itself(trained, b2b, data, rows, later, policy):
    """Nothing is chosen, or tried, that is believed worse than leaving alone, over something in
    flight, for what is known already, or of a lead that does not fit; support is no ask."""
    bundle = trained.on(data.draw(versions(b2b)))
    as_of = NOW + later * HOUR_US
    found = advised(bundle, rows, as_of, policy, f"d-{later}")
    history = history_of(rows, bundle.ladder, as_of)
    alone = next(one for one in found.ranking if one.option_id == NO_ASK)
    for one in found.ranking:
        offer = bundle.ladder.offer(one.option_id)
        assert one.propensity > 0.0
        owed = offer is not None and offer.role == "support" and offer.during
        if one.p_advance is not None and alone.p_advance is not None and found.step is not None:
            assert one.p_advance >= alone.p_advance - 1e-9
            assert owed or (one.gain or 0.0) >= -1e-9
        if offer is None or offer.role == "support":
            continue
        assert offer.status == "active"
        assert history.fit != "no"
        narrow = {name for each in bundle.ladder.offers for name in each.not_while}
        assert not set(history.in_flight) - narrow - set(offer.during)
        assert not set(history.in_flight) & set(offer.not_while)
    if found.personalisation is not None:
        asked = [*found.personalisation["form_fields"], found.personalisation["ask_field"]]
        assert not [name for name in asked if name is not None and history.knows(name)]
        keys = [field_key(name) for name in asked if name is not None]
        assert len(keys) == len(set(keys))


@settings(deadline=None, max_examples=examples(150), suppress_health_check=[HealthCheck.too_slow])
@given(histories(), st.sampled_from(AGAINST), st.integers(0, 24 * 20), st.integers(1, 5))
def test_what_speaks_against_a_lead_never_helps_it(trained, rows, against, later, count):
    """With a refusal, a bounce or the like, neither chance is above the one without it."""
    as_of = NOW + later * HOUR_US
    name, properties = against
    more = [(name, as_of - at * HOUR_US, as_of - at * HOUR_US, properties) for at in range(count)]
    _, before = scored(trained, rows, as_of)
    _, after = scored(trained, [*rows, *more], as_of)
    if before.step[0] is None or after.step[0] is None:
        return
    for goal in ("advance", "purchase"):
        was, now = (getattr(one, goal).probability[0] for one in (before, after))
        assert now <= was + 1e-12


@settings(deadline=None, max_examples=examples(60), suppress_health_check=[HealthCheck.too_slow])
@given(histories())
def test_what_is_not_known_yet_changes_no_advice(trained, rows):
    """What arrives after an instant leaves what was advised at it."""
    as_of = NOW - 10 * DAY_US
    known = [row for row in rows if row[2] <= as_of]
    if not known:
        return
    one, other = (advised(trained, some, as_of, "careful", "d") for some in (known, rows))
    assert one == other
