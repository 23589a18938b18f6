"""Offers changed on their pages: what is said afterwards, and that it can be taken back."""

from __future__ import annotations

import re

import pytest

from features.ladder.catalogue import offer_table

FILLED = {"title": "A short quiz", "step": "value", "kind": "quiz", "minutes": "4", "role": "ask"}


def undo_of(sheet) -> tuple[str, dict[str, str]]:
    """Where the button of the note sends what."""
    note = sheet.html.split('class="note said"')[1].split("</div>")[0]
    action = re.search(r'action="([^"]+)"', note)
    assert action is not None
    return action[1], dict(re.findall(r'name="([^"]+)" value="([^"]*)"', note))


def status(site, offer_id):
    return site.service.ladder.offer(offer_id).status


def test_pause_and_back(site):
    """A paused offer is offered to nobody; the note says so, and its button takes it back."""
    path = "/settings/offers/framework-video"
    sheet = site.act(f"{path}/status", status="paused")
    assert "Paused: “The bottleneck framework in five minutes”." in sheet.text
    assert "It is offered to nobody from now on." in sheet.text
    assert status(site, "framework-video") == "paused"
    address, fields = undo_of(sheet)
    back = site.act(address, **fields)
    assert "Offered again:" in back.text
    assert status(site, "framework-video") == "active"
    # The button of a note that is no longer of today does nothing.
    stale = site.refused(address, 409, **fields)
    assert "Somebody else has changed this offer meanwhile." in stale.text


def test_two_save_at_the_same_moment(site, monkeypatch):
    """Who saves between the look and the keeping of somebody else is not replaced unnoticed."""
    path, was = "/settings/offers/worksheet-tips", site.service.ladder.offer("worksheet-tips")
    fields = site.get(path).fields
    fields = {name: one for name, one in fields.items() if name not in ("q", "status")}
    fields = {name: one for name, one in fields.items() if ":" not in name}
    fields |= {"step": was.step, "role": "support", "title": "Mine", "version": "0"}
    del fields["live"], fields["human"]
    looked = int(fields["seen"])
    site.service.set_offer_status("worksheet-tips", "active", from_at=None, by="ben")
    looks = "serving.pages.settings.offers.changing.last_number"
    monkeypatch.setattr(looks, lambda *_: looked)
    for address in (path, f"{path}/restore"):
        refused = site.refused(address, 409, **fields)
        assert "Somebody else has changed this offer meanwhile." in refused.text
    assert site.service.ladder.offer("worksheet-tips").title == was.title


def test_pause_from_the_list(site):
    """Pausing in the list leads back to the list as it was chosen."""
    sheet = site.act(
        "/settings/offers/team-trial/status", status="paused", back="list", step="trial", state=""
    )
    assert "Paused: “Trial for a few of your users”." in sheet.text
    assert "Contract, paid by the year" not in sheet.text
    site.act("/settings/offers/team-trial/status", status="active", back="list")


def test_retire_and_take_up_again(site):
    """A retired offer can be taken up again."""
    path = "/settings/offers/money-back-60/status"
    sheet = site.act(path, status="retired")
    assert "what was learned of it stays" in sheet.text
    assert "It is offered to nobody any more" in sheet.text
    address, fields = undo_of(sheet)
    site.act(address, **fields)
    assert status(site, "money-back-60") == "active"


def test_pause_from_a_date(site):
    """A state can begin later; until then all is as it was, and the page says when."""
    path = "/settings/offers/monthly-start"
    sheet = site.act(f"{path}/status", status="paused", from_at="2099-03-01T09:00")
    assert "From 1 Mar 2099 on: paused." in sheet.text
    assert status(site, "monthly-start") == "active"
    assert "Call it off" in sheet.text
    fields = {name: sheet.fields[name] for name in ("version", "seen")}
    off = site.act(f"{path}/call-off", **fields)
    assert "From 1 Mar 2099 on: paused." not in off.text
    assert "Called off:" in off.text
    activity = site.get("/settings/activity?kind=offer").text
    assert "Planned to pause an offer from 1 Mar 2099 on" in activity
    assert "Called off what was planned for an offer from 1 Mar 2099 on" in activity
    address, sent = undo_of(off)
    again = site.act(address, **sent)
    assert "From 1 Mar 2099 on: paused." in again.text
    fields = {name: again.fields[name] for name in ("version", "seen")}
    stale = site.refused(f"{path}/call-off", **(fields | {"seen": "1"}), code=409)
    assert "Nothing was called off" in stale.text
    site.act(f"{path}/call-off", **fields)
    assert "on: paused" not in site.get("/settings/offers?step=trial").text
    wrong = site.refused(f"{path}/status", status="paused", from_at="soon")
    assert "Write a date and a time" in wrong.text


def test_edit_and_put_back(site):
    """An edit says what changed; nothing else does, and a version before it can be put back."""
    path = "/settings/offers/worksheet-tips"
    before = site.service.ladder.offer("worksheet-tips")
    shown = site.get(path)
    assert "It is offered only after: Asset opened (asset: bottleneck-template)." in shown.text
    fields = {name: one for name, one in shown.fields.items() if name not in ("q", "status")}
    fields = {name: one for name, one in fields.items() if ":" not in name}
    fields |= {"step": before.step, "role": "support", "title": "Tips", "minutes": "6"}
    del fields["live"], fields["human"]
    sheet = site.act(path, **fields)
    assert "Changed: “Tips”. Title, minutes of the lead." in sheet.text
    after = site.service.ladder.offer("worksheet-tips")
    assert (after.title, after.effort.minutes) == ("Tips", 6.0)
    assert after.only_after == before.only_after
    address, sent = undo_of(sheet)
    site.act(address, **sent)
    assert site.service.ladder.offer("worksheet-tips").title == before.title


def test_two_at_once(site):
    """Who saves a form that is no longer of today is told so, and loses nothing that was typed."""
    path = "/settings/offers/diagnosis-guide"
    seen = site.get(path).fields["seen"]
    site.act(f"{path}/status", status="paused")
    sheet = site.refused(path, 409, **FILLED, seen=seen)
    assert "What you wrote is still in the form" in sheet.text
    assert sheet.fields["title"] == "A short quiz"
    assert site.service.ladder.offer("diagnosis-guide").title != "A short quiz"
    again = site.act(path, **FILLED, seen=sheet.fields["seen"])
    assert "Changed:" in again.text
    assert status(site, "diagnosis-guide") == "paused"


def test_mistakes_stand_beside_their_fields(site):
    """What will not do is marked, all at once, and what was typed stays."""
    path = "/settings/offers/handover-checklist"
    seen = site.get(path).fields["seen"]
    wrong = {**FILLED, "title": "", "minutes": "a few", "repeats_days": "7", "seen": seen}
    sheet = site.refused(path, **wrong)
    assert "Not kept." in sheet.text
    assert "Write a number, such as 15 or 1.5." in sheet.text
    assert "This is empty." in sheet.text
    assert sheet.fields["minutes"] == "a few"
    assert sheet.html.count('aria-invalid="true"') == 3


def test_add(site):
    """A new offer is offered at once, and can be paused by the button of its note."""
    sheet = site.act("/settings/new-offer", **FILLED)
    assert "New: “A short quiz”. Leads can get it from now on" in sheet.text
    assert status(site, "a-short-quiz") == "active"
    address, fields = undo_of(sheet)
    site.act(address, **fields)
    assert status(site, "a-short-quiz") == "paused"
    second = site.act("/settings/new-offer", **FILLED, from_at="2099-01-01T00:00")
    assert "Planned" in second.text
    assert site.service.ladder.offer("a-short-quiz-2") is None
    assert "Planned" in site.get("/settings/offers?step=value").text
    wrong = site.refused("/settings/new-offer", title="", step="value")
    assert "Not kept." in wrong.text


def test_what_is_never_recommended_is_said_once(site):
    """By titles, on the page of the offer that keeps others from leads, and on its own."""
    path = "/settings/offers/handover-checklist"
    table = offer_table(site.service.ladder.offer("handover-checklist"))
    for minutes, said in ((1, "beside this one: it asks for"), (500, "This one is never")):
        changed = {**table, "effort": {"minutes": minutes}}
        site.service.keep_offer(changed, from_at=None, by="ann")
        text = site.get(path).text
        assert said in text
        assert "'process-assessment'" not in text
        assert text.count("500 minutes' worth of effort") == (minutes == 500)
    site.service.keep_offer(table, from_at=None, by="ann")
    assert "never recommended" not in site.get(path).text


def test_filters(site):
    """States and steps can be chosen, stand in the address, and an empty choice names itself."""
    paused = site.get("/settings/offers?state=paused").text
    assert "Calculator: what the delay costs you" in paused
    assert "Contract, paid by the year" not in paused
    nothing = site.get("/settings/offers?state=retired&step=purchase").text
    assert "No offer is retired at this step." in nothing


def test_hostile_title(site):
    """A title that is no title stands as text, in the list and on its page."""
    sheet = site.get("/settings/offers/readiness-check")
    assert "Are you ready? <img src=x onerror=alert(1)>" in sheet.text
    assert "<img" not in sheet.html


def test_who_may_not_change(keyed):
    """Who may only look sees what an offer is, and no form."""
    sheet = keyed("read").get("/settings/offers/strategy-session")
    assert "Minutes of the lead 15" in sheet.text
    assert "A key that may change settings changes it." in sheet.text
    assert [one for one in sheet.actions if "offers" in one] == []
    keyed("read").get("/settings/new-offer", 403)


def test_without_a_model(empty):
    """Without a model the offers of the ladder can be seen, and nothing changed."""
    listed = empty.get("/settings/offers").text
    assert "They can be changed here as soon as a model serves." in listed
    sheet = empty.get("/settings/offers/strategy-session")
    assert "as soon as a model serves" in sheet.text
    assert "/settings/offers/strategy-session" not in sheet.actions
    assert "No model yet" in empty.get("/settings/new-offer").text
    empty.refused("/settings/offers/strategy-session/status", 503, status="paused")


@pytest.mark.parametrize("path", ["/settings/offers/none", "/settings/offers/none?format=csv"])
def test_no_such_offer(site, path):
    """An unknown offer is a page that says so."""
    site.get(path, 404)


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("status", {"status": "gone"}),
        ("restore", {"version": "x", "seen": "0"}),
    ],
)
def test_odd_forms(site, path, fields):
    """A form that nobody made here is refused."""
    site.refused(f"/settings/offers/video-audit/{path}", 422, **fields)
