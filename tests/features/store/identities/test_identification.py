"""Who somebody is by an address or an id of another tool: one lead, by hashes alone."""

from __future__ import annotations

import pytest

from features.ladder.ladder import Identity
from features.store.identities.identification import Identification, links_between
from features.store.privacy import Privacy
from tests.features.store.privacy.scene import arrival, everything

BY = Identity(("email", "crm_id"), ("frontdesk",))


@pytest.fixture
def known(store):
    found = Identification.of(store.database, BY)
    assert found is not None
    return found


def told(known, number, sent_id, at=10, *, is_anonymous=False, **traits):
    same = known.of_traits(traits)
    links = links_between(sent_id, same, is_anonymous=is_anonymous)
    return arrival(number, sent_id, at, links=links)


def test_off_unless_asked_for(store):
    """A ladder that identifies by nothing has none, and makes no key."""
    before = everything(store.database)
    assert Identification.of(store.database, Identity()) is None
    assert everything(store.database) == before


def test_one_key_a_store(store, known):
    """All processes hash alike; the address stands nowhere."""
    again = Identification.of(store.database, BY)
    assert again is not None
    assert again.of_mail("Ann@acme.com") == known.of_mail(" ann@ACME.com ")
    assert "ann" not in (known.of_mail("ann@acme.com") or "")


@pytest.mark.parametrize(
    ("traits", "count"),
    [
        ({"email": "ann@acme.com"}, 1),
        ({"Email": "ann@acme.com", "E-Mail": "ANN@acme.com"}, 1),
        ({"email": "ann@acme.com", "crm_id": 7}, 2),
        ({"crmId": " 7 "}, 1),
        ({"email": "info@acme.com"}, 0),
        ({"email": "frontdesk@acme.com"}, 0),
        ({"email": "no address"}, 0),
        ({"email": None, "crm_id": True}, 0),
        ({"crm_id": "null"}, 0),
        ({"crm_id": ""}, 0),
        ({"crm_id": ["7"]}, 0),
        ({"phone": "ann@acme.com"}, 0),
    ],
)
def test_of_traits(known, traits, count):
    """The traits that the ladder names, in any spelling; nothing that names nobody."""
    assert len(known.of_traits(traits)) == count


def test_an_id_of_a_tool_for_mail(store):
    """A trait is an address by what its name means, not because the word is somewhere in it."""
    by = Identity(("mailchimp_id", "email_sha256", "Work E-Mail"))
    known = Identification.of(store.database, by)
    assert known is not None
    for name in ("mailchimp_id", "email_sha256"):
        store.ingest([told(known, f"{name}-{one}", one, **{name: "a1b2"}) for one in (name, "ann")])
    assert store.ids_of("ann") == sorted(
        ["ann", "mailchimp_id", "email_sha256", *known.of_external("a1b2")]
    )
    assert known.of_traits({"workEmail": "ANN@acme.com"}) == (known.of_mail("ann@acme.com"),)
    assert known.of_traits({"work_email": "none given"}) == ()
    only_ids = Identification.of(store.database, Identity(("mailchimp_id",)))
    assert only_ids is not None
    assert not only_ids.by_mail
    assert only_ids.of_mail("ann@acme.com") is None


def test_two_ids_with_one_address(store, known):
    """They are one lead, called by a user's id; undone, they are two."""
    store.ingest([told(known, 1, "ann", email="ann@acme.com")])
    store.ingest([told(known, 2, "hubspot-7", email="Ann@Acme.com")])
    assert store.lead_of("hubspot-7") == "ann"
    assert store.lead_of(known.of_mail("ann@acme.com")) == "ann"
    assert "acme" not in str(everything(store.database))
    store.undo_link("alias", known.of_mail("ann@acme.com"), "hubspot-7", 99)
    store.ingest([told(known, 3, "hubspot-7", email="ann@acme.com")])
    assert store.lead_of("hubspot-7") == "hubspot-7"


def test_a_shared_mailbox(store, known):
    """Two people who give it stay two."""
    for at, one in enumerate(("ann", "bob")):
        store.ingest([told(known, at, one, email="info@acme.com")])
    assert store.lead_of("ann") != store.lead_of("bob")


def test_a_visitor_with_an_address(store, known):
    """It belongs to whom it says it is, until a user's id is known; then the lead is called so."""
    store.ingest([told(known, 1, "visitor", is_anonymous=True, email="ann@acme.com")])
    node = known.of_mail("ann@acme.com")
    assert store.lead_of("visitor") == node
    store.ingest([told(known, 2, "ann", at=20, email="ann@acme.com")])
    assert {store.lead_of(one) for one in ("visitor", node, "ann")} == {"ann"}


def test_a_computer_of_two(store, known):
    """Who claimed it first has it; the other's address makes no one lead of the two."""
    store.ingest([arrival(1, "bob", 10, anonymous_id="visitor")])
    store.ingest([told(known, 2, "visitor", 20, is_anonymous=True, email="ann@acme.com")])
    store.ingest([told(known, 3, "ann", 30, email="ann@acme.com")])
    assert store.lead_of("visitor") == "bob"
    assert store.lead_of("ann") == "ann"


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
def test_any_order(store, known, order):
    """What follows does not depend on the order in which it comes."""
    all_told = [
        told(known, 1, "visitor", 10, is_anonymous=True, email="ann@acme.com"),
        told(known, 2, "ann", 20, email="ann@acme.com"),
        told(known, 3, "crm-1", 30, email="ann@acme.com", crm_id="7"),
        told(known, 4, "old", 40, crm_id=7),
    ]
    for at in order:
        store.ingest([all_told[at]])
    assert {store.lead_of(one) for one in ("visitor", "ann", "crm-1", "old")} == {"ann"}


def test_whoever_was_erased_for_good(store, known):
    """They do not come back under another id with the same address."""
    store.ingest([told(known, 1, "ann", email="ann@acme.com")])
    Privacy(store.database).erase("ann", 50, is_suppressed=True)
    assert store.ingest([told(known, 2, "other", email="ann@acme.com")]) == [None]
    assert store.ingest([told(known, 3, "bob", email="bob@acme.com")]) == [True]
