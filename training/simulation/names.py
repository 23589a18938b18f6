"""Words for a simulated world: sections of a site, traits, people and companies. All made up."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from features.arrays import Ints

__all__ = [
    "WORDS",
    "company_names",
    "email_addresses",
    "lead_ids",
    "person_names",
    "phone_numbers",
    "questions",
    "sections",
]


_SECTIONS: Final = ("home", "blog", "features", "pricing", "customers", "docs")
WORDS: Final = {
    "industry": ["software", "manufacturing", "retail", "healthcare", "finance", "logistics"],
    "role": ["founder", "marketing", "sales", "operations", "engineering"],
    "source": ["organic search", "paid search", "referral", "social", "newsletter", "event"],
}
# fmt: off
_FIRST: Final = (
    "Ada", "Bruno", "Chen", "Dalia", "Emre", "Freya", "Goran", "Hana", "Ivo", "Jun", "Kofi", "Lena",
    "Milo", "Nadia", "Omar", "Pia", "Rosa", "Sven", "Tala", "Yuki",
)
_LAST: Final = (
    "Abara", "Berg", "Costa", "Duval", "Eriksen", "Fontana", "Gupta", "Horvat", "Ito", "Jansen",
    "Keller", "Lindgren", "Moreau", "Novak", "Okafor", "Petrov", "Silva",
)
_PLACE: Final = (
    "Juniper", "Harbor", "Northwind", "Alder", "Cobalt", "Summit", "Lumen", "Delta", "Marble",
    "Orchard", "Quartz", "Riverside", "Sable", "Tundra", "Willow",
)
_KIND: Final = (
    "Logistics", "Analytics", "Foods", "Textiles", "Systems", "Health", "Works", "Labs", "Energy",
    "Media", "Partners", "Robotics", "Print",
)
_QUESTIONS: Final = (
    "How long does it take until the first department works with it?",
    "Does it work with the tools that we have?",
    "What does it cost for a team of twelve?",
    "Can my colleague join the call on Thursday?",
    "Where are our data kept?",
    "What happens if we stop after the pilot?",
)
# fmt: on


def sections(rng: np.random.Generator, count: int) -> npt.NDArray[np.object_]:
    """So many sections of a site, drawn at random."""
    return np.array(_SECTIONS, dtype=object)[rng.integers(0, len(_SECTIONS), count)]


def lead_ids(leads: int) -> list[str]:
    """The ids of so many leads, by number."""
    width = len(str(leads - 1))
    return [f"lead-{lead:0{width}d}" for lead in range(leads)]


def person_names(lead: Ints) -> npt.NDArray[np.object_]:
    """A name for each lead, by its number."""
    names = [f"{_FIRST[n % len(_FIRST)]} {_LAST[n // 3 % len(_LAST)]}" for n in lead]
    return np.array(names, dtype=object)


def company_names(lead: Ints) -> npt.NDArray[np.object_]:
    """A company for each lead, by its number."""
    names = [f"{_PLACE[n * 7 % len(_PLACE)]} {_KIND[n * 5 % len(_KIND)]}" for n in lead]
    return np.array(names, dtype=object)


def email_addresses(lead: Ints) -> npt.NDArray[np.object_]:
    """An address for each lead, by its number; at a domain that nobody can have."""
    people, companies = person_names(lead), company_names(lead)
    told = [
        f"{person.lower().replace(' ', '.')}@{company.lower().replace(' ', '-')}.example"
        for person, company in zip(people.tolist(), companies.tolist(), strict=True)
    ]
    return np.array(told, dtype=object)


def phone_numbers(lead: Ints) -> npt.NDArray[np.object_]:
    """A number for each lead, by its own; of those that are kept free for stories."""
    return np.array([f"+44 20 7946 {n % 1000:04}" for n in lead.tolist()], dtype=object)


def questions(lead: Ints) -> npt.NDArray[np.object_]:
    """What each lead asks, by its number."""
    return np.array([_QUESTIONS[n % len(_QUESTIONS)] for n in lead.tolist()], dtype=object)
