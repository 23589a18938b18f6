"""The tools over MCP: on standard input, or as streamable HTTP.

Only this module knows the package `mcp`, and imports it when it is needed: it is an extra of the
project, and takes its time.
"""

from __future__ import annotations

import os
import signal
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import httpx2

from rung.service.assistants.asking import NoAnswer, ServiceClient, new_http
from rung.service.assistants.telling import as_text
from rung.service.assistants.tools import INSTRUCTIONS, TOOLS, unfit

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server
    from starlette.applications import Starlette

__all__ = ["app_of", "new_server", "serve_http", "serve_standard_input"]

_HERE: Final = "127.0.0.1"


def new_server(http: httpx2.AsyncClient, authorization: str = "") -> Server[Any]:
    """A server of the tools.

    Parameters
    ----------
    http : a client of the service.
    authorization : the header for questions that come on standard input. Whoever asks over HTTP
        shows a key of their own, and this one is not for them.
    """
    import mcp_types as types
    from mcp.server.lowlevel import Server

    by_name = {tool.name: tool for tool in TOOLS}
    listed = types.ListToolsResult(
        tools=[
            types.Tool(
                name=tool.name,
                description=tool.description,
                input_schema=tool.schema,
                annotations=types.ToolAnnotations(read_only_hint=tool.is_reading),
            )
            for tool in TOOLS
        ]
    )

    async def list_tools(_: Any, __: Any) -> types.ListToolsResult:
        return listed

    async def call_tool(context: Any, asked: types.CallToolRequestParams) -> types.CallToolResult:
        # Some clients write null for each member that is left out.
        given = (asked.arguments or {}).items()
        arguments = {name: value for name, value in given if value is not None}
        try:
            tool = by_name.get(asked.name)
            if tool is None:
                raise NoAnswer(f"There is no such tool; there are {', '.join(by_name)}.")
            if wrong := unfit(tool, arguments):
                raise NoAnswer(wrong)
            text = as_text(await tool.ask(_asker(http, authorization, context.request), arguments))
        except NoAnswer as refusal:
            return types.CallToolResult(content=[_said(str(refusal))], is_error=True)
        return types.CallToolResult(content=[_said(text)])

    return Server(
        "rung",
        version=version("rung"),
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def _said(text: str) -> Any:
    import mcp_types as types

    return types.TextContent(type="text", text=text)


def _asker(http: httpx2.AsyncClient, authorization: str, request: Any) -> ServiceClient:
    """Whoever asks: the one who started us, or over HTTP whoever shows a key with the request."""
    if request is None:
        return ServiceClient(http, authorization)
    came_from = (request.client and request.client.host) or "unknown"
    return ServiceClient(http, request.headers.get("authorization", ""), came_from)


def serve_standard_input(url: str, key: str) -> None:
    """Answer on standard input and output, until the input ends or a person interrupts."""
    import anyio
    from mcp.server.stdio import stdio_server

    signal.signal(signal.SIGINT, _interrupted)
    if sys.stdin.isatty():
        print(f"waiting for an assistant on standard input, for {url}", file=sys.stderr)

    async def serve() -> None:
        async with new_http(url) as http:
            server = new_server(http, f"Bearer {key}" if key else "")
            async with stdio_server() as (read, write):
                await server.run(read, write, server.create_initialization_options())

    anyio.run(serve)


def _interrupted(_: int, __: Any) -> None:
    """End at once: the thread that waits for input cannot be told to stop, and keeps nothing.

    The signal may come while something is being printed, which is then no way to print.
    """
    os.write(2, b"\nrung: stopped\n")
    os._exit(130)


def app_of(http: httpx2.AsyncClient) -> Starlette:
    """The tools at `/mcp`. Each request stands alone, with the key in its own header."""
    return new_server(http).streamable_http_app(json_response=True, stateless_http=True, host=_HERE)


def serve_http(url: str, port: int) -> None:
    """Answer on this machine at `/mcp`, until a signal says to stop."""
    import uvicorn

    print(f"assistants ask at http://{_HERE}:{port}/mcp, with keys of {url}", file=sys.stderr)
    uvicorn.run(
        app_of(new_http(url)),
        host=_HERE,
        port=port,
        proxy_headers=False,  # where a question came from is what the connection says
        log_level="warning",
        access_log=False,
    )
