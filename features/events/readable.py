"""What an answer means that a person or a tool wrote: a judgement, a consent, a list of names.

Whoever acts on such an answer reads it here, and so does whoever takes events in: what means
nothing is refused there by its name, instead of being passed over later.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import isnan
from typing import Final

from features.clock import instant_if_any
from features.events.personal_data import PropertyPath
from features.events.properties import as_number, as_text
from features.ladder.action import CLAIMED, SNOOZED
from features.ladder.field_names import channel_key, field_key, plain
from features.ladder.ladder import EventNames
from features.ladder.words import OFFER, REFUSALS

__all__ = [
    "SHARE_ENDINGS",
    "WITHDRAWN",
    "Unreadable",
    "channels_closed_by",
    "channels_named_in",
    "channels_of",
    "fit_in",
    "fit_of",
    "granted_of",
    "is_answer",
    "is_judged",
    "offers_of",
    "owner_of",
    "text_of",
    "texts_of",
    "unreadable",
    "until_of",
]

_Properties = Mapping[str, object]

_FIT_NAMES: Final = frozenset({"fit", "isfit", "goodfit"})
_WORDS: Final = re.compile(r"[^\W_]+")
_UNSURE_AFTER_NOT: Final = frozenset({"sure", "clear", "certain", "known", "decided", "yet"})
_UNSURE: Final = frozenset(
    {
        *("unclear", "maybe", "perhaps", "possibly", "possible", "unsure", "unknown", "uncertain"),
        *("undecided", "tbd", "pending", "partial", "partly", "partially"),
    }
)
_FITS: Final = frozenset({"fit", "fits", "match", "matches", "suitable", "qualified", "qualifies"})
_UNFIT: Final = frozenset({"unfit", "misfit", "mismatch", "unqualified", "disqualified"})
_YES: Final = frozenset({"yes", "y", "true", "1"})
_NO: Final = frozenset({"no", "n", "false", "0"})
_NEGATES: Final = frozenset({"not", "isnt", "doesnt", "never"})
_BAD: Final = frozenset({"bad", "poor", "wrong"})
_NOT: Final = _NEGATES | _BAD
_FILLERS: Final = frozenset(
    {
        *("a", "an", "the", "it", "is", "its", "this", "they", "we", "are", "be", "does", "do"),
        *("to", "for", "us", "them", "if", "very", "really", "seems", "looks", "like", "at", "all"),
        *("good", "great", "strong", "perfect", "right", "excellent", "clear", "clearly"),
        *("definitely", "probably", "likely", "lead", "customer", "company"),
    }
)
_ALL_WORDS: Final = _UNSURE | _UNSURE_AFTER_NOT | _FITS | _UNFIT | _YES | _NO | _NOT | _FILLERS

_WHOLE: Final = 1.0 + 1e-6
"""A share may be above one by so much as it was rounded."""
SHARE_ENDINGS: Final = ("fraction", "_share")
"""A property whose name ends so holds a share of one."""
_LABELS: Final = ("name", "title", "topic", "label", "gap", "channel", "id")
_OFFER_LABELS: Final = ("id", "offer", *_LABELS)
_BETWEEN: Final = re.compile(r"[;,|\n]")
_BETWEEN_CHANNELS: Final = re.compile(r"[/&+]|\b(?:and|or|und|oder)\b")
_ASIDE: Final = re.compile(r"\([^()]*\)")
_ALL_CHANNELS: Final = frozenset(
    {"*", "all", "any", "every", "everything", "allchannels", "anychannel", "everychannel", "alle"}
)
_CHANNELS: Final = frozenset({"email", "phone", "sms"})
"""Channels that are meant by a longer name with them in it, such as "email marketing"."""
_NOT_BY_ITSELF: Final = frozenset({"mail", "mails", "mobile", "cell", "call", "calls", "text"})
"""Words that may mean something else in a longer name: "direct mail" is a letter."""
_NOT_A_CHANNEL: Final = _NEGATES | {
    "no",
    "non",
    "none",
    "but",
    "except",
    "without",
    "kein",
    "keine",
}
"""Words with which a name may mean the channels that it does not name."""
_LONGEST_NAME: Final = 200
_NAMES: Final = (
    'is a list such as ["costs", "handovers"] or [{"name": "costs"}], or one text with commas'
    " between the names"
)

_GRANTS: Final = frozenset(
    {
        *("yes", "y", "granted", "grant", "on", "optin", "optedin", "subscribed", "agreed"),
        *("accepted", "allowed", "given"),
    }
)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Where in the properties stands what means nothing to us, and what would be right."""

    place: PropertyPath
    detail: str


def is_answer(key: str) -> bool:
    """Whether a property of this name may hold an answer that is read by its meaning."""
    is_named = key in ("granted", "channel", "gaps") or key.endswith(SHARE_ENDINGS)
    return is_named or field_key(key) in _FIT_NAMES


def is_judged(name: str, names: EventNames) -> bool:
    """Whether events of this name have answers of their own, beside those that any may have."""
    return name in (CLAIMED, SNOOZED, names.consultation, names.consent, *_about_offers(names))


def _about_offers(names: EventNames) -> tuple[str, ...]:
    return names.offer_extended, names.offer_seen, names.offer_declined


def unreadable(name: str, properties: _Properties, names: EventNames) -> Unreadable | None:
    """The first answer in an event that cannot be understood; None where all can."""
    if wrong := _unreadable_there(name, properties, names):
        return wrong
    if place := _no_names("gaps", properties):
        return Unreadable(place, f"gaps {_NAMES}")
    return _percent(properties)


def _unreadable_there(name: str, properties: _Properties, names: EventNames) -> Unreadable | None:
    """The first of the answers that only events of this name have."""
    if name == names.consultation:
        return _unreadable_fit(properties)
    if name == names.consent:
        return _unreadable_consent(properties)
    if name in (CLAIMED, SNOOZED):
        return _unreadable_hand(name, properties)
    if name in _about_offers(names):
        value = properties.get(OFFER)
        is_wrong = not (_is_absent(value) or offers_of(properties))
        return Unreadable((OFFER,), f"{OFFER} is the id of an offer") if is_wrong else None
    return None


def _unreadable_fit(properties: _Properties) -> Unreadable | None:
    key, value = fit_in(properties)
    if _is_absent(value) or fit_of(value) is not None:
        return None
    right = 'is "yes", "no" or "unclear" (or true, false, or words such as "not a fit")'
    return Unreadable((key,), f"{key} {right}")


def _unreadable_consent(properties: _Properties) -> Unreadable | None:
    value = properties.get("granted")
    if not _is_absent(value) and granted_of(value) is None:
        right = 'is true or false (or "yes", "no", "granted", "refused")'
        return Unreadable(("granted",), f"granted {right}")
    channel = properties.get("channel")
    if place := _no_names("channel", properties):
        return Unreadable(place, f"channel {_NAMES}")
    if any(map(_names_others, texts_of(channel))):
        return Unreadable(("channel",), "channel is the name of each, and granted says yes or no")
    return None


def _unreadable_hand(name: str, properties: _Properties) -> Unreadable | None:
    """What is wrong with who claims a lead, or with until when."""
    if name == CLAIMED and owner_of(properties) is None:
        right = f"is who works with the lead, a text of up to {_LONGEST_NAME} characters"
        return Unreadable(("by",), f"by {right}")
    if not _is_absent(properties.get("until")):
        if until_of(properties) is None:
            return Unreadable(("until",), "until is a time such as 2026-03-01T12:00:00Z")
    elif name == SNOOZED and granted_of(properties.get("until_back")) is not True:
        right = "is a time such as 2026-03-01T12:00:00Z; or until_back is true"
        return Unreadable(("until",), f"until {right}")
    return None


def _percent(properties: _Properties) -> Unreadable | None:
    """A share that is above one."""
    for key, value in properties.items():
        if key.endswith(SHARE_ENDINGS) and (told := _percent_in(value)) is not None:
            right = f"{told:g} looks like percent, write {told / 100.0:g}"
            return Unreadable((key,), f"{key} is a share from 0 to 1; {right}")
    return None


def _percent_in(value: object) -> float | None:
    """The number that a share's value says where it is above 1; None for what may be a share."""
    number = as_number(value) if isinstance(value, int | float | str) else None
    return number if number is not None and number > _WHOLE else None


def _no_names(key: str, properties: _Properties) -> PropertyPath | None:
    """Where in a list of names stands what is none."""
    value = properties.get(key)
    if _is_absent(value) or isinstance(value, str):
        return None
    if not isinstance(value, list | tuple):
        return None if isinstance(value, dict) and texts_of(value) else (key,)
    for at, one in enumerate(value):
        if not _is_absent(one) and (isinstance(one, bool) or not texts_of([one])):
            return (key, str(at))
    return None


def _is_absent(value: object) -> bool:
    if isinstance(value, float):
        return isnan(value)
    return not value.strip() if isinstance(value, str) else value is None


# ---------------------------------------------------------------------------------------- Judgement


def fit_in(properties: _Properties) -> tuple[str, object]:
    """The property that holds a consultation's judgement, in any spelling, and its value."""
    if not _is_absent(properties.get("fit")):
        return "fit", properties["fit"]
    for name in sorted(properties):
        if field_key(name) in _FIT_NAMES and not _is_absent(properties[name]):
            return name, properties[name]
    return "fit", None


def fit_of(value: object) -> str | None:
    """What a consultation found: "yes", "no" or "unclear"; None for what says none of them.

    True and 1 are a fit, false and 0 are none. Of a text every word has to be understood: "not a
    fit" is no, "maybe" is unclear, and "Ann will call" says nothing.
    """
    if isinstance(value, str):
        return _fit_of_words(value)
    number = as_number(value) if isinstance(value, int | float) else None
    return {1.0: "yes", 0.0: "no"}.get(number) if number is not None else None


def _fit_of_words(text: str) -> str | None:
    folded = text.casefold().replace("'", "").replace("’", "")
    if folded.strip() in ("1.0", "0.0"):
        folded = folded.strip()[0]
    words = _WORDS.findall(folded)
    said = set(words)
    if not said or not said <= _ALL_WORDS:
        return None
    doubts = any(one == "not" and after in _UNSURE_AFTER_NOT for one, after in pairwise(words))
    if said & _UNSURE or doubts or {"not", "yet"} <= said:
        return "unclear"
    if sum(word in _NEGATES for word in words) + bool(said & _BAD) > 1:
        return None  # "not a bad fit" may mean anything
    return _judged(said)


def _judged(said: set[str]) -> str | None:
    """What words say together, none of which is a doubt."""
    against = bool(said & _NOT)
    if said & _YES:
        return None if against or said & (_NO | _UNFIT) else "yes"
    if said & _UNFIT:
        return None if against else "no"  # "not unfit" may mean anything
    if said & _NO or (against and said & _FITS):
        return "no"
    return "yes" if said & _FITS else None


# ------------------------------------------------------------------------------------------ Consent


def granted_of(value: object) -> bool | None:
    """Whether a value opens a channel or closes it; None for what says neither."""
    if isinstance(value, bool):
        return value
    number = as_number(value)
    if number is not None:
        return None if isnan(number) else number > 0
    word = plain(value) if isinstance(value, str) else ""
    return True if word in _GRANTS else False if word in REFUSALS else None


def channels_of(value: object) -> tuple[str, ...]:
    """The channels that a consent is about, as `channel_key` has them; () for all there are.

    One text may name several: "email and phone". "Email (news)" and "email marketing" are email.
    """
    keys = [key for text in texts_of(value) for key in _channels_in(text)]
    return () if _ALL_CHANNELS & set(keys) else tuple(dict.fromkeys(keys))


_BY_MAIL: Final = channel_key("newsletter")
WITHDRAWN: Final = ("_unsubscribed", "_complained")
"""A name that ends so says that a channel is closed, where it begins with one."""


def channels_closed_by(name: str, channels: Collection[str]) -> tuple[str, ...]:
    """The channels that an event closes by its name alone: `email_unsubscribed` that of e-mail.

    A newsletter goes by e-mail. What somebody else is unsubscribed from, such as a webinar, closes
    none; `channels` are those that the ladder's offers name, as `channel_key` has them.
    """
    return channels_named_in(name, channels) if name.endswith(WITHDRAWN) else ()


def channels_named_in(name: str, channels: Collection[str] = ()) -> tuple[str, ...]:
    """The channels that a name of an event begins with: `email_bounced` is about e-mail.

    Parameters
    ----------
    channels : as in `channels_closed_by`.
    """
    keys = _channels_in(name.rpartition("_")[0].replace("_", " "))
    meant = ("email" if key == _BY_MAIL else key for key in keys)
    return tuple(dict.fromkeys(key for key in meant if key in _CHANNELS or key in channels))


def _names_others(text: str) -> bool:
    """Whether a text may mean the channels that it does not name: "all but email"."""
    return not _NOT_A_CHANNEL.isdisjoint(_WORDS.findall(text.casefold()))


def _channels_in(text: str) -> list[str]:
    if _names_others(text):  # it is refused where events come in; one from before says nothing
        return [channel_key(text)]
    bare = _ASIDE.sub(" ", text.casefold()).strip() or text
    found: list[str] = []
    for part in filter(str.strip, _BETWEEN_CHANNELS.split(bare)):
        words = [word for word in _WORDS.findall(part) if word not in _NOT_BY_ITSELF]
        meant = [key for key in map(channel_key, words) if key in _CHANNELS]
        found += meant if channel_key(part) not in _CHANNELS and meant else [channel_key(part)]
    return found or [channel_key(text)]


# -------------------------------------------------------------------------------------------- Hands


def owner_of(properties: _Properties) -> str | None:
    """Who claims a lead; None where nobody is named."""
    owner = properties.get("by")
    name = owner.strip() if isinstance(owner, str) else ""
    return name if 0 < len(name) <= _LONGEST_NAME else None


def until_of(properties: _Properties) -> int | None:
    """Until when, in microseconds since the epoch; None where no such instant is said."""
    return instant_if_any(properties.get("until"))


# -------------------------------------------------------------------------------------------- Names


def offers_of(properties: _Properties) -> tuple[str, ...]:
    """The offers that an event names: one, a list, or an object with its id."""
    value = properties.get(OFFER)
    if isinstance(value, str):
        return (value.strip(),) if value.strip() else ()
    parts = value if isinstance(value, list | tuple) else (value,)
    named = (_named(part, _OFFER_LABELS) for part in parts if not isinstance(part, bool))
    return tuple(dict.fromkeys(text for one in named if (text := text_of(one))))


def text_of(value: object) -> str:
    """The text or number that a value says; "" where it says neither."""
    if isinstance(value, str):
        return value.strip()
    if not isinstance(value, int | float):
        return ""
    try:
        return as_text(value) or ""
    except ValueError:  # more digits than can be written down
        return ""


def texts_of(value: object) -> tuple[str, ...]:
    """The texts of a list, or of one text with commas or ";" between them, each once, in order.

    What is listed may be an object with a name: [{"name": "costs", "score": 2}].
    """
    if isinstance(value, str):
        value = _BETWEEN.split(value)
    parts = value if isinstance(value, list | tuple) else (value,)
    return tuple(dict.fromkeys(text for part in parts if (text := text_of(_named(part)))))


def _named(part: object, labels: tuple[str, ...] = _LABELS) -> object:
    """A part of a list, or its name where it is an object."""
    if not isinstance(part, dict):
        return part
    return next((part[label] for label in labels if isinstance(part.get(label), str)), None)
