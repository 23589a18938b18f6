"""All that a log says of why leads stop: causes, content, replies; told from the same stays."""

from __future__ import annotations

from features.events.log import EventLog
from features.funnel.sample import sampled
from features.funnel.stays import Stays
from features.ladder.ladder import Ladder
from models.judging.funnel.cause_shapes import FunnelCauses
from models.judging.funnel.content import content_lifts
from models.judging.funnel.diagnosis import diagnosis
from models.judging.funnel.rates import funnel
from models.judging.funnel.replies import reply_times
from models.judging.funnel.shapes import Funnel

__all__ = ["causes_of"]


def causes_of(
    log: EventLog, ladder: Ladder, stays: Stays, counted: Funnel | None = None
) -> FunnelCauses:
    """Why leads stop at each step, what each piece of content adds, and how long replies take.

    Parameters
    ----------
    log, stays : of all leads; what needs a fit looks at some of them, the same ones each time.
    counted : the funnel of all these stays, where it was counted already.
    """
    part = sampled(log, stays)
    rates = [step["rate"] for step in (counted or funnel(stays))["steps"]]
    return {
        "diagnosis": diagnosis(log, ladder, stays, part, rates),
        "content": content_lifts(log, ladder, stays, part),
        "replies": reply_times(log, ladder, stays, part),
    }
