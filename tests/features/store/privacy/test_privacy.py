"""What holds for every question about a lead, and what becomes of scores that come too late."""

from __future__ import annotations

import pytest

from features.errors import UnknownLead
from features.store.privacy import not_to_be_scored
from tests.features.store.privacy.scene import arrival

HOUR = 3_600_000_000


def test_what_must_not_be_scored(merged, privacy):
    """Who is opted out, and who was erased since the events were read; nobody else."""

    def asked(as_of: int) -> set[str]:
        with merged.database.reading() as connection:
            return not_to_be_scored(connection, ["ann", "bob", "cid"], as_of)

    assert asked(100) == set()
    privacy.opt_out(["bob"], opted_out_at=50)
    assert asked(100) == {"bob"}
    privacy.erase("visitor-1", erased_at=10 * HOUR)
    assert asked(100 * HOUR) == {"bob"}
    assert asked(10 * HOUR - 1) == {"ann", "bob", "cid"}
    merged.ingest([arrival(20, "visitor-9"), arrival(21, "ann", anonymous_id="visitor-9")])
    assert asked(10 * HOUR - 1) == {"bob", "cid"}


@pytest.mark.parametrize("id_", ["nobody", "", "a\0b", "\ud800", "x" * 1000, "<script>", "a/b"])
def test_unknown(id_, privacy):
    """Of an id that nothing is held of there is nothing to show or to erase."""
    for ask in (privacy.lead, privacy.held, privacy.models_trained_on):
        with pytest.raises(UnknownLead, match="nothing is held of lead"):
            ask(id_)
    with pytest.raises(UnknownLead, match="nothing is held of lead"):
        privacy.erase(id_, erased_at=1)
    assert not privacy.is_opted_out(id_)
