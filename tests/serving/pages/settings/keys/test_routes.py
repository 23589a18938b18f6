"""Keys made and revoked on their page; the first one, and what it changes."""

from __future__ import annotations

import re

import pytest

from serving.edge.access.keys import Keys
from serving.settings import Settings
from tests.serving.pages.settings.conftest import ADDRESS, Sheet, Site


def shown_key(sheet: Sheet) -> str:
    """The key that a page shows this once."""
    found = re.search(r'id="made"[^>]* value="(rung_[^"]+)"', sheet.html)
    assert found is not None
    return found[1]


@pytest.fixture
def fresh(served_by, folder, tmp_path):
    """A service without a key and without a model."""
    settings = Settings(f"sqlite:///{tmp_path / 'new.db'}", folder / "nothing")
    with served_by(settings, wait=False) as client:
        yield Site(client)


def test_first_key(fresh):
    """The first key is its maker's: logged in at once, and from then on everyone needs one."""
    asked = fresh.get("/settings/keys").text
    assert "Make the first key: yours" in asked
    assert "Everyone needs a key" in asked
    answer = fresh.send("/settings/keys", name="Ann <b>Weber</b>")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    sheet = Sheet(answer)
    key = shown_key(sheet)
    assert "From now on everyone needs a key" in sheet.text
    assert "<b>" not in sheet.html
    (kept,) = Keys(fresh.service.store.database).all()
    assert (kept.name, sorted(kept.scopes)) == ("Ann <b>Weber</b>", ["admin"])
    # The browser that made it goes on; another one does not, on this machine neither.
    assert "Yours" in fresh.get("/settings/keys").text
    fresh.client.cookies.clear()
    assert fresh.client.get("/v1/queue").status_code == 401
    away = fresh.client.get(
        "/settings/keys", headers={"Accept": "text/html"}, follow_redirects=False
    )
    assert away.headers["location"] == "/login?next=/settings/keys"
    assert fresh.client.get("/v1/webhooks", headers={"Authorization": f"Bearer {key}"}).is_success
    assert key not in Site(fresh.client, key).get("/settings/keys").html


def test_first_key_without_a_name(fresh):
    """A first key without a name is no key: all stays open, and the field says why."""
    sheet = fresh.refused("/settings/keys", name=" ")
    assert "Write who will have the key" in sheet.text
    assert fresh.client.get("/settings/keys", headers={"Accept": "text/html"}).status_code == 200


def test_make_and_revoke(keyed):
    """A key is shown once, does what it may, and is refused as soon as it was revoked."""
    admin = keyed("admin")
    answer = admin.send("/settings/keys", **{"name": "CRM", "may-read": "on"})
    key = shown_key(Sheet(answer))
    bearer = {"Authorization": f"Bearer {key}"}
    assert admin.client.get("/v1/queue", headers=bearer).status_code == 200
    assert admin.client.get("/v1/webhooks", headers=bearer).status_code == 403
    again = admin.refused("/settings/keys", **{"name": "CRM", "may-read": "on"})
    assert "There is a key of this name already." in again.text
    path = next(one for one in admin.get("/settings/keys").links if key.split("_")[1] in one)
    page = admin.get(path)
    assert "Revoke the key of CRM?" in page.text
    assert "It cannot be taken up again." in page.text
    assert "logged out" not in page.text.replace("a person is logged out", "")
    after = admin.act(path)
    assert "Revoked: CRM." in after.text
    assert "Revoked (1)" in after.text
    assert admin.client.get("/v1/queue", headers=bearer).status_code == 401
    assert "There is nothing to do." in admin.get(path).text


def test_revoking_the_last_one(keyed):
    """Before the last key that may change settings goes, its owner is told what follows."""
    admin = keyed("admin")
    path = next(
        link
        for key in Keys(admin.service.store.database).all()
        if key.name == "admin"
        for link in admin.get("/settings/keys").links
        if key.id in link
    )
    text = admin.get(path).text
    assert "you are logged out" in text
    assert "No other key may change settings." in text
    assert "rung key create" in text


def test_what_did_not_happen(keyed):
    """An address says of no key that it was revoked, unless it was."""
    admin = keyed("admin")
    key = Keys(admin.service.store.database).all()[0]
    for id_ in (key.id, "nobody"):
        assert "Revoked:" not in admin.get(f"/settings/keys?revoked={id_}").text
    admin.get("/settings/keys/nobody/revoke", 404)
    admin.refused("/settings/keys/nobody/revoke", 404)


def test_of_another_site(fresh):
    """No other site can make the first key."""
    answer = fresh.client.post(
        "/settings/keys", data={"name": "Eve"}, headers={"Origin": "https://evil.example"}
    )
    assert answer.status_code == 403
    assert Keys(fresh.service.store.database).all() == []
    assert ADDRESS.startswith("http://127.")
