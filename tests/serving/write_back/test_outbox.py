"""What CRMs are to be told, on both databases: queued with the scores, shared out, kept."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from features.store.arrivals import Arrival
from features.store.events import EventStore
from features.store.privacy import Privacy
from features.store.schema import events, identities, write_backs
from serving.write_back.outbox import Outbox, Queued, scored
from serving.write_back.rules import DAY, SECOND, Fields, Outcome
from tests.serving.write_back.scene import NOW, Scene, score, target_of

LEASE = 600 * SECOND
WRITTEN = Outcome("written")


def claim(scene, most=100):
    return scene.outbox.claim(scene.target, most, scene.now, scene.now + LEASE)


def record(scene, records, outcome=WRITTEN):
    scene.outbox.record(scene.target, [(one, outcome) for one in records], scene.now)


def told(scene, *leads):
    """Let the CRM have accepted the scores of leads."""
    records = claim(scene)
    assert {one.lead_id for one in records} == set(leads)
    record(scene, records)


@pytest.fixture
def by_email(database, hubspot):
    """HubSpot, which knows our leads by their email."""
    return Scene(database, hubspot, target_of("hubspot", hubspot.url, 'id = "email"\n'))


# --------------------------------------------------------------------------------- scores come in


def test_only_what_matters_waits(scene):
    """A lead waits to be told of after its first score and after changes that matter."""
    assert scene.score("ada") == Queued(told=1)
    assert scene.score("nobody", None, None, "") == Queued()
    assert scene.row("nobody") is None
    told(scene, "ada")
    assert scene.score("ada", 0.54) == Queued()
    assert claim(scene) == []
    assert scene.score("ada", 0.55) == Queued(told=1)
    assert scene.score("ada", 0.9) == Queued()
    (waiting,) = claim(scene)
    assert waiting.fields.probability == 0.9


def test_leads_that_have_bought(scene):
    """A lead without a next step loses its probability in the CRM, where it had one."""
    scene.score("ada")
    told(scene, "ada")
    scene.score("ada", None, None, "")
    (waiting,) = claim(scene)
    assert (waiting.fields.probability, waiting.fields.next_step) == (None, None)


def test_same_transaction(scene):
    """Scores that are not stored are not told."""

    def fail() -> None:
        with scene.database.writing() as connection:
            scored(connection, [score("ada")], [scene.target])
            raise ConnectionAbortedError("here it ends")

    with pytest.raises(ConnectionAbortedError, match="here it ends"):
        fail()
    assert scene.row("ada") is None


def test_many_leads(scene):
    """Leads in any number wait, each for each CRM that is told."""
    other = target_of("mautic", "http://localhost")
    rows = [score(f"lead-{at:04}") for at in range(1201)]
    with scene.database.writing() as connection:
        assert scored(connection, rows[::-1], [scene.target, other]) == Queued(told=2402)
    assert len(claim(scene, 2000)) == 1201
    assert len(scene.outbox.claim(other, 2000, NOW, NOW + LEASE)) == 1201


def test_leads_without_an_id(by_email):
    """A lead that the CRM cannot know is counted and not kept, until a trait tells its id."""
    assert by_email.score("ada") == Queued(without_id=1)
    assert by_email.row("ada") is None
    by_email.identify("ada", {"email": "\nno\n id", "name": "Ada"})
    assert by_email.score("ada") == Queued(without_id=1)
    by_email.identify("ada", {"email": " Ada@Example.com "}, NOW + 1)
    assert by_email.score("ada") == Queued(told=1)
    assert by_email.row("ada").external_id == "ada@example.com"


def test_latest_trait(by_email):
    """The id that was told last is taken, under whichever of its ids a lead was known then."""
    with by_email.database.writing() as connection:
        connection.execute(sa.insert(identities).values(id="anon", lead_id="ada", joined_at=NOW))
    by_email.identify("ada", {"email": "old@example.com"}, NOW - 2)
    by_email.identify("anon", {"email": "new@example.com"}, NOW - 1)
    by_email.identify("ada", {"name": "Ada"}, NOW)
    by_email.score("ada")
    assert by_email.row("ada").external_id == "new@example.com"


def parted(scene):
    """Alf and Wilma were taken for one by a number, told of by Wilma's address, and are two again.

    They were called as Alf is, who has told no address.
    """
    store = EventStore(scene.database)
    store.ingest([Arrival("m1", "alf", "page_viewed", 1, 1, previous_id="number-7")])
    scene.identify("wilma", {"email": "wilma@example.com"})
    store.ingest([Arrival("m2", "wilma", "page_viewed", 1, 1, previous_id="number-7")])
    assert store.lead_of("wilma") == "alf"
    scene.score("alf")
    told(scene, "alf")
    assert scene.row("alf").external_id == "wilma@example.com"
    store.undo_link("alias", "number-7", "wilma", NOW)
    return store


def test_two_who_were_taken_for_one(by_email):
    """Each is told of in its own record, whatever that holds; who has none is told of in none."""
    parted(by_email)
    assert by_email.score("alf", 0.9) == Queued(without_id=1)
    assert claim(by_email) == []
    assert by_email.row("alf") is None
    assert by_email.score("wilma", 0.5) == Queued(told=1)  # what the CRM holds of both goes
    (waiting,) = claim(by_email)
    assert (waiting.external_id, waiting.fields.probability) == ("wilma@example.com", 0.5)
    by_email.identify("alf", {"email": "alf@example.com"})
    assert by_email.score("alf", 0.9) == Queued(told=1)
    (waiting,) = claim(by_email)
    assert waiting.external_id == "alf@example.com"


def test_a_record_that_holds_what_both_did(by_email):
    """It loses their chance, also where its own lead has none any more."""
    parted(by_email)
    assert by_email.score("wilma", None, None, "") == Queued(told=1)
    (waiting,) = claim(by_email)
    assert (waiting.external_id, waiting.fields.probability) == ("wilma@example.com", None)
    record(by_email, [waiting])
    assert by_email.score("wilma", None, None, "") == Queued()


def test_one_of_two_is_erased(by_email):
    """Nobody else is told of in the record of who was erased, neither what waits nor what comes."""
    store = parted(by_email)
    Privacy(store.database).erase("wilma", NOW)
    by_email.score("alf", 0.9)
    by_email.days(1)
    by_email.score("alf", 0.1)
    assert claim(by_email) == []
    with by_email.database.reading() as connection:
        rows = [str(tuple(row)) for row in connection.execute(sa.select(write_backs))]
    assert "wilma" not in "".join(rows)


def test_told_while_they_are_parted(by_email):
    """What comes of a telling that was under way then is not kept as either's."""
    store = EventStore(by_email.database)
    by_email.identify("wilma", {"email": "wilma@example.com"})
    store.ingest([Arrival("m2", "wilma", "page_viewed", 1, 1, previous_id="boris")])
    by_email.score("wilma")
    records = claim(by_email)
    store.undo_link("alias", "boris", "wilma", NOW)
    record(by_email, records)
    assert by_email.row("wilma").written is None
    assert by_email.score("wilma") == Queued(told=1)


def test_a_lead_that_tells_no_address_any_more(by_email):
    """An address that was another's, whose events have gone, is the lead's no more."""
    by_email.identify("ada", {"email": "ada@example.com"})
    by_email.score("ada")
    told(by_email, "ada")
    with by_email.database.writing() as connection:
        connection.execute(sa.delete(events))
    assert by_email.score("ada", 0.9) == Queued(without_id=1)
    assert by_email.row("ada") is None


def test_another_record(by_email):
    """A lead that gets another id is told anew: nothing is known of that record yet."""
    by_email.identify("ada", {"email": "old@example.com"})
    by_email.score("ada")
    told(by_email, "ada")
    by_email.identify("ada", {"email": "new@example.com"}, NOW + 1)
    by_email.score("ada", 0.9)
    assert by_email.row("ada").written is None
    (waiting,) = claim(by_email)
    assert waiting.external_id == "new@example.com"


# --------------------------------------------------------------------------------------- shared out


def test_order_and_number(scene):
    """Those that wait longest are told first, and no more than were asked for."""
    for lead in ("late", "later"):
        scene.now += SECOND
        scene.score(lead)
    assert [one.lead_id for one in claim(scene, 1)] == ["late"]
    assert [one.lead_id for one in claim(scene)] == ["later"]
    assert claim(scene) == []


@pytest.mark.parametrize("ahead", [120 * SECOND, 3600 * SECOND, 86_400 * SECOND, 10**15])
def test_a_clock_that_was_ahead(scene, ahead):
    """What was scored or taken in the future is told as soon as the clock is right again."""
    scene.score("ada")
    scene.now += ahead + LEASE
    assert [one.lead_id for one in claim(scene)] == ["ada"]  # by one that dies with it
    scene.score("late")
    scene.now -= ahead + LEASE
    assert [one.lead_id for one in claim(scene)] == ["ada", "late"]


def test_lease(scene):
    """Who died leaves a record to others when the lease is over; its late word does not count."""
    scene.score("ada")
    lost = claim(scene)
    scene.now += LEASE - 1
    assert claim(scene) == []
    scene.now += 1
    again = claim(scene)
    assert [one.lead_id for one in again] == ["ada"]
    record(scene, lost)
    assert scene.row("ada").written is None
    record(scene, again)
    assert scene.row("ada").written is not None


def test_change_on_the_way(scene):
    """A score that changes while the CRM is told is told after it."""
    scene.score("ada", 0.5)
    first = claim(scene)
    scene.score("ada", 0.9)
    assert claim(scene) == []
    record(scene, first)
    (second,) = claim(scene)
    assert second.fields.probability == 0.9
    assert Fields.read(scene.row("ada").written).probability == 0.5


def test_change_back_on_the_way(scene):
    """A change that is taken back while the CRM is told of it is taken back there too."""
    scene.score("ada", 0.5)
    told(scene, "ada")
    scene.score("ada", 0.9)
    first = claim(scene)
    scene.score("ada", 0.5)
    record(scene, first)
    (second,) = claim(scene)
    assert second.fields.probability == 0.5


def test_results_are_kept(scene):
    """A row says what the CRM held last, when it took it, and what was wrong since."""
    scene.score("ada", 0.5)
    told(scene, "ada")
    scene.score("ada", 0.9)
    scene.now += SECOND
    record(scene, claim(scene), Outcome("failed", "400: no such property"))
    row = scene.row("ada")
    assert (row.error, row.written_at, row.attempts) == ("400: no such property", NOW, 1)
    assert row.due_at == scene.now + SECOND
    scene.now += SECOND
    record(scene, claim(scene))
    row = scene.row("ada")
    assert (row.error, row.written_at, row.attempts) == (None, scene.now, 0)
    assert (row.wanted, row.due_at, row.leased_until) == (None, None, 0)


def test_release(scene):
    """What is given back can be taken at once, as if it had not been taken."""
    scene.score("ada")
    records = claim(scene)
    scene.outbox.release(scene.target, records)
    assert (scene.row("ada").attempts, scene.row("ada").leased_until) == (0, 0)
    scene.now += 1
    assert [one.lead_id for one in claim(scene)] == ["ada"]
    scene.outbox.release(scene.target, records)  # theirs no more
    assert scene.row("ada").attempts == 1


def test_erased_on_the_way(scene):
    """A row that was erased while the CRM was told does not come back."""
    scene.score("ada")
    records = claim(scene)
    with scene.database.writing() as connection:
        connection.execute(sa.text("DELETE FROM write_backs"))
    record(scene, records)
    assert scene.row("ada") is None


@pytest.mark.parametrize("outcome", [WRITTEN, Outcome("failed", "no"), Outcome("missing", "no")])
def test_opted_out_on_the_way(scene, outcome):
    """A lead that has opted out while the CRM was told is told of no more."""
    scene.score("ada")
    records = claim(scene)
    with scene.database.writing() as connection:
        connection.execute(sa.text("UPDATE write_backs SET wanted = NULL, due_at = NULL"))
    record(scene, records, outcome)
    row = scene.row("ada")
    assert (row.wanted, row.due_at, row.leased_until) == (None, None, 0)
    assert claim(scene) == []


def test_an_id_that_became_one_of_who_opted_out(scene):
    """Nothing is told of it, though it was scored before anybody knew; others are told of."""
    for lead in ("visitor", "bea"):
        scene.score(lead)
    Privacy(scene.database).opt_out(["ada"], scene.now)
    with scene.database.writing() as connection:
        rows = [{"id": one, "lead_id": "ada", "joined_at": 1} for one in ("ada", "visitor")]
        connection.execute(sa.insert(identities), rows)
    assert [one.lead_id for one in claim(scene)] == ["bea"]
    row = scene.row("visitor")
    assert (row.wanted, row.due_at, row.leased_until, row.attempts) == (None, None, 0, 0)


def test_who_opted_out_has_the_id_of_another_lead(by_email):
    """The other is told of."""
    for lead in ("ada", "twin"):
        by_email.identify(lead, {"email": "ada@example.com"})
        by_email.score(lead)
    Privacy(by_email.database).opt_out(["ada"], by_email.now)
    assert [one.lead_id for one in claim(by_email)] == ["twin"]


def test_leads_with_one_id(by_email):
    """Of leads with one email the one scored last is told of; an older score never follows it."""
    for lead in ("ada", "twin"):
        by_email.identify(lead, {"email": "ada@example.com"})
    by_email.score("twin", 0.2)
    by_email.now += SECOND
    by_email.score("ada", 0.8)
    first = claim(by_email)
    assert [one.lead_id for one in first] == ["ada"]
    assert by_email.row("twin").error == "another lead has the same id"
    by_email.now += SECOND
    by_email.score("twin", 0.4)
    assert claim(by_email) == []  # the record is leased
    record(by_email, first)
    (second,) = claim(by_email)
    assert (second.lead_id, second.fields.probability) == ("twin", 0.4)


def test_workers_do_not_meet(database, hubspot):
    """However many workers there are, no record is told of by two of them at one time."""
    target = target_of("hubspot", hubspot.url, 'id = "email"\n')
    scene = Scene(database, hubspot, target)
    for at in range(60):
        scene.identify(f"lead-{at:02}", {"email": f"{at // 2}@example.com"})
    scene.scores([score(f"lead-{at:02}") for at in range(60)])
    start, lock = threading.Barrier(4), threading.Lock()
    held: set[str] = set()
    met: list[str] = []

    def work() -> int:
        outbox, count, idle = Outbox(database), 0, 0
        start.wait()
        while idle < 3:
            records = outbox.claim(target, 7, NOW, NOW + LEASE)
            idle = 0 if records else idle + 1
            ids = [one.external_id for one in records]
            with lock:
                met.extend(held & set(ids))
                held.update(ids)
            with lock:
                held.difference_update(ids)
            outbox.record(target, [(one, WRITTEN) for one in records], NOW)
            count += len(records)
        return count

    with ThreadPoolExecutor(4) as pool:
        counts = [pool.submit(work) for _ in range(4)]
        assert sum(one.result() for one in counts) <= 60
    while records := claim(scene):  # what all of them left to each other
        record(scene, records)
    assert met == []
    with database.reading() as connection:
        rows = connection.execute(sa.text("SELECT due_at, written, error FROM write_backs")).all()
    assert sum(row.written is not None for row in rows) == 30
    assert all(row.due_at is None for row in rows)


def test_given_up_after_a_week(scene):
    """What fails for a week is left alone until the score moves again."""
    scene.score("ada")
    tries = 0
    while (records := claim(scene)) and tries < 99:
        record(scene, records, Outcome("failed", "no"))
        tries += 1
        scene.now = scene.row("ada").due_at or scene.now + DAY
    assert (tries, scene.row("ada").due_at) == (13, None)
    assert scene.score("ada", 0.51) == Queued()
    assert scene.score("ada", 0.9) == Queued(told=1)
    assert len(claim(scene)) == 1
