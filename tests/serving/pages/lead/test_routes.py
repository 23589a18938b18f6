"""A lead's page: what it says in every state, and that its figures are those of the API."""

from __future__ import annotations

import json
import re
import time
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from features.clock import rfc3339, when
from features.events.log import DAY_US
from features.store.events import Event
from features.store.privacy import Privacy
from features.store.schema import actions
from serving.pages.lead.todo import UNOFFERED, evidence_of
from serving.scoring.scorer import Scorer
from serving.scoring.suggestion import suggestion_for
from tests.serving import world
from tests.serving.pages.forms import as_reader, text_of
from tests.serving.pages.scene import ACTS, HTML, Page, act, page


def test_the_sum(client):
    """The figures that are read add up: a typical lead, each reason, this lead."""
    for at in range(20):
        answer = client.get(f"/leads/lead-{at:04}", headers=HTML).text
        tables = answer[answer.index('<table class="sum">') : answer.index("What happened")]
        cells = re.findall(r'class="figure">([^<]+)<', tables)
        values = [float(cell.strip(" %").replace("−", "-").replace("+", "")) for cell in cells]
        assert sum(values[:-1]) == pytest.approx(values[-1], abs=1e-6)
        score = client.get(f"/v1/leads/lead-{at:04}/score").json()["probability"]
        assert values[-1] == pytest.approx(100 * score, abs=0.11)


def test_the_chance_beside_that_of_most(client, service):
    """The average of those before the same step now: as the queue and the API have it."""
    seen = set()
    for at in range(20):
        score = client.get(f"/v1/leads/lead-{at:04}/score").json()
        text = page(client, f"/leads/lead-{at:04}").text
        usual = service.scorer.usual.get(score["step"]["id"]) if score["step"] else None
        assert ("those who stood here had" in text) == (usual is not None)
        if usual is not None:
            assert score["usual"] == usual
            apart = score["probability"] - usual
            seen.add("above" if "this is above that" in text else "not above")
            if abs(apart) > 0.05:
                assert (f"this is {'above' if apart > 0 else 'below'} that") in text
    assert seen


def test_what_to_do(client, service):
    """The page shows the option, one sentence of evidence, the others, and what is not possible."""
    ladder = service.scorer.bundle.ladder
    titles = {offer.id: offer.title for offer in ladder.offers} | UNOFFERED
    for at in range(20):
        lead = f"lead-{at:04}"
        rows = service.store.events_of(lead)
        advice = suggestion_for(service.scorer.model, lead, rows, world.now())
        text = page(client, f"/leads/{lead}").text
        assert titles[advice.best.option_id] in text
        assert advice.framing.text in text
        assert evidence_of(advice.best, "your ladder's order") in text
        for one in advice.recommendation.ranking:
            assert titles[one.option_id] in text
        for other in advice.recommendation.excluded:
            assert titles[other.offer_id] in text


def test_before_a_session(start, folder, tmp_path):
    """The page of a lead before a session has the agenda, the framing, and what to ask for."""
    until = world.now()
    found: dict[str, object] = {
        "gaps": ["no <b>owner</b>", "late approvals", "costs"],
        "topic": "handovers",
    }
    events = [
        *world.climber("ann", until, 2),
        world.event("ann", "assessment_completed", until - 2 * DAY_US, found),
    ]
    with start(world.filled(tmp_path, events), folder / "rates") as client:
        whole = page(client, "/leads/ann")
    assert "Offer: Strategy session on your weakest handovers" in whole.text
    assert "Session · 15 min · live · 30 min of yours" in whole.text
    assert "Talk about No <b>owner</b> 5 min Late approvals 5 min Costs 5 min" in whole.text
    assert "“15 minutes on your own situation" in whole.text
    assert "Ask for Company size" in whole.text
    assert "What it changes is not known yet." in whole.text
    assert "Open with Handovers" in whole.text
    assert "b" not in whole.tags


def test_who_waits_is_answered_first(start, folder, tmp_path):
    """A question stands above all advice, in their own words, with how long it has waited."""
    until = world.now()
    asked: dict[str, object] = {"text": "Does it run <i>here</i>?"}
    events = [
        *world.climber("ann", until, 3),
        world.event("ann", "lead_asked", until - 3 * world.HOUR_US, asked),
    ]
    with start(world.filled(tmp_path, events), folder / "rates") as client:
        text = page(client, "/leads/ann").text
        queue = page(client, "/?tab=reply").text
    assert "Answer this first “ Does it run <i>here</i>? ”" in text
    assert "Waits for a reply: 3 hours" in text
    assert "Asked : “ Does it run <i>here</i>? ” waits 3 hours" in queue


def test_refused_offers(start, folder, tmp_path):
    """Why nothing is asked of a lead that does not fit is said for each offer of its step."""
    until = world.now()
    events = [
        *world.climber("ann", until, 4),
        world.event("ann", "consultation_outcome", until - DAY_US, {"fit": "no"}),
    ]
    with start(world.filled(tmp_path, events), folder / "rates") as client:
        text = page(client, "/leads/ann").text
        assert "Now Send something useful, ask for nothing" in text
        assert text.count("The last consultation found that it does not fit") == 4
        assert "Not now: 4" in text
        # It says so itself, and stands where a search and its own page say.
        assert "Found not to be a fit 1 day ago" in text
        assert "In no queue: Found not to be a fit" in text
        assert "Found not to be a fit" in page(client, "/?q=ann").text


def test_why_to_wait(start, tmp_path):
    """The page says until when to wait in quiet hours, and why a lead is left alone on purpose."""
    until = world.now()
    hours = f"{when(until - 2 * world.HOUR_US):%H}:00-{when(until + 2 * world.HOUR_US):%H}:00"
    ladders = {"quiet": world.quiet_ladder(hours), "controlled": world.controlled_ladder(0.5)}
    share = {"experiment": "calling", "arm": "none", "share": 0.5}
    told = {**share, "rung_record": json.dumps(share)}
    alone = world.event("ann", "rung_assignment", until - DAY_US, told)
    found = {}
    for name, ladder in ladders.items():
        (tmp_path / name).mkdir()
        world.rates_bundle(tmp_path / name / "bundle", ladder=ladder)
        url = world.filled(tmp_path / name, [*world.climber("ann", until, 3), alone])
        with start(url, tmp_path / name / "bundle") as client:
            found[name] = page(client, "/leads/ann").text
    assert "Quiet hours: nobody is contacted before" in found["quiet"]
    assert "Left alone on purpose" not in found["quiet"]
    assert "Now Leave them alone for now" in found["controlled"]
    assert "Left alone on purpose, so that the difference it makes is known." in found["controlled"]


def test_leave_alone(client, service, monkeypatch):
    """Where the best is not to ask, the pages say so, and promise nothing of it."""
    scorer = Scorer(service.store, service.scorer.bundle, world.now, policy="only:no_ask")
    monkeypatch.setattr(service, "scorer", scorer)
    text = page(client, "/leads/lead-0002").text
    assert "Now Leave them alone for now" in text
    assert "What it changes" not in text[: text.index("How likely")]
    assert "Leave alone for now" in page(client, "/?tab=quiet").text


def test_timeline(client, service):
    """All events are there, newest first, with the steps that they complete."""
    answer = client.get("/leads/customer", headers=HTML).text
    timeline = answer[answer.index("What happened") : answer.index("About the lead")]
    times = re.findall(r'<time datetime="([^"]+)" data-as="clock"', timeline)
    assert times == sorted(times, reverse=True)
    assert len(times) == len(service.store.events_of("customer"))
    ticks = re.findall(r'class="tick">✓ ([^<]+)<', timeline)
    assert ticks == [goal.title for goal in reversed(service.scorer.bundle.ladder.goals)]
    assert "Has bought" in answer
    assert "How likely" not in answer


def test_whose_doing(start, folder, tmp_path):
    """The timeline can be that of one side alone; the same thing in a row is told once."""
    until = world.now()
    events = [
        *world.climber("ann", until, 1),
        *(world.event("ann", "email_opened", until - at * world.HOUR_US) for at in range(2, 7)),
        world.event("ann", "business_replied", until - 8 * world.HOUR_US),
    ]
    with start(world.filled(tmp_path, events), folder / "rates") as client:
        theirs = page(client, "/leads/ann?side=theirs").text
        ours = page(client, "/leads/ann?side=ours").text
    assert "Email opened 5 times" in theirs
    assert "We replied" not in theirs
    assert "We replied" in ours
    assert "Email opened" not in ours[ours.index("What happened") :]


def test_long_timeline(start, folder, tmp_path):
    """Of very many events the latest are told, and how many are not."""
    until = world.now()
    events = [world.event("busy", "page_viewed", until - at * 1000) for at in range(1, 451)]
    with start(world.filled(tmp_path, events), folder / "rates") as client:
        found = page(client, "/leads/busy")
    assert "Page viewed 400 times" in found.text
    assert "50 earlier events are not shown" in found.text


def test_unknown(client):
    """A lead that is not there is a page with a way back."""
    assert "No such lead" in page(client, "/leads/nobody", 404).text
    page(client, "/leads/%00", 404)


def test_no_model(bare):
    """Without a model there is no score, and what happened all the same."""
    text = page(bare, "/leads/lead-0001").text
    assert "No score yet" in text
    assert "What happened" in text


def test_another_id(start, folder, tmp_path):
    """Any id of a person leads to the page, which says that it is one, and that there are more."""
    until = world.now()
    with start(world.filled(tmp_path, world.climber("user", until, 1)), folder / "rates") as client:
        call = {"type": "identify", "userId": "user", "anonymousId": "anon", "messageId": "m"}
        assert client.post("/v1/identify", json=call).status_code == 200
        found = page(client, "/leads/anon").text
        for at in range(20):
            more = call | {"anonymousId": f"more-{at:02}", "messageId": f"more-{at:02}"}
            assert client.post("/v1/identify", json=more).status_code == 200
        many = page(client, "/leads/user").text
    assert "anon is another id of this person" in found
    assert "1 other id" in found
    assert "More than 20 other ids" in many
    assert "Only the first are shown." in many


def _two(until: int) -> list[Event]:
    """Two ids of one person; what they told of themselves last is under the second."""
    anna = {"name": "Anna Alpha", "company": "Acme", "company_size": 33}
    berta = {"name": "Berta Beta", "company_size": 44}
    return [
        world.event("lead-252", "identify", until - 5 * DAY_US, anna),
        *world.climber("lead-252", until, 2),
        world.event("lead-356", "identify", until - 2 * DAY_US, berta),
        *world.climber("lead-356", until - 1000, 1),
    ]


@pytest.mark.parametrize("previous", ["lead-356", "lead-252"])
def test_two_ids_that_are_one_person(start, folder, tmp_path, previous):
    """The page, its table, the export and the score all say what was told last, whoever joins."""
    (user,) = {"lead-252", "lead-356"} - {previous}
    call = {"userId": user, "previousId": previous, "messageId": "m"}
    with start(world.filled(tmp_path, _two(world.now())), folder / "fitted") as client:
        assert client.post("/v1/alias", json=call).status_code == 200
        score = client.get(f"/v1/leads/{previous}/score").json()
        shown = page(client, f"/leads/{previous}").text
        found = page(client, f"/?q={previous}").text
        _wait_until_one(client)
        table = client.get("/queue.csv?tab=marketing").text
        (exported,) = client.get("/v1/scores").json()["data"]
    assert any("44 people" in one["text"] for one in score["reasons"])
    for text in (shown, found):
        assert "Berta Beta" in text
        assert "44 people" in text
    assert "Berta Beta" in table
    assert "Anna Alpha" not in table
    assert exported["trait_company_size"] == 44.0


@pytest.mark.parametrize(
    ("text", "once"),
    [
        ("lead-356", "lead-356"),
        ("lead-252", None),
        ("anna alpha", "Anna Alpha"),
        ("Berta", None),
        ("berta acme", None),
    ],
)
def test_search_for_one_that_has_several_ids(start, folder, tmp_path, text, once):
    """Former ids and names lead to the lead of now, under its name of now, and say why."""
    call = {"userId": "lead-252", "previousId": "lead-356", "messageId": "m"}
    with start(world.filled(tmp_path, _two(world.now())), folder / "fitted") as client:
        assert client.post("/v1/alias", json=call).status_code == 200
        for _ in range(2):  # before the two are scored as one, and after
            found = page(client, f"/?q={quote(text)}")
            assert "1 found for" in found.text
            assert "Berta Beta" in found.text
            assert re.findall("Found as “ (.+?) ”", found.text) == ([once] if once else [])
            (address,) = {one for one in found.values("href") if str(one).startswith("/leads/")}
            assert str(address).startswith("/leads/lead-252")
            _wait_until_one(client)


def _wait_until_one(client):
    """Until both ids were scored as one lead."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if [one["gone"] for one in client.get("/v1/scores").json()["data"]] == [False]:
            return
        time.sleep(0.02)
    raise AssertionError("the leads were not scored together")


def test_what_was_told_before_and_comes_later(start, folder, tmp_path):
    """An older date does not win on the page where it does not in the score."""
    with start(world.filled(tmp_path, _two(world.now())[-2:]), folder / "fitted") as client:
        for size, at in ((44, "2026-03-02"), (33, "2026-03-01")):
            traits = {"name": f"Berta {size}", "company_size": size}
            call = {"userId": "lead-356", "traits": traits, "timestamp": f"{at}T12:00:00Z"}
            assert client.post("/v1/identify", json=call).status_code == 200
        score = client.get("/v1/leads/lead-356/score").json()
        text = page(client, "/leads/lead-356").text
    assert any("44 people" in one["text"] for one in score["reasons"])
    assert "Berta 44" in text
    assert "33 people" not in text


def test_what_is_known_later_is_on_no_page(start, folder, tmp_path):
    """An event that is known only later is not shown yet."""
    until = world.now()
    later = world.event("ann", "contract_signed", until, {}, known_at=until + DAY_US)
    url = world.filled(tmp_path, [world.event("ann", "page_viewed", until - 1000), later])
    with start(url, folder / "rates") as client:
        assert "Contract signed" not in page(client, "/leads/ann").text


def test_hostile_lead(client):
    """Ids, names and properties are text, wherever they are shown."""
    found = page(client, f"/leads/{quote(world.HOSTILE, safe='')}")
    assert "<img src=x>" in found.text
    assert world.HOSTILE in found.text
    assert "img" not in found.tags


# ----------------------------------------------------------------------------------- People's data


def test_opted_out(start, url, folder):
    """Who opted out has no chance, advice, traits or decisions on the page; and comes back."""
    form = {"lead": "lead-0001", "next": "/"}
    with start(url, folder / "fitted") as client:
        assert "How likely" in page(client, "/leads/lead-0001").text
        client.post("/profiling", data=form | {"do": "out"}, headers=ACTS)
        text = page(client, "/leads/lead-0001").text
        assert "Has opted out of profiling" in text
        for absent in ("How likely", "Why", "Other ways", "About ", "Rung chose"):
            assert absent not in text
        act(client, "lead-0001", "claim", status=409)
        client.post("/profiling", data=form | {"do": "in"}, headers=ACTS)
        assert "How likely" in page(client, "/leads/lead-0001").text


def test_a_note(start, url, folder):
    """A note stands on the page at once, as text, with who wrote it; and in no queue."""
    with start(url, folder / "fitted") as client:
        act(client, "lead-0001", "note", text="Prefers <b>mornings</b>\nand tea")
        found = page(client, "/leads/lead-0001")
        assert "Prefers <b>mornings</b> and tea this machine" in found.text
        assert "b" not in found.tags


def test_a_note_that_is_sent_again(start, url, folder):
    """Without scripts too it is kept once by its form, and the next form is another."""
    with start(url, folder / "fitted") as client:
        (form,) = forms_of(client, "/leads/lead-0001")
        service = client.app.state.service
        for text in ("Likes tea", "Likes tea", "Likes coffee"):
            act(client, "lead-0001", "note", text=text, once=form)
            an_hour_passes(service)
        assert notes(client) == ["Likes coffee", "Likes tea"]
        (other,) = forms_of(client, "/leads/lead-0001")
        assert other != form
        act(client, "lead-0001", "note", text="Likes tea", once=other)
        assert notes(client) == ["Likes tea", "Likes coffee", "Likes tea"]


def an_hour_passes(service):
    """Since all that was done, which is written to the log by then."""
    before = {
        "done_at": actions.c.done_at - world.HOUR_US,
        "due_at": actions.c.due_at - world.HOUR_US,
    }
    with service.store.database.writing() as connection:
        connection.execute(sa.update(actions).where(actions.c.entered_at.is_(None)).values(before))
    service.store.actions.enter(service.clock())


def notes(client):
    text = client.get("/leads/lead-0001", headers=HTML).text
    return re.findall(r'<div class="noted"><p><bdi>(.*?)</bdi>', text)


def forms_of(client, address):
    """The id of the form for a note, as a page of an address has it."""
    text = client.get(address, headers=HTML).text
    return re.findall(r'name="once" value="([0-9a-f]{32})">\s*<label for="note-text"', text)


def test_what_was_refused_stands_beside_the_address(start, folder, tmp_path):
    """Whoever looks up an address sees that no mail is wanted there; a channel without one too."""
    until = world.now()
    mail: dict[str, object] = {"email": "ann@acme.example"}
    sms: dict[str, object] = {"channel": "sms", "granted": True}
    events = world.climber("ann", until, 2)
    events.append(world.event("ann", "identify", until - 3 * world.HOUR_US, mail))
    events.append(world.event("ann", "email_unsubscribed", until - 2 * world.HOUR_US))
    events.append(world.event("ann", "consent", until - world.HOUR_US, sms))
    with start(world.filled(tmp_path, events), folder / "rates") as client:
        said = " ".join(page(client, "/leads/ann").text.split())
    assert "E-mail ann@acme.example refused" in said
    assert "Sms agreed" in said
    assert said[said.index("Reach ") :].count("refused") == 1


def test_a_note_only_where_it_would_be_kept(start, folder, tmp_path):
    """No field for a note that would be refused, and the page says why there is none."""
    until = world.now()
    held: dict[str, object] = {"by": "Bob", "until": rfc3339(until + DAY_US)}
    events = [one for lead in ("bobs", "out", "free") for one in world.climber(lead, until, 2)]
    events.append(world.event("bobs", "lead_claimed", until - world.HOUR_US, held))
    with start(world.filled(tmp_path, events), folder / "rates") as client:
        Privacy(client.app.state.service.store.database).opt_out(["out"], until)
        for lead, why in (
            ("bobs", "with Bob only they add"),
            ("out", "none is added"),
            ("free", ""),
        ):
            found = page(client, f"/leads/{lead}")
            assert why in found.text
            assert (("id", "note-text") in found.attributes) is not bool(why)
            act(client, lead, "note", status=409 if why else 303, text="Likes tea")
        reader = as_reader(client, "read")
        assert "note-text" not in client.get("/leads/free", headers=HTML | reader).text
        assert "takes a key that may act" in text_of(client, "/leads/free", reader)


def test_everything_as_a_file(client):
    """All that is kept of a lead, for whoever may set things up."""
    told = client.get("/lead.json?lead=lead-0001").json()
    assert told["lead_id"] == "lead-0001"
    assert told["events"]


def test_erased(start, url, folder):
    """The page asks once more, then nothing is left, and it says how much that was."""
    with start(url, folder / "fitted") as client:
        assert "cannot be undone" in page(client, "/erase?lead=lead-0001").text
        count = len(client.app.state.service.store.events_of("lead-0001"))
        act(client, "lead-0001", "claim")
        answer = client.post("/erase", data={"lead": "lead-0001"}, headers=HTML | ACTS)
        assert f"{count} events are gone" in Page(answer.text).text
        page(client, "/leads/lead-0001", 404)
        assert client.app.state.service.store.actions.newest(9) == []


def test_lost_in_words(start, folder, tmp_path):
    """By what and since when, in nobody's code; the API's sentence stays precise."""
    until = world.now()
    told: dict[str, object] = {"reason": "no budget this year"}
    events = [*world.climber("ann", until, 2), *world.climber("bob", until, 2)]
    events.append(world.event("ann", "lead_disqualified", until - 26 * world.HOUR_US, told))
    with start(world.filled(tmp_path, events), folder / "rates") as client:
        html = client.get("/leads/ann", headers=HTML).text
        day = rfc3339(until - 26 * world.HOUR_US)
        assert f'<time datetime="{day}" data-as="day">{day[:10]}</time>' in html
        text = page(client, "/leads/ann").text
        assert "Lead disqualified (no budget this year)" in text
        assert "Nothing is asked of them" in text
        assert "lost_when" not in text
        why = client.get("/v1/leads/ann/score").json()["no_score_reason"]
        assert why == f"is lost since {day[:10]}, by the ladder's lost_when"
        assert "Lost since" not in page(client, "/leads/bob").text


def test_a_step_is_completed_once(start, folder, tmp_path):
    """Whoever reads again completes nothing again: its day and its mark are those of the first."""
    until = world.now()
    events = world.climber("ann", until, 2)
    first, again = events[0], until - 2 * world.HOUR_US
    events.append(first._replace(message_id="again", occurred_at=again, known_at=again))
    with start(world.filled(tmp_path, events), folder / "rates") as client:
        html = client.get("/leads/ann", headers=HTML).text
        content = next(one.title for one in client.app.state.service.ladder.goals)
        assert html.count(f'<span class="tick">✓ {content}</span>') == 1
        rungs = html[html.index('<ol class="rungs">') :]
        assert rfc3339(first.occurred_at) in rungs
        assert rfc3339(until - 2 * world.HOUR_US) not in rungs
        assert f"Completed {content}" not in page(client, "/?q=ann").text
        assert html.count("This lead</bdi>") == 1  # the sum, of few reasons too
