"""One call to a CRM: how long it asks to be left alone."""

from __future__ import annotations

import asyncio
from email.utils import format_datetime

import httpx2
import pytest

from features.clock import when
from serving.write_back.calls import CallFailed, answered, new_client
from serving.write_back.rules import SECOND

NOW = 1_796_000_000 * SECOND


def date(seconds: float) -> str:
    return format_datetime(when(NOW + round(seconds * SECOND)), usegmt=True)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": date(90)}, 90),
        ({"Retry-After": date(90), "Date": date(-3600)}, 3690),
        ({"Retry-After": date(-5)}, 0),
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "soon"}, 0),
        ({}, 0),
    ],
)
def test_how_long_it_is_left_alone(headers, wait):
    """A date is one of the CRM's own clock, or of ours where it does not say what time it has."""

    async def asked() -> int:
        empty = httpx2.ByteStream(b"")
        answer = httpx2.Response(429, headers=headers, stream=empty)
        transport = httpx2.MockTransport(lambda _: answer)
        async with new_client(lambda: NOW, transport=transport) as client:
            with pytest.raises(CallFailed) as failed:
                await answered(client, "GET", "http://crm")
            return failed.value.wait

    assert asyncio.run(asked()) == wait * SECOND
