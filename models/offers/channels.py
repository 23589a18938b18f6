"""By which channels a lead may be reached: those that it opened, or did not close."""

from __future__ import annotations

from collections.abc import Sequence

from features.ladder.field_names import channel_key
from features.ladder.ladder import Ladder
from features.offers.history import OfferHistory
from models.offers.standing import UNRESTRICTED, Asked, Case, Standing, case_of, plan_of

__all__ = ["come_back", "has_refused_all", "may_be_written_to", "no_consent", "wrong_channel"]


def may_be_written_to(
    ladder: Ladder, history: OfferHistory, as_of: int, asked: Asked = UNRESTRICTED
) -> bool:
    """Whether any channel to a lead is open, or the one that is asked for."""
    case = case_of(plan_of(ladder), 0, history, as_of, asked)
    if asked.channel is not None:
        return _is_open(asked.channel, case)
    return not _no_channel_at_all(case)


def has_refused_all(ladder: Ladder, history: OfferHistory) -> bool:
    """Whether a lead itself has closed every way to it: all at once, or one after the other.

    Of a way that the ladder keeps closed until it is asked for, nothing was said.
    """
    if any(granted for channel, granted in history.consents.items() if channel):
        return False
    return all(history.said_of(one) is False for one in plan_of(ladder).channels or ("",))


def wrong_channel(standing: Standing, case: Case) -> str:
    """Why an offer does not go by the channel that was asked for; "" where it does."""
    channel, channels = case.asked.channel, standing.offer.channels
    if channel is None or not channels or channel_key(channel) in map(channel_key, channels):
        return ""
    return f"cannot be extended by {channel}, only by {' or '.join(channels)}"


def no_consent(standing: Standing, case: Case) -> str:
    """Why no channel is open for an offer, or not the one that was asked for; "" where one is."""
    asked, consents = case.asked.channel, case.history.consents
    channels = standing.offer.channels if asked is None else (asked,)
    if not channels:
        return _no_channel_at_all(case)
    if any(_is_open(channel, case) for channel in channels):
        return ""
    refused = "" in consents or any(channel_key(channel) in consents for channel in channels)
    names = " and ".join(channels)
    return f"the lead has {'refused' if refused else 'not agreed to'} {names}"


def come_back(case: Case, channels: Sequence[str] = ()) -> str:
    """Why none of the channels that are open for something works; "" where one does.

    What may go anywhere finds another way, so nothing is against it.

    Parameters
    ----------
    channels : those that it goes by; the one that was asked for, where one was, goes before.
    """
    asked = case.asked.channel
    by = channels if asked is None else (asked,)
    open_ones = [one for one in by if _is_open(one, case)]
    if not open_ones or any(channel_key(one) not in case.history.bounced for one in open_ones):
        return ""
    return f"what was sent to the lead by {' and '.join(open_ones)} came back"


def _no_channel_at_all(case: Case) -> str:
    """Why an offer for anywhere can go nowhere: neither to where the lead agreed, nor elsewhere."""
    consents, channels = case.history.consents, case.plan.channels
    if any(granted for channel, granted in consents.items() if channel):
        return ""
    if any(_is_open(channel, case) for channel in channels or ("",)):
        return ""
    refused = "" in consents or all(channel_key(channel) in consents for channel in channels)
    return (
        f"the lead has {'refused every' if refused and consents else 'not agreed to any'} channel"
    )


def _is_open(channel: str, case: Case) -> bool:
    """Whether a channel may be used: its own answer, else that for all, else the default."""
    unless_asked = case.plan.limits.consent == "opt_out"
    return case.history.may_contact(channel, unless_asked=unless_asked)
