"""The tools: how much of a conversation they take, and what they refuse by themselves."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx2
import pytest

from rung.service.assistants.asking import NoAnswer
from rung.service.assistants.tools import INSTRUCTIONS, TOOLS, unfit
from tests.rung.service.assistants.scene import asker_of

BY_NAME = {tool.name: tool for tool in TOOLS}


def test_six_tools_at_most_in_two_thousand_tokens():
    """All that an assistant reads of them fits, at three characters a token: text has over four."""
    listed = [
        {"name": one.name, "description": one.description, "inputSchema": one.schema}
        | {"annotations": {"readOnlyHint": one.is_reading}}
        for one in TOOLS
    ]
    assert len(TOOLS) <= 6
    assert (len(json.dumps(listed)) + len(INSTRUCTIONS)) / 3 < 2000


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("who_to_call", {}, ""),
        ("who_to_call", {"limit": 0}, "limit must have minimum 1."),
        ("who_to_call", {"limit": True}, "limit must have type integer."),
        ("who_to_call", {"all": 1}, "who_to_call takes limit, step, cursor."),
        ("lead", {}, "lead takes lead_id; it needs lead_id."),
        ("lead", {"lead_id": ""}, "lead_id must have minLength 1."),
        ("record", {"decision_id": "d", "outcome": 2}, "outcome must have maximum 1."),
    ],
)
def test_arguments_that_will_not_do(name, arguments, said):
    """A fault is told by its place and what would be right, without the value."""
    assert unfit(BY_NAME[name], arguments) == said


def _asked(name: str, arguments: dict[str, Any], answer: Any) -> list[httpx2.Request]:
    asked: list[httpx2.Request] = []

    def answered(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(200, json=answer)

    async def ask() -> None:
        await BY_NAME[name].ask(asker_of(answered), arguments)

    asyncio.run(ask())
    return asked


def test_what_reads_only_reads():
    """A tool that is said to change nothing asks with GET alone."""
    page: dict[str, Any] = {"data": [], "next_cursor": None}
    score = {"status": "opted_out", "lead_id": "a"}
    for name, arguments, answer in (
        ("who_to_call", {}, page),
        ("lead", {"lead_id": "a"}, score),
        ("find_lead", {"email": "a@b.example"}, page),
        ("decision", {"decision_id": "d"}, score),
    ):
        assert BY_NAME[name].is_reading
        assert {one.method for one in _asked(name, arguments, answer)} == {"GET"}
    assert {one.name for one in TOOLS if not one.is_reading} == {"what_to_say", "record"}


def test_nobody_is_to_be_called_whom_others_work_with():
    """Nor who is put aside, whom the service leaves out by itself."""
    page: dict[str, Any] = {"data": [], "next_cursor": None}
    (request,) = _asked("who_to_call", {"limit": 3, "step": "trial"}, page)
    assert dict(request.url.params) == {"limit": "3", "step": "trial", "hands": "free"}


def test_a_decision_is_not_shown_yet():
    """What an assistant has decided counts as shown only once that is recorded."""
    (request,) = _asked("what_to_say", {"lead_id": "a"}, {"status": "opted_out", "lead_id": "a"})
    assert json.loads(request.content) == {"lead_id": "a", "defer_exposure": True}


def test_a_lead_that_has_opted_out_is_looked_into_no_further():
    """Its timeline is not read."""
    asked = _asked("lead", {"lead_id": "a"}, {"status": "opted_out", "lead_id": "a"})
    assert [one.url.path for one in asked] == ["/v1/leads/a/score"]


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("find_lead", {}, "one of the two"),
        ("find_lead", {"email": "a", "external_id": "b"}, "one of the two"),
        ("record", {"decision_id": "d", "kind": "won"}, "give the outcome too"),
    ],
)
def test_arguments_that_do_not_go_together(name, arguments, said):
    """They are refused before anything is asked."""
    with pytest.raises(NoAnswer, match=said):
        _asked(name, arguments, {})
