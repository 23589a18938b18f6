"""Signatures: what receivers verify with the reference library is what was sent."""

from __future__ import annotations

import base64
import json
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from serving.notifications.signature import new_secret, signed_headers, webhook_id


def now() -> int:
    return time.time_ns() // 1000


@given(body=st.text(st.characters(codec="utf-8")).map(str.encode), id_=st.text(min_size=1))
def test_verified_by_the_reference(body, id_):
    """The reference library accepts any body under any notification's id."""
    secret = new_secret()
    headers = signed_headers(id_.encode(errors="replace").decode(), now(), body, [secret])
    Webhook(secret).verify(body, headers, json_parse=False)


def test_both_secrets_sign():
    """While two secrets sign, either verifies; a third one does not."""
    secrets = [new_secret(), new_secret()]
    body = json.dumps({"type": "webhook.test"}).encode()
    headers = signed_headers("a-1", now(), body, secrets)
    for secret in secrets:
        assert Webhook(secret).verify(body, headers) == {"type": "webhook.test"}
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        Webhook(new_secret()).verify(body, headers)


@pytest.mark.parametrize("part", ["webhook-id", "webhook-timestamp", "body"])
def test_all_parts_are_signed(part):
    """A changed id, time or body is noticed."""
    secret, at = new_secret(), now()
    headers = signed_headers("a-1", at, b"{}", [secret])
    changed = {"webhook-id": "a-2", "webhook-timestamp": str(at // 1_000_000 + 1)}
    body = b"{ }" if part == "body" else b"{}"
    headers |= {part: changed[part]} if part in changed else {}
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        Webhook(secret).verify(body, headers)


def test_form_of_a_secret():
    """A secret is whsec_ and base64 of 24 to 64 bytes, another one each time."""
    secrets = {new_secret() for _ in range(50)}
    assert len(secrets) == 50
    for secret in secrets:
        assert secret.startswith("whsec_")
        assert 24 <= len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) <= 64


@given(st.text(min_size=1))
def test_form_of_an_id(id_):
    """An id fits into a header, holds no full stop, and is the same every time."""
    id_ = id_.encode(errors="replace").decode()
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,128}", webhook_id(id_))
    assert webhook_id(id_) == webhook_id(id_)


def test_ids_stay_apart():
    """A plain id is taken as it is; others get a digest, each another one."""
    assert webhook_id("band-7_Aa") == "band-7_Aa"
    odd = ["a.b", "a b", "ä", "a\nb", "x" * 129, "a.c"]
    assert len({webhook_id(id_) for id_ in odd}) == len(odd)
