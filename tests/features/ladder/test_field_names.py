"""Names of fields: which spellings mean one field, and which do not."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from features.ladder.field_names import CONTACT_FIELDS, field_key, means_mail, plain

ONE_FIELD = {
    "email": (
        "Email",
        "E-Mail",
        "e_mail",
        "emailAddress",
        "work_email_2",
        "userEmail",
        "Your Email",
    ),
    "first_name": (
        "firstName",
        "FIRST_NAME",
        "first name",
        "First-Name",
        "fname",
        "contact.firstName",
    ),
    "last_name": ("lastName", "surname", "Family name"),
    "name": ("Name", "full_name", "fullName", "your-name", "customer name"),
    "phone": ("phoneNumber", "mobile", "Tel.", "work phone"),
    "company": ("companyName", "Company name", "organisation"),
    "company_size": (
        "company size",
        "companySize",
        "Company-Size",
        "numberOfEmployees",
        "employees",
    ),
    "role": ("Role", "jobTitle", "job_title"),
    "process_link": ("processLink", "Process link", "PROCESS-LINK"),
    "größe": ("GRÖSSE", "Grösse"),
}
OTHERS = (
    ("name", "username"),
    ("name", "page_name"),
    ("name", "company_name"),
    ("name", "first_name"),
    ("email", "email_subject"),
    ("company", "company_size"),
    ("role", "controller"),
    ("revenue_2025", "revenue_2026"),
    ("contact", "user"),
)


@pytest.mark.parametrize(
    ("name", "spelling"), [(name, each) for name, spelt in ONE_FIELD.items() for each in spelt]
)
def test_one_field(name, spelling):
    """Case, blanks, punctuation, whose it is and the usual other words do not matter."""
    assert field_key(spelling) == field_key(name) != ""


@pytest.mark.parametrize(("one", "other"), OTHERS)
def test_two_fields(one, other):
    """What only looks like it is another field."""
    assert field_key(one) != field_key(other)


def test_contact_fields_are_keys():
    """Each is what its own name is read as."""
    assert {field_key(key) for key in CONTACT_FIELDS} == CONTACT_FIELDS


@example("𝕊")
@given(st.text(max_size=300))
def test_any_name(name):
    """Any text has a key, which is its own key; what is no letter or digit does not matter."""
    key = field_key(name)
    assert field_key(key) == key
    assert field_key(f" {name}- ") == key
    assert plain(key) == key


@given(st.text(st.characters(categories=["L", "M", "N"]), max_size=20))
def test_accents_in_any_order(name):
    """What is left of a name is what is left of it where its accents are in their own order."""
    apart = unicodedata.normalize("NFKD", name.casefold()).casefold()
    assert plain(name) == "".join(filter(str.isalnum, apart))


@pytest.mark.parametrize("accents", ["\u0301\u0316", "\u0f71\u0f81", "\u0f73\u0f71"])
def test_many_accents_take_no_time(accents):
    """To put so many of one letter into their order would take seconds."""
    started = time.process_time()
    assert plain("E" + accents * 60_000 + "-Mail") == "email"
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("email", True),
        ("E-Mail", True),
        ("e_mail_2", True),
        ("emailAddress", True),
        ("mail", True),
        ("Work email", True),
        ("userEmail", True),
        ("billing_email", True),
        ("Ihre E-Mail", True),
        ("mailchimp_id", False),
        ("email_id", False),
        ("email_sha256", False),
        ("hashedEmail", False),
        ("md5_email", False),
        ("mailing_list", False),
        ("has_email_consent", False),
        ("phone", False),
        ("", False),
    ],
)
def test_means_mail(name, expected):
    """What a name ends in says what it is, but for what was made of an address."""
    assert means_mail(name) is expected
