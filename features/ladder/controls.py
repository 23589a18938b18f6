"""Leads that are left alone on purpose, so that what is done with the others can be measured."""

from __future__ import annotations

from dataclasses import dataclass

from features.ladder.toml_table import Table

__all__ = ["Controls", "read_controls"]


@dataclass(frozen=True, slots=True)
class Controls:
    """Shares of leads, by lot.

    Parameters
    ----------
    none : of the leads that become worth a call, the share that nobody calls; 0 is off.
    """

    none: float = 0.0


def read_controls(table: Table) -> Controls:
    """The table [controls]."""
    share = table.number_that("none", 0.0, lambda share: 0 <= share <= 0.5, "be in [0, 0.5]")
    return Controls(share)
