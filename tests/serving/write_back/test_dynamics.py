"""Dynamics 365: its tokens, batches and predictive scores, and leads that are left."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import replace
from email.utils import formatdate

import httpx2
import pytest

from serving.settings import SettingsError
from serving.write_back.configuration import parse_write_backs
from serving.write_back.dynamics import predictive_score
from serving.write_back.rules import DAY, SECOND, Fields
from serving.write_back.worker import Parts, write_batch
from tests.databases import opened
from tests.serving.write_back import scene as scenes
from tests.serving.write_back.fake_dynamics import API, FakeDynamics, guid
from tests.serving.write_back.fakes import Answer, running
from tests.serving.write_back.scene import ENVIRONMENT, NOW, Scene, target_of

REASONS = '{"reasons": [{"signal": "seen", "text": "saw it"}]}'
SCORES = 'scores_in = "predictive_score"\n'


@pytest.fixture
def scene(tmp_path):
    """Dynamics with a lead "ada" and a lead "ben"."""
    with running(FakeDynamics()) as fake, opened(tmp_path / "rung.db") as database:
        fake.records = {"ada": {}, "ben": {}}
        yield Scene(database, fake, target_of("dynamics", fake.url))


@pytest.fixture
def scored_scene(scene):
    """The same, told in the table of predictive scores."""
    scene.target = target_of("dynamics", scene.fake.url, SCORES)
    return scene


def rounds(scene, *before) -> None:
    """Rounds of telling with one client, as a service has; before each something is done."""

    async def told() -> None:
        async with httpx2.AsyncClient(verify=False) as client:
            parts = Parts(scene.outbox, [scene.target], client, lambda: scene.now, scene.pauses)
            for prepare in before:
                prepare()
                await write_batch(parts, scene.target)

    asyncio.run(told())


# -------------------------------------------------------------------------------------- tokens


def test_token_is_kept(scene):
    """One token serves for the look-up, the write, and for later rounds."""
    rounds(scene, lambda: scene.score("ada", 0.5), lambda: scene.score("ben", 0.9))
    assert scene.held == {"ada": 0.5, "ben": 0.9}
    assert scene.fake.tokens == 1


def test_token_is_renewed_before_its_end(scene):
    """A token with less than two minutes left is used no more."""
    scene.fake.seconds = 119
    scene.score("ada", 0.5)
    scene.tell()
    assert scene.held["ada"] == 0.5
    assert scene.fake.tokens == 2


@pytest.mark.parametrize("at", [0, 1])
def test_refused_once(scene, at):
    """A 401 renews the token, and the call is made again: nobody notices."""
    scene.fake.answers = [None] * at + [Answer(401, {"error": {"message": "expired"}})]
    scene.score("ada", 0.5)
    scene.tell()
    assert (scene.held["ada"], scene.row("ada").error) == (0.5, None)
    assert (scene.fake.tokens, len(scene.fake.writes)) == (2, 1)


def test_refused_for_ever(scene):
    """Where the new token is refused too, Dynamics is left alone for a quarter of an hour."""
    scene.fake.answers = [Answer(401)] * 9
    scene.score("ada", 0.5)
    scene.tell()
    row = scene.row("ada")
    assert (row.attempts, row.due_at, scene.fake.tokens) == (0, NOW + 900 * SECOND, 2)
    assert scene.tell() == 0


def test_forbidden(scene):
    """A 403 is no matter of tokens: none is renewed."""
    scene.fake.answers = [Answer(403, {"error": {"message": "no privilege"}})]
    scene.score("ada", 0.5)
    scene.tell()
    assert scene.fake.tokens == 1
    assert "no privilege" in scene.row("ada").error
    assert scene.row("ada").due_at == NOW + 900 * SECOND


@pytest.mark.parametrize("status", [400, 401])
def test_no_token(scene, status):
    """An application or a secret that Microsoft does not know is a matter of credentials."""
    scene.fake.login = Answer(status, {"error": "invalid_client"})
    scene.score("ada", 0.5)
    scene.tell()
    row = scene.row("ada")
    assert (row.attempts, row.due_at) == (0, NOW + 900 * SECOND)
    assert "invalid_client" in row.error


@pytest.mark.parametrize(
    "answer",
    [Answer(200, b"<html>"), Answer(200, b""), Answer(200, b"[]"), Answer(200, {"expires_in": 9})],
)
def test_token_that_is_none(scene, answer):
    """An answer without a token is a failure like others."""
    scene.fake.login = answer
    scene.score("ada", 0.5)
    scene.tell()
    assert (scene.row("ada").attempts, scene.row("ada").due_at) == (1, NOW + SECOND)
    assert scene.fake.calls == []


# ------------------------------------------------------------------------------------- batches


def test_the_same_again_is_nothing(scene):
    """A score that the lead has is not written again, and nothing is asked for."""
    scene.score("ada", 0.5)
    scene.tell()
    count = len(scene.fake.calls)
    scene.score("ada", 0.5)
    assert scene.tell() == 0
    assert len(scene.fake.calls) == count


def test_lead_is_gone(scene):
    """A lead that is deleted between look-up and write is not made anew, and is then missing."""
    scene.fake.parts = {"ada": Answer(404, {"error": {"message": "Does Not Exist"}})}
    scene.scores([scenes.score("ada"), scenes.score("ben")])
    scene.tell()
    assert scene.held == {"ada": None, "ben": 0.5}
    assert scene.row("ada").error.startswith("404: ")
    del scene.fake.records["ada"]
    scene.now += SECOND
    scene.tell()
    assert scene.row("ada").error == "the CRM has no such record"


def test_unknown_lead_is_not_made(scene):
    """The fake refuses a write without If-Match, and one of a lead that it does not have."""
    scene.score("zoe", 0.5)
    scene.tell()
    assert set(scene.fake.records) == {"ada", "ben"}
    assert len(scene.fake.calls) == 1


@pytest.mark.parametrize("status", [409, 412])
def test_duplicate_key(scored_scene, status):
    """Where another writer made the score at the same time, it is tried again a second later."""
    scene = scored_scene
    scene.fake.parts = {"ada": Answer(status, {"error": {"message": "duplicate"}})}
    scene.score("ada", 0.5)
    scene.tell()
    assert "another one was first" in scene.row("ada").error
    assert scene.row("ada").due_at == NOW + SECOND
    scene.fake.parts = {}
    scene.now += SECOND
    scene.tell()
    assert scene.fake.scores[guid("ada")]["msdyn_score"] == 50


@pytest.mark.parametrize("status", [429, 503])
def test_limit_within_a_batch(scene, status):
    """A service protection limit that one write of a batch meets lets all of it wait as long."""
    scene.fake.parts = {"ben": Answer(status, {"error": {}}, {"Retry-After": "41"})}
    scene.scores([scenes.score("ada"), scenes.score("ben")])
    scene.tell()
    assert {scene.row(lead).due_at for lead in ("ada", "ben")} == {NOW + 41 * SECOND}
    scene.fake.parts = {}
    scene.now += 41 * SECOND
    assert scene.tell() == 2
    assert scene.held == {"ada": 0.5, "ben": 0.5}


def test_limit_within_a_batch_by_a_date(scene):
    """A date in a part is one of the clock by which the whole was answered."""
    until = formatdate(time.time() + 90, usegmt=True)
    scene.fake.parts = {"ben": Answer(429, {"error": {}}, {"Retry-After": until})}
    scene.scores([scenes.score("ada"), scenes.score("ben")])
    scene.tell()
    assert 80 * SECOND < scene.row("ben").due_at - NOW <= 91 * SECOND


def _multipart(*lines: str) -> Answer:
    text = "\r\n".join(["--x", "Content-Type: application/http", "", *lines, "--x--", ""])
    return Answer(200, text.encode(), {"Content-Type": "multipart/mixed; boundary=x"})


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (_multipart("not HTTP"), "a part that is no answer"),
        (Answer(200, b"x", {"Content-Type": "multipart/mixed; boundary=x"}), "0 answers to 1"),
        (Answer(200, b"{}", {"Content-Type": "application/json"}), "0 answers to 1"),
    ],
)
def test_batch_answer_that_is_none(scene, answer, why):
    """What is no answer to each write is a failure; nothing counts as written."""
    scene.fake.answers = [None, answer]
    scene.score("ada", 0.5)
    scene.tell()
    assert why in scene.row("ada").error
    assert scene.row("ada").written is None


# ------------------------------------------------------------------------------ leads that are left


def test_merged(scene):
    """A lead that was merged into another one is as good as gone."""
    scene.fake.records["ada"]["merged"] = True
    scene.score("ada", 0.5)
    scene.tell()
    assert scene.fake.writes == []
    assert scene.row("ada").error == "the CRM has no such record"


def test_opted_out(scene):
    """A lead whose column says that it opted out stays as it is, and is looked at a day later."""
    scene.target = target_of("dynamics", scene.fake.url, 'opt_out = "msdyn_gdproptout"\n')
    scene.fake.records["ada"]["msdyn_gdproptout"] = True
    scene.scores([scenes.score("ada"), scenes.score("ben")])
    scene.tell()
    assert scene.held == {"ada": None, "ben": 0.5}
    assert scene.row("ada").due_at == NOW + DAY


def test_known_by_the_id_of_the_lead(scene):
    """By leadid, what is no id of a lead is not asked for: nothing else gets into the query."""
    scene.fake.column = "own"
    scene.target = replace(scene.target, id_property="leadid")
    ids = [guid("ada"), "leadid ne null", "x' or 1 eq 1"]
    scene.scores([scenes.score(each) for each in ids])
    scene.tell()
    assert [each for each, _ in scene.fake.writes] == ["ada"]
    assert scene.fake.calls[0].query["$filter"] == [f"leadid eq {guid('ada')}"]
    assert scene.row("x' or 1 eq 1").error == "the CRM has no such record"


def test_quotes_cannot_leave_a_text(scene):
    """A quote is doubled, and a percent sign is one: neither ends the text or the address."""
    odd = "a' or leadid ne null or '%27 eq '&$top=1#"
    scene.fake.records[odd] = {}
    scene.score(odd, 0.5)
    scene.tell()
    assert [each for each, _ in scene.fake.writes] == [odd]
    quoted = odd.replace("'", "''")
    assert scene.fake.calls[0].query["$filter"] == [f"emailaddress1 eq '{quoted}'"]
    assert set(scene.fake.calls[0].query) == {"$select", "$filter", "$orderby"}


def test_id_of_a_lead_that_is_none(scene):
    """What Dynamics calls a lead gets into an address only if it is a GUID."""
    row = {"leadid": "x)/other", "emailaddress1": "ada", "merged": False}
    scene.fake.answers = [Answer(200, {"value": [row]})]
    scene.score("ada", 0.5)
    scene.tell()
    assert "is no id of a lead" in scene.row("ada").error


# ------------------------------------------------------------------------------ predictive scores


def test_predictive_score(scored_scene):
    """A score is made for a lead by the alternate key, in the values that Sales knows."""
    scene = scored_scene
    scene.score("ada", 0.876, "high", reasons=REASONS)
    scene.tell()
    ((key, held),) = scene.fake.scores.items()
    assert key == guid("ada")
    assert held == {
        "msdyn_entitytype": "lead",
        "msdyn_score": 88,
        "msdyn_grade": 0,
        "msdyn_scorereasons": "saw it",
        "msdyn_scoretrend": 3,
        "msdyn_scoredon": "2026-09-21",
    }
    assert [call.path for call in scene.fake.calls] == [
        f"{API}/leads",
        f"{API}/msdyn_predictivescores",
        f"{API}/$batch",
    ]
    assert scene.held == {"ada": None, "ben": None}


def test_trend(scored_scene):
    """The trend is from the score that Dynamics has to the new one."""
    scene = scored_scene
    for probability, trend in ((0.5, 3), (0.7, 0), (0.2, 2)):
        scene.score("ada", probability)
        scene.tell()
        assert scene.fake.scores[guid("ada")]["msdyn_scoretrend"] == trend


def test_predictive_score_that_is_there(scored_scene):
    """Told twice, as after a crash, the second writes nothing, and the trend stays."""
    scene = scored_scene
    scene.fake.scores[guid("ada")] = {
        "msdyn_entitytype": "lead",
        "msdyn_score": 50,
        "msdyn_grade": 1,
        "msdyn_scoretrend": 0,
    }
    scene.scores([scenes.score("ada"), scenes.score("ben")])
    scene.tell()
    assert [each for each, _ in scene.fake.writes] == ["ben"]
    assert scene.fake.scores[guid("ada")]["msdyn_scoretrend"] == 0
    assert scene.row("ada").error is None


def test_another_kind_of_record(scored_scene):
    """A score of an opportunity with the same id says nothing of the lead."""
    scene = scored_scene
    scene.fake.scores[guid("ada")] = {"msdyn_entitytype": "opportunity", "msdyn_score": 50}
    scene.score("ada", 0.5)
    scene.tell()
    assert len(scene.fake.writes) == 1


def test_without_a_score():
    """A lead that has bought has no score any more, and no grade."""
    fields = Fields(None, None, None, None, NOW, "m")
    assert predictive_score(fields, {"msdyn_score": 50, "msdyn_grade": 1}) == {
        "msdyn_score": None,
        "msdyn_grade": None,
        "msdyn_scorereasons": None,
        "msdyn_scoretrend": 3,
        "msdyn_scoredon": "2026-09-21",
    }
    assert predictive_score(Fields(0.5, "medium", "s", "r", NOW, "m"), None)["msdyn_grade"] == 1
    same = predictive_score(Fields(0.504, "low", "s", "r", NOW, "m"), {"msdyn_score": 50})
    assert same["msdyn_scoretrend"] == 1


# ---------------------------------------------------------------------------------- configuration


def test_override_of_predictive_scores():
    """Who has a table for scores needs no column for an override, and may name one."""
    assert target_of("dynamics", "http://localhost").override == "rung_override"
    assert target_of("dynamics", "http://localhost", SCORES).override == ""
    more = SCORES + 'override = "new_hands_off"\n'
    assert target_of("dynamics", "http://localhost", more).override == "new_hands_off"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('scores_in = "table"\n', "scores_in"),
        ('opt_out = "a or b"\n', "is no name of a property"),
        ("deadband = 2\n", "must be above 0"),
    ],
)
def test_mistakes(line, why):
    """What would not do is told at its path."""
    with pytest.raises(SettingsError, match=re.escape(why)):
        target_of("dynamics", "http://localhost", line)


def test_tenant_that_is_none():
    """A tenant is a part of an address, so it cannot be anything."""
    text = (
        '[dynamics.write_back]\nbase_url = "https://x.crm.dynamics.com"\ntenant = "a/../b"\n'
        'client_id = "c"\nclient_secret = "s"\nid_property = "emailaddress1"\n'
    )
    with pytest.raises(SettingsError, match="is no tenant"):
        parse_write_backs(text, "c.toml", ENVIRONMENT)
