"""Sessions of the pages: how they begin, what they open, and how they end."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from features.store.schema import sessions as table
from serving.edge.access.keys import Keys
from serving.edge.access.sessions import SESSION_SECONDS, Sessions
from serving.pages.common.forms import own_path
from tests.serving.callers import bearer, client_of, make

HTML = {"Accept": "text/html,*/*"}
OURS = {"Origin": "http://127.0.0.1", **HTML}
END = SESSION_SECONDS * 1_000_000


def log_in(client, key, onward="/", **more):
    return client.post("/login", data={"key": key, "next": onward}, headers={**OURS, **more})


def cookie_of(answer):
    """Name, value and lower-case attributes of the one cookie that is set."""
    (text,) = answer.headers.get_list("set-cookie")
    first, *rest = [part.strip() for part in text.split(";")]
    name, _, value = first.partition("=")
    return name, value, {part.lower() for part in rest}


# --------------------------------------------------------------------------------------- The table


@pytest.fixture
def sessions(database):
    return Sessions(database)


@pytest.fixture
def key(database):
    return Keys(database).create("person", ["read"], as_of=1)[0]


def test_twelve_hours(sessions, key):
    """A session names its key until twelve hours have gone."""
    token = sessions.start(key.id, as_of=10)
    assert sessions.key_of(token, as_of=10) == key.id
    assert sessions.key_of(token, as_of=10 + END - 1) == key.id
    assert sessions.key_of(token, as_of=10 + END) is None


@pytest.mark.parametrize("ahead", [3600, 86_400, 10**9])
def test_a_session_of_a_clock_that_was_ahead(sessions, key, ahead):
    """A session that would last longer than any is over."""
    token = sessions.start(key.id, as_of=10 + ahead * 1_000_000)
    assert sessions.key_of(token, as_of=10) is None


def test_end(sessions, key):
    """A logout ends one session and no other; again, it changes nothing."""
    one, other = sessions.start(key.id, as_of=1), sessions.start(key.id, as_of=1)
    sessions.end(one)
    sessions.end(one)
    assert sessions.key_of(one, as_of=2) is None
    assert sessions.key_of(other, as_of=2) == key.id


def test_the_token_is_not_kept(sessions, key, database):
    """The table holds the hash of a token, which opens nothing itself."""
    token = sessions.start(key.id, as_of=1)
    with database.reading() as connection:
        (row,) = connection.execute(sa.select(table)).all()
    assert token not in repr(tuple(row))
    assert sessions.key_of(row.hash, as_of=2) is None
    assert len(token) >= 43


def test_expired_sessions_are_cleared_away(sessions, key, database):
    """A new session takes those with it that are over."""
    sessions.start(key.id, as_of=1)
    sessions.start(key.id, as_of=2)
    sessions.start(key.id, as_of=1 + END)
    with database.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(table)) == 2


# ------------------------------------------------------------------------------------- Logging in


def test_a_browser_is_sent_to_the_login(app):
    """A browser without a session is sent to the login, which knows the way back."""
    make(app, "read")
    client = client_of(app)
    answer = client.get("/?step=human&cursor=a%2Fb", headers=HTML)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=/%3Fstep%3Dhuman%26cursor%3Da%252Fb"
    page = client.get(answer.headers["location"], headers=HTML)
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    (onward,) = re.findall(r'name="next" value="([^"]*)"', page.text)
    assert onward == "/?step=human&amp;cursor=a%2Fb"
    odd = client.get("/leads/a%2F%3Fb%20c", headers=HTML).headers["location"]
    (onward,) = re.findall(r'name="next" value="([^"]*)"', client.get(odd).text)
    assert onward == "/leads/a/%3Fb%20c"


def test_login_and_logout(app):
    """A key that may read opens the pages, until the logout."""
    key, client = make(app, "read"), client_of(app)
    answer = log_in(client, f" {key} ", "/leads/a")
    assert (answer.status_code, answer.headers["location"]) == (303, "/leads/a")
    page = client.get("/", headers=HTML)
    assert page.status_code == 200
    assert 'action="/logout"' in page.text
    assert client.get("/login?next=/leads/b").headers["location"] == "/leads/b"
    held = dict(client.cookies)
    out = client.post("/logout", headers=OURS)
    assert (out.status_code, out.headers["location"]) == (303, "/login")
    assert dict(client.cookies) == {}
    assert client.get("/", headers=HTML).status_code == 303
    client.cookies.update(held)
    assert client.get("/", headers=HTML).status_code == 303


def test_the_cookie(app):
    """The cookie is out of reach of scripts and other sites; over TLS it keeps to TLS."""
    key = make(app, "admin")
    name, value, attributes = cookie_of(log_in(client_of(app), key))
    assert name == "rung_session"
    assert value not in key
    assert attributes == {"httponly", "samesite=lax", "path=/", f"max-age={SESSION_SECONDS}"}
    secure = client_of(app, "https://rung.example", "192.0.2.1")
    answer = log_in(secure, key, Origin="https://rung.example")
    name, _, attributes = cookie_of(answer)
    assert name == "__Host-rung"
    assert {"secure", "httponly", "samesite=lax", "path=/"} <= attributes
    assert not any(one.startswith("domain") for one in attributes)
    assert secure.get("/", headers=HTML).status_code == 200


def test_each_login_is_a_session_of_its_own(app):
    """Nobody can set the token that another one will have."""
    key, client = make(app, "read"), client_of(app)
    client.cookies.set("rung_session", "chosen-by-somebody")
    _, first, _ = cookie_of(log_in(client, key))
    _, second, _ = cookie_of(log_in(client, key))
    assert len({first, second, "chosen-by-somebody"}) == 3


@pytest.mark.parametrize(
    ("scopes", "words"),
    [(None, "not known here"), (["ingest"], "may not read"), (["ingest", "decide"], "may not")],
)
def test_a_key_that_opens_nothing(app, scopes, words):
    """An unknown key, and one that may not read, get the form again and no cookie."""
    make(app, "read")
    key = make(app, *scopes) if scopes else "rung_abc_<b>"
    answer = log_in(client_of(app), key, "/leads/a")
    assert answer.status_code == 403
    assert words in answer.text
    assert 'name="next" value="/leads/a"' in answer.text
    assert key not in answer.text
    assert "set-cookie" not in answer.headers


def test_a_key_for_another_ladder_opens_nothing(app):
    """It is said so at the login, and whoever has a session of it can log in with another key."""
    key, client = make(app, "read", ladder="other"), client_of(app)
    answer = log_in(client, key, "/")
    assert answer.status_code == 403
    assert "asks about the ladder &#39;other&#39; alone" in answer.text
    access = app.state.access
    token = access.sessions.start(access.keys.all()[0].id, as_of=access.now())
    client.cookies.set("rung_session", token)
    assert client.get("/").status_code == 403
    assert client.get("/login").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": ""},
        {"Origin": "null"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://["},
        {"Origin": "http://127.0.0.1:9"},
        {"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "same-site"},
    ],
)
def test_forms_of_other_sites(app, headers):
    """No other site can log anybody in or out."""
    key, client = make(app, "read"), client_of(app)
    assert log_in(client, key, **headers).status_code == 403
    assert dict(client.cookies) == {}
    log_in(client, key)
    assert client.post("/logout", headers=headers).status_code == 403
    assert client.get("/", headers=HTML).status_code == 200


def test_without_an_origin(app):
    """A form that does not say where it stood is refused, unless the browser vouches for it."""
    key, client = make(app, "read"), client_of(app)
    assert client.post("/login", data={"key": key}).status_code == 403
    vouched = client.post("/login", data={"key": key}, headers={"Sec-Fetch-Site": "same-origin"})
    assert vouched.status_code == 303


def test_attempts_are_limited(app, clock):
    """Who tries many keys must wait, also with a right one; others need not."""
    key, client = make(app, "read"), client_of(app)
    tries = [log_in(client, "rung_a_b").status_code for _ in range(12)]
    assert tries == [403] * 10 + [429] * 2
    answer = log_in(client, key)
    assert (answer.status_code, int(answer.headers["retry-after"])) == (429, 5)
    assert "Too many requests" in answer.text
    assert log_in(client_of(app, host="127.0.0.2"), key).status_code == 303
    clock.now += 5.0
    assert log_in(client, key).status_code == 303


def test_a_network_of_ipv6_logs_in_as_one_address(app):
    """Another address of the same /64 gets no tries of its own; one of another network does."""
    make(app, "read")
    for at in range(10):
        assert log_in(client_of(app, host=f"2001:db8::{at + 1}"), "rung_a_b").status_code == 403
    assert log_in(client_of(app, host="2001:db8:0:0:9::9"), "rung_a_b").status_code == 429
    assert log_in(client_of(app, host="2001:db8:0:1::1"), "rung_a_b").status_code == 403


def test_a_large_form(app):
    """A form beyond a few KiB is not read to its end."""
    make(app, "read")
    assert log_in(client_of(app), "x" * 9000).status_code == 413


def test_an_odd_form(app):
    """A form that is none says nothing of a key."""
    make(app, "read")
    for content in (b"", b"\xff\xfe", b"key", b"key=&next=", b"{}"):
        answer = client_of(app).post("/login", content=content, headers=OURS)
        assert answer.status_code == 403
        assert "not known here" in answer.text


def test_without_any_key(app):
    """Without a key the pages are open on this machine, and nobody else sees a form."""
    client = client_of(app)
    assert client.get("/", headers=HTML).status_code == 200
    assert "/logout" not in client.get("/", headers=HTML).text
    assert client.get("/login?next=/leads/a").headers["location"] == "/leads/a"
    assert log_in(client, "").headers["location"] == "/"
    elsewhere = client_of(app, host="192.0.2.1").get("/login", headers=HTML)
    assert elsewhere.status_code == 403
    assert "rung key create" in elsewhere.text


# ------------------------------------------------------------------------------- What it opens


def test_a_session_opens_no_other_route(app):
    """A cookie, which a browser sends by itself, is no credential for /v1."""
    key, client = make(app, "admin"), client_of(app)
    log_in(client, key)
    assert client.get("/v1/queue").status_code == 401
    assert client.post("/v1/scores:batch", json={}).status_code == 401


def test_a_key_opens_pages_too(app):
    """A program may read a page with its key; without one it gets a problem, not a form."""
    key, client = make(app, "read"), client_of(app)
    assert client.get("/", headers=bearer(key)).status_code == 200
    assert client.get("/", headers={**HTML, **bearer(make(app, "ingest"))}).status_code == 403
    assert client.get("/").status_code == 401


def test_the_end_of_a_session(app, clock):
    """A session is over after twelve hours."""
    key, client = make(app, "read"), client_of(app)
    log_in(client, key)
    clock.now += SESSION_SECONDS - 1
    assert client.get("/", headers=HTML).status_code == 200
    clock.now += 1
    assert client.get("/", headers=HTML).status_code == 303


def test_a_revoked_key_ends_its_sessions(app):
    """With its key a session is over at once."""
    key, client = make(app, "read"), client_of(app)
    log_in(client, key)
    app.state.access.keys.revoke(key.split("_")[1], as_of=5)
    assert client.get("/", headers=HTML).status_code == 303


# ------------------------------------------------------------------------------------- The way back


@pytest.mark.parametrize(
    "path", ["/", "/leads/a%2Fb", "/?step=human&cursor=x", "/leads/ü", "/a//b"]
)
def test_own_paths(path):
    """Paths of ours are kept."""
    assert own_path(path) == path


@pytest.mark.parametrize(
    "address",
    [
        *("", "//evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example"),
        *("https://evil.example", "javascript:alert(1)", "evil", "/a\\b", "/a\r\nSet-Cookie: x=1"),
        *(" /a", "/\n/evil", "///evil", "/" + "x" * 3000, "/a b"),
    ],
)
def test_other_addresses(app, address):
    """An address that is not a path of ours leads to the first page."""
    key, client = make(app, "read"), client_of(app)
    assert own_path(address) == "/"
    assert log_in(client, key, address).headers["location"] == "/"
    assert client.get("/login", params={"next": address}).headers["location"] == "/"


@given(st.text(alphabet="/\\:.@?#ae \t\n", max_size=12))
def test_no_way_leads_elsewhere(text):
    """Whatever is given, a browser stays here: one slash, no host, nothing it strips or turns."""
    path = own_path(text)
    assert re.fullmatch(r"/([^/\\\s][^\\\s]*)?", path)


# -------------------------------------------------------------------------------------- The form


class Tags(HTMLParser):
    """The tags of a page with their attributes."""

    def __init__(self, text):
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def test_the_form(app):
    """The form posts to us, its field has a label and hides what is typed, and runs no script."""
    make(app, "read")
    tags = Tags(client_of(app).get("/login", params={"next": '/"><script>'}, headers=HTML).text)
    (form,) = [attributes for tag, attributes in tags.found if tag == "form"]
    assert (form["method"], form["action"]) == ("post", "/login")
    fields = {attributes["name"]: attributes for tag, attributes in tags.found if tag == "input"}
    assert fields["key"]["type"] == "password"
    assert fields["key"]["autocomplete"] == "current-password"
    assert fields["next"]["value"] == '/"><script>'
    labels = [attributes["for"] for tag, attributes in tags.found if tag == "label"]
    assert labels == [fields["key"]["id"]]
    assert "script" not in {tag for tag, _ in tags.found}
