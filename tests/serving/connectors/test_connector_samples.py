"""Payloads of vendors that others have written down, where they are at hand."""

import gzip
import json
from pathlib import Path

import pytest

from serving.connectors.configuration import VENDORS
from serving.connectors.errors import PayloadError
from tests.serving.connectors.vendors import options, told

SAMPLES = Path(__file__).parents[4] / "shared" / "data" / "webhook_samples.json.gz"


@pytest.fixture(scope="module")
def samples():
    if not SAMPLES.exists():
        pytest.skip("the collection of samples is not beside the repository")
    with gzip.open(SAMPLES) as file:
        return json.load(file)


def names(samples, vendor):
    """The names of all events that the samples of a vendor tell."""
    found = []
    for sample in samples:
        if sample["vendor"] == vendor and sample["kind"] == "webhook":
            arrivals, rejects, _ = told(VENDORS[vendor], sample["payload"], options(vendor))
            assert rejects == [], sample["source_path"]
            assert "@" not in json.dumps(arrivals), sample["source_path"]
            found += [one.name for one in arrivals]
    return sorted(found)


def test_calendly(samples):
    """A booking and a cancellation."""
    assert names(samples, "calendly") == ["session_booked", "session_cancelled"]


def test_customerio(samples):
    """Openings, conversions and consent of both forms; what was sent is ignored."""
    assert names(samples, "customerio") == [
        "consent",
        "email_converted",
        "email_converted",
        "email_opened",
        "email_opened",
    ]


def test_zoom(samples):
    """Of 123 kinds those that people do."""
    assert names(samples, "zoom") == [
        "session_booked",
        "session_cancelled",
        "session_held",
        "session_joined",
        "webinar_attended",
        "webinar_joined",
        "webinar_registered",
        "webinar_registration_cancelled",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("vendor", VENDORS)
def test_what_others_send(samples, vendor):
    """A payload of another vendor is refused, rejected or ignored."""
    for sample in samples:
        if sample["vendor"] == vendor:
            continue
        try:
            arrivals, _, _ = told(VENDORS[vendor], sample["payload"], options(vendor))
        except PayloadError:
            continue
        assert arrivals == []
