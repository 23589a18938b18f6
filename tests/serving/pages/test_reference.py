"""The reference: every route and shape, by links that lead somewhere, without a script."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from serving.pages.common.assets import asset
from serving.pages.reference import TypePart, operations_of, shapes_of


class Found(HTMLParser):
    """Ids, links, and whatever a page loads or runs."""

    def __init__(self, text):
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        told = dict(attrs)
        self.ids += [told["id"]] if "id" in told else []
        if tag == "a":
            self.links.append(told["href"])
        elif tag in ("script", "iframe", "object", "img"):
            self.loaded.append(tag)
        elif tag == "link":
            self.loaded.append(told["href"])


@pytest.fixture(scope="module")
def page(client):
    answer = client.get("/reference")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return answer.text


def test_it_is_whole(client, page):
    """Each route, each shape and each notification is there, once."""
    document, found = client.get("/openapi.json").json(), Found(page)
    assert len(found.ids) == len(set(found.ids))
    ids = {one["operationId"] for told in document["paths"].values() for one in told.values()}
    assert ids <= set(found.ids)
    assert {f"shape-{name}" for name in document["components"]["schemas"]} <= set(found.ids)
    for name in document["webhooks"]:
        assert f"<code>{name}</code>" in page


def test_links_lead_somewhere(page):
    """Every link within the page has its end there; nothing comes from elsewhere, nothing runs."""
    found = Found(page)
    inner = {link[1:] for link in found.links if link.startswith("#")}
    assert inner <= set(found.ids)
    assert {link for link in found.links if not link.startswith("#")} == {"/", "/openapi.json"}
    assert found.loaded == [asset("icon.svg"), asset("rung.css")]
    assert not re.search(r"\son\w+=|style=", page)


def test_types():
    """Values are called what they are, with their limits; shapes are linked."""
    schema = {
        "properties": {
            "one": {"anyOf": [{"$ref": "#/components/schemas/X"}, {"type": "null"}]},
            "many": {"type": "array", "items": {"type": "string", "maxLength": 5}, "maxItems": 9},
            "word": {"enum": ["a", "b"], "default": "a", "description": "Which."},
            "at": {"type": "string", "format": "date-time", "minLength": 1},
            "map": {"type": "object", "additionalProperties": {"type": "number", "minimum": 0}},
        },
        "required": ["one"],
    }
    (shape,) = shapes_of({"components": {"schemas": {"S": schema}}})
    told = {one.name: "".join(part.text for part in one.type) for one in shape.members}
    assert told == {
        "one": "X or null",
        "many": "list of text (up to 5 characters) (up to 9)",
        "word": '"a", "b"',
        "at": "time (RFC 3339)",
        "map": "object of number (from 0)",
    }
    assert shape.members[0].type[0] == TypePart("X", is_shape=True)
    assert [one.is_needed for one in shape.members] == [True, False, False, False, False]
    assert shape.members[2].description == 'Which. Left out: "a".'


def test_a_route():
    """A route says what a key needs, what is sent, and what each answer holds."""
    told = {
        "operationId": "doIt",
        "tags": ["things"],
        "security": [{"bearer": ["read"]}, {"basic": ["read"]}],
        "parameters": [
            {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
        ],
        "requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}},
        "responses": {"200": {"description": "Successful Response", "content": {}}},
    }
    document = {"paths": {"/x/{id}": {"post": told}}}
    (one,) = operations_of(document)["things"]
    assert (one.scope, one.method, one.path) == ("read", "POST", "/x/{id}")
    assert "".join(part.text for part in one.body) == "object (application/json)"
    assert one.answers == (("200", "The answer", ()),)
    assert (one.parameters[0].place, one.parameters[0].is_needed) == ("path", True)
