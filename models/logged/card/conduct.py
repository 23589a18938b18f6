"""How people fare with a bundle: groups of them, what is done by lot, how offers are chosen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from features.ladder.words import in_percent
from models.judging.groups.figures import FEWEST_LEADS, GroupFigure
from models.judging.groups.report import GROUPS_EXPLAINED, GroupsReport, group_rows
from models.judging.rounding import signed
from models.logged.card.on_record import OnRecord
from models.logged.card.wording import EVALUATE_POLICY, plain, sentence, table, unmeasured

__all__ = ["conduct", "groups_verdict"]


def groups_verdict(known: OnRecord) -> str:
    """Whether groups of protected traits are treated alike, as far as that was measured."""
    reports = [held for held in map(_groups, _reports(known)) if held is not None]
    if not reports and not known.bundle.ladder.protected:
        return (
            "**Not measured.** The ladder protects no trait; where one has `protected = true`,"
            " `rung evaluate` compares its groups."
        )
    if not reports:
        return unmeasured()
    figures = [one for held in reports for one in held.figures]
    told = [said for verdict in _VERDICTS if (said := _of_verdict(verdict, figures))]
    if not told and figures:
        return "Alike on all that was measured, within the ladder's limit."
    if not told:
        return "**Not measured.** The reports have no figure of any group."
    return f"{' '.join(told)} The figures stand below."


def _of_verdict(verdict: str, figures: Sequence[GroupFigure]) -> str:
    """The groups that were called so on some measure, by trait."""
    groups: dict[str, dict[str, None]] = {}
    for one in figures:
        if one.verdict == verdict:
            groups.setdefault(one.trait, {})[one.group] = None
    named = "; ".join(
        f"`{plain(trait)}` ({', '.join(map(plain, names))})" for trait, names in groups.items()
    )
    return f"{_VERDICTS[verdict]}: {named}." if named else ""


_VERDICTS: Final = {
    "apart": "**Surely treated apart** on some measure",
    "unknown": "Whether they are treated alike is not known yet on some measure",
}


def _reports(known: OnRecord) -> tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]:
    """The report on scores, and the one on the policy."""
    return known.report, known.policy_gate.report if known.policy_gate else None


def _groups(report: Mapping[str, Any] | None) -> GroupsReport | None:
    """The groups of a report; None where it has none that can be read."""
    try:
        return GroupsReport.of_dict((report or {})["groups"])
    except (LookupError, TypeError, ValueError):
        return None


def conduct(known: OnRecord) -> Iterator[str]:
    """Groups, those who are left alone or asked by lot, and the policy."""
    ladder = known.bundle.ladder
    yield "### Groups treated alike"
    yield groups_verdict(known)
    scores, policy = map(_groups, _reports(known))
    yield from _group_figures("As leads are ranked", scores)
    yield from _group_figures("As offers are made", policy)
    if any(held and held.figures for held in (scores, policy)):
        yield GROUPS_EXPLAINED
    if not ladder.offers:
        return
    yield "### By lot"
    yield (
        f"Of each choice of an offer, a share of {in_percent(ladder.policy.exploration)} is spread"
        " evenly over all that is allowed: some leads get another offer than the best guess, so"
        " that offers can be compared."
    )
    left = [
        f"{in_percent(share)} {what}"
        for share, what in (
            (ladder.controls.none, "of those that become worth a call are not called"),
            (ladder.controls.no_ask, "of all leads are asked nothing"),
            (ladder.controls.usual, "of all leads are treated as without Rung"),
            (ladder.controls.random, "of all leads get offers at random"),
        )
        if share
    ]
    if left:
        yield f"To measure what it is worth, {'; '.join(left)}."
    yield "### How offers are chosen"
    yield from _policy(known)


def _group_figures(what: str, held: GroupsReport | None) -> Iterator[str]:
    if held is None or not (held.traits or held.figures):
        return
    known = "; ".join(
        f"`{plain(one.trait)}` is known of {one.known:,} leads and of {one.unknown:,} not"
        for one in held.traits
    )
    yield (
        f"**{what}**: {known}. A group of fewer than {FEWEST_LEADS} leads is not told apart. The"
        f" limit is a ratio of {held.least_ratio:.2f} to {1.0 / held.least_ratio:.2f}."
    )
    if held.figures:
        heads, rows = group_rows(held)
        told = [[plain(cell) for cell in row] for row in rows]
        yield table(heads, told, texts=(0, 1, 3, len(heads) - 1))


def _policy(known: OnRecord) -> Iterator[str]:
    gate = known.policy_gate
    if known.policy:
        yield f"The policy `{known.policy}` serves with this bundle."
    if gate is None:
        yield f"What another policy would be worth with it: {unmeasured(EVALUATE_POLICY)}"
        return
    watch = gate.report.get("watch")
    against = gate.report.get("against")
    beside = "the policy that took the decisions" if against == "logged" else f"`{plain(against)}`"
    if watch is None:
        yield f"`{gate.policy}` was judged, and no lead can be counted yet."
    else:
        yield (
            f"{_gain(gate.policy, beside, watch)}: {signed(watch['value'])}"
            f" {known.bundle.ladder.value.currency} a decision, between {signed(watch['low'])} and"
            f" {signed(watch['high'])} however often one looks (95 %), by {watch['leads']:,} leads"
            f" with {watch['decisions']:,} decisions."
        )
    if gate.passed:
        yield "Its gate was passed."
    else:
        refused = " ".join(sentence(plain(line)) for line in gate.missing)
        yield f"Its gate was not passed. {refused}"


def _gain(name: str, beside: str, watch: Mapping[str, Any]) -> str:
    """Whether a policy gains over another, as far as that is sure."""
    if watch["low"] > 0:
        return f"`{name}` surely gains over {beside}"
    if watch["high"] < 0:
        return f"`{name}` surely loses beside {beside}"
    return f"Whether `{name}` gains over {beside} is not sure"
