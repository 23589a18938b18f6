"""OpenFeature's own client against a running service: a flag is a decision, kept and reported."""

from __future__ import annotations

import httpx2
import pytest
from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.track import TrackingEventDetails

from rung.service.feature_flags import NEXT_ASK, RungProvider
from tests.serving.live.asking import new_key, waited_for_queue
from tests.serving.live.process import running

pytestmark = pytest.mark.slow


def test_the_next_ask_is_a_flag(url, folder, tmp_path):
    """Each evaluation is a decision with the propensity that the service kept, shown when told."""
    key, reads = new_key(url, "read", "decide"), new_key(url, "read")
    with running(url, folder / "fitted", tmp_path) as process:
        queue = waited_for_queue(process.url, key)
        headers = {"Authorization": f"Bearer {key}"}
        api.set_provider(RungProvider(process.url, key))
        api.set_provider(RungProvider(process.url, reads), "reads")
        try:
            client = api.get_client()
            for item in queue[:10]:
                lead = EvaluationContext(item["lead_id"])
                found = client.get_string_details(NEXT_ASK, "nothing", lead)
                assert found.error_code is None
                address = f"{process.url}/v1/decisions/{found.flag_metadata['decision_id']}"
                kept = httpx2.get(address, headers=headers).json()
                assert kept["lead_id"] == item["lead_id"]
                assert kept["offer"]["id"] == found.value == found.variant
                assert kept["probability_chosen"] == found.flag_metadata["propensity"]
                assert kept["exposed_at"] is None
                named = {"decision_id": kept["decision_id"]}
                client.track("session_held", lead, TrackingEventDetails(1, named))
                came = httpx2.get(address, headers=headers).json()["outcome"]
                assert (came["value"], came["kind"]) == (1, "session_held")
            nobody = client.get_string_details(NEXT_ASK, "nothing", EvaluationContext("nobody"))
            assert (nobody.value, nobody.error_code) == ("nothing", ErrorCode.INVALID_CONTEXT)
            may_not = api.get_client("reads").get_string_details(NEXT_ASK, "nothing", lead)
            assert (may_not.value, may_not.error_code) == ("nothing", ErrorCode.GENERAL)
            assert "scope decide" in (may_not.error_message or "")
        finally:
            api.clear_providers()
