"""Secrets of endpoints, and the signed headers of a notification (Standard Webhooks 1.0.0, v1)."""

from __future__ import annotations

import base64
import hmac
import re
import secrets
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

__all__ = ["new_secret", "signed_headers", "webhook_id"]

_PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = 32
_PLAIN_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_SECOND_US: Final = 1_000_000


def new_secret() -> str:
    """A secret with 256 random bits, as `whsec_` and base64."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def webhook_id(notification_id: str) -> str:
    """The id that receivers see, the same for every attempt.

    It is the notification's own where that is letters, digits, `-` and `_`, else `msg_` and a
    digest: the id stands before a full stop in what is signed, and in a header.
    """
    if _PLAIN_ID.fullmatch(notification_id):
        return notification_id
    return f"msg_{sha256(notification_id.encode()).hexdigest()}"


def signed_headers(
    notification_id: str, sent_at: int, body: bytes, secrets_: Iterable[str]
) -> dict[str, str]:
    """The three `webhook-` headers of one attempt, with a signature for each secret.

    Parameters
    ----------
    sent_at : of this attempt, in microseconds since the epoch.
    """
    seconds = str(sent_at // _SECOND_US)
    id_ = webhook_id(notification_id)
    signed = b".".join((id_.encode(), seconds.encode(), body))
    return {
        "webhook-id": id_,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(_signature(secret, signed) for secret in secrets_),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    return f"v1,{base64.b64encode(hmac.digest(key, signed, sha256)).decode()}"
