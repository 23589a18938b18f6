"""What judging comes to, as plain values."""

import json

from training.scores.results import BETTER


def test_as_dict_is_json(judged):
    """The evaluation is JSON without NaN, with instants as text."""
    values = json.loads(json.dumps(judged.as_dict(), allow_nan=False))
    assert values["start"] == "2026-04-15T00:00:00Z"
    assert values["verdict"] == BETTER
    assert values["advancement"]["performance"]["queue"]["instants"] > 5
