"""A ladder from the TOML file that its user owns: each kind of table has a file of this room."""

from features.ladder.file.offers import NOT_AN_OFFER
from features.ladder.file.reader import parse_ladder, read_ladder, shipped_ladders

__all__ = ["NOT_AN_OFFER", "parse_ladder", "read_ladder", "shipped_ladders"]
