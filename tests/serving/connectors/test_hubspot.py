"""HubSpot: its signatures, contacts, deals, and who a workflow action is about."""

import hashlib

import pytest

from serving.connectors.connector import verified
from serving.connectors.errors import PayloadError, UnsignedRequest
from serving.connectors.hubspot import HUBSPOT, lead_of_action
from tests.serving.connectors import vendors
from tests.serving.connectors.vendors import hubspot_change, one, options, properties, told

DEAL = {"portalId": 333, "fromObjectId": 9, "toObjectId": 614, "associationType": "DEAL_TO_CONTACT"}

# --------------------------------------------------------------------------------------- Signatures


def test_version_3():
    """Method, URL, body and time are signed."""
    call = vendors.call_of("hubspot", [])
    assert verified(HUBSPOT, call, options("hubspot")).signed_at == vendors.NOW
    for changed in (
        call._replace(method="PUT"),
        call._replace(target="/v1/connectors/stripe"),
        call._replace(body=b"[ ]"),
        call._replace(headers={**call.headers, "x-hubspot-request-timestamp": "1767225600001"}),
    ):
        with pytest.raises(UnsignedRequest, match="Signature-v3 is not"):
            verified(HUBSPOT, changed, options("hubspot"))


def test_decoded_url():
    """HubSpot signs the URL with some characters decoded, and others not."""
    signed_as = "/v1/connectors/hubspot?a=:/?@!$'()*,;&b=%20%26"
    sent_as = "/v1/connectors/hubspot?a=%3A%2f%3F%40%21%24%27%28%29%2A%2C%3B&b=%20%26"
    call = vendors.call_of(
        "hubspot", [], sign=lambda body, at, _: vendors.hubspot(body, at, signed_as)
    )
    assert verified(HUBSPOT, call._replace(target=sent_as), options("hubspot")).signature


def test_public_url():
    """Behind a proxy the URL is that which HubSpot called."""
    call = vendors.call_of("hubspot", [])._replace(origin="http://10.0.0.7:8000")
    with pytest.raises(UnsignedRequest, match="Signature-v3"):
        verified(HUBSPOT, call, options("hubspot"))
    assert verified(HUBSPOT, call, options("hubspot", public_url=vendors.ORIGIN + "/")).signature


def test_version_2():
    """Version 2 is taken where version 3 was not sent, and does not stand in for a wrong one."""
    call = vendors.call_of("hubspot", [], sign=vendors.hubspot_2)
    assert verified(HUBSPOT, call, options("hubspot")).signed_at is None
    both = {**call.headers, "x-hubspot-signature-v3": "wrong"}
    with pytest.raises(UnsignedRequest, match="Signature-v3 is not"):
        verified(HUBSPOT, call._replace(headers=both), options("hubspot"))


def test_version_1():
    """Version 1, which does not sign the URL, is refused."""
    call = vendors.call_of("hubspot", [])
    signature = hashlib.sha256(vendors.SECRET.encode() + call.body).hexdigest()
    headers = {"x-hubspot-signature-version": "v1", "x-hubspot-signature": signature}
    with pytest.raises(UnsignedRequest, match="neither"):
        verified(HUBSPOT, call._replace(headers=headers), options("hubspot"))


# --------------------------------------------------------------------------------------- CRM events


def test_contact():
    """A contact is a lead under HubSpot's id."""
    arrival = one("hubspot", [hubspot_change()])
    assert arrival.message_id == "hubspot:333:22:1:614:1767225600000"
    assert (arrival.name, arrival.sent_id) == ("hubspot_contact_created", "hubspot-contact-614")
    assert properties(arrival) == {"change_source": "CRM_UI"}


@pytest.mark.parametrize(
    ("kind", "name", "value", "wanted"),
    [
        ("contact", "lifecyclestage", "opportunity", ("hubspot_lifecycle_changed", "opportunity")),
        ("contact", "email", "ada@example.com", ("hubspot_contact_changed", None)),
        ("deal", "dealstage", "qualified", ("hubspot_deal_stage_changed", "qualified")),
        ("deal", "dealstage", "closedwon", ("contract_signed", "closedwon")),
    ],
)
def test_property_change(kind, name, value, wanted):
    """A change is named by property and value; values are kept of harmless properties alone."""
    item = hubspot_change(f"{kind}.propertyChange", propertyName=name, propertyValue=value)
    arrival = one("hubspot", [item])
    assert (arrival.name, properties(arrival).get("value")) == wanted


def test_values_of():
    """Whose values are kept is the operator's choice."""
    item = hubspot_change("contact.propertyChange", propertyName="city", propertyValue="Bonn")
    assert properties(one("hubspot", [item], values_of=("city",)))["value"] == "Bonn"


def test_own_id():
    """The property with the user's own id makes the contact that lead's."""
    item = hubspot_change("contact.propertyChange", propertyName="rung_id", propertyValue="lead-7")
    arrival = one("hubspot", [item], id_property="rung_id")
    assert (arrival.sent_id, arrival.anonymous_id) == ("lead-7", "hubspot-contact-614")


def test_object_type():
    """The newer kinds name the object by a number."""
    item = hubspot_change("object.creation", objectTypeId="0-3")
    assert one("hubspot", [item]).name == "hubspot_deal_created"


def test_deal_of_a_contact():
    """An association makes a deal's events those of its contact."""
    arrival = one("hubspot", [hubspot_change("deal.associationChange", **DEAL)])
    assert (arrival.sent_id, arrival.anonymous_id) == ("hubspot-contact-614", "hubspot-deal-9")


@pytest.mark.parametrize(
    "more", [{"associationRemoved": True}, {"associationType": "DEAL_TO_COMPANY"}]
)
def test_other_associations(more):
    """One that ends, or has no contact, says nothing of a lead."""
    item = hubspot_change("deal.associationChange", **{**DEAL, **more})
    assert told(HUBSPOT, [item], options("hubspot")) == ([], [], 1)


def test_merge():
    """Contacts that were merged are one lead from then on."""
    item = hubspot_change(
        "contact.merge", primaryObjectId=1, mergedObjectIds=[2, 3], newObjectId=4, objectId=None
    )
    arrivals, _, _ = told(HUBSPOT, [item], options("hubspot"))
    assert [(one.sent_id, one.previous_id) for one in arrivals] == [
        ("hubspot-contact-4", f"hubspot-contact-{former}") for former in (1, 2, 3)
    ]
    assert len({one.message_id for one in arrivals}) == 3


def test_batch():
    """Duplicates share a message id, whatever the attempt; a broken event spoils no other."""
    item = hubspot_change()
    again = {**item, "attemptNumber": 1}
    other = hubspot_change("company.creation")
    nobody = hubspot_change(objectId=None)
    payload = [item, again, 3, other, nobody]
    arrivals, rejects, ignored = told(HUBSPOT, payload, options("hubspot"))
    assert len(arrivals) == 2
    assert len({one.message_id for one in arrivals}) == 1
    assert ignored == 1
    assert [(one.place, one.detail) for one in rejects] == [
        (2, "a HubSpot event has a subscriptionType"),
        (4, "it names nobody"),
    ]


def test_no_list():
    """An object is none of HubSpot's webhooks."""
    with pytest.raises(PayloadError, match="a list of events"):
        HUBSPOT.read({}, options("hubspot"))


# ------------------------------------------------------------------------------ The workflow action


@pytest.mark.parametrize(
    ("payload", "lead"),
    [
        ({"object": {"objectId": 614, "objectType": "CONTACT"}}, "hubspot-contact-614"),
        ({"object": {"objectId": "614", "objectType": "0-1"}}, "hubspot-contact-614"),
        ({"object": {"objectId": 9, "objectType": "DEAL"}, "inputFields": {"lead_id": "a"}}, "a"),
        (
            {"object": {"objectId": 1, "objectType": "CONTACT", "properties": {"rung_id": "b"}}},
            "b",
        ),
    ],
)
def test_lead_of_action(payload, lead):
    """An action is about the lead that it names, or else about its contact."""
    assert lead_of_action(payload, options("hubspot", id_property="rung_id")) == lead


@pytest.mark.parametrize(
    "payload", [None, [], {}, {"object": {"objectId": 9, "objectType": "DEAL"}}]
)
def test_action_about_nobody(payload):
    """An action about no contact is refused."""
    with pytest.raises(PayloadError, match="about no contact"):
        lead_of_action(payload, options("hubspot"))
