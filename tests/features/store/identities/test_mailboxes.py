"""Which spellings are one mailbox, and which mailboxes say nothing of who somebody is."""

from __future__ import annotations

import pytest

from features.store.identities.mailboxes import is_shared, mailbox, own_mailbox


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ann@acme.com", "ann@acme.com"),
        ("  Ann.B@ACME.Com ", "ann.b@acme.com"),
        ("Ann B <Ann@acme.com>", "ann@acme.com"),
        ("mailto:ann@acme.com", "ann@acme.com"),
        ("ann+news@acme.com", "ann+news@acme.com"),
        ("ａnn@acme.com", "ann@acme.com"),
        ("bjørn@føø.no", "bjørn@føø.no"),
        ("Jan.STRAßE@acme.de", "jan.straße@acme.de"),
        ("jan.strasse@acme.de", "jan.strasse@acme.de"),
        ("ann", None),
        ("ann@acme", None),
        ("@acme.com", None),
        ("ann@@acme.com", None),
        ("ann@acme..com", None),
        ("ann@acme.com, bob@acme.com", None),
        ("a" * 250 + "@acme.com", None),
        ("", None),
    ],
)
def test_mailbox(text, address):
    """One spelling for each; what names none, or several, is none."""
    assert mailbox(text) == address


@pytest.mark.parametrize(
    "address",
    [
        *("info@acme.com", "sales@acme.com", "no-reply@acme.com", "no_reply@acme.com"),
        *("hello+web@acme.com", "kontakt@acme.de", "null@acme.com", "undefined@acme.com"),
        *("test@test.com", "front@acme.com", "all@acme.com", "desk@acme.com"),
    ],
)
def test_shared(address):
    """Doors that anyone knocks at, what programs write, and what the ladder adds."""
    assert is_shared(address, {"front", "desk@acme.com"})


@pytest.mark.parametrize(
    "address", ["ann@acme.com", "info.ann@acme.com", "sally@acme.com", "desk@other.com"]
)
def test_not_shared(address):
    """People's own, though a word of theirs may be one of those."""
    assert not is_shared(address, {"front", "desk@acme.com"})


@pytest.mark.parametrize(
    ("text", "address"),
    [(" Ann@acme.com", "ann@acme.com"), ("info@acme.com", None), ("front@acme.com", None),
     ("undefined", None)],
)  # fmt: skip
def test_own_mailbox(text, address):
    """The one that says who somebody is: an address, and of one person."""
    assert own_mailbox(text, {"front"}) == address
