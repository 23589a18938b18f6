"""Dynamics 365 as its Web API behaves: tokens, queries of OData, and writes in a batch."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any
from urllib.parse import parse_qs

from tests.serving.write_back.fakes import TOKEN, Answer, Call, Fake

API = "/api/data/v9.2"
_CLAUSE = r"(?:\w+ eq (?:'(?:[^']|'')*'|[0-9a-f-]{36}))"
_PART = re.compile(
    r"--batch_rung\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    r"PATCH (\S+) HTTP/1\.1\r\n((?:[^\r\n]+\r\n)+)\r\n([^\r\n]*)\r\n"
)


def guid(external_id: str) -> str:
    """The id of the lead that is known by an external id."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, external_id))


class FakeDynamics(Fake):
    """`tokens` counts those given; only the last one lets in. `scores` are by lead's id.

    `parts` are answers to single writes of a batch, by external id; `seconds` is how long a token
    lasts; `login` is what the token's address answers instead.
    """

    def __init__(self) -> None:
        super().__init__()
        self.tokens = 0
        self.seconds: object = 3599
        self.login: Answer | None = None
        self.scores: dict[str, dict[str, Any]] = {}
        self.parts: dict[str, Answer] = {}
        self.column = "emailaddress1"

    def answer(self, call: Call) -> Answer:
        if call.path != "/contoso.example/oauth2/v2.0/token":
            return super().answer(call)
        asked = {name: value for name, (value,) in parse_qs(call.body).items()}
        assert asked == {
            "grant_type": "client_credentials",
            "client_id": "rung",
            "client_secret": TOKEN,
            "scope": f"{self.url}/.default",
        }
        if self.login:
            return self.login
        self.tokens += 1
        body = {"token_type": "Bearer", "expires_in": self.seconds, "access_token": self._token}
        return Answer(200, body)

    @property
    def _token(self) -> str:
        return f"token-{self.tokens}"

    def secret_for(self, path: str) -> str:
        assert path.startswith(API)
        return f"Bearer {self._token}"

    def behave(self, call: Call) -> Answer:
        if call.method == "GET":
            return self._find(call)
        assert (call.method, call.path) == ("POST", f"{API}/$batch")
        self.before_write()
        return self._batch(call.body)

    def _find(self, call: Call) -> Answer:
        (condition,), (select,) = call.query["$filter"], call.query["$select"]
        if not re.fullmatch(f"{_CLAUSE}(?: or {_CLAUSE})*", condition):
            return Answer(400, {"error": {"code": "0x0", "message": "Syntax error"}})
        pairs = re.findall(r"(\w+) eq (?:'((?:[^']|'')*)'|([0-9a-f-]{36}))", condition)
        wanted = {
            (name, (text or bare).replace("''", "'").casefold()) for name, text, bare in pairs
        }
        if call.path == f"{API}/msdyn_predictivescores":
            rows = [{"msdyn_entityid": key, **values} for key, values in self.scores.items()]
        else:
            assert call.path == f"{API}/leads"
            rows = [
                {"leadid": guid(each), self.column: each, **values}
                for each, values in self.records.items()
            ]
        names = select.split(",")
        found = [
            {name: row.get(name) for name in names}
            for row in rows
            if any((name, str(row.get(name)).casefold()) in wanted for name in names)
        ]
        return Answer(200, {"@odata.context": "x", "value": found})

    def _batch(self, body: str) -> Answer:
        parts = _PART.findall(body)
        assert body.endswith("--batch_rung--\r\n")
        assert len(parts) == body.count("--batch_rung\r\n") <= 100
        by_guid = {guid(each): each for each in self.records}
        if any(by_guid.get(key) in self.poison for path, *_ in parts for key in _guids(path)):
            return Answer(400, {"error": {"code": "0x0", "message": "broken"}})
        lines = []
        for path, headers, content in parts:
            answer = self._write_one(path, headers, json.loads(content), by_guid)
            text = "" if answer.body is None else json.dumps(answer.body)
            lines += [
                "--batchresponse_1",
                "Content-Type: application/http",
                "Content-Transfer-Encoding: binary",
                "",
                f"HTTP/1.1 {answer.status} Said",
                *(f"{name}: {value}" for name, value in answer.headers.items()),
                "OData-Version: 4.0",
                "",
                text,
            ]
        lines += ["--batchresponse_1--", ""]
        kind = {"Content-Type": "multipart/mixed; boundary=batchresponse_1"}
        return Answer(200, "\r\n".join(lines).encode(), kind)

    def _write_one(
        self, path: str, headers: str, values: dict[str, Any], by_guid: dict[str, str]
    ) -> Answer:
        (key,) = _guids(path)
        external_id = by_guid.get(key)
        if external_id in self.parts:
            return self.parts[external_id]
        if external_id in self.bad:
            return Answer(400, {"error": {"message": "The property is invalid"}})
        if path == f"{API}/leads({key})":
            assert "If-Match: *" in headers
            if external_id is None:
                return Answer(404, {"error": {"message": "lead With Id = x Does Not Exist"}})
            self.write(external_id, values)
            return Answer(204)
        score = f"{API}/msdyn_predictivescores(msdyn_entityid='{key}',msdyn_entitytype='lead')"
        assert path == score
        self.scores.setdefault(key, {"msdyn_entitytype": "lead"}).update(values)
        self.writes.append((external_id or "", values))
        return Answer(204)


def _guids(path: str) -> list[str]:
    return re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", path)
