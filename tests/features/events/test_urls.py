"""Contact data in addresses of pages: found, and taken out without the rest."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.events.personal_data import personal_place
from features.events.urls import without_contact, without_parameters

CLEANED = [
    ("https://x.example/a?email=ann%40example.com", "https://x.example/a?email=redacted"),
    (
        "https://x.example/a?utm=1&e=ann@example.com&b=2#top",
        "https://x.example/a?utm=1&e=redacted&b=2#top",
    ),
    ("?firstName=Ann&lastName=Lee&plan=team", "?firstName=redacted&lastName=redacted&plan=team"),
    ("/thanks?phone=030+1234567", "/thanks?phone=redacted"),
    ("/thanks?ann@example.com", "/thanks?redacted"),
    ("https://x.example/?q=+491701234567&a=2", "https://x.example/?q=redacted&a=2"),
    ("https://x.example/?q=+49+170+1234567", "https://x.example/?q=redacted"),
    ("/s?tel.:=call+%2B491701234567", "/s?tel.:=redacted"),
    ("/s?+491701234567=1&b=2", "/s?redacted=redacted&b=2"),
    ("/thanks?ann%40example.com=1&a=2", "/thanks?redacted=redacted&a=2"),
    ("/a?next=%2Fb%3Femail%3Dann%2540example.com", "/a?next=redacted"),
    ("/a?next=%2Fb%3Femail%3Dann%40example.com", "/a?next=redacted"),
    ("https://x.example/#email=ann@example.com", "https://x.example/#email=redacted"),
    ("#/form?mobile=0171%2F1234567", "#/form?mobile=redacted"),
    ("https://x.example/u/ann@example.com/edit", "https://x.example/u/redacted/edit"),
    ("https://ann:secret@x.example/a", "https://x.example/a"),
    ("//x.example/a?Email=a", "//x.example/a?Email=redacted"),
    ("app://form?work_email=a;b=1", "app://form?work_email=redacted;b=1"),
]
KEPT = [
    *("https://x.example/a?utm_source=mail&name=pricing", "/a?email=&b=1", "a?email=b", "email=b"),
    *("https://x.example/@ann/post?page=2", "/maps/@52.5200,13.4050?zoom=4", "https://[::1", ""),
    *("/a?order=0012345678", "/search?q=how+to+email", "/a#email", "plain text with ? and ="),
]


@pytest.mark.parametrize(("text", "cleaned"), CLEANED)
def test_cleaned(text, cleaned):
    """The parameter goes, or the part of the path, and the rest stays as it was."""
    found, places = without_contact({"page": {"urls": [text]}})
    assert found == {"page": {"urls": [cleaned]}}
    assert places == ([] if cleaned == text else [("page", "urls", "0")])
    assert without_contact(found) == (found, [])
    assert personal_place(found) is None


@pytest.mark.parametrize("text", KEPT)
def test_kept(text):
    """What is no address of a page, or says nothing of a person, stays."""
    assert without_contact({"url": text}) == ({"url": text}, [])


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_text(before, after):
    """Nothing fails, and what is cleaned once is clean."""
    text = f"https://x.example/{before}?{after}"
    once, _ = without_contact({"url": text})
    assert without_contact(once) == (once, [])


@pytest.mark.parametrize("part", ["x", "é", "?", "#", "/", "%41", "x.", "&", ";", "="])
def test_long_addresses_take_no_time(part):
    """An address of the largest size is read in a fraction of a second, whatever it repeats."""
    text = "/?a=b&" + part * (32_768 // len(part))
    started = time.process_time()
    without_contact({"url": text})
    without_parameters(text, lambda name: name == "email")
    assert time.process_time() - started < 0.5
