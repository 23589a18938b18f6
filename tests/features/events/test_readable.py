"""Answers that are read by what they mean: judgements and consents."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.events.readable import (
    channels_closed_by,
    channels_of,
    fit_in,
    fit_of,
    granted_of,
    texts_of,
    unreadable,
)
from features.ladder.ladder import EventNames

NAMES = EventNames(consultation="call_ended")
FITS = {
    "yes": (True, 1, 1.0, "yes", "Yes", "true", "1", "good fit", "It's a great fit!", "qualified"),
    "no": (
        *(False, 0, 0.0, "no", " NO ", "false", "0", "0.0", "not a fit", "no fit", "not_a_fit"),
        *("Not a good fit.", "doesn't fit", "isn’t a match", "No - bad fit", "unqualified"),
    ),
    "unclear": (
        "unclear",
        "maybe",
        "Maybe a fit",
        "not sure",
        "not yet",
        "not sure if it fits",
        "not qualified yet",
        "not yet a fit",
    ),
    None: (
        *(
            None,
            "",
            "?",
            2,
            0.5,
            math.nan,
            10**400,
            "good",
            "not",
            "Ann will call",
            "yes, not a fit",
        ),
        *("not unfit", ["no"], {"fit": "no"}),
        *("not a bad fit", "Not a poor match", "never a bad fit", "isn't the wrong fit"),
    ),
}


@pytest.mark.parametrize(
    ("fit", "said"),
    [
        pytest.param(fit, one, id=f"{fit}-{type(one).__name__}-{str(one)[:30]}")
        for fit, said in FITS.items()
        for one in said
    ],
)
def test_fit(fit, said):
    """Words, truth values and 1 or 0 are understood; a contradiction or a guess is not."""
    assert fit_of(said) == fit


@pytest.mark.parametrize(
    ("said", "fit"),
    [
        ("1.0", "yes"),
        ("a clear fit", "yes"),
        ("Ann will see if they fit", None),
        ("yes, Ann called", None),
    ],
)
def test_every_word_of_a_judgement_is_understood(said, fit):
    """One word that nobody knows makes a text say nothing; "clear" is no doubt by itself."""
    assert fit_of(said) == fit


def test_a_channel_in_brackets_alone():
    """What stands in brackets counts where nothing stands outside of them."""
    assert channels_of("(email marketing)") == ("email",)


@pytest.mark.parametrize(
    ("name", "closed"),
    [
        ("email_unsubscribed", ("email",)),
        ("Marketing_Email_unsubscribed", ("email",)),
        ("newsletter_unsubscribed", ("email",)),
        ("mail_complained", ("email",)),
        ("email_and_sms_unsubscribed", ("email", "sms")),
        ("sms_unsubscribed", ("sms",)),
        ("whatsapp_unsubscribed", ("whatsapp",)),
        ("direct_mail_unsubscribed", ()),
        ("webinar_unsubscribed", ()),
        ("_unsubscribed", ()),
        ("unsubscribed", ()),
        ("email_unsubscribed_link_seen", ()),
        ("email_declined", ()),
    ],
)
def test_channels_that_an_event_closes_by_its_name(name, closed):
    """Those that Rung or the ladder's offers know; nobody leaves e-mail by leaving a webinar."""
    assert channels_closed_by(name, {"whatsapp"}) == closed


@given(st.text())
def test_any_text(text):
    """Any text means one of three things, or nothing; case and blanks around do not matter."""
    assert fit_of(text) in FITS
    assert fit_of(f" {text.upper()} ") == fit_of(text.upper())


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"fit": "no", "Fit": "yes"}, ("fit", "no")),
        ({"fit": "", "is_fit": True}, ("is_fit", True)),
        ({"outfit": "red"}, ("fit", None)),
    ],
)
def test_where_a_fit_stands(said, found):
    """In `fit`, else in another spelling of it."""
    assert fit_in(said) == found


@pytest.mark.parametrize(
    ("said", "granted"),
    [
        *((one, True) for one in (True, 2.0, "yes", "Granted", "opted in", "SUBSCRIBED", "1")),
        *((one, False) for one in (False, 0, -1, "no", "Unsubscribed", "opt-out", "refused")),
        *((one, None) for one in (None, "", "later", math.nan, {"a": 1}, ["yes"])),
    ],
)
def test_granted(said, granted):
    """A consent is given, refused, or says neither."""
    assert granted_of(said) is granted


@pytest.mark.parametrize(
    ("name", "properties", "place"),
    [
        ("call_ended", {"fit": "Ann will call"}, ("fit",)),
        ("call_ended", {"Is Fit": 3}, ("Is Fit",)),
        ("consent", {"channel": "email", "granted": "later"}, ("granted",)),
        ("consent", {"channel": {"mail": 1}, "granted": True}, ("channel",)),
        *(
            ("consent", {"channel": said, "granted": True}, ("channel",))
            for said in (
                "no emails",
                "all but email",
                "everything except phone",
                ["sms", "not email"],
            )
        ),
        ("consent", {"channel": ["email", "note"], "granted": True}, None),
        ("audit_done", {"gaps": {"costs": 3}}, ("gaps",)),
        ("audit_done", {"gaps": ["costs", {"weight": 3}]}, ("gaps", "1")),
        ("audit_done", {"gaps": ["costs", ["handovers"]]}, ("gaps", "1")),
        ("audit_done", {"gaps": True}, ("gaps",)),
        ("audit_done", {"gaps": 3}, ("gaps",)),
        *(
            ("audit_done", {"gaps": said}, None)
            for said in (None, "", [], "costs, handovers", ["costs", None], [{"name": "costs"}])
        ),
        ("call_ended", {"fit": "not a fit", "minutes": 15}, None),
        ("call_ended", {}, None),
        ("call_ended", {"fit": " "}, None),
        ("consent", {}, None),
        ("consultation_outcome", {"fit": "red"}, None),
        ("video_progress", {"watched_fraction": 82}, ("watched_fraction",)),
        ("video_progress", {"watched_fraction": "82"}, ("watched_fraction",)),
        ("anything", {"scroll_share": 1.01}, ("scroll_share",)),
        ("video_progress", {"watched_fraction": 1.0, "fractions": 82}, None),
        ("video_progress", {"watched_fraction": 1.0000001}, None),
        ("video_progress", {"watched_fraction": 1.00001}, ("watched_fraction",)),
        ("lead_claimed", {"by": "Ann"}, None),
        ("lead_claimed", {"by": "Ann", "until": "2026-12-01T09:00:00+01:00"}, None),
        ("lead_claimed", {"by": "Ann", "until": "2026-12-01"}, None),
        *(
            ("lead_claimed", said, ("by",))
            for said in ({}, {"by": 17}, {"by": " "}, {"owner": "Bob"}, {"by": "x" * 201})
        ),
        *(
            (name, {"by": "Ann", "until": said}, ("until",))
            for name in ("lead_claimed", "lead_snoozed")
            for said in ("in 3 days", 1796200000, "2026-12-29T10:00:00", "2300-01-01", ["x"])
        ),
        ("lead_snoozed", {}, ("until",)),
        ("lead_snoozed", {"until_back": False}, ("until",)),
        ("lead_snoozed", {"until_back": "yes"}, None),
        ("lead_snoozed", {"until": "2020-01-01T00:00:00Z"}, None),
        ("lead_released", {"until": "soon"}, None),
        ("offer_declined", {"offer": True}, ("offer",)),
        ("offer_extended", {"offer": [False, {}]}, ("offer",)),
        ("offer_declined", {"offer": {"price": 3}}, ("offer",)),
        ("offer_declined", {"offer": ["guide", {"id": "tips"}]}, None),
        ("offer_declined", {"offer": ""}, None),
        ("offer_seen", {}, None),
        ("page_viewed", {"offer": True}, None),
        ("video_progress", {"watched_fraction": None}, None),
        ("video_progress", {"watched_fraction": "most"}, None),
    ],
)
def test_what_is_unreadable(name, properties, place):
    """It is named with what would be right; what is absent, or of another event, is no answer."""
    found = unreadable(name, properties, NAMES)
    assert (found.place if found else None) == place
    if found:
        assert found.detail.startswith(f"{place[0]} is ")


@pytest.mark.parametrize(
    ("said", "texts"),
    [
        ("costs, handovers;stock", ("costs", "handovers", "stock")),
        (["a, b", " a, b "], ("a, b",)),
        ([{"label": "costs"}, {"gap": "stock"}, {"weight": 1}, 3], ("costs", "stock", "3")),
        ({"name": "costs"}, ("costs",)),
        pytest.param(10**5000, (), id="digits"),
        (None, ()),
    ],
)
def test_texts(said, texts):
    """Of a list each part is one, of one text what stands between commas or ";"."""
    assert texts_of(said) == texts
