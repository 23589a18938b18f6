"""Which ids are one lead, by joining sets until nothing changes."""

from __future__ import annotations

from collections.abc import Iterable

from features.store.identities.rule import ALIAS, Link


def leads(links: Iterable[Link]) -> dict[str, tuple[str, int]]:
    """The lead of every id that shares one with others, and since when that is known."""
    links = list(links)
    pairs = [(link.source, link.target, link.known_at) for link in links if link.kind == ALIAS]
    given_up = {link.source for link in links if link.kind == ALIAS}
    claimed = {link.source for link in links if link.kind != ALIAS}
    for source in claimed:
        claims = [link for link in links if link.kind != ALIAS and link.source == source]
        first = sorted(claims, key=lambda link: (link.occurred_at, link.target))[0]
        pairs.append((source, first.target, first.known_at))
    users = {link.target for link in links}

    def together(until: float) -> list[set[str]]:
        groups = [{source, target} for source, target, known_at in pairs if known_at <= until]
        joined = True
        while joined:
            joined = False
            for one in groups:
                other = next((two for two in groups if two is not one and one & two), None)
                if other is not None:
                    groups.remove(other)
                    one |= other
                    joined = True
                    break
        return groups

    instants = sorted({known_at for _, _, known_at in pairs})
    found: dict[str, tuple[str, int]] = {}
    for group in together(float("inf")):
        lead = sorted(group, key=lambda one: (one not in users, one in given_up, one))[0]
        for one in group:
            since = next(
                (at for at in instants if any({one, lead} <= some for some in together(at))), 0
            )
            found[one] = (lead, 0 if one == lead else since)
    return found
