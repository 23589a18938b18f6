"""Why a request is turned away before anything is done, and what is wrong with a key."""

from __future__ import annotations

from collections.abc import Sequence

from features.errors import Conflict, Refused, Unknown, did_you_mean

__all__ = [
    "ChangedMeanwhile",
    "InvalidKey",
    "KeyNeeded",
    "NotAllowed",
    "TooManyRequests",
    "UnknownKey",
]


class KeyNeeded(Refused):
    """A request without a key, or with one that is not known here or was revoked."""


class NotAllowed(Refused):
    """A request that its key may not make, or that came from where none may come from."""


class TooManyRequests(Refused):
    """A caller asks too often. `seconds` is how long to wait."""

    def __init__(self, message: str, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(message)


class UnknownKey(Unknown):
    """A key that was never made here."""

    @classmethod
    def named(cls, key_id: str, known: Sequence[str] = ()) -> UnknownKey:
        """The error for one unknown key, with a hint where a known id is close."""
        return cls(f"no key {key_id!r} was made here{did_you_mean(key_id, known)}")


class InvalidKey(Refused):
    """A key that cannot be made: its name, its scopes or its source will not do."""


class ChangedMeanwhile(Conflict):
    """What is to be changed is not what the caller looked at."""
