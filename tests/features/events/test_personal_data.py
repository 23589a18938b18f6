"""Personal data: what names and texts mean it, and which events may not hold it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.events.personal_data import (
    contact_rule,
    means_contact,
    personal_place,
    tells_contact,
)
from features.ladder.file import parse_ladder, read_ladder

PERSONAL_NAMES = [
    *("email", "E-Mail", "e_mail", "EMAIL", "userEmail", "useremail", "work_email_2"),
    *("emailAddress", "reply_to_email", "phone", "Phone Number", "phoneNumber", "mobile"),
    *("customer_phone_number", "tel", "firstName", "FIRST_NAME", "first name", "last-name"),
    *("Full Name", "contact_name", "billing_address_line_1", "address", "street", "birthday"),
    *("dateOfBirth", "dob"),
]
OTHER_NAMES = [
    *("name", "page_name", "company_name", "email_subject", "email_id", "mobile_app"),
    *("addressable", "video", "to", "my", "customer", "category", "telemetry", "hotel", "", "12"),
]
PERSONAL_TEXTS = [
    *("ann@example.com", "mail me at ann.b+c@mail.example.co.uk please", "ann@exämple.de"),
    *("https://example.com/?email=ann%40example.com", "+4930123456", "+49 30 1234567"),
    *("+1 (555) 123-4567", "(555) 123-4567", "555-123-4567", "555.123.4567", "030 1234567"),
    *("0171/1234567", "call 0171 123 45 67!", "01 23 45 67 89", "020 7946 0958"),
    *("0049 30 1234567", "tel:+4930123456", "?phone=%2B49+30+1234567"),
]
OTHER_TEXTS = [
    *("bottleneck framework", "2026-03-01T12:00:00Z", "2026-03-01T12:00:00.123456+00:00"),
    *("01.03.2026 12:00", "01/03/2026", "2026-03-01 - 2026-04-01", "09:30-10:45"),
    *("550e8400-e29b-41d4-a716-446655440000", "1772366400000", "order 0012345678"),
    *("logo@2x.png", "@handle", "a@b", "https://example.com/@ann.b/post", "192.168.100.200"),
    *("/maps/@52.5200,13.4050", "v1.2.3", "ISBN 978-3-16-148410-0", "0.8471234567", ""),
]


@pytest.mark.parametrize("name", PERSONAL_NAMES)
def test_personal_names(name):
    """Names of contact data are known in snake, camel and spaced spelling, with what they go by."""
    assert means_contact(name)
    assert personal_place({name: "x"}) == (name,)


@pytest.mark.parametrize("name", OTHER_NAMES)
def test_other_names(name):
    """Names that only look like it are fine."""
    assert not means_contact(name)
    assert personal_place({name: "x"}) is None


@pytest.mark.parametrize("text", PERSONAL_TEXTS)
def test_personal_texts(text):
    """An e-mail address or a phone number is found anywhere in a text."""
    assert tells_contact(text)
    assert personal_place({"note": text}) == ("note",)


@pytest.mark.parametrize("text", OTHER_TEXTS)
def test_other_texts(text):
    """Times, ids, versions and pictures are neither."""
    assert not tells_contact(text)
    assert personal_place({"note": text}) is None


@pytest.mark.parametrize("value", [None, "", 0, True, False, [], {}])
def test_nothing_is_not_personal(value):
    """A personal name without a value, or with a truth value, says nothing of a person."""
    assert personal_place({"email": value, "mobile": value}) is None


def test_any_depth():
    """The place names every member on the way."""
    inside = {"form": {"fields": [1, {"kind": "x", "Email": "a"}]}}
    assert personal_place(inside) == ("form", "fields", "1", "Email")
    assert personal_place({"a": [["b", "ann@example.com"]]}) == ("a", "0", "1")


@pytest.mark.parametrize("name", ["ann@example.com", "+49 30 1234567"])
def test_name_that_is_personal(name):
    """A name that is itself an address is personal, and is not repeated."""
    assert personal_place({"note": {name: 1}}) == ("note", "…")


def test_first_step_events():
    """The events of the first step, but for those that a later step is about as well."""
    assert contact_rule(read_ladder("b2b")).first_step == {
        *("video_progress", "content_read", "page_viewed", "email_opened"),
    }


def test_traits_are_no_event_of_a_step():
    """A first step that counts traits as engagement keeps nobody from saying who they are."""
    source = read_ladder("b2b").source
    named = '["page_viewed", "email_opened", "email_clicked"]'
    assert named in source
    ladder = parse_ladder(source.replace(named, '["page_viewed", "identify"]'), "traits")
    assert contact_rule(ladder).first_step == {"video_progress", "content_read", "page_viewed"}


@given(st.text(max_size=12), st.text(max_size=12))
def test_address_in_any_text(before, after):
    """Whatever surrounds it with blanks, an address is found."""
    assert tells_contact(f"{before} ann@example.com {after}".replace("%", ""))


@given(st.recursive(st.text(max_size=5), lambda inner: st.lists(inner, max_size=3), max_leaves=9))
def test_only_texts_of_the_value_count(value):
    """Without an @, and without enough digits, nothing is personal, however it nests."""
    harmless = {"note": value}
    if not any(mark in str(value) for mark in "@%0123456789"):
        assert personal_place(harmless) is None


@pytest.mark.parametrize(
    "part", ["a", "@", "a@", "a@a.", "a.", "1", "1 ", "+1", "01 ", "0 (0) ", "%40", "(555) 12 "]
)
def test_long_texts_take_no_time(part):
    """A text of the largest size is read in a fraction of a second, whatever it repeats."""
    text = "a@" + part * (32_768 // len(part))
    started = time.thread_time()
    tells_contact(text)
    means_contact(text)
    assert time.thread_time() - started < 0.5
