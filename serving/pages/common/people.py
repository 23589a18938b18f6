"""Who a lead is, as a person would say it: a name, a company, what they do, how to reach them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from features.events.of_lead import Row
from features.events.properties import as_text
from features.ladder.ladder import Ladder
from features.offers.ways import EMAIL_KEYS, PHONE_KEYS, email_in, phone_in
from features.signals.traits import traits_of
from serving.pages.common import words

__all__ = ["Person", "person_of", "who"]

_NAME_KEYS: Final = ("name", "full_name", "fullName")
_FIRST_KEYS: Final = ("first_name", "firstName")
_LAST_KEYS: Final = ("last_name", "lastName")
_COMPANY_KEYS: Final = ("company", "company_name", "companyName", "organization", "organisation")
_ROLE_KEYS: Final = ("role", "job_title", "jobTitle", "title", "function", "department")
_SIZE_KEYS: Final = ("company_size", "companySize", "employees", "size")
_WEB_KEYS: Final = ("website", "url", "web", "domain")
_SOURCE_KEYS: Final = ("source", "utm_source", "channel", "medium")
_WEB: Final = re.compile(
    r"https?://[^\s\"'<>\\]{3,500}|[a-z0-9.-]{1,200}\.[a-z]{2,24}", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Person:
    """A lead as the pages name it; every text is "" where nothing is known.

    Parameters
    ----------
    title : the name; else the company, else where the visitor came from.
    company, role, size : "sales", "356 people".
    email, phone, web : to be reached by; the last as an address that can be opened.
    address : of the lead's page.
    traits : all that is known and not protected.
    """

    lead_id: str
    title: str
    company: str
    role: str
    size: str
    email: str
    phone: str
    web: str
    address: str
    is_named: bool
    traits: Mapping[str, object] = field(default_factory=dict)

    @property
    def others(self) -> list[tuple[str, object]]:
        """The traits that say more than who they are and how to reach them."""
        told = {*_NAME_KEYS, *_FIRST_KEYS, *_LAST_KEYS, *_COMPANY_KEYS, *EMAIL_KEYS, *PHONE_KEYS}
        return [(key, value) for key, value in self.traits.items() if key not in told]

    @property
    def anchor(self) -> str:
        """The id of its row on a page: any text may be the id of a lead, but not of an element."""
        return f"lead-{hashlib.sha256(self.lead_id.encode()).hexdigest()[:12]}"

    @property
    def below(self) -> str:
        """What stands under the name: "sales · 356 people"."""
        return " · ".join(one for one in (self.role, self.size) if one)

    @property
    def call(self) -> str:
        """An address that calls; "" without a number."""
        # Whoever dials the country leaves out what is in brackets: +49 (0)30 1234.
        abroad = self.phone.strip().startswith(("+", "00"))
        phone = re.sub(r"\(\s*0\s*\)", "", self.phone) if abroad else self.phone
        digits = re.sub(r"[^0-9+]", "", phone)
        return f"tel:{digits}" if digits else ""

    @property
    def mail(self) -> str:
        """An address that writes a mail; "" without one."""
        return f"mailto:{quote(self.email, safe='@.+-_')}" if self.email else ""


def person_of(lead_id: str, rows: Sequence[Row], ladder: Ladder, now: int) -> Person:
    """Who a lead is, of what was known of it at `now` (microseconds since the epoch)."""
    traits = traits_of(rows, ladder, now)
    name, company = _name(traits), _first(traits, _COMPANY_KEYS)
    title = name or company or _visitor(traits, rows, now) or lead_id
    return Person(
        lead_id=lead_id,
        title=words.shown(title),
        company=words.shown(company) if name else "",
        role=words.shown(_first(traits, _ROLE_KEYS)),
        size=_size(traits),
        email=email_in(traits),
        phone=phone_in(traits),
        web=_web(_first(traits, _WEB_KEYS)),
        address=f"/leads/{quote(lead_id, safe='')}",
        is_named=bool(name or company),
        traits=traits,
    )


def who(lead_id: str, traits: Mapping[str, object]) -> tuple[str, str]:
    """What to call a lead, and what to write below: name and company as far as they are known."""
    name, company = _name(traits), _first(traits, _COMPANY_KEYS)
    title = name or company or lead_id
    below = company if name else lead_id if company else ""
    return words.shown(title), words.shown(below)


def _name(traits: Mapping[str, object]) -> str:
    parts = (_first(traits, _FIRST_KEYS), _first(traits, _LAST_KEYS))
    return _first(traits, _NAME_KEYS) or " ".join(part for part in parts if part)


def _first(traits: Mapping[str, object], keys: Sequence[str]) -> str:
    for key in keys:
        value = traits.get(key)
        if isinstance(value, Mapping):  # Segment writes company: {name: ...}
            value = value.get("name")
        if isinstance(value, str) and words.is_seen(value):
            return value.strip()
    return ""


def _size(traits: Mapping[str, object]) -> str:
    for key in _SIZE_KEYS:
        value = traits.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
            return "1 person" if value == 1 else f"{words.count(value)} people"
        if isinstance(value, str) and value.strip():
            text = words.shown(value.strip())
            return f"{text} people" if text[-1:].isdigit() or text.endswith("+") else text
    return ""


def _visitor(traits: Mapping[str, object], rows: Sequence[Row], now: int) -> str:
    """What to call somebody who has not said who they are."""
    source = as_text(next((traits[key] for key in _SOURCE_KEYS if traits.get(key)), "")) or ""
    days = len({min(row[1], row[2]) // words.DAY for row in rows if row[2] <= now})
    visits = f"{words.count(days)} day{'s' if days != 1 else ''} here"
    came = f" from {words.titled(source).lower()}" if source else ""
    return f"Visitor{came}, {visits}" if days else ""


def _web(text: str) -> str:
    """An address of the web that is safe to be opened; "" where it is none."""
    if not _WEB.fullmatch(text):
        return ""
    return text if "://" in text else f"https://{text}"
