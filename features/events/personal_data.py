"""The rule that nobody need say who they are on the first step: its events hold no contact data.

A property is personal when its name means how to reach a person, or when its text holds an e-mail
address or a phone number. Digits alone are no phone number: they may as well be an order's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

from features.ladder.field_names import PEOPLE, plain
from features.ladder.ladder import Ladder, Step

__all__ = [
    "ContactRule",
    "PropertyPath",
    "contact_rule",
    "means_contact",
    "personal_place",
    "tells_contact",
    "tells_nothing",
]

PropertyPath = tuple[str, ...]
"""The names that lead to a value."""

_CONTACT: Final = frozenset(
    {
        *("email", "emails", "emailaddress", "emailaddresses", "mail", "mailaddress"),
        *("phone", "phones", "phonenumber", "phonenumbers", "phoneno", "tel", "telno"),
        *("telephone", "telephonenumber", "mobile", "mobilenumber", "mobilephone"),
        *("mobilephonenumber", "cell", "cellphone", "cellnumber", "cellphonenumber", "fax"),
        *("faxnumber", "whatsapp", "whatsappnumber", "msisdn"),
        *("firstname", "fname", "givenname", "middlename", "lastname", "lname", "surname"),
        *("familyname", "maidenname", "fullname", "salutation"),
        *("address", "addresses", "addressline", "street", "streetaddress", "streetname"),
        *("birthday", "birthdate", "dateofbirth", "dob", "bday"),
        *("ssn", "socialsecuritynumber", "passportnumber", "nationalid"),
    }
)
_QUALIFIERS: Final = (
    *("work", "business", "home", "private", "primary", "secondary", "alternate", "other"),
    *("billing", "shipping", "delivery", "mailing", "postal", "office", "from", "to", "reply"),
)
_LONGEST_NAME: Final = 64
"""Longer ones mean nothing, and are not worth remembering."""

_DIGITS: Final = re.compile(r"\d+")
_EMAIL: Final = re.compile(r"[\w.+-]@(?!\d+x\.)(?:[\w-]{1,63}\.)+[^\W\d_]{2,}")  # not logo@2x.png
_MANY: Final = r"[0-9][0-9\s().+/-]{6,}"
_MANY_DIGITS: Final = re.compile(_MANY)
_MAY_TELL: Final = re.compile(rf"[@%=]|{_MANY}")
_BEFORE: Final = r"(?<![^\s=:,;\"'(<>])"
_PHONE: Final = re.compile(
    rf"{_BEFORE}\+[\s(]?[1-9](?:[\s().+/-]{{0,2}}\d){{7,14}}(?!\d)"  # +49 30 1234567
    rf"|{_BEFORE}\(?\d{{3}}\)?[\s.-]{{0,2}}\d{{3}}[\s.-]\d{{4}}(?![\w-])"  # (555) 123-4567
    rf"|{_BEFORE}\(?0\d{{1,5}}\)?[\s/-]{{1,2}}(?:\d{{2,4}}[\s-])?\d{{3,8}}(?:[\s-]\d{{2,4}})*"
    r"(?![\d:.-])"  # 030 1234567
    rf"|{_BEFORE}0[1-9](?:[\s.-]\d{{2}}){{4}}(?![\w-])"  # 01 23 45 67 89
)
_UNKNOWN: Final = "without a lead's id nobody has said who they are, so the event may hold none"

_FEWEST_DIGITS: Final = 9
"""A date such as 01-03-2026 has eight."""


@dataclass(frozen=True, slots=True)
class ContactRule:
    """Which events may hold no contact data, at whatever door they come in.

    Parameters
    ----------
    first_step : the names of the events that the ladder's first step is about, and no later one.
        Traits are no event of a step, whatever the ladder's rules say.
    later_steps : the names of those that later steps are about, and the first one not; and traits.
        With these a lead says who it is.
    """

    first_step: frozenset[str]
    later_steps: frozenset[str]

    def why_none(self, name: str, *, is_anonymous: bool) -> str:
        """Why an event may hold no contact data; "" for one that may.

        Parameters
        ----------
        is_anonymous : whether it came under the id of somebody who has not said who they are, and
            no other; then any event but those of later steps is as one of the first.
        """
        if name in self.first_step:
            return f"an event {name!r} is one of the first step, which asks for none"
        return _UNKNOWN if is_anonymous and name not in self.later_steps else ""


def contact_rule(ladder: Ladder) -> ContactRule:
    """The rule of a ladder."""
    first, *later = ladder.goals
    of_first, of_later, traits = _names([first]), _names(later), {ladder.events.traits}
    return ContactRule(of_first - of_later - traits, (of_later - of_first) | traits)


def _names(steps: Iterable[Step]) -> frozenset[str]:
    return frozenset(
        name
        for step in steps
        for name in (*(rule.event for rule in step.complete_when), *step.engaged_by)
    )


def personal_place(properties: Mapping[str, object]) -> PropertyPath | None:
    """Where the first personal value stands, at any depth: ("contact", "email"); None without.

    A truth value says nothing of a person, and neither does what is empty or 0. A name that is
    itself an address or a number is not repeated: "…" stands in its place.
    """
    for name, value in properties.items():
        if not value or value is True:
            continue
        shown = _cached_name(name) if len(name) <= _LONGEST_NAME else _personal_name(name)
        if shown:
            return (shown,)
        inner = _place_within(value)
        if inner is not None:
            return (name, *inner)
    return None


def _personal_name(name: str) -> str:
    """How a name that is personal can be shown, "" for another."""
    if tells_contact(name):
        return "…"
    return name if means_contact(name) else ""


_cached_name = lru_cache(maxsize=4096)(_personal_name)


def _place_within(value: object) -> PropertyPath | None:
    """As `personal_place`, from the value on; () where it is personal itself."""
    if isinstance(value, str):
        return () if tells_contact(value) else None
    if isinstance(value, dict):
        return personal_place(value)
    if isinstance(value, list):
        for at, one in enumerate(value):
            inner = _place_within(one)
            if inner is not None:
                return (str(at), *inner)
    return None


def tells_contact(text: str) -> bool:
    """Whether a text holds an e-mail address or a phone number, percent-encoded ones included."""
    if "%" in text:
        text = unquote(text)
    if "@" in text and _EMAIL.search(text):
        return True
    return _MANY_DIGITS.search(text) is not None and any(
        sum(map(str.isdecimal, found[0])) >= _FEWEST_DIGITS or "+" in found[0]
        for found in _PHONE.finditer(text)
    )


def tells_nothing(text: str) -> bool:
    """Whether a text surely holds no contact data, nor an address of a page with parameters.

    It is a quick look; of any other text `tells_contact` knows.
    """
    return _MAY_TELL.search(text) is None


def means_contact(name: str) -> bool:
    """Whether the name of a property means how to reach a person, or who it is.

    firstName, FIRST_NAME and "first name" are one, and so are email, userEmail and work_email_2.
    """
    if len(name) > 4 * _LONGEST_NAME:
        return False
    letters = _DIGITS.sub("", plain(name))
    return len(letters) <= _LONGEST_NAME and _is_contact(letters, of_person=False)


def _is_contact(letters: str, of_person: bool) -> bool:
    if letters in _CONTACT or (of_person and letters == "name"):
        return True
    for words, person in ((PEOPLE, True), (_QUALIFIERS, of_person)):
        for word in words:
            if letters.startswith(word) and _is_contact(letters[len(word) :], person):
                return True
    return False
