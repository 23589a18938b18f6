"""CRMs as they behave over HTTP, on 127.0.0.1: they find, write and refuse, or fail if told to."""

from __future__ import annotations

import base64
import csv
import html
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "secret-token"  # noqa: S105 of a CRM that is none


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it arrived."""

    method: str
    path: str
    query: dict[str, list[str]]
    authorization: str
    body: Any


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class Fake:
    """A CRM. `records` holds properties by external id; `answers` go before its own, one a call.

    `bad` are external ids whose write it refuses one by one, `poison` those that spoil a whole
    batch; `before_write` is called once a write has arrived, before it is carried out.
    """

    secret = f"Bearer {TOKEN}"

    def __init__(self) -> None:
        self.records: dict[str, dict[str, Any]] = {}
        self.calls: list[Call] = []
        self.answers: list[Answer | None] = []
        self.bad: set[str] = set()
        self.poison: set[str] = set()
        self.writes: list[tuple[str, dict[str, Any]]] = []
        self.before_write: Callable[[], None] = lambda: None
        self.url = ""

    def answer(self, call: Call) -> Answer:
        self.calls.append(call)
        if call.authorization != self.secret_for(call.path):
            return Answer(401, {"message": "Authentication credentials not found"})
        if self.answers and (given := self.answers.pop(0)) is not None:
            return given
        return self.behave(call)

    def secret_for(self, path: str) -> str:
        assert path
        return self.secret

    def behave(self, call: Call) -> Answer:
        raise NotImplementedError

    def write(self, external_id: str, properties: dict[str, Any]) -> None:
        self.records.setdefault(external_id, {}).update(properties)
        self.writes.append((external_id, properties))


class FakeHubSpot(Fake):
    def behave(self, call: Call) -> Answer:
        inputs = call.body["inputs"]
        ids = [one["id"] for one in inputs]
        if len(inputs) > 100 or len(set(ids)) < len(ids):
            return Answer(400, {"status": "error", "message": "Invalid input"})
        if call.path.endswith("/batch/read"):
            return self._read(call.body, ids)
        assert call.path == "/crm/objects/2026-03/contacts/batch/upsert"
        self.before_write()
        if self.poison & set(ids):
            return Answer(400, {"status": "error", "category": "VALIDATION_ERROR"})
        return self._upsert(inputs)

    def _read(self, body: dict[str, Any], ids: list[str]) -> Answer:
        name = body.get("idProperty", "hs_object_id")
        found = [
            {
                "id": each,
                "properties": {
                    name: each,
                    **{wanted: self.records[each].get(wanted) for wanted in body["properties"][1:]},
                },
            }
            for each in ids
            if each in self.records
        ]
        missing = [each for each in ids if each not in self.records]
        if not missing:
            return Answer(200, {"status": "COMPLETE", "results": found})
        errors = [{"category": "OBJECT_NOT_FOUND", "context": {"ids": missing}}]
        return Answer(207, {"status": "COMPLETE", "results": found, "errors": errors})

    def _upsert(self, inputs: list[dict[str, Any]]) -> Answer:
        results, errors = [], []
        for one in inputs:
            trace = one["objectWriteTraceId"]
            if one["id"] in self.bad:
                context = {"objectWriteTraceId": [trace]}
                message = "Property values were not valid"
                errors.append(
                    {"category": "VALIDATION_ERROR", "message": message, "context": context}
                )
                continue
            self.write(one["id"], one["properties"])
            results.append({"id": one["id"], "new": False, "objectWriteTraceId": trace})
        if errors:
            return Answer(207, {"results": results, "errors": errors, "numErrors": len(errors)})
        return Answer(200, {"status": "COMPLETE", "results": results})


class FakeSalesforce(Fake):
    def behave(self, call: Call) -> Answer:
        if call.path == "/services/data/v62.0/query":
            return self._query(call.query["q"][0])
        found = re.fullmatch(r"/services/data/v62.0/composite/sobjects/Lead/(\w+)", call.path)
        assert found
        assert call.body["allOrNone"] is False
        self.before_write()
        return self._upsert(call.body["records"], found[1])

    def _query(self, query: str) -> Answer:
        found = re.fullmatch(r"SELECT (\w+), (\w+) FROM Lead WHERE \1 IN \((.*)\)", query)
        if not found:
            return Answer(400, [{"errorCode": "MALFORMED_QUERY", "message": "unexpected token"}])
        name, override, listed = found.groups()
        ids = [
            re.sub(r"\\(.)", r"\1", quoted) for quoted in re.findall(r"'((?:[^'\\]|\\.)*)'", listed)
        ]
        folded = {each.casefold() for each in ids}
        records = [
            {"attributes": {"type": "Lead"}, name: each, override: values.get(override, False)}
            for each, values in self.records.items()
            if each.casefold() in folded
        ]
        return Answer(200, {"totalSize": len(records), "done": True, "records": records})

    def _upsert(self, records: list[dict[str, Any]], name: str) -> Answer:
        if len(records) > 200 or any(record[name] in self.poison for record in records):
            return Answer(400, [{"errorCode": "JSON_PARSER_ERROR", "message": "No such column"}])
        results: list[dict[str, Any]] = []
        for record in records:
            external_id = record.pop(name)
            assert record.pop("attributes") == {"type": "Lead"}
            if external_id in self.bad:
                error = {"statusCode": "STRING_TOO_LONG", "message": "Reason", "fields": []}
                results.append({"success": False, "errors": [error]})
                continue
            self.write(external_id, record)
            results.append({"id": "00Q", "success": True, "errors": [], "created": False})
        return Answer(200, results)


class FakeCustomerio(Fake):
    secret = "Basic " + base64.b64encode(f"site:{TOKEN}".encode()).decode()

    def secret_for(self, path: str) -> str:
        return self.secret if path.startswith("/api/v2/") else "Bearer app-token"

    def behave(self, call: Call) -> Answer:
        if call.path == "/v1/customers/attributes":
            return self._look_up(call)
        assert call.path == "/api/v2/batch"
        self.before_write()
        return self._batch(call.body["batch"])

    def _look_up(self, call: Call) -> Answer:
        ids, kind = call.body["ids"], call.query["id_type"][0]
        assert 1 <= len(ids) <= 100
        people = [
            {"customer": {"id": "x", "attributes": {kind: each, **self.records[each]}}}
            for each in ids
            if each in self.records
        ]
        return Answer(200, {"customers": people})

    def _batch(self, batch: list[dict[str, Any]]) -> Answer:
        ids = [next(iter(one["identifiers"].values())) for one in batch]
        if self.poison & set(ids):
            return Answer(400, {"errors": [{"reason": "parse_error"}]})
        errors = []
        for at, (one, external_id) in enumerate(zip(batch, ids, strict=True)):
            assert (one["type"], one["action"]) == ("person", "identify")
            if external_id in self.bad:
                errors.append({"batch_index": at, "reason": "invalid", "message": "no number"})
            else:
                self.write(external_id, one["attributes"])
        return Answer(207, {"errors": errors}) if errors else Answer(200, {})


class FakeMautic(Fake):
    """Records are known by a value; their Mautic id is 100 and the place in `records`."""

    def number(self, external_id: str) -> int:
        return 100 + list(self.records).index(external_id)

    def behave(self, call: Call) -> Answer:
        if call.method == "GET":
            return self._find(call)
        assert (call.method, call.path) == ("PATCH", "/api/contacts/batch/edit")
        self.before_write()
        return self._edit(call.body)

    def _find(self, call: Call) -> Answer:
        assert (call.path, call.query["where[0][expr]"]) == ("/api/contacts", ["in"])
        (values,) = csv.reader([html.unescape(call.query["where[0][val]"][0])])
        name = call.query["where[0][col]"][0]
        found = {
            str(self.number(each)): {
                "id": self.number(each),
                "fields": {"core": {}, "all": {**self.records[each], name: each}},
            }
            for each in values
            if each in self.records
        }
        return Answer(200, {"total": len(found), "contacts": found or []})

    def _edit(self, contacts: list[dict[str, Any]]) -> Answer:
        by_number = {self.number(each): each for each in self.records}
        if any(by_number.get(one["id"]) in self.poison for one in contacts):
            return Answer(400, {"errors": [{"message": "broken"}]})
        statuses, errors = [], {}
        for at, one in enumerate(contacts):
            external_id = by_number.get(one.pop("id"), "")
            if not external_id or external_id in self.bad:
                errors[str(at)] = {"code": 400, "message": "not a number", "type": "api"}
                statuses.append(400)
            else:
                self.write(external_id, one)
                statuses.append(200)
        body: dict[str, Any] = {"contacts": {}, "statusCodes": statuses}
        return Answer(200, body | ({"errors": errors} if errors else {}))


def _body(raw: bytes, content_type: str) -> Any:
    """JSON as it is understood; anything else as its text."""
    if not raw:
        return None
    return json.loads(raw) if content_type.startswith("application/json") else raw.decode()


@contextmanager
def running(fake: Fake) -> Iterator[Fake]:
    """A CRM that listens, its address in `url`."""

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            raw = self.rfile.read(length)
            parts = urlsplit(self.path)
            call = Call(
                self.command,
                parts.path,
                parse_qs(parts.query),
                self.headers.get("authorization", ""),
                _body(raw, self.headers.get("content-type", "")),
            )
            answer = fake.answer(call)
            body = answer.body
            if not isinstance(body, bytes):
                body = b"" if body is None else json.dumps(body).encode()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(BrokenPipeError, ConnectionResetError):  # a client that has gone away
                self.wfile.write(body)

        do_GET = do_POST = do_PATCH = _any  # noqa: N815 the names that http.server looks for

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
