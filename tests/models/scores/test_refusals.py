"""What speaks against a lead never raises a chance, whatever was learned."""

from __future__ import annotations

import numpy as np
import pytest

from features.events.log import DAY_US
from features.events.of_lead import Row, log_of_rows
from features.signals.program import compile_ladder
from features.signals.snapshot import snapshot_at
from models.bundle import Bundle, Scores

HOUR_US = DAY_US // 24
REFUSALS: list[tuple[str, dict[str, object]]] = [
    ("session_ended", {"seconds": 3, "pages": 1}),
    ("content_read", {"seconds": 2}),
    ("form_abandoned", {}),
    ("consent", {"granted": False}),
    ("consent", {"granted": "no", "channel": "email"}),
    ("offer_declined", {"offer": "video-audit"}),
    ("email_unsubscribed", {}),
    ("email_bounced", {}),
    ("webinar_no_show", {}),
    ("session_cancelled", {}),
    ("pilot_failed", {}),
    ("lead_complained", {}),
]


def scored(bundle: Bundle, rows: list[Row], as_of: int) -> Scores:
    compiled = compile_ladder(bundle.ladder)
    log = log_of_rows("ann", rows, compiled.columns)
    at = np.zeros(1, dtype=np.int64)
    return bundle.score(snapshot_at(log, compiled, ("ann",), at, np.array([as_of])))


def rows_of(simulated_log, number: int) -> list[Row]:
    """The events of a lead of the simulated log, as they would come from a store."""
    log = simulated_log
    first, last = int(log.starts[number]), int(log.starts[number + 1])
    rows: list[Row] = []
    for row in range(first, last):
        properties: dict[str, object] = {
            name: float(log.numbers[column, row])
            for column, name in enumerate(log.columns.numbers)
            if not np.isnan(log.numbers[column, row])
        }
        for column, name in enumerate(log.columns.texts):
            if (code := int(log.texts[column, row])) >= 0:
                properties[name] = log.text_values[column][code]
        name = log.names[int(log.name[row])]
        rows.append((name, int(log.occurred[row]), int(log.known[row]), properties))
    return rows


@pytest.mark.parametrize(("name", "properties"), REFUSALS)
def test_no_refusal_raises_a_chance(trained, simulated_log, name, properties):
    """One more of it, or twenty, at the same instant: neither chance is above what it was."""
    for number in range(0, len(simulated_log.leads), 8):
        rows = rows_of(simulated_log, number)
        as_of = rows[-1][2] + 20 * DAY_US
        before = scored(trained, rows, as_of)
        if before.step[0] is None:
            continue
        for count in (1, 20):
            times = [as_of - DAY_US - at * HOUR_US for at in range(count)]
            refused = [*rows, *((name, at, at, dict(properties)) for at in times)]
            after = scored(trained, refused, as_of)
            assert after.position.tolist() == before.position.tolist()
            assert after.advance.probability[0] <= before.advance.probability[0] + 1e-12
            assert after.purchase.probability[0] <= before.purchase.probability[0] + 1e-12


def test_interest_raises_a_quiet_lead(trained, simulated_log):
    """The same instant with a page viewed instead: that is interest, and tells."""
    higher = 0
    quiet = 0
    for number in range(0, len(simulated_log.leads), 8):
        rows = rows_of(simulated_log, number)
        as_of = rows[-1][2] + 20 * DAY_US
        before = scored(trained, rows, as_of)
        if before.step[0] is None:
            continue
        at = as_of - DAY_US
        viewed = scored(trained, [*rows, ("page_viewed", at, at, {})], as_of)
        quiet += 1
        higher += bool(viewed.advance.probability[0] > before.advance.probability[0])
    assert quiet > 20
    assert higher > 0.8 * quiet
