"""What the micro-commitment method advises about a ladder, and the ladder as a table.

Advice never stops a ladder from being used: a business may know better. It is a pure function of
the ladder, without a clock, so offers that have expired are not its concern.
"""

from features.ladder.advice.advice import Advice
from features.ladder.advice.ladder_table import ladder_rows, ladder_table, rule_text
from features.ladder.advice.method import advise, controls_said

__all__ = ["Advice", "advise", "controls_said", "ladder_rows", "ladder_table", "rule_text"]
