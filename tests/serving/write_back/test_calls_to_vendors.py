"""Each CRM beside a fake that answers as it does: what is sent, and what comes of each record."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from features.store.migrations import open_database
from serving.edge.logs import LOGGER
from serving.write_back.outbox import Outbox
from serving.write_back.rules import DAY, SECOND
from serving.write_back.worker import VENDORS
from tests.databases import opened
from tests.serving.write_back import scene as scenes
from tests.serving.write_back.fakes import Answer, running
from tests.serving.write_back.scene import FAKES, NOW, Scene, target_of

REASONS = '{"reasons": [{"signal": "seen", "text": "saw “it”"}]}'
AT = "2026-09-21T14:13:20.000Z"


@pytest.fixture(params=sorted(FAKES))
def scene(request, tmp_path):
    """Each CRM in turn, with a record of "ada" and one of "ben"."""
    with running(FAKES[request.param]()) as fake, opened(tmp_path / "rung.db") as database:
        fake.records = {"ada": {"phone": "1"}, "ben": {}}
        yield Scene(database, fake, target_of(request.param, fake.url))


def overridden(scene, external_id, value=True):
    scene.fake.records[external_id][scene.target.override] = value


PAYLOADS: dict[str, dict[str, object]] = {
    "customerio": {
        "rung_probability": 0.1235,
        "rung_band": "high",
        "rung_next_step": "human",
        "rung_reason": "saw “it”",
        "rung_cause": "events",
        "rung_scored_at": NOW // SECOND,
        "rung_model_version": "0123456789ab",
    },
    "dynamics": {
        "rung_probability": 0.1235,
        "rung_band": "high",
        "rung_next_step": "human",
        "rung_reason": "saw “it”",
        "rung_cause": "events",
        "rung_scored_at": AT,
        "rung_model_version": "0123456789ab",
    },
    "hubspot": {
        "rung_probability": "0.1235",
        "rung_band": "high",
        "rung_next_step": "human",
        "rung_reason": "saw “it”",
        "rung_cause": "events",
        "rung_scored_at": AT,
        "rung_model_version": "0123456789ab",
    },
    "mautic": {
        "rung_probability": 0.1235,
        "rung_band": "high",
        "rung_next_step": "human",
        "rung_reason": "saw “it”",
        "rung_cause": "events",
        "rung_scored_at": "2026-09-21 14:13:20",
        "rung_model_version": "0123456789ab",
    },
    "salesforce": {
        "rung_probability__c": 0.1235,
        "rung_band__c": "high",
        "rung_next_step__c": "human",
        "rung_reason__c": "saw “it”",
        "rung_cause__c": "events",
        "rung_scored_at__c": AT,
        "rung_model_version__c": "0123456789ab",
    },
}


def test_what_is_written(scene):
    """A record gets the seven properties that are ours, in the CRM's own types, and no other."""
    scene.score("ada", 0.123456, "high", reasons=REASONS)
    assert scene.tell() == 1
    assert scene.fake.writes == [("ada", PAYLOADS[scene.target.connector])]
    assert scene.fake.records["ada"]["phone"] == "1"
    assert scene.row("ada").error is None


def test_what_is_cleared(scene):
    """What is no longer known is cleared, in the way of the CRM."""
    scene.score("ada", 0.5)
    scene.tell()
    scene.score("ada", None, None, "")
    scene.tell()
    names, held = scene.target.names, scene.fake.records["ada"]
    empty = None if scene.target.connector in ("dynamics", "salesforce") else ""
    assert [held[names.probability], held[names.band], held[names.next_step]] == [empty] * 3


def test_names_of_ones_own(scene):
    """The CRM's properties can have other names."""
    connector, url = scene.target.connector, scene.fake.url
    more = f'[{connector}.write_back.properties]\nprobability = "chance"\n'
    scene.target = target_of(connector, url, more)
    scene.score("ada", 0.5)
    scene.tell()
    assert float(scene.fake.records["ada"]["chance"]) == 0.5


def test_unknown_record(scene):
    """A record that the CRM does not have is not made; it is looked for again a day later."""
    scene.score("zoe")
    scene.score("ada")
    assert scene.tell() == 2
    assert set(scene.fake.records) == {"ada", "ben"}
    row = scene.row("zoe")
    assert (row.error, row.due_at) == ("the CRM has no such record", NOW + DAY)
    scene.fake.records["zoe"] = {}
    scene.days(1)
    assert scene.tell() == 1
    assert scene.held["zoe"] == 0.5


def test_unknown_for_a_week(scene):
    """A record that the CRM does not get within a week is given up."""
    scene.score("zoe")
    rounds = 0
    while scene.tell():
        rounds += 1
        scene.days(1)
    assert (rounds, scene.row("zoe").due_at) == (8, None)


@pytest.mark.parametrize("value", [True, "true", "1", "mine", 7], ids=repr)
def test_overridden(scene, value):
    """A record that a person has taken over, even after the score was queued, stays as it is."""
    scene.score("ada", 0.9)
    scene.score("ben", 0.9)
    overridden(scene, "ada", value)
    assert scene.tell() == 2
    assert scene.held == {"ada": None, "ben": 0.9}
    row = scene.row("ada")
    assert (row.error, row.due_at) == ("a person has taken the record over", NOW + DAY)
    assert row.written is None


@pytest.mark.parametrize("value", [False, "false", "", None, "0", 0, "No"], ids=repr)
def test_not_overridden(scene, value):
    """A property that says no in any way is no override."""
    overridden(scene, "ada", value)
    scene.score("ada", 0.9)
    scene.tell()
    assert scene.held["ada"] == 0.9


def test_override_that_ends(scene):
    """A record that a person gives back is written within a day, with what is known then."""
    scene.score("ada", 0.5)
    scene.tell()
    overridden(scene, "ada")
    scene.score("ada", 0.9)
    scene.tell()
    scene.score("ada", 0.5)  # what the CRM was told last; a person may have changed it since
    scene.fake.records["ada"][scene.target.names.probability] = "0.01"
    overridden(scene, "ada", False)
    scene.days(1)
    scene.tell()
    assert scene.held["ada"] == 0.5
    assert scene.row("ada").due_at is None


def test_partial_failure(scene):
    """Of a batch each record has a result of its own."""
    scene.fake.bad = {"ada"}
    scene.scores([scenes.score("ada"), scenes.score("ben")])
    assert scene.tell() == 2
    assert scene.held == {"ada": None, "ben": 0.5}
    assert scene.row("ben").error is None
    row = scene.row("ada")
    assert (row.attempts, row.due_at) == (1, NOW + SECOND)
    assert row.error


def test_batch_refused_as_a_whole(scene):
    """One record that spoils a whole batch is found; all the others are written."""
    names = [f"lead-{at:02}" for at in range(60)]
    scene.fake.records = {name: {} for name in names}
    scene.fake.poison = {"lead-17"}
    scene.scores([scenes.score(name) for name in names])
    assert scene.tell() == 60
    assert len(scene.fake.writes) == 59
    assert scene.row("lead-17").error.startswith("400")
    assert scene.row("lead-18").error is None


@pytest.mark.parametrize(
    "bad", [range(7), range(40), range(0, 60, 8), range(53, 60), [0, 59]], ids=str
)
def test_bad_records_hold_up_no_others(scene, bad):
    """All others are written, however many of a batch are refused and where, due again or not."""
    names = [f"lead-{at:02}" for at in range(60)]
    scene.fake.records = {name: {} for name in names}
    scene.fake.poison = {names[at] for at in bad}
    scene.scores([scenes.score(name) for name in names])
    good = [name for name in names if name not in scene.fake.poison]
    for _ in range(16):
        before = len(scene.fake.calls)
        scene.tell()
        assert len(scene.fake.calls) - before <= 18  # two to look, sixteen to write
        scene.now += 301 * SECOND
    assert {each for each, value in scene.held.items() if value == 0.5} == set(good)
    assert all(scene.row(name).error is None for name in good)


def test_bad_records_are_given_up(scene):
    """A record that is always refused is given up after thirteen attempts, with its own error."""
    names = [f"lead-{at:02}" for at in range(60)]
    scene.fake.records = {name: {} for name in names}
    scene.fake.poison = set(names[:7])
    scene.scores([scenes.score(name) for name in names])
    while waiting := [row.due_at for name in names if (row := scene.row(name)).due_at is not None]:
        scene.now = max(scene.now + SECOND, min(waiting))
        scene.tell()
        assert scene.now < NOW + 9 * DAY
    assert len(scene.fake.writes) == 53
    for name in scene.fake.poison:
        assert scene.row(name).attempts == 13
        assert scene.row(name).error.startswith("400")


def test_what_was_not_tried_comes_first(scene):
    """A turn that ran out of calls costs an attempt only who was tried; the others come first."""
    names = [f"lead-{at:02}" for at in range(60)]
    scene.fake.records = {name: {} for name in names}
    scene.fake.poison = set(names[:7])
    scene.scores([scenes.score(name) for name in names])
    scene.tell()
    rows = [scene.row(name) for name in names]
    tried = [row for row in rows if row.attempts]
    left = [row for row in rows if not row.attempts and row.written is None]
    assert tried
    assert {row.lead_id for row in tried} <= scene.fake.poison
    assert left
    assert all(row.error == "not tried: all calls of the turn went to others" for row in left)
    assert max(row.due_at for row in left) < min(row.due_at for row in tried)


def test_batch_that_is_bad_throughout(scene, caplog):
    """A CRM that refuses everything is asked ever more rarely, until it takes something."""
    caplog.set_level(logging.INFO, LOGGER.name)
    names = [f"lead-{at:02}" for at in range(60)]
    scene.fake.records = {name: {} for name in names}
    scene.fake.poison = set(names)
    scene.scores([scenes.score(name) for name in names])
    for seconds in (1, 30, 300, 300):
        before = len(scene.fake.calls)
        assert scene.tell() == 60
        assert len(scene.fake.calls) - before <= 18
        scene.now += seconds * SECOND - 1
        assert scene.tell() == 0
        scene.now += 1
    messages = [one.getMessage() for one in caplog.records]
    assert "the CRM takes nothing of a batch, write-back waits" in messages
    scene.fake.poison = set()
    assert scene.tell() == 60
    assert set(scene.held.values()) == {0.5}
    assert scene.pauses[scene.target.connector].failures == 0


def test_too_many_requests_between_halves(scene):
    """Who was not tried because the CRM asks to wait has no attempt counted, and waits as long."""
    names = [f"lead-{at:02}" for at in range(8)]
    scene.fake.records = {name: {} for name in names}
    scene.scores([scenes.score(name) for name in names])
    busy = Answer(429, None, {"Retry-After": "7"})
    scene.fake.answers = [None, Answer(400, "spoiled"), busy]
    scene.tell()
    rows = [scene.row(name) for name in names]
    assert [row.attempts for row in rows] == [1] * 4 + [0] * 4
    assert {row.due_at for row in rows} == {NOW + 7 * SECOND}
    scene.now += 7 * SECOND
    scene.tell()
    assert set(scene.held.values()) == {0.5}


def test_most_records(scene):
    """No call has more records than the CRM takes."""
    most = VENDORS[scene.target.connector].most
    names = [f"lead-{at:03}" for at in range(most + 5)]
    scene.fake.records = {name: {} for name in names}
    scene.scores([scenes.score(name) for name in names])
    assert [scene.tell(), scene.tell(), scene.tell()] == [most, 5, 0]
    assert len(scene.fake.writes) == most + 5


def test_odd_ids(scene):
    """Ids with quotes, commas, backslashes and entities are found, and break no query."""
    ids = ["o'hara", "a,b", "x&amp;y", "ü £", "') OR Id != ('", "back\\slash", "%"]
    if scene.target.connector == "mautic":
        ids = [one for one in ids if "\\" not in one]
    scene.fake.records = {each: {} for each in ids}
    scene.scores([scenes.score(each) for each in ids])
    scene.tell()
    assert set(scene.held.values()) == {0.5}


def test_crash_after_the_call(scene):
    """Written and not kept, it is written again after the lease, and the CRM is as before."""
    scene.score("ada", 0.9)

    def die(*_: object) -> None:
        raise ConnectionAbortedError("here it ends")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Outbox, "record", die)
        with pytest.raises(ConnectionAbortedError, match="here it ends"):
            scene.tell()
    first = dict(scene.fake.records["ada"])
    assert scene.row("ada").written is None
    assert scene.tell() == 0
    scene.now += 600 * SECOND
    assert scene.tell() == 1
    assert scene.fake.records["ada"] == first
    assert len(scene.fake.writes) == 2
    assert scene.tell() == 0


# ------------------------------------------------------------------------------- peculiar to one


def test_salesforce_writes_ids_in_other_letters(tmp_path):
    """An id that Salesforce writes in other letters is the same record, and its override holds."""
    with running(FAKES["salesforce"]()) as fake, opened(tmp_path / "rung.db") as database:
        scene = Scene(database, fake, target_of("salesforce", fake.url))
        fake.records = {"ADA": {}, "Ben": {scene.target.override: True}}
        scene.scores([scenes.score("ada"), scenes.score("ben")])
        scene.tell()
        assert scene.held == {"ADA": 0.5, "Ben": None}


def test_long_ids_do_not_make_long_addresses(tmp_path):
    """Addresses stay below what servers take, however long the ids are."""
    for connector in ("salesforce", "mautic"):
        with (
            running(FAKES[connector]()) as fake,
            open_database(tmp_path / f"{connector}.db") as database,
        ):
            scene = Scene(database, fake, target_of(connector, fake.url))
            names = [f"{at:0250}" for at in range(100)]
            fake.records = {name: {} for name in names}
            scene.scores([scenes.score(name) for name in names])
            assert scene.tell() == 100
            assert len(fake.writes) == 100
            asked = [call for call in fake.calls if call.method == "GET"]
            assert all(len(str(call.query)) < 7000 for call in asked)
            assert len(asked) > 1


def test_hubspot_error_that_names_no_record(tmp_path):
    """An error of HubSpot's that names no contact is that of the contacts without a result."""
    with running(FAKES["hubspot"]()) as fake, opened(tmp_path / "rung.db") as database:
        scene = Scene(database, fake, target_of("hubspot", fake.url))
        fake.records = {"ada": {}, "ben": {}}
        results = [{"id": "1", "objectWriteTraceId": "1"}]
        body = {"results": results, "errors": [{"category": "CONFLICT", "message": "twice"}]}
        fake.answers = [None, Answer(207, body)]
        scene.scores([scenes.score("ada"), scenes.score("ben")])
        scene.tell()
        assert scene.row("ada").error == "CONFLICT: twice"
        assert scene.row("ben").error is None


def test_hubspot_record_ids(tmp_path):
    """HubSpot's own record id, which no property has to be named for in a look-up, will do."""
    with running(FAKES["hubspot"]()) as fake, opened(tmp_path / "rung.db") as database:
        target = replace(target_of("hubspot", fake.url), id_property="hs_object_id")
        scene = Scene(database, fake, target)
        fake.records = {"501": {}}
        scene.score("501")
        scene.tell()
        assert scene.held == {"501": 0.5}
        assert "idProperty" not in fake.calls[0].body
        assert fake.calls[1].body["inputs"][0]["idProperty"] == "hs_object_id"


@pytest.mark.parametrize("count", [1, 2])
def test_hubspot_results_without_traces(tmp_path, count):
    """Results that name no contact are told by their number: one for each, or none is trusted."""
    with running(FAKES["hubspot"]()) as fake, opened(tmp_path / "rung.db") as database:
        scene = Scene(database, fake, target_of("hubspot", fake.url))
        fake.records = {"ada": {}, "ben": {}}
        fake.answers = [None, Answer(200, {"results": [{"id": "1"}] * count})]
        scene.scores([scenes.score("ada"), scenes.score("ben")])
        scene.tell()
        assert [scene.row(lead).error for lead in ("ada", "ben")] == {
            1: ["no result"] * 2,
            2: [None, None],
        }[count]


def test_mautic_has_two_of_one(tmp_path):
    """Of two Mautic contacts with one email the older is written, unless either is overridden."""
    with running(FAKES["mautic"]()) as fake, opened(tmp_path / "rung.db") as database:
        scene = Scene(database, fake, target_of("mautic", fake.url))
        fake.records = {"ada": {}}
        twins = [
            {"id": 100, "fields": {"all": {"email": "ada"}}},
            {"id": 900, "fields": {"all": {"email": "Ada", "rung_override": 1}}},
        ]
        scene.score("ada")
        fake.answers = [Answer(200, {"contacts": {str(one["id"]): one for one in twins}})]
        scene.tell()
        assert scene.row("ada").error == "a person has taken the record over"
        twins[1]["fields"]["all"]["rung_override"] = None  # type: ignore[index]
        scene.days(1)
        fake.answers = [Answer(200, {"contacts": twins})]
        scene.tell()
        assert scene.held == {"ada": 0.5}
