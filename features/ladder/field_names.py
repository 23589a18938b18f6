"""What a field, a channel or a topic is called: one rule for every spelling of its name.

`Email`, "e-mail" and `emailAddress` are one field, as are `company_size` and "Company size". What
must know whether two names mean the same asks here.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

__all__ = [
    "CONTACT_FIELDS",
    "PEOPLE",
    "channel_key",
    "field_key",
    "means_mail",
    "plain",
    "taken_apart",
    "topic_key",
]

PEOPLE: Final = (
    *("user", "lead", "customer", "contact", "person", "personal", "visitor", "client"),
    *("prospect", "buyer", "recipient", "subscriber", "attendee", "sender", "your", "my"),
)
"""Whose a field is, before what it is: `customer_email`, "Your name"."""
_WHICH: Final = ("work", "business", "company", "corporate", "private", "primary", "home", "office")
"""Which of several: whoever gave one address is not asked for another."""

_SPELLINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "email": ("emails", "emailaddress", "emailaddresses", "mail", "mailaddress"),
    "phone": (
        *("phones", "phonenumber", "phonenumbers", "phoneno", "tel", "telno", "telephone"),
        *("telephonenumber", "mobile", "mobilenumber", "mobilephone", "mobilephonenumber"),
        *("cell", "cellnumber", "cellphone", "cellphonenumber"),
    ),
    "firstname": ("fname", "givenname", "forename"),
    "lastname": ("lname", "surname", "familyname"),
    "name": ("fullname",),
    "company": ("companyname", "organization", "organisation", "organizationname", "employer"),
    "companysize": (
        *("employees", "employeecount", "numberofemployees", "numemployees", "noofemployees"),
        *("companyemployees", "companyemployeecount", "headcount", "companyheadcount"),
    ),
    "role": ("jobtitle", "jobrole"),
}
_KEYS: Final = {spelling: key for key, others in _SPELLINGS.items() for spelling in (key, *others)}
_CHANNELS: Final[Mapping[str, tuple[str, ...]]] = {
    "email": _SPELLINGS["email"],
    "phone": (*_SPELLINGS["phone"], "call", "calls", "phonecall", "phonecalls"),
    "sms": ("text", "texts", "textmessage", "textmessages", "shortmessage"),
}
_CHANNEL_KEYS: Final = {one: key for key, others in _CHANNELS.items() for one in others}
_OF_SEVERAL: Final = frozenset({"email", "phone"})
CONTACT_FIELDS: Final = frozenset({"email", "phone", "firstname", "lastname"})
"""The keys that can mean nothing but whom one talks to; a `name` may be that of a page."""
_MAIL: Final = ("email", *_SPELLINGS["email"])
_HASHED: Final = ("hash", "sha1", "sha256", "md5")
_NOT_A_NAME: Final = "username"
"""With it somebody signs in."""
_LONGEST: Final = 200
"""Longer names are themselves and nothing else, and not worth remembering."""


def plain(name: str) -> str:
    """A name without case, blanks, punctuation and accents: "E-Mail" is "email"."""
    apart = taken_apart(name.casefold()).casefold()  # a letter apart may be large
    return "".join(letter for letter in apart if letter.isalnum())


def taken_apart(text: str) -> str:
    """A text with each letter apart from its accents, which stand in the order they came in.

    To put those of one letter into their own order, as a whole text normalised has them, takes the
    square of their number, and a stranger may send ten thousand. Who asks drops them all.
    """
    if text.isascii():
        return text
    return "".join(unicodedata.normalize("NFKD", letter) for letter in text)


def channel_key(channel: str) -> str:
    """The same text for all spellings of a channel: "E-Mail" and "mail" are "email"."""
    return _cached_channel(channel) if len(channel) <= _LONGEST else _channel(channel)


def _channel(channel: str) -> str:
    letters = plain(channel)
    return _CHANNEL_KEYS.get(letters, letters) or channel


_cached_channel = lru_cache(maxsize=1024)(_channel)  # asked of each offer, for each lead


def topic_key(topic: str) -> str:
    """The same text for all spellings of a topic: "Hand-overs" and `handovers` are one."""
    return _cached_topic(topic) if len(topic) <= _LONGEST else _topic(topic)


def _topic(topic: str) -> str:
    return plain(topic) or topic


_cached_topic = lru_cache(maxsize=4096)(_topic)  # asked of each offer, for each lead


def means_mail(name: str) -> bool:
    """Whether a field of this name holds an e-mail address: what a name ends in says what it is.

    `work_email` and `billing_email_2` do; `mailchimp_id` and `email_sha256` are ids, and so is a
    `hashed_email`.
    """
    letters = plain(name).rstrip("0123456789")
    return letters.endswith(_MAIL) and not any(word in letters for word in _HASHED)


def field_key(name: str) -> str:
    """The same text for all names that mean the same field; "" for a name without a letter."""
    return _cached_key(name) if len(name) <= _LONGEST else plain(name)


def _key(name: str) -> str:
    letters = plain(name)
    return _meaning(letters) or _meaning(letters.rstrip("0123456789")) or letters


_cached_key = lru_cache(maxsize=4096)(_key)


def _meaning(letters: str) -> str:
    """The key of a field that goes by several names; "" for any other."""
    if letters == _NOT_A_NAME:
        return ""
    if key := _KEYS.get(letters):
        return key
    for word in PEOPLE:
        if letters.startswith(word) and (key := _meaning(letters[len(word) :])):
            return key
    for word in _WHICH:
        key = _meaning(letters[len(word) :]) if letters.startswith(word) else ""
        if key in _OF_SEVERAL:
            return key
    return ""
