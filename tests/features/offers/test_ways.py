"""What came back says that a way to a lead does not work, until something says that it does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.ladder.file import read_ladder
from features.offers.history import history_of
from features.offers.ways import email_in, phone_in

B2B = read_ladder("b2b")
OLD: dict[str, object] = {"name": "Ann", "email": "ann@x.example", "phone": "+44 1 234567"}
NEW: dict[str, object] = {"email": "ann@y.example"}
BOUNCED: tuple[str, dict[str, object]] = ("email_bounced", {})


def bounced(rows, as_of=99):
    return history_of(rows, B2B, as_of).bounced


def rows_of(*told):
    return [(name, at, at, dict(held)) for at, (name, held) in enumerate(told, 1)]


@pytest.mark.parametrize(
    ("then", "failed"),
    [
        ([BOUNCED], {"email"}),
        ([("newsletter_bounced", {})], {"email"}),
        ([("sms_bounced", {})], {"sms"}),
        ([("visit_bounced", {})], set()),
        ([("email_bounced", {"bounce_type": "Soft"})], set()),
        ([("email_bounced", {"bounceType": "Transient"})], set()),
        ([("email_bounced", {"type": "HardBounce"})], {"email"}),
        ([("email_bounced", {"email": "ann@y.example"})], set()),
        ([("email_bounced", {"email": "Ann@X.example"})], {"email"}),
        ([BOUNCED, ("identify", OLD)], {"email"}),
        ([BOUNCED, ("identify", {**OLD, "email": "ANN@x.example"})], {"email"}),
        ([BOUNCED, ("identify", {"name": "Ann B"})], {"email"}),
        ([BOUNCED, ("identify", NEW)], set()),
        ([BOUNCED, ("identify", NEW), ("email_bounced", {"email": "ann@x.example"})], set()),
        ([BOUNCED, ("identify", NEW), BOUNCED], {"email"}),
        ([BOUNCED, ("email_opened", {})], set()),
        ([BOUNCED, ("consent", {"channel": "E-Mail", "granted": True})], set()),
        ([BOUNCED, ("consent", {"channel": "phone", "granted": True})], {"email"}),
    ],
)
def test_what_came_back(then, failed):
    """A bounce counts for the address it was sent to, until that address or another works."""
    assert bounced(rows_of(("identify", OLD), *then)) == failed


def test_an_address_that_is_told_later():
    """A bounce before an address was known is one of the address that is told first."""
    rows = rows_of(BOUNCED, ("identify", OLD))
    assert bounced(rows) == {"email"}
    assert bounced([*rows, ("identify", 9, 9, NEW)]) == set()


def test_by_what_was_known():
    """News of a bounce that came later says nothing yet, and clocks decide the order."""
    rows = [("email_bounced", 2, 50, {}), ("identify", 1, 1, OLD)]
    assert bounced(rows, 49) == set()
    assert bounced(rows, 50) == {"email"}


ADDRESSES = st.sampled_from([{}, {"email": "a@x.example"}, {"email": "b@x.example"}])
TOLD = st.tuples(st.just("identify"), ADDRESSES)
CAME_BACK = st.tuples(st.sampled_from(["email_bounced", "sms_bounced"]), ADDRESSES)
SOFT = st.tuples(st.just("email_bounced"), st.just({"type": "soft"}))
ARRIVED = st.tuples(
    st.sampled_from(["email_opened", "sms_delivered", "visit_opened"]),
    st.just(dict[str, object]()),
)
CONSENT = st.tuples(
    st.just("consent"),
    st.fixed_dictionaries({"channel": st.sampled_from(["email", "sms"]), "granted": st.booleans()}),
)
PASTS = st.lists(st.one_of(TOLD, CAME_BACK, CAME_BACK, SOFT, ARRIVED, CONSENT), max_size=8)


def is_bounced(past, channel):
    """One channel by itself: its last bounce that was of their address, and what came after."""
    address = [email_in(held) if name == "identify" else "" for name, held in past]
    address = address if channel == "email" else [""] * len(past)
    last, of = None, ""
    for at, (name, held) in enumerate(past):
        if name != f"{channel}_bounced" or held.get("type") == "soft":
            continue
        known = next((one for one in reversed(address[:at]) if one), "")
        own = (email_in(held) if channel == "email" else "") or known
        if own == known or not known:
            last, of = at, own
    if last is None:
        return False
    of = of or next((one for one in address[last:] if one), "")
    after = past[last + 1 :]
    has_another = any(one and one != of for one in address[last:])
    has_arrived = any(name in (f"{channel}_opened", f"{channel}_delivered") for name, _ in after)
    says_yes = any(
        name == "consent" and held["granted"] and held["channel"] == channel for name, held in after
    )
    return not (has_another or has_arrived or says_yes)


@given(PASTS)
def test_beside_each_channel_by_itself(past):
    """Whatever happened, in whatever order, a channel has bounced as a plain reading says."""
    expected = {channel for channel in ("email", "sms") if is_bounced(past, channel)}
    assert bounced(rows_of(*past)) == expected


def test_addresses():
    """The first key that holds one; what is no address is none."""
    assert email_in({"email": "n/a", "email_address": " ann@x.example "}) == "ann@x.example"
    assert email_in({"email": ["ann@x.example"], "phone": "ann@x.example"}) == ""
    assert phone_in({"phone": "none", "mobile": "+44 (0)1 234567"}) == "+44 (0)1 234567"
