"""What traits and forms make known of a lead's profile."""

from __future__ import annotations

import math

import pytest

from features.offers.known_fields import fields_of_form, fields_of_traits


@pytest.mark.parametrize(
    ("traits", "known"),
    [
        ({"Email": "a@b.example", "firstName": "Ada"}, {"email", "firstname", "name"}),
        ({"surname": "Lovelace"}, {"lastname", "name"}),
        ({"name": "Ada Lovelace"}, {"name", "firstname", "lastname"}),
        ({"fullName": "Ada"}, {"name", "firstname"}),
        ({"email": "", "phone": None, "size": 0, "score": math.nan, "tags": []}, {"size"}),
        ({"consented": False, "--": "x"}, {"consented"}),
    ],
)
def test_traits(traits, known):
    """Every field with a value, whatever its spelling; a part of a name tells the name."""
    assert fields_of_traits(traits) == known


def test_traits_within_traits():
    """A company's size is `company_size`, and its name is not the lead's."""
    found = fields_of_traits({"company": {"name": "Acme", "size": 40, "industry": "tools"}})
    assert {"company", "companysize", "industry"} <= found
    assert not found & {"name", "firstname"}


@pytest.mark.parametrize(
    "form",
    [
        {"name": "Ada", "email": "a@b.example", "company_size": 40},
        {"Name": "Ada", "E-Mail": "a@b.example", "Company size": "11-50"},
        {"fields": {"your-name": "Ada", "emailAddress": "a@b.example", "companySize": 40}},
        {
            "form": "download",
            "values": [
                {"name": "name", "value": "Ada"},
                {"name": "email", "value": "a@b.example"},
                {"label": "Company size", "answer": "11-50"},
            ],
        },
    ],
)
@pytest.mark.parametrize(
    "name", ["form_submitted", "Form Submitted", "formFilled", "newsletter signup"]
)
def test_forms(name, form):
    """A form tells its fields, flat, within `fields` or as a list of answers."""
    assert {"name", "email", "companysize"} <= fields_of_form(name, form)


def test_signing_up():
    """Whoever registers and says how to be reached says its own name; else it is the webinar's."""
    told = {"name": "Ada", "email": "a@b.example", "role": "buyer"}
    assert {"name", "email", "role"} <= fields_of_form("webinar_registered", told)
    assert fields_of_form("webinar_registered", {"name": "Three bottlenecks", "role": "buyer"}) == {
        "role"
    }


def test_what_holds_contact_data():
    """Nothing but a form holds it; a name may be the campaign's."""
    told = {"name": "Spring", "email": "a@b.example", "company_size": 40}
    assert fields_of_form("email_clicked", told) == {"email", "companysize"}


@pytest.mark.parametrize(
    ("name", "properties"),
    [
        ("page_viewed", {"name": "Home", "role": "buyer", "industry": "tools"}),
        ("form_submitted", {"email": "", "values": [{"name": "email"}, "x", {"value": "y"}]}),
        ("email_opened", {"name": "Spring", "email": " "}),
        ("contract_signed", {"name": "Standard contract"}),
    ],
)
def test_no_forms(name, properties):
    """A page, a form that was left empty and a contract tell nothing of who the lead is."""
    assert not fields_of_form(name, properties) - {"values"}
