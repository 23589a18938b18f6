"""Privacy on its page: looked up, changed, taken back."""

from __future__ import annotations

from urllib.parse import quote

from tests.serving.pages.settings.busy import HOSTILE

HOME = "/settings/privacy"


def test_look_up(site):
    """What is known of an id stands below it; of strangers it is text."""
    sheet = site.get(f"{HOME}?id=lead-0003")
    assert "Opted out Since" in sheet.text
    assert "<img" not in sheet.html
    assert "must not come back" in site.get(f"{HOME}?id=lead-0005").text
    assert "Nothing is kept under lead-9999" in site.get(f"{HOME}?id=lead-9999").text
    hostile = site.get(f"{HOME}?id={quote(HOSTILE)}")
    assert "<img" not in hostile.html


def test_opt_out_and_back(site):
    """An opt-out is done at once; the note says what follows, and takes it back."""
    before = site.get(f"{HOME}?id=lead-0011")
    assert "May be scored" in before.text
    sheet = site.act(f"{HOME}/opt-out", id="lead-0011", reason="by phone")
    assert "No score, no place in the queue" in sheet.text
    assert ": by phone" in sheet.text
    assert site.client.get("/v1/leads/lead-0011/score").json()["status"] == "opted_out"
    back = site.act(f"{HOME}/opt-in", id="lead-0011")
    assert "Opted in again:" in back.text
    assert site.client.get("/v1/leads/lead-0011").json()["opted_out"] is False
    assert "Opted out:" not in site.get(f"{HOME}?id=lead-0011&done=out").text


def test_before_anything_is_known(site):
    """An id may opt out before anything is known of it."""
    sheet = site.act(f"{HOME}/opt-out", id="to-come@example.com")
    assert "Opted out: to-come@example.com." in sheet.text
    site.act(f"{HOME}/opt-in", id="to-come@example.com")


def test_odd_forms(site):
    """A form without an id, or with a long reason, is refused."""
    site.refused(f"{HOME}/opt-out", id=" ")
    site.refused(f"{HOME}/opt-out", id="lead-0012", reason="x" * 600)
    site.refused(f"{HOME}/opt-in", id="x" * 2000)
    site.get(f"{HOME}?id={'x' * 1100}", 422)


def test_who_may_look(keyed):
    """Who may look sees what an id has said, as by the API, and no button."""
    sheet = keyed("read").get(f"{HOME}?id=lead-0003")
    assert "letter of 3 May" in sheet.text
    assert "Opt back in" not in sheet.text
    ids = [line.split(",")[-1] for line in keyed("read").file(f"{HOME}?format=csv")[1:]]
    assert ids == ["", ""]
    assert all(line.split(",")[-1] for line in keyed("admin").file(f"{HOME}?format=csv"))


def test_links_lead_on(site):
    """The reference has what the page leads to."""
    reference = site.client.get("/reference").text
    for link in site.get(HOME).links:
        if link.startswith("/reference#"):
            assert f'id="{link.partition("#")[2]}"' in reference


def test_what_is_kept_is_where_it_says(site):
    """Whoever looks somebody up comes to a page that has the document, as this one says."""
    assert "under Data stands all that is kept" in site.get(HOME).text
    (page,) = {one for one in site.get(f"{HOME}?id=lead-0011").links if one.startswith("/leads/")}
    assert "/lead.json?lead=lead-0011" in site.get(page).links


def test_nobody(empty):
    """Where nobody opted out and nobody was erased the page says so."""
    text = empty.get(HOME).text
    assert "Nobody has opted out" in text
    assert "Nobody was erased yet." in text
