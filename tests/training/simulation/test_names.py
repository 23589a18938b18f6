"""Words of a simulated world."""

import numpy as np

from training.simulation.names import company_names, lead_ids, person_names, sections


def test_ids_sort_as_numbers_do():
    """Ids have one width, so that their order as text is that of the leads."""
    ids = lead_ids(101)
    assert ids[:2] == ["lead-000", "lead-001"]
    assert ids == sorted(ids)
    assert lead_ids(1) == ["lead-0"]


def test_names_are_by_number():
    """The same lead has the same name wherever it stands."""
    lead = np.arange(300)
    for name_of in (person_names, company_names):
        names = name_of(lead)
        assert names[::-1].tolist() == name_of(lead[::-1]).tolist()
        assert len(set(names)) > 100


def test_sections_come_at_random():
    """All of a site, and the same for the same seed."""
    drawn, again = (sections(np.random.default_rng(1), 500) for _ in range(2))
    assert drawn.tolist() == again.tolist()
    assert {"home", "pricing", "docs"} < set(drawn)
