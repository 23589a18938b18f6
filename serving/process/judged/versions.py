"""Which models served since when, who wanted it so and why; and the way back to the last one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from features.errors import BundleError
from features.store.kept.champions import Champion
from models.bundle import version_of
from models.gate import Gate
from models.logged.former_bundles import Promotion, back_from
from models.sources import SourceVersion
from serving.process.service import Service

__all__ = [
    "Promotable",
    "Tenure",
    "back_to",
    "gate_of_present",
    "promotable",
    "promote_other",
    "served_so_far",
    "take_back",
]

_LATE_US: Final = 60_000_000
"""Clocks of machines that serve and that promote lie no further apart."""


@dataclass(frozen=True, slots=True)
class Tenure:
    """A time in which one model served with one policy.

    Parameters
    ----------
    version : as it is told, twelve digits of the bundle's hash.
    from_at, to_at : microseconds since the epoch; `to_at` is None of what serves now.
    by, why : who wanted it so, and the reason; "" where nobody said.
    until : when what it was trained on ends; 0 where that is not known any more.
    gate : what let its scores serve; None where there was none, or it is not told.
    """

    version: str
    policy: str
    from_at: int
    to_at: int | None
    by: str
    why: str
    until: int
    gate: Gate | None
    taken_back: bool


def served_so_far(service: Service) -> list[Tenure]:
    """What served, as the store noted it, the newest first; with what its source tells of it."""
    told, kept = _of_source(service), service.store.champions.of(service.ladder.name)
    ends = [None, *(one.from_at for one in kept)]
    begun_before = [*(one.from_at for one in kept[1:]), 0]
    return [
        _tenure(one, told.get(one.bundle, SourceVersion(one.bundle)), end, before)
        for one, end, before in zip(kept, ends, begun_before, strict=False)
    ]


def _tenure(one: Champion, told: SourceVersion, ends: int | None, before: int) -> Tenure:
    # Of a model that served twice, or by two policies, the source tells of the last promotion.
    latest = one.from_at + _LATE_US if ends is None else min(one.from_at + _LATE_US, ends)
    is_meant = before < told.from_at <= latest
    return Tenure(
        version=version_of(one.bundle),
        policy=one.policy,
        from_at=one.from_at,
        to_at=ends,
        by=one.by or (told.by if is_meant else ""),
        why=told.why if is_meant else "",
        until=told.until,
        gate=told.gate,
        taken_back=told.taken_back,
    )


def gate_of_present(service: Service) -> Gate | None:
    """What let the model that serves do so; None where nobody asked a gate, or it is not told."""
    bundle = service.scorer.bundle
    found = _of_source(service).get(bundle.hash) if bundle else None
    return found.gate if found else None


def back_to(service: Service) -> SourceVersion | None:
    """What would serve after going back; None where nothing served before."""
    bundle = service.scorer.bundle
    if bundle is None:
        return None
    return back_from(bundle.hash, _of_source(service).values())


def take_back(service: Service, seen: str, by: str, why: str) -> str:
    """Let serve again what served before; the version that does.

    Parameters
    ----------
    seen : the version that served when somebody wanted to go back from it.

    Raises
    ------
    BundleError : another serves by now, nothing served before, or the folder cannot be written to.
    """
    _check_seen(service, seen)
    try:
        back = service.source.roll_back(Promotion(service.clock(), by, why))
    except OSError as error:
        raise BundleError(f"the model's folder cannot be written to: {error.strerror}") from error
    service.refresh()
    return version_of(back)


@dataclass(frozen=True, slots=True)
class Promotable:
    """A model that is kept beside the one that serves.

    Parameters
    ----------
    why_not : why its verdict does not let it follow what serves; "" where it does.
    """

    told: SourceVersion
    why_not: str


def promotable(service: Service) -> list[Promotable]:
    """What could serve in place of what does, the newest first, each with its gate's verdict.

    Raises
    ------
    BundleError : the source cannot be asked.
    NoModel : nothing serves.
    """
    serves = service.scorer.model.bundle.hash
    return [Promotable(one, one.why_not(serves)) for one in service.source.others()]


def promote_other(service: Service, id_: str, seen: str, by: str, why: str) -> str:
    """Let one of those serve, by the verdict that is kept of it; the version that does.

    Parameters
    ----------
    id_ : as its source names it.
    seen : the version that served when somebody wanted it.

    Raises
    ------
    BundleError : another serves by now, this one is kept no more or cannot be loaded, or the folder
        cannot be written to.
    GateError : its verdict does not let it follow what serves.
    """
    _check_seen(service, seen)
    try:
        new = service.source.promote_other(id_, Promotion(service.clock(), by, why))
    except OSError as error:
        raise BundleError(f"the model's folder cannot be written to: {error.strerror}") from error
    service.refresh()
    return version_of(new)


def _check_seen(service: Service, seen: str) -> None:
    serves = version_of(service.scorer.model.bundle.hash)
    if serves != seen:
        raise BundleError(f"{serves} serves by now, not {seen}: look again")


def _of_source(service: Service) -> dict[str, SourceVersion]:
    """What the source tells of each bundle: of one that served twice, what was said last."""
    found: dict[str, SourceVersion] = {}
    try:
        versions = service.source.versions()
    except BundleError:  # a damaged record of a former one: the page tells what the store knows
        return found
    for one in versions:
        if one.hash not in found:
            found[one.hash] = one
        elif found[one.hash].gate is None and one.gate is not None:
            found[one.hash] = replace(found[one.hash], gate=one.gate)
    return found
