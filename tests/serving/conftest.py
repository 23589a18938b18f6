"""One running service with a model for all tests, and a way to start others."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI, routing
from starlette.testclient import TestClient

from serving.app import create_app
from serving.process.service import Service
from serving.settings import Settings
from tests.serving import world
from tests.sharing import made_once

Start = Callable[..., AbstractContextManager[TestClient]]
_ADDRESS = "http://127.0.0.1"
"""The service answers its own machine alone while there is no key."""
_LEADS = 60


def wait_until_scored(service: Service) -> None:
    until = time.monotonic() + 60
    while service.run is None and time.monotonic() < until:
        time.sleep(0.01)
    assert service.run is not None, service.failure


@contextmanager
def started(database_url: str, bundle: Path, wait: bool = True) -> Iterator[TestClient]:
    """A service over a store and a bundle; with `wait`, after all leads were scored."""
    settings = Settings(database_url=database_url, bundle=bundle, rescore_seconds=3600.0)
    app = create_app(settings)
    with TestClient(
        app, _ADDRESS, raise_server_exceptions=False, client=("127.0.0.1", 50000)
    ) as client:
        client.event_hooks["response"] = [_documented()]
        if wait:
            wait_until_scored(service_of(client))
        yield client


@cache
def _routes() -> list[tuple[re.Pattern[str], str, dict[str, Any]]]:
    """Address, method and description of every route; no setting has a say in them."""
    with TemporaryDirectory() as folder:
        app = create_app(Settings(f"sqlite:///{folder}/none.db", Path(folder) / "none"))
        return [
            (re.compile(re.sub(r"\\{\w+\\}", "(.+)", re.escape(path))), method.upper(), route)
            for path, methods in app.openapi()["paths"].items()
            for method, route in methods.items()
        ]


def _documented() -> Callable[[httpx2.Response], None]:
    """Checks that the description of a route has what it answers: each status, in each form."""
    routes = _routes()

    def check(answer: httpx2.Response) -> None:
        path, method = answer.request.url.path, answer.request.method
        for address, its_method, route in routes:
            if its_method == method and address.fullmatch(path):
                assert str(answer.status_code) in route["responses"], (method, path)
                forms = route["responses"][str(answer.status_code)].get("content")
                kind = answer.headers.get("content-type", "").partition(";")[0]
                assert not kind or forms is None or kind in forms, (method, path, kind)
                return

    return check


def service_of(client: TestClient) -> Service:
    app = client.app
    assert isinstance(app, FastAPI)
    service = app.state.service
    assert isinstance(service, Service)
    return service


@pytest.fixture(scope="session", autouse=True)
def certificates() -> Iterator[None]:
    """Those of the machine are read once, and not for every service: it takes as long as a test."""
    context = httpx2.create_ssl_context()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx2, "create_ssl_context", lambda: context)
        yield


@pytest.fixture(scope="session", autouse=True)
def built_once() -> Iterator[None]:
    """A route is built for the first app that has it: for hundreds it takes longer than the tests.

    All include the routers alike, and no test replaces a dependency, which an app is asked for.
    """
    true = routing._IncludedRouter._build_effective_context
    built: dict[int, list[tuple[Any, Any, Any]]] = {}

    def build(included: Any, route: Any) -> Any:
        context = replace(included.include_context, dependency_overrides_provider=None)
        of_route = built.setdefault(id(route), [])
        for held, its_context, made in of_route:
            if held is route and its_context == context:
                return made
        of_route.append((route, context, true(included, route)))
        return of_route[-1][2]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(routing._IncludedRouter, "_build_effective_context", build)
        yield


@pytest.fixture(scope="session")
def start() -> Start:
    return started


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store `events.db` with leads, and the bundles `fitted` and `rates`."""

    def make(path: Path) -> None:
        until = world.now()
        url = world.filled(path, world.population(_LEADS, until))
        world.fitted_bundle(path / "fitted", url, until)
        world.rates_bundle(path / "rates")

    return made_once(tmp_path_factory, "served", make)


def copy_of(folder: Path, into: Path) -> str:
    """A store of one's own: scores are kept in it."""
    return f"sqlite:///{shutil.copy(folder / 'events.db', into / 'copy.db')}"


@pytest.fixture
def url(folder: Path, tmp_path: Path) -> str:
    """A store with the leads of `folder`."""
    return copy_of(folder, tmp_path)


@pytest.fixture(scope="session")
def client(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service with a fitted model, its queue scored."""
    url = copy_of(folder, tmp_path_factory.mktemp("client"))
    with started(url, folder / "fitted") as running:
        yield running


@pytest.fixture(scope="session")
def service(client: TestClient) -> Service:
    return service_of(client)


@pytest.fixture(scope="session")
def bare(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service without a model."""
    url = copy_of(folder, tmp_path_factory.mktemp("bare"))
    with started(url, folder / "nothing", wait=False) as running:
        yield running
