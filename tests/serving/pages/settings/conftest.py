"""Services to look at the settings of: a busy one, one with keys; what a person sees of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from serving.app import create_app
from serving.settings import Settings
from tests.serving import world
from tests.serving.conftest import copy_of, service_of, wait_until_scored
from tests.serving.pages.settings import busy

ADDRESS = "http://127.0.0.1"
INLINE = {"a", "b", "bdi", "code", "span", "strong", "time"}


class Sheet(HTMLParser):
    """What a person sees of a page: its words, its links, the boxes and buttons of its forms."""

    def __init__(self, answer) -> None:
        super().__init__()
        self.status: int = answer.status_code
        self.html: str = answer.text
        self.links: list[str] = []
        self.actions: list[str] = []
        self.fields: dict[str, str] = {}
        self.words: list[str] = []
        self.feed(self.html)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "a":
            self.links.append(given.get("href") or "")
        if tag == "form" and given.get("method") == "post":
            self.actions.append(given.get("action") or "")
        if tag == "input" and given.get("name"):
            self.fields[given["name"] or ""] = given.get("value") or ""

        self._apart(tag)

    def handle_endtag(self, tag):
        self._apart(tag)

    def _apart(self, tag: str) -> None:
        if tag not in INLINE:
            self.words.append(" ")

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


class Site:
    """A caller of the pages, as a browser is one; with a key, whoever has it."""

    def __init__(self, client: TestClient, key: str = "") -> None:
        self.client = client
        self.service = service_of(client)
        self._headers = {"Accept": "text/html"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"

    def get(self, path: str, code: int = 200) -> Sheet:
        answer = self.client.get(path, headers=self._headers)
        assert answer.status_code == code, answer.text[:2000]
        return Sheet(answer)

    def file(self, path: str) -> list[str]:
        """The lines of a list as a file."""
        answer = self.client.get(path, headers=self._headers)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert re.fullmatch(
            r'attachment; filename="rung-[a-z-]+\.csv"', answer.headers["content-disposition"]
        )
        return str(answer.text).splitlines()

    def send(self, path: str, **fields: str):
        """The answer to a form."""
        return self.client.post(
            path,
            data=fields,
            headers={**self._headers, "Origin": ADDRESS},
            follow_redirects=False,
        )

    def act(self, path: str, **fields: str) -> Sheet:
        """Send a form, and go where its answer leads."""
        answer = self.send(path, **fields)
        assert answer.status_code == 303, answer.text[:2000]
        return self.get(unescape(answer.headers["location"]))

    def refused(self, path: str, code: int = 422, **fields: str) -> Sheet:
        """Send a form that will not do."""
        answer = self.send(path, **fields)
        assert answer.status_code == code, answer.text[:2000]
        return Sheet(answer)


Running = Callable[..., AbstractContextManager[TestClient]]


@contextmanager
def running(settings: Settings, *, wait: bool = True) -> Iterator[TestClient]:
    app = create_app(settings)
    with TestClient(
        app, ADDRESS, raise_server_exceptions=False, client=("127.0.0.1", 50000)
    ) as client:
        if wait:
            wait_until_scored(service_of(client))
        yield client


@pytest.fixture(scope="session")
def served_by() -> Running:
    return running


@pytest.fixture(scope="module")
def busy_settings(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Of a service with everything on, and something wrong with most of it."""
    place = tmp_path_factory.mktemp("busy")
    url = copy_of(folder, place)
    busy.fill(url, world.now())
    return busy.settings_of(place, url, folder / "fitted")


@pytest.fixture(scope="module")
def site(busy_settings: Settings) -> Iterator[Site]:
    """The busy service, as whoever sits at its machine sees it: there is no key yet."""
    with running(busy_settings) as client:
        yield Site(client)


@pytest.fixture(scope="module")
def keyed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Site]]:
    """A service with keys, as whoever has some rights sees it."""
    place = tmp_path_factory.mktemp("keyed")
    url = copy_of(folder, place)
    busy.fill(url, world.now())
    with running(busy.settings_of(place, url, folder / "fitted")) as client:
        made: dict[tuple[str, ...], str] = {}

        def site_of(*scopes: str) -> Site:
            access = client.app.state.access  # type: ignore[attr-defined]
            if scopes not in made:
                name = "-".join(scopes)
                made[scopes] = access.keys.create(name, scopes, as_of=world.now())[1]
                access.forget()
            return Site(client, made[scopes])

        yield site_of


@pytest.fixture(scope="module")
def empty(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A service without a model, in whose store nothing is."""
    place = tmp_path_factory.mktemp("empty")
    settings = Settings(f"sqlite:///{place / 'new.db'}", folder / "nothing")
    with running(settings, wait=False) as client:
        yield Site(client)
