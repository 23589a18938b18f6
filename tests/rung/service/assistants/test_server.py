"""The tools over MCP, with the official client in one process."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
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

    async def talk() -> tuple[Any, Any, Any, Any]:
        server = new_server(asker_of(_refused).http, "Bearer rung_a_b")
        async with Client(server, mode=mode) as client:
            unknown = await client.call_tool("nothing", {})
            refused = await client.call_tool("lead", {"lead_id": "nobody"})
            told = client.instructions, client.server_info
            return await client.list_tools(), told, unknown, refused

    listed, (instructions, server), unknown, refused = asyncio.run(talk())
    assert [(one.name, one.input_schema) for one in listed.tools] == [
        (one.name, one.schema) for one in TOOLS
    ]
    reading = [one.annotations.read_only_hint for one in listed.tools]
    assert reading == [one.is_reading for one in TOOLS]
    assert instructions == INSTRUCTIONS
    assert (server.name, server.version) == ("rung", version("rung"))
    assert [unknown.is_error, refused.is_error] == [True, True]
    assert unknown.content[0].text.startswith("There is no such tool; there are who_to_call")
    assert refused.content[0].text == "Rung knows no such lead; find_lead looks one up."


def test_null_is_left_out():
    """Clients that name each argument say null of those that they leave out."""
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(str(request.url))
        return problem(404, "unknown-lead")

    async def talk() -> Any:
        async with Client(new_server(asker_of(answer).http)) as client:
            await client.call_tool("find_lead", {"email": None, "external_id": "7"})
            return await client.call_tool("lead", {"lead_id": None})

    refused = asyncio.run(talk())
    assert asked == ["http://rung/v1/leads?external_id=7"]
    assert refused.content[0].text == "lead takes lead_id; it needs lead_id."
