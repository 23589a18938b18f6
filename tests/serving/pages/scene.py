"""A page as its reader has it: tags that close in order, attributes, and the text."""

from __future__ import annotations

from html.parser import HTMLParser

HTML = {"Accept": "text/html"}
VOID = {"meta", "link", "br", "input"}
ACTS = {"origin": "http://127.0.0.1"}
"""What a browser says of a form of the page's own."""


class Page(HTMLParser):
    """The tags and the text of a page; fails where tags do not close in order."""

    def __init__(self, text):
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())

    def values(self, name):
        return [value for key, value in self.attributes if key == name]


def page(client, path, status=200):
    answer = client.get(path, headers=HTML)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return Page(answer.text)


def act(client, lead, do, *, status=303, **answers):
    """Press a button for a lead."""
    form = {"lead": lead, "do": do, "next": "/", **answers}
    answer = client.post("/act", data=form, headers=HTML | ACTS, follow_redirects=False)
    assert answer.status_code == status, answer.text
    return answer
