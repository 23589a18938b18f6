"""Which ids are one lead: the rule, without a database.

Two kinds of link join ids. An alias says that two ids are one lead. A claim is an anonymous id that
was seen together with a user's: the anonymous id belongs to the user who claimed it first, and to
no other, so that two people at one computer stay two. What follows depends on the set of links
alone, not on the order in which they came.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final, NamedTuple

__all__ = ["ALIAS", "CLAIM", "Link", "Membership", "resolve", "standing"]

CLAIM: Final = "claim"
ALIAS: Final = "alias"


class Link(NamedTuple):
    """That two ids are one lead.

    Parameters
    ----------
    kind : CLAIM or ALIAS.
    source : the anonymous id of a claim, the previous id of an alias.
    target : the user's id.
    occurred_at, known_at : the first time, in microseconds since the epoch.
    """

    kind: str
    source: str
    target: str
    occurred_at: int
    known_at: int


class Membership(NamedTuple):
    """The lead that an id belongs to, and since when that is known, in microseconds."""

    lead_id: str
    joined_at: int


def resolve(links: Iterable[Link], known_users: Iterable[str] = ()) -> dict[str, Membership]:
    """The lead of every id that shares one with others.

    A lead is called by one of its ids: a user's before an anonymous one, one that was not given up
    by an alias before one that was, then the first in the alphabet. `joined_at` is when an id and
    that one were first known to be one lead: the earliest instant by which links between them form
    a chain.

    Parameters
    ----------
    known_users : ids that are the target of links beside these, which join nothing here.
    """
    links = list(links)
    users = {*known_users, *(link.target for link in links)}
    given_up = {link.source for link in links if link.kind == ALIAS}
    neighbours = _spanning(standing(links))
    found: dict[str, Membership] = {}
    for start in neighbours:
        if start not in found:
            ids = _reached(neighbours, start)
            lead = min(ids, key=lambda one: (one not in users, one in given_up, one))
            for one, since in _reached(neighbours, lead).items():
                found[one] = Membership(lead, since)
    return found


def standing(links: Iterable[Link]) -> list[Link]:
    """The links that join: aliases, and of the claims on each anonymous id the first."""
    links = list(links)
    return [link for link in links if link.kind == ALIAS] + _first_claims(links)


def _first_claims(links: Iterable[Link]) -> list[Link]:
    """Of the claims on each anonymous id the first; of several at once that of the first user."""
    first: dict[str, Link] = {}
    for link in links:
        if link.kind != CLAIM:
            continue
        other = first.get(link.source)
        if other is None or (link.occurred_at, link.target) < (other.occurred_at, other.target):
            first[link.source] = link
    return list(first.values())


_Neighbours = dict[str, list[tuple[str, int]]]


def _spanning(links: Iterable[Link]) -> _Neighbours:
    """The links that a chain of the earliest instants needs (Kruskal's minimum spanning tree)."""
    parent: dict[str, str] = {}

    def root(one: str) -> str:
        while (above := parent.setdefault(one, one)) != one:
            parent[one] = parent[above]
            one = above
        return one

    neighbours: _Neighbours = defaultdict(list)
    for link in sorted(links, key=lambda link: (link.known_at, link.source, link.target)):
        source, target = root(link.source), root(link.target)
        if source != target:
            parent[source] = target
            neighbours[link.source].append((link.target, link.known_at))
            neighbours[link.target].append((link.source, link.known_at))
    return neighbours


def _reached(neighbours: _Neighbours, start: str) -> dict[str, int]:
    """The ids that a chain leads to, each with the latest instant on the way."""
    reached = {start: 0}
    waiting = [start]
    while waiting:
        one = waiting.pop()
        for other, known_at in neighbours[one]:
            if other not in reached:
                reached[other] = max(reached[one], known_at)
                waiting.append(other)
    return reached
