"""What PostgreSQL's advisory locks are called by, all of them: two of one number are one lock.

A number, and a pair of numbers, are never the same lock. SQLite has one writer in any case.
"""

from __future__ import annotations

from typing import Final

__all__ = ["LEADS", "OF_A_LEAD", "OF_MINUTES", "SCORERS", "TABLES", "WHOSE"]

TABLES: Final = 7_864_103
"""Who changes the tables."""
LEADS: Final = 7_864_104
"""Who changes which ids are one lead; who counts on it shares it."""
WHOSE: Final = 7_864_105
"""Who changes in whose hands a lead is."""
SCORERS: Final = 7_864_106
"""Who begins to score with a ladder."""
OF_A_LEAD: Final = 0x4C656164
"""The first of a pair; the second says which lead."""
OF_MINUTES: Final = 0x4D696E73
"""The first of a pair: minutes of reps."""
