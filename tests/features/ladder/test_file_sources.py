"""The [[source]] tables of a ladder file: read, refused, and no part of the ladder's identity."""

import re

import pytest

from features.errors import LadderError
from features.ladder.file import parse_ladder, read_ladder
from features.ladder.source import Source

SMALL = """
[ladder]
name = "small"
[[step]]
id = "watch"
title = "Watch"
horizon_days = 7
complete_when = [{event = "watched"}]
[[step]]
id = "talk"
title = "Talk"
horizon_days = 7
band = [0.4, 0.6]
complete_when = [{event = "talked"}]
[purchase]
horizon_days = 60
complete_when = [{event = "bought"}]
"""
FORMS = """
[[source]]
name = "forms"
signature = "hmac-sha256-base64"
secret = "env:FORMS_SECRET"
header = "X-Forms-Signature"
prefix = "sha256="
items = "data.events"
subject = "user.id"
anonymous = "user.cookies[0]"
event = "form_touched"
event_at = "kind"
names = {"form.sent" = "form_submitted"}
time = "at"
time_unit = "ms"
message_id = "id"
properties = {form = "form.slug"}
"""


def mistakes(text):
    with pytest.raises(LadderError) as caught:
        parse_ladder(SMALL + text)
    return [str(mistake) for mistake in caught.value.mistakes]


def test_every_key():
    """Every key is read."""
    (source,) = parse_ladder(SMALL + FORMS).sources
    assert source == Source(
        name="forms",
        signature="hmac-sha256-base64",
        secret="env:FORMS_SECRET",  # noqa: S106 a name
        header="X-Forms-Signature",
        prefix="sha256=",
        items="data.events",
        lead_id="user.id",
        anonymous="user.cookies[0]",
        event="form_touched",
        event_at="kind",
        names=(("form.sent", "form_submitted"),),
        time="at",
        time_unit="ms",
        message_id="id",
        properties=(("form", "form.slug"),),
    )


def test_fewest_keys():
    """A source that is not signed needs a name, the lead's id and the event's name."""
    text = '[[source]]\nname = "open"\nsignature = "none"\nanonymous = "id"\nevent_at = "type"'
    assert parse_ladder(SMALL + text).sources == (
        Source("open", "none", anonymous="id", event_at="type"),
    )


def test_identity():
    """A source changes neither the fingerprint of a ladder nor what it equals."""
    without, with_source = parse_ladder(SMALL), parse_ladder(SMALL + FORMS)
    assert without.fingerprint == with_source.fingerprint
    assert without == with_source
    assert with_source.sources
    assert not without.sources


def test_the_reference_is_a_source():
    """The example in the shipped ladder reads as a source that has every key."""
    source = read_ladder("b2b").source
    (example,) = re.findall(r"^# (\[\[source\]\]\n(?:# \w+ = .*\n)+)", source, re.MULTILINE)
    (found,) = parse_ladder(SMALL + example.replace("\n# ", "\n")).sources
    given = dict(re.findall(r"^(?:# )?(\w+) = (.*?)(?:\s+#.*)?$", example, re.MULTILINE))
    assert set(given) == {"subject", *Source.__slots__} - {"lead_id"}  # the file's word for it
    assert found.properties == (("form", "form.slug"), ("seconds", "metrics.seconds"))


def test_mistakes_of_a_signed_source():
    """All mistakes are reported, each at its path."""
    assert mistakes(
        """
        [[source]]
        name = "rung-forms"
        signature = "hmac-sha256-hex"
        secret = "plain"
        items = "a..b"
        names = {a = "b", c = 1}
        properties = {form = "", seconds = "x["}
        time_unit = "days"
        colour = "red"
        """
    ) == [
        "source[0].subject: is missing (where the id of the lead stands, as user.id)",
        "source[0].event: is missing (the name of the events, or event_at: where it stands)",
        "source[0].header: is missing (signature 'hmac-sha256-hex' needs one)",
        "source[0].name: cannot be 'rung-forms' (names that begin with rung are Rung's own)",
        "source[0].secret: must name a variable of the environment (as env:FORMS_SECRET)",
        "source[0].items: 'a..b' is no path (as data.items[0].id)",
        "source[0].names: is not read without event_at (where the kind of event stands)",
        "source[0].names.c: must be a text",
        "source[0].properties.form: '' is no path (as data.items[0].id)",
        "source[0].properties.seconds: 'x[' is no path (as data.items[0].id)",
        "source[0].time_unit: cannot be 'days' (one of rfc3339, s, ms)",
        "source[0].colour: is not a key",
    ]


def test_mistakes_between_sources():
    """Names are unique, what is not signed has no secret, and nobody sends what Rung writes."""
    assert mistakes(
        """
        [[source]]
        name = "a"
        signature = "none"
        secret = "env:A"
        header = "X"
        subject = "id"
        event = "rung_decision"
        [[source]]
        name = "a"
        signature = "sha1"
        subject = "id"
        event_at = "kind"
        names = {b = "rung_outcome"}
        """
    ) == [
        "source[0].secret: is not read where signature is 'none' (leave it out)",
        "source[0].header: is not read where signature is 'none' (leave it out)",
        "source[0].event: cannot be 'rung_decision' (Rung itself writes that event)",
        "source[1].name: 'a' is already the name of source[0]",
        "source[1].signature: cannot be 'sha1' (one of hmac-sha256-hex, hmac-sha256-base64, none)",
        "source[1].names.b: cannot be 'rung_outcome' (Rung itself writes that event)",
    ]
