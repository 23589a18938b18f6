"""The service's answers as an assistant is told them: fewer members, the same numbers.

Numbers and Rung's own words go through as they came. Whatever a stranger may have written, or that
quotes it, stands under `untrusted_text` and nowhere else: ids of leads, names and properties of
events, and sentences that hold values of traits. Words of the ladder are the operator's own.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from typing import Any, Final

__all__ = [
    "as_text",
    "decision",
    "exposure",
    "found_leads",
    "outcome",
    "queue_page",
    "score",
    "timeline",
]

Answered = dict[str, Any]
_MOST_CHARACTERS: Final = 600
"""Of the properties of an event, as JSON: longer ones are left out whole, never cut."""
_MOST_OPTIONS: Final = 3
_UNSEEN: Final = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}
"""Categories of characters that a reader does not see: they are written as JSON escapes."""
_OF_A_SCORE: Final = (
    *("step", "position", "tab", "probability", "interval", "horizon_days", "band", "rank_pct"),
    *("usual", "p_week_ago", "cause", "base", "fit", "engagement", "last_active", "waiting_since"),
    *("purchase_probability", "purchase", "features_as_of", "no_score_reason"),
)
_OF_A_DECISION: Final = (
    "decision_id",
    "step",
    "text",
    "probability_chosen",
    "expires_at",
    "exposed",
)


def as_text(answer: Answered) -> str:
    """An answer as JSON in which no character is unseen."""
    text = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
    return "".join(_seen(one) for one in text)


def queue_page(page: Answered) -> Answered:
    """A page of the queue."""
    leads = [
        {
            "lead": _quoted(item["lead_id"]),
            **_claimed(item.get("claimed_by")),
            **_score(item),
            **_advice(item.get("suggestion")),
        }
        for item in page["data"]
    ]
    return {"leads": leads, "next_cursor": page["next_cursor"]}


def score(answer: Answered) -> Answered:
    """The score of one lead, or that it has none."""
    told = {"status": answer["status"], "lead": _quoted(answer["lead_id"])}
    return told | _score(answer) if answer["status"] in ("ok", "no_score") else told


def timeline(page: Answered) -> Answered:
    """The newest entries of a timeline, its score left out."""
    entries = [_entry(one) for one in page["data"] if one["kind"] != "score"]
    return {"timeline": entries, "entries_in_all": page["total"]}


def found_leads(answer: Answered) -> Answered:
    """The leads that were looked for."""
    found = answer["data"]
    return {
        "leads": [{"lead": _quoted(one["lead_id"]), "opted_out": one["opted_out"]} for one in found]
    }


def decision(answer: Answered) -> Answered:
    """A decision, or that nothing is decided for a lead that has opted out."""
    told: Answered = {"lead": _quoted(answer["lead_id"])}
    if answer.get("status") == "opted_out":
        return {"status": "opted_out", **told}
    offer = dict(answer["offer"])
    own = offer.pop("personalisation", None)
    told |= _part(answer, *_OF_A_DECISION) | {"offer": _part(offer, *offer)}
    told["options"] = [_part(one, *one) for one in answer["ranking"][:_MOST_OPTIONS]]
    told["not_allowed_now"] = [
        _part(one, "offer_id", "reason") | _quoted(one["text"]) for one in answer["excluded"]
    ]
    if own:
        told["for_this_lead"] = _quoted(own)
    if answer.get("exposed_at"):
        told["exposed_at"] = answer["exposed_at"]
    if answer.get("outcome"):
        told["outcome"] = _came_of_it(answer["outcome"])
    return told


def exposure(answer: Answered) -> Answered:
    """That a lead has seen what was decided."""
    told = _part(answer, "decision_id", "offer_id", "exposed_at")
    return {"lead": _quoted(answer["lead_id"]), **told}


def outcome(answer: Answered) -> Answered:
    """What is stored of what came of a decision."""
    told = _part(answer, "decision_id") | _came_of_it(answer)
    return {"lead": _quoted(answer["lead_id"]), **told}


# -------------------------------------------------------------------------------------------- Parts


def _quoted(value: object) -> Answered:
    """What strangers wrote, or what quotes them."""
    return {"untrusted_text": value}


def _part(of: Mapping[str, Any], *names: str) -> Answered:
    """Some members, those that are null left out."""
    return {name: of[name] for name in names if of.get(name) is not None}


def _score(answer: Answered) -> Answered:
    told = _part(answer, *_OF_A_SCORE)
    told["reasons"] = [
        {"points": one["points"], **_quoted(one["text"])} for one in answer["reasons"]
    ]
    return told


def _claimed(name: str | None) -> Answered:
    return {"claimed_by": _quoted(name)} if name else {}


def _advice(suggestion: Answered | None) -> Answered:
    return {"what_to_do": _part(suggestion, *suggestion)} if suggestion else {}


def _entry(entry: Answered) -> Answered:
    told = _part(entry, "kind", "occurred_at")
    if entry["completes"]:
        told["completes"] = [step["title"] for step in entry["completes"]]
    held: Answered = {"name": entry["name"]}
    if len(json.dumps(entry["data"], ensure_ascii=False)) <= _MOST_CHARACTERS:
        held["data"] = entry["data"]
    else:
        told["data"] = "left out: too long"
    return told | _quoted(held)


def _came_of_it(answer: Answered) -> Answered:
    return _part(answer, "value", "occurred_at", "late") | {"kind": _quoted(answer["kind"])}


def _seen(character: str) -> str:
    if character.isascii() or unicodedata.category(character) not in _UNSEEN:
        return character
    return json.dumps(character)[1:-1]
