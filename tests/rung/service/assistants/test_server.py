"""The tools over MCP, with the official client in one process."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest
from mcp import Client

from rung.service.assistants.server import new_server
from rung.service.assistants.tools import INSTRUCTIONS, TOOLS
from tests.rung.service.assistants.scene import asker_of, problem


def _refused(_: httpx2.Request) -> httpx2.Response:
    return problem(404, "unknown-lead")


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_what_a_client_is_told(mode):
    """The tools with their schemas, the instructions, and refusals that are errors of the tool."""

    async def talk() -> tuple[Any, str | None, Any, Any]:
        server = new_server(asker_of(_refused).http, "Bearer rung_a_b")
        async with Client(server, mode=mode) as client:
            unknown = await client.call_tool("nothing", {})
            refused = await client.call_tool("lead", {"lead_id": "nobody"})
            return await client.list_tools(), client.instructions, unknown, refused

    listed, instructions, unknown, refused = asyncio.run(talk())
    assert [(one.name, one.input_schema) for one in listed.tools] == [
        (one.name, one.schema) for one in TOOLS
    ]
    reading = [one.annotations.read_only_hint for one in listed.tools]
    assert reading == [one.is_reading for one in TOOLS]
    assert instructions == INSTRUCTIONS
    assert [unknown.is_error, refused.is_error] == [True, True]
    assert unknown.content[0].text.startswith("There is no such tool; there are who_to_call")
    assert refused.content[0].text == "Rung knows no such lead; find_lead looks one up."
