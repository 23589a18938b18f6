"""What becomes of what is told: whose it is, and what is kept of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from features.ladder.file import read_ladder
from features.ladder.ladder import Identity
from features.store.arrivals import Arrival
from features.store.identities.links import links_of
from features.store.identities.rule import resolve
from serving.connectors.arrivals import RequestRules, arrivals_of
from serving.connectors.connector import ConnectorOptions, Reject, VendorEvent, Who
from serving.ingestion.lookup import ids_of_mail
from tests.serving.connectors import vendors
from tests.serving.connectors.vendors import properties

LADDER = replace(read_ladder("b2b"), identity=Identity((), ("frontdesk",)))
OPTIONS = ConnectorOptions(vendors.SECRET)
ANN, BOB = "ann@acme.com", "bob@acme.com"


def arrived(
    *told: VendorEvent, options: ConnectorOptions = OPTIONS
) -> tuple[list[Arrival], list[Reject]]:
    """What is to be stored of what a source tells, and what is refused."""
    rules = RequestRules("forms", options, LADDER, vendors.KNOWN)
    found, rejects, _ = arrivals_of(told, rules)
    return [one for _, one in found], rejects


def event(who: Who, said: Mapping[str, object] | None = None, name: str = "x") -> VendorEvent:
    return VendorEvent((), (who, name), who, vendors.NOW, said or {}, name=name)


def leads_of(arrivals: list[Arrival]) -> list[str]:
    """The lead that each event is of."""
    known = resolve(links_of(arrivals))
    return [known[one.sent_id].lead_id if one.sent_id in known else one.sent_id for one in arrivals]


def test_two_people_at_one_computer_stay_two():
    """An address claims a visitor as a user does: who said so first has it, and the other not."""
    arrivals, _ = arrived(
        event(Who(visitor="v1")),
        event(Who(visitor="v1", email=ANN)),
        event(Who(visitor="v1", email=BOB))._replace(occurred_at=vendors.NOW + 1),
    )
    before, ann, bob = leads_of(arrivals)
    assert before == ann != bob


def test_all_ids_of_an_event_are_one_lead():
    """An id of your own, an address and a visitor's id that come together are one."""
    arrivals, _ = arrived(
        event(Who(own="ann", email=ANN, visitor="v1")),
        event(Who(email=ANN)),
        event(Who(visitor="v1")),
    )
    assert set(leads_of(arrivals)) == {"ann"}


SAID = {"plan": "write to ann@acme.com", "seats": 3}


@pytest.mark.parametrize("name", ["x", "page_viewed"])
def test_of_somebody_unknown_no_contact_data_is_kept(name):
    """What holds some is left out, and a warning names it without repeating it."""
    (arrival,), rejects = arrived(event(Who(visitor="v1"), SAID, name))
    assert (rejects, properties(arrival)) == ([], {"seats": 3})
    (remark,) = arrival.remarks
    assert remark.kind == "redacted"
    assert "properties.plan" in remark.detail
    assert "ann@" not in remark.detail


@pytest.mark.parametrize(
    ("who", "name"),
    [
        (Who(own="ann", visitor="v1"), "x"),
        (Who(email=ANN, visitor="v1"), "x"),
        (Who(person="stripe-7"), "x"),
        (Who(session="calendly-7"), "x"),
        (Who(visitor="v1"), "form_submitted"),
    ],
)
def test_of_whoever_has_said_who_they_are_it_is(who, name):
    """By an id, by an address, or by an event with which one says so."""
    (arrival,), _ = arrived(event(who, SAID, name))
    assert (properties(arrival), arrival.remarks) == (SAID, ())


def test_out_of_an_address_of_a_page_it_is_taken():
    """The rest of the address is kept, as at every other door."""
    url = "https://acme.com/?email=ann%40acme.com&plan=team"
    (arrival,), _ = arrived(event(Who(visitor="v1"), {"url": url}))
    assert properties(arrival) == {"url": "https://acme.com/?email=redacted&plan=team"}
    assert [one.kind for one in arrival.remarks] == ["redacted"]


def test_an_id_of_nobody_beside_another_is_named():
    """It is passed over, and the answer says which one it was."""
    (arrival,), _ = arrived(event(Who(own="undefined", visitor="v1")))
    assert (arrival.sent_id, arrival.anonymous_id, arrival.links) == ("v1", None, ())
    (remark,) = arrival.remarks
    assert remark.kind == "junk_id"
    assert remark.detail.startswith("subject is what programs write for nobody")


NO_ADDRESS = [
    *(("undefined", "junk"), ("null", "junk"), ("{{ user.email }}", "junk"), ("n/a", "junk")),
    *(("ann", "no address"), ("ann@acme", "no address"), ("a@acme.com, b@acme.com", "no address")),
    *(("info@acme.com", "shared"), ("No-Reply@acme.com", "shared"), ("null@acme.com", "shared")),
    ("frontdesk@acme.com", "shared"),
]
WHY = {"junk": "write for nobody", "no address": "is no address", "shared": "several people"}


@pytest.mark.parametrize("by", [OPTIONS, replace(OPTIONS, identify_by="email")])
@pytest.mark.parametrize(("email", "what"), NO_ADDRESS)
def test_what_is_nobodys_own_address_makes_no_lead(email, what, by):
    """Strangers would become one by it; the answer says why the event is refused."""
    arrivals, (reject,) = arrived(event(Who(email=email)), options=by)
    assert arrivals == []
    assert WHY[what] in reject.detail


@pytest.mark.parametrize("by", [OPTIONS, replace(OPTIONS, identify_by="email")])
@pytest.mark.parametrize(("email", "what"), NO_ADDRESS)
@pytest.mark.parametrize("who", [Who(own="a"), Who(visitor="a"), Who(otherwise="a")])
def test_beside_another_id_it_joins_nobody(who, email, what, by):
    """The event is that id's, and nothing follows from the address."""
    (arrival,), rejects = arrived(event(who._replace(email=email)), options=by)
    assert rejects == []
    assert (arrival.sent_id, arrival.anonymous_id, arrival.links) == ("a", None, ())
    kinds = {"junk": ["junk_id"], "no address": ["invalid_id"], "shared": []}
    assert [one.kind for one in arrival.remarks] == kinds[what]


@pytest.mark.parametrize("email", ["Ann@ACME.com ", "Ann B <ann@acme.com>", "mailto:ann@acme.com"])
def test_one_address_is_one_lead_in_any_spelling(email):
    """It comes before an id that counts only where there is no other."""
    (arrival,), _ = arrived(event(Who(email=email, otherwise="a")))
    assert arrival.sent_id == ids_of_mail(ANN)[1]
    assert arrival.anonymous_id is None
