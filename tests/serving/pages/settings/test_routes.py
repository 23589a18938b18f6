"""The settings as they answer: every state, every list as a file, and who may see what."""

from __future__ import annotations

import csv

import pytest

from serving.edge.access.keys import SCOPES
from serving.edge.access.needs import needed
from tests.serving.pages.settings.busy import HOSTILE, SECRET

PAGES = (
    *("/settings", "/settings/offers", "/settings/connections", "/settings/checks"),
    *("/settings/privacy", "/settings/activity"),
)
ADMIN_PAGES = ("/settings/keys", "/settings/webhooks")
FILES = (
    *("/settings?table=steps", "/settings?table=advice", "/settings?table=limits"),
    *("/settings/offers?state=paused", "/settings/offers/live-qa?", "/settings/connections?"),
    *("/settings/connections?table=out", "/settings/checks?", "/settings/privacy?"),
    *("/settings/activity?", "/settings/keys?", "/settings/webhooks?"),
)


@pytest.mark.parametrize("path", [*PAGES, *ADMIN_PAGES, "/settings/new-offer"])
def test_every_page_is_light_and_safe(site, path):
    """A page stays below 100 kB, and no name of a stranger becomes a part of it."""
    sheet = site.get(path)
    assert len(sheet.html) < 100_000
    assert "<img" not in sheet.html
    assert "\u202e" not in sheet.html
    assert SECRET not in sheet.html
    assert 'aria-current="page">Settings' in sheet.html


@pytest.mark.parametrize("path", [*PAGES, *ADMIN_PAGES])
def test_every_page_of_an_empty_service(empty, path):
    """Before there is a model, an event or a key every page says what there is to know."""
    assert empty.get(path).text


@pytest.mark.parametrize("path", FILES)
def test_every_list_is_a_file(site, path):
    """Each list can be had as CSV, with a heading, and no cell is a formula."""
    joint = "&" if path[-1] != "?" else ""
    lines = list(csv.reader(site.file(f"{path}{joint}format=csv")))
    assert len(lines) > (path != "/settings/keys?")
    assert len({len(line) for line in lines}) == 1
    assert not any(cell.startswith(("=", "+", "-", "@")) for line in lines for cell in line)


@pytest.mark.parametrize("path", PAGES)
def test_reading_needs_read(keyed, path):
    """Who may look sees the page, without a button that changes anything; who may not does not."""
    sheet = keyed("read").get(path)
    assert [one for one in sheet.actions if one != "/logout"] == []
    keyed("ingest").get(path, 403)


@pytest.mark.parametrize("path", ADMIN_PAGES)
def test_keys_and_addresses_are_for_admins(keyed, path):
    """Who may not change settings is told so, on the page and in the file, and sees no address."""
    for scopes in (("read",), ("read", "decide")):
        for address in (path, f"{path}?format=csv", f"{path}/endpoint-1"):
            if address.startswith("/settings/keys/"):
                continue
            is_file = address.endswith("csv")
            sheet = keyed(*scopes).get(address, 403 if is_file else 200)
            assert is_file or "Only who may change settings sees this" in sheet.text
            assert ".invalid" not in sheet.html
            assert path not in sheet.links
    assert keyed("admin").get(path).actions


def test_every_change_needs_admin(keyed):
    """Whatever a form changes is refused to whoever may only look and act."""
    app = keyed("admin").client.app
    paths = {
        path
        for path, method, _ in needed(app.routes)
        if path.startswith("/settings") and method == "POST"
    }
    assert len(paths) > 10
    for path in paths:
        concrete = path.format(offer_id="live-qa", key_id="k", endpoint_id="e", switch="off")
        answer = keyed("read", "decide").send(concrete)
        assert answer.status_code == 403, path
        assert "scope admin" in answer.text


def test_no_form_of_another_site(site):
    """A form that stood on another site changes nothing."""
    answer = site.client.post(
        "/settings/offers/live-qa/status",
        data={"status": "retired"},
        headers={"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    )
    assert answer.status_code == 403


def test_ladder(site):
    """The ladder is told in words: steps, bands, advice by titles, limits, how to change them."""
    text = site.get("/settings").text
    assert "1. Content" in text
    assert "40 to 60 of 100 go on" in text
    assert "Video progress (watched fraction 0.8 or more)" in text
    assert "480 minutes; offers of today take 0 of them" in text
    assert "edits ladder.toml" in text
    assert "“Content” has 2 offers" in text
    assert "There is no key yet." in text


def test_ladder_without_a_model(empty):
    """Without a model the page says whose ladder it is, and that nothing can be changed yet."""
    text = empty.get("/settings").text
    assert "No model yet." in text
    assert "comes with Rung" in text


def test_connections(site):
    """What is on, when it was last received and told, and what failed with what."""
    text = site.get("/settings/connections").text
    assert "Zoom" in text
    assert "Last refused" in text
    assert "x-zm-signature is not the signature of the request" in text
    assert "Can be switched on (3)" in text
    assert "Mautic Knows of 10 leads" in text
    assert "are tried again" in text


def test_connections_of_nothing(empty):
    """With nothing switched on the page says so, and how to begin."""
    text = empty.get("/settings/connections").text
    assert "No tool is switched on" in text
    assert "No CRM is told of scores" in text
    assert "RUNG_CONNECTORS" in text


def test_what_a_crm_answered_is_for_admins(keyed):
    """What a CRM or a sender said where it failed is not for whoever may only look."""
    text = keyed("read").get("/settings/connections").text
    assert "are tried again" in text
    assert "answered 503" not in text
    assert "x-zm-signature" not in text
    assert "answered 503" in keyed("admin").get("/settings/connections").text
    assert not any(
        "503" in line for line in keyed("read").file("/settings/connections?table=out&format=csv")
    )


def test_checks(site):
    """What is quick is found at once, all of it when it is asked for; ids are told as titles."""
    quick = site.get("/settings/checks")
    assert "1 to “Slack of the sales team” failed and will be tried again" in quick.text
    assert "/settings/webhooks" in quick.links
    assert "None has more ids or events than a person" not in quick.text
    whole = site.get("/settings/checks?all=true").text
    assert "None has more ids or events than a person" in whole
    assert "events, steps of the ladder among them" in whole


def test_checks_for_who_may_look(keyed):
    """Who may only look sees how scoring stands, and nothing of addresses, keys or folders."""
    sheet = keyed("read").get("/settings/checks?all=true")
    assert "Scoring" in sheet.text
    assert "more findings are seen by who may change settings" in sheet.text
    for hidden in (".invalid", "Slack", "endpoint-", "fitted", "WAL"):
        assert hidden not in sheet.html


def test_activity(site):
    """Who did what stands with names, the latest first, and can be asked for by name and kind."""
    text = site.get("/settings/activity").text
    assert "Ann Weber: Paused an offer: Calculator: what the delay costs you in a year" in text
    assert "The experiment ended: it helps" in text
    of_one = site.get("/settings/activity?by=Ben Okafor").text
    assert "Live questions and answers" in of_one
    assert "Calculator" not in of_one
    assert "Began an experiment" in site.get("/settings/activity?kind=experiment").text
    assert "Nothing of that kind" in site.get("/settings/activity?by=nobody").text
    assert HOSTILE.replace("\u202e", " ") in text


def test_activity_of_keys_is_for_admins(keyed):
    """That a key was made is told to those who may see keys."""
    assert "A key was made" in keyed("admin").get("/settings/activity").text
    assert "A key was made" not in keyed("read").get("/settings/activity").text


def test_nothing_done_yet(empty):
    """Before anybody did anything the page says what will stand there."""
    assert "Nothing yet" in empty.get("/settings/activity").text


@pytest.mark.parametrize(
    "path",
    [
        *("/settings/offers?step=zzz", "/settings/offers?state=gone", "/settings?table=x"),
        *("/settings/activity?page=0", "/settings/checks?format=pdf"),
    ],
)
def test_an_address_that_means_nothing(site, path):
    """A wrong filter is a page that says so."""
    assert site.get(path, 422).text


def test_there_are_words_for_every_right():
    """Each scope that a key can have is told in words."""
    from serving.pages.settings.keys.making import RIGHTS

    assert list(RIGHTS) == list(SCOPES)
