"""What stands around a page, and who is told what."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from starlette.exceptions import HTTPException

from serving.edge.access.access import Asker
from serving.edge.problems import of_http
from serving.pages.common.frame import freshness, problem_page, why_no_model

WHY = "no bundle in /srv/rung: it has no manifest.json"


@pytest.mark.parametrize(
    ("scopes", "why", "told"),
    [
        ({"read", "decide"}, WHY, "whoever runs Rung finds out why under Models"),
        ({"read", "admin"}, WHY, WHY),
        ({"read"}, "", ""),
    ],
)
def test_nothing_of_the_machine_is_told_to_others(scopes, why, told):
    """Why there is no model has a place on the machine in it, which is for who runs it."""
    service = SimpleNamespace(scorer=SimpleNamespace(why_not=""), problem=why)
    asker = Asker("k", "Ann", frozenset(scopes))
    assert why_no_model(service, asker) == told  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("news", "run", "told"),
    [
        (None, None, "Waiting for scores"),
        (None, "a run", "No news yet"),
        (1_000, "a run", "Live"),
        (-20 * 60_000_000, "a run", "Last news"),
    ],
)
def test_a_store_that_nobody_sends_to_is_not_called_live(news, run, told):
    """It is live while news comes; before there was any it says that."""
    scores = SimpleNamespace(last_news_at=lambda: news)
    service = SimpleNamespace(
        scorer=SimpleNamespace(bundle="a bundle"),
        clock=lambda: 2_000,
        store=SimpleNamespace(scores=scores),
        failure=None,
        run=run,
    )
    assert freshness(service).text == told  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "said", "unsaid"),
    [
        (HTTPException(404), "There is no such page", "URI"),
        (HTTPException(405), "That cannot be done here", "Method"),
        (HTTPException(404, "no file 'x' here"), "No file &#39;x&#39; here", "such page"),
    ],
)
def test_what_the_protocol_says_is_said_in_words(error, said, unsaid):
    """A page that is not there says so as a person would; what a route says itself stays."""
    request: Any = SimpleNamespace(scope={"state": {"request_id": "r"}})
    text = problem_page(request, of_http(error))
    assert said in text
    assert unsaid not in text
