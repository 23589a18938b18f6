"""Which CRMs are told of scores, and how: the `write_back` tables of the connectors' file.

The rest of that file says what comes in; `serving.connectors.configuration` reads it. Secrets stand
in it as they are, or as "env:NAME": then that variable of the environment holds them.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from features.errors import LadderError, Mistake, did_you_mean
from features.files import why_no_text
from features.toml_table import FileOrder, Found, Table, listed, parse_toml
from serving.settings import SettingsError

__all__ = [
    "LEAD_ID",
    "PREDICTIVE_SCORE",
    "Names",
    "WriteBack",
    "parse_write_backs",
    "read_write_backs",
]

LEAD_ID: Final = "lead_id"
"""The `id` of CRMs that know our leads by our id; any other one is a trait."""

COLUMNS: Final = "columns"
PREDICTIVE_SCORE: Final = "predictive_score"
"""Where Dynamics 365 takes scores: in columns of the lead, or in a table of its own."""

_TABLE: Final = "write_back"
_DEADBAND: Final = 0.05
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")
_VERSION: Final = re.compile(r"v[0-9]{2,3}\.[0-9]")
_TENANT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}")
_ENV: Final = "env:"


@dataclass(frozen=True, slots=True)
class Names:
    """What the CRM calls each property that is ours."""

    probability: str = "rung_probability"
    band: str = "rung_band"
    next_step: str = "rung_next_step"
    reason: str = "rung_reason"
    cause: str = "rung_cause"
    scored_at: str = "rung_scored_at"
    model_version: str = "rung_model_version"

    def given(self, values: Mapping[str, object]) -> dict[str, object]:
        """Values by the CRM's names instead of ours."""
        return {name: values[own] for own, name in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class WriteBack:
    """How one CRM is told of scores.

    Parameters
    ----------
    connector : hubspot, salesforce, customerio, mautic or dynamics.
    base_url : where its API is, without a slash at the end.
    id : what of a lead the CRM knows it by: "lead_id", or a trait.
    id_property : the CRM's property that holds it.
    names : the CRM's properties that are ours.
    override : the CRM's property by which a person takes a record over.
    deadband : a probability that moved by less is not written, in (0, 1].
    read_url, read_token : where reading is an API of its own.
    record_type : Salesforce's object.
    version : of Salesforce's API.
    tenant, login_url : who gives Dynamics' tokens, to `user` with `password`.
    scores_in : "columns", or "predictive_score" where Dynamics has a table for them.
    opt_out : Dynamics' column that says that nothing is to be told of a lead; "" for none.
    """

    connector: str
    base_url: str
    id: str
    id_property: str
    names: Names = field(default_factory=Names)
    override: str = "rung_override"
    deadband: float = _DEADBAND
    token: str = field(default="", repr=False)
    user: str = ""
    password: str = field(default="", repr=False)
    read_url: str = ""
    read_token: str = field(default="", repr=False)
    record_type: str = ""
    version: str = ""
    tenant: str = ""
    login_url: str = ""
    scores_in: str = COLUMNS
    opt_out: str = ""


def read_write_backs(path: Path, environment: Mapping[str, str]) -> tuple[WriteBack, ...]:
    """The CRMs of a file that are told of scores.

    Raises
    ------
    SettingsError : no such file, or mistakes in the `write_back` tables, all at once.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([Mistake(str(path), why_no_text(error))]) from error
    return parse_write_backs(text, str(path), environment)


def parse_write_backs(
    text: str, source: str, environment: Mapping[str, str]
) -> tuple[WriteBack, ...]:
    """As `read_write_backs`, of a text; `source` is what an error calls it."""
    try:
        values = parse_toml(text, source)
    except LadderError as error:
        raise _refused(source, error.mistakes) from error
    found = Found()
    told = []
    for connector, table in values.items():
        if isinstance(table, dict) and _TABLE in table:
            one = _write_back(connector, table[_TABLE], found, environment)
            told.extend([one] if one else [])
    if found.mistakes:
        order = FileOrder(text, values)
        raise _refused(source, sorted(found.mistakes, key=lambda one: order.rank(one.path)))
    return tuple(sorted(told, key=lambda one: one.connector))


def _refused(source: str, mistakes: Iterable[Mistake]) -> SettingsError:
    return SettingsError(
        [Mistake(f"{source}: {one.path}", one.problem, one.remedy) for one in mistakes]
    )


def _write_back(
    connector: str, values: object, found: Found, environment: Mapping[str, str]
) -> WriteBack | None:
    path = f"{connector}.{_TABLE}"
    if connector not in _READERS:
        hint = did_you_mean(connector, _READERS)
        found.wrong(path, f"no such CRM{hint}", f"one of {listed(sorted(_READERS))}")
        return None
    if not isinstance(values, dict):
        found.wrong(path, "must be a table")
        return None
    table = Table(values, path, found)
    told = _READERS[connector](_Reader(connector, table, environment))
    table.close()
    return told


@dataclass(frozen=True, slots=True)
class _Reader:
    """A table of the file, and what all the CRMs have in common in it."""

    connector: str
    table: Table
    environment: Mapping[str, str]

    def secret(self, key: str) -> str:
        """A secret, as it stands or as the variable that the file names holds it."""
        given = self.table.text(key)
        if not given.startswith(_ENV):
            return given
        variable = given.removeprefix(_ENV)
        if not self.environment.get(variable):
            self.table.wrong(key, f"the variable {variable!r} is not set", "it holds the secret")
        return self.environment.get(variable, "")

    def url(self, key: str, default: str | None = None) -> str:
        """An address that secrets may be sent to."""
        text = self.table.text(key, default).rstrip("/")
        if text and not _is_safe(text):
            self.table.wrong(key, "must begin with https://", "http:// is for hosts next door")
        return text

    def name(self, key: str, default: str | None = None) -> str:
        """The name of a property; it becomes a part of addresses and queries."""
        text = self.table.text(key, default)
        if text and not _NAME.fullmatch(text):
            self.table.wrong(key, f"{text!r} is no name of a property")
        return text

    def deadband(self) -> float:
        """The deadband, as a probability."""
        return self.table.number_that(
            "deadband", _DEADBAND, lambda moved: 0.0 < moved <= 1.0, "be above 0, and at most 1"
        )

    def names(self, suffix: str) -> Names:
        """The properties that are ours; `suffix` ends their usual names."""
        given = self.table.take("properties")
        if given is not None and not isinstance(given, dict):
            self.table.wrong("properties", "must be a table")
        inner = Table(
            given if isinstance(given, dict) else {}, self.table.at("properties"), self.table.found
        )
        reader = _Reader(self.connector, inner, self.environment)
        usual = {one.name: f"{one.default}{suffix}" for one in fields(Names)}
        names = Names(**{own: reader.name(own, name) for own, name in usual.items()})
        inner.close()
        return names

    def told(
        self,
        *,
        base_url: str,
        id_property: str,
        suffix: str = "",
        override: str = "rung_override",
        more: Mapping[str, str],
    ) -> WriteBack:
        """The CRM, with what is the same for all of them."""
        told = WriteBack(
            connector=self.connector,
            base_url=base_url,
            id=self.table.text("id", LEAD_ID),
            id_property=id_property,
            names=self.names(suffix),
            override=self.name("override", f"{override}{suffix}"),
            deadband=self.deadband(),
            **more,
        )
        self._check_owned(told)
        return told

    def _check_owned(self, told: WriteBack) -> None:
        """What is ours is written by nobody else, and is nothing else."""
        owned = list(asdict(told.names).values())
        if len(set(owned)) < len(owned):
            self.table.found.wrong(self.table.at("properties"), "names one property twice")
        for key, other in (("override", told.override), ("id_property", told.id_property)):
            if other and other in owned:
                path = self.table.at(key)
                self.table.found.wrong(path, f"{other!r} is written by us", "name another one")


def _hubspot(reader: _Reader) -> WriteBack:
    return reader.told(
        base_url=reader.url("base_url", "https://api.hubapi.com"),
        id_property=reader.name("id_property"),
        more={"token": reader.secret("token")},
    )


def _salesforce(reader: _Reader) -> WriteBack:
    table = reader.table
    version = table.text("version", "v62.0")
    if not _VERSION.fullmatch(version):
        table.wrong("version", f"{version!r} is no version", "write v62.0")
    id_property = reader.name("id_property")
    if id_property.lower() == "id":
        table.wrong("id_property", "cannot be the record id", "name a field marked External ID")
    return reader.told(
        base_url=reader.url("base_url"),
        id_property=id_property,
        suffix="__c",
        more={
            "token": reader.secret("token"),
            "record_type": reader.name("record_type", "Lead"),
            "version": version,
        },
    )


def _customerio(reader: _Reader) -> WriteBack:
    id_property = reader.table.choice("id_property", ("id", "email", "cio_id"), "id")
    return reader.told(
        base_url=reader.url("base_url", "https://track.customer.io"),
        id_property=id_property or "id",
        more={
            "user": reader.table.text("site_id"),
            "password": reader.secret("api_key"),
            "read_url": reader.url("read_url", "https://api.customer.io"),
            "read_token": reader.secret("app_key"),
        },
    )


def _mautic(reader: _Reader) -> WriteBack:
    more = {}
    if reader.table.has("user"):
        more = {"user": reader.table.text("user"), "password": reader.secret("password")}
    else:
        more = {"token": reader.secret("token")}
    return reader.told(
        base_url=reader.url("base_url"),
        id_property=reader.name("id_property", "id"),
        more=more,
    )


def _dynamics(reader: _Reader) -> WriteBack:
    table = reader.table
    tenant = table.text("tenant")
    if tenant and not _TENANT.fullmatch(tenant):
        table.wrong("tenant", f"{tenant!r} is no tenant", "write its id, or its domain")
    scores_in = table.choice("scores_in", (COLUMNS, PREDICTIVE_SCORE), COLUMNS) or COLUMNS
    return reader.told(
        base_url=reader.url("base_url"),
        id_property=reader.name("id_property"),
        # Who has a table for scores need not have made a column for an override.
        override="rung_override" if scores_in == COLUMNS else "",
        more={
            "user": table.text("client_id"),
            "password": reader.secret("client_secret"),
            "tenant": tenant,
            "login_url": reader.url("login_url", "https://login.microsoftonline.com"),
            "scores_in": scores_in,
            "opt_out": reader.name("opt_out", ""),
        },
    )


_READERS: Final[dict[str, Callable[[_Reader], WriteBack]]] = {
    "customerio": _customerio,
    "dynamics": _dynamics,
    "hubspot": _hubspot,
    "mautic": _mautic,
    "salesforce": _salesforce,
}


def _is_safe(url: str) -> bool:
    """Whether nobody on the way can read what is sent there."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    if parts.query or parts.fragment or parts.username or not host:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_next_door(host))


def _is_next_door(host: str) -> bool:
    """Whether a host is this machine, or one that only a private network knows by its name."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return "." not in host
