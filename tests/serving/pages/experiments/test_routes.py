"""The pages of experiments: every state, every action, and who may do it."""

from __future__ import annotations

import csv
import io
import re
import shutil
from typing import Any

import pytest

from models.served_policy import read_served
from serving.pages.common import rendering
from serving.process.judged.policies import serves_now
from tests.gates import watched
from tests.serving.conftest import service_of
from tests.serving.pages.experiments import scene
from tests.serving.pages.experiments.scene import B2B, CALCULATOR, STEP, TOOLS, WORKSHEET
from tests.serving.pages.forms import as_reader, said_by, sent, text_of
from tests.serving.process.judged.scene import keep_gate

FORM = {
    "kind": "offer",
    "step": STEP.id,
    "ways": "2",
    "title": "Worksheet or calculator",
    "way0.share": "50",
    "way1.share": "50",
    f"way0.offer.{WORKSHEET.id}": "on",
    f"way1.offer.{CALCULATOR.id}": "on",
}


@pytest.fixture
def client(start, url, folder, tmp_path):
    """A service whose store and bundle nobody else writes into."""
    bundle = shutil.copytree(folder / "fitted", tmp_path / "bundle")
    with start(url, bundle) as running:
        yield running


def tables(client, address: str) -> list[dict[str, str]]:
    answer = client.get(address)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_nothing_was_tried(client):
    """Each part says what it would show, and what makes it."""
    said = text_of(client, "/experiments")
    assert "No experiment runs." in said
    assert "Nobody knows: no leads are kept apart to compare with." in said
    assert "Rung's careful way It follows the ladder's order" in said
    assert said.count("Not looked at yet. Rung does so once a day") == 2
    assert "rung champion judge does it now" in said
    assert "Ended" not in said


def test_without_a_model(start, url, tmp_path):
    """It is said what is lacking; experiments can be begun all the same."""
    with start(url, tmp_path / "none", wait=False) as bare:
        said = text_of(bare, "/experiments")
        assert said.count("There is no model yet, so there is nothing to look at.") == 2
        assert sent(bare, "/experiments", **FORM).status_code == 303
        assert "Worksheet or calculator" in text_of(bare, "/experiments")


def test_begun_ended_and_put_away(client):
    """By forms alone; what came of it is told on the way."""
    asked = text_of(client, f"/experiments/-/begin?kind=offer&step={STEP.id}")
    assert f"Which offer, for leads who come to “{STEP.title}”." in asked
    begun = sent(client, "/experiments", **FORM)
    assert (begun.status_code, begun.headers["location"]) == (
        303,
        "/experiments/worksheet-or-calculator",
    )
    own = begun.headers["location"]
    said = text_of(client, own)
    assert "Nothing is known yet" in said
    assert "Begun by this machine." in said
    assert f"Compared with “{WORKSHEET.title}”." in said
    listed = text_of(client, "/experiments")
    assert "Worksheet or calculator Which offer" in listed
    ended = sent(client, f"{own}/stop", verdict="It is better", roll_out=CALCULATOR.id)
    assert (ended.status_code, ended.headers["location"]) == (303, own)
    assert "What was decided It is better" in text_of(client, own)
    store = service_of(client).store
    assert [one.status for one in store.offers.versions("b2b", WORKSHEET.id)] == ["paused"]
    assert sent(client, f"{own}/archive").headers["location"] == "/experiments"
    assert "1 put away Worksheet or calculator It is better" in text_of(client, "/experiments")
    assert ", put away" in text_of(client, own)


def test_what_is_wrong_is_told_on_the_form(client):
    """With what was filled in, and nothing is begun."""
    answer = sent(client, "/experiments", **(FORM | {"title": "A & B", "way1.share": "40"}))
    assert answer.status_code == 422
    assert "The shares come to 90 %, not to 100 %." in said_by(answer.text)
    assert 'value="A &amp; B"' in answer.text
    ticked = re.findall(r'name="(way\d\.offer\.[^"]+)" checked', answer.text)
    assert ticked == [f"way0.offer.{WORKSHEET.id}", f"way1.offer.{CALCULATOR.id}"]
    assert service_of(client).store.experiments.of("b2b") == []
    assert sent(client, "/experiments", kind="", title="x").status_code == 422


def test_steps_on_the_way_to_the_form(client):
    """What is to differ, then the step, then the ways: each stands in the address."""
    first = text_of(client, "/experiments/-/begin")
    assert "What is to differ?" in first
    assert "Time of day" in first
    second = text_of(client, "/experiments/-/begin?kind=offer")
    assert all(goal.title in second for goal in B2B.goals)
    third = client.get(f"/experiments/-/begin?kind=offer&step={STEP.id}&ways=3").text
    assert third.count("<fieldset") == 3
    assert "What chooses for them" in text_of(client, "/experiments/-/begin?kind=policy")
    assert "What they get" in text_of(client, "/experiments/-/begin?kind=hour")


def test_an_experiment_cannot_be_ended_twice(client):
    """Whoever is late is told what was decided, on the page itself."""
    own = sent(client, "/experiments", **FORM).headers["location"]
    sent(client, f"{own}/stop", verdict="enough")
    again = sent(client, f"{own}/stop", verdict="more")
    assert again.status_code == 409
    assert "was ended before" in said_by(again.text)
    odd = sent(client, "/experiments", **(FORM | {"title": "Other"}))
    assert odd.status_code == 303
    wrong = sent(client, f"{odd.headers['location']}/stop", verdict="a\x07b")
    assert wrong.status_code == 409
    assert "one line" in said_by(wrong.text)


def test_what_it_has_shown(client):
    """Ways with shares, differences and verdicts; the lot; the way that it took."""
    service = service_of(client)
    now = service.clock()
    scene.tried(service.store, now)
    scene.judged(service.store, B2B, TOOLS, now)
    scene.by_lot(service.store, now)
    listed = text_of(client, "/experiments")
    assert f"{STEP.title} within {STEP.horizon_days:g} days" in listed
    assert "Helps" in listed
    assert "What the others are compared with." in listed
    assert "60 % 120 of 200 asked 36 % 70 of 195 left alone" in listed
    assert "about 720 more leads" in listed
    assert "How they are put" in listed
    assert "about 640 more leads" in listed
    said = text_of(client, "/experiments/tools")
    assert "The ways have the leads that the lot gives them." in said
    assert f"How sure it became: {STEP.title}" in said
    rows = tables(client, "/experiments/tools?table=goals&format=csv")
    assert {row["way"] for row in rows} == {WORKSHEET.title, CALCULATOR.title}
    assert tables(client, "/experiments/tools?table=course&format=csv")[0]["leads"] == "1"
    assert len(tables(client, "/experiments?table=offers&format=csv")) == 2
    assert len(tables(client, "/experiments?table=words&format=csv")) == 2
    assert tables(client, "/experiments?table=experiments&format=csv")[1]["verdict"] == "Helps"
    assert client.get("/experiments?table=nothing&format=csv").status_code == 404


@pytest.mark.parametrize(
    ("counts", "share", "said"),
    [((12, 3000), None, "0.4"), ((12, 3000), 0.25, "25"), ((0, 3000), 0.0, "0")],
)
def test_a_share_of_a_rare_goal_is_not_told_as_none(counts, share, said):
    """Below one of a hundred it has a place; with a share of its own it is that."""
    drawn: Any = rendering._templates().get_template("experiments/drawn.html").module
    told = str(drawn.rate(*counts, share=share))
    assert f'<span class="share n">{said}&nbsp;%</span>' in told
    assert f"{counts[0]} of 3,000" in told


def test_a_lot_that_is_off(client):
    """It is the first thing that is said, and no figure is to be believed."""
    service = service_of(client)
    now = service.clock()
    scene.tried(service.store, now, arms=(0, 0, 0, 1), leads=400)
    scene.judged(service.store, B2B, TOOLS, now)
    for address in ("/experiments", "/experiments/tools"):
        said = text_of(client, address)
        assert "Do not believe these figures." in said
        assert f"75.0 % in “{WORKSHEET.title}” where 50.0 % were meant" in said


def test_no_such_experiment(client):
    """It is a page that says so."""
    answer = client.get("/experiments/nothing", headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert "No experiment 'nothing' here" in said_by(answer.text)


def test_a_policy_is_let_to_choose_and_taken_back(client):
    """Where its gate is passed, by a button; and back at once."""
    service = service_of(client)
    keep_gate(service, watch=watched(1.0, -1.0, 2.0))
    said = text_of(client, "/experiments")
    assert "leads that it takes to be sure of a gain." in said
    assert "It may choose once all of these are there." in said
    assert "Let it choose" not in said
    refused = sent(client, "/experiments/-/policy", do="serve", policy="learned")
    assert refused.status_code == 409
    assert "The gate was not passed" in said_by(refused.text)
    keep_gate(service)
    assert "Let it choose" in text_of(client, "/experiments")
    done = sent(client, "/experiments/-/policy", do="serve", policy="learned")
    assert (done.status_code, done.headers["location"]) == (303, "/experiments#gate")
    assert serves_now(service) == "learned"
    assert "Back to the careful way" in text_of(client, "/experiments")
    assert sent(client, "/experiments/-/policy", do="withdraw").status_code == 303
    assert service.folder is not None
    assert read_served(service.folder, service.scorer.model.track.bundle) == "careful"
    rows = tables(client, "/experiments?table=gate&format=csv")
    assert {row["met"] for row in rows} == {"true"}


def test_who_may_not_act(client):
    """A reader sees everything, no button, and is refused all the same."""
    service = service_of(client)
    now = service.clock()
    scene.tried(service.store, now, leads=4)
    keep_gate(service)
    for scopes in (("read",), ("read", "decide")):
        key = as_reader(client, *scopes)
        for address in ("/experiments", "/experiments/tools"):
            page = client.get(address, headers=key)
            assert page.status_code == 200
            assert 'method="post"' not in page.text
            assert "/experiments/-/begin" not in page.text
        assert "Whoever may change settings lets it." in text_of(client, "/experiments", key)
        assert client.get("/experiments/-/begin", headers=key).status_code == 403
        for address in (
            *("/experiments", "/experiments/-/policy"),
            *("/experiments/tools/stop", "/experiments/tools/archive"),
        ):
            assert sent(client, address, key, **FORM).status_code == 403
    assert service.store.experiments.get("b2b", "tools").state == "running"


def test_forms_of_other_sites_are_refused(client):
    """Whoever is logged in is not made to do things by another page."""
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    for address in ("/experiments", "/experiments/-/policy", "/experiments/x/stop"):
        assert sent(client, address, elsewhere, **FORM).status_code == 403


def test_titles_are_texts(client):
    """Whatever somebody calls an experiment, it is shown as it is written."""
    title = "<script>alert(1)</script> =1+1 \u202eabc"
    own = sent(client, "/experiments", **(FORM | {"title": title[:-4] + "abc"}))
    assert own.status_code == 303
    for address in ("/experiments", own.headers["location"]):
        page = client.get(address).text
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
