"""Which connectors are on: the TOML file that `RUNG_CONNECTORS` names, one table a vendor.

Secrets stand in it as they are, or as "env:NAME": then that variable of the environment holds
them. All mistakes are reported at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from features.errors import LadderError, Mistake, did_you_mean
from features.files import why_no_text
from features.json_paths import JsonPath, parse_path
from features.ladder.ladder import Ladder
from features.ladder.source import Source
from features.toml_table import FileOrder, Found, Table, parse_toml
from serving.connectors.calendly import CALENDLY
from serving.connectors.connector import Connector, ConnectorOptions
from serving.connectors.customerio import CUSTOMERIO
from serving.connectors.errors import UnknownConnector
from serving.connectors.generic import connector_of
from serving.connectors.hubspot import HUBSPOT
from serving.connectors.mautic import MAUTIC
from serving.connectors.stripe import STRIPE
from serving.connectors.zoom import ZOOM
from serving.settings import SettingsError

__all__ = ["VENDORS", "Connectors", "read_connectors"]

VENDORS: Final[Mapping[str, Connector]] = {
    one.name: one for one in (CALENDLY, CUSTOMERIO, HUBSPOT, MAUTIC, STRIPE, ZOOM)
}
_ENV: Final = "env:"
_WRITE_BACK: Final = "write_back"
_LONGEST_TOLERANCE: Final = 86_400.0
_ORIGIN: Final = re.compile(r"https?://[^/?#\s]+/?")
_IDENTIFY: Final = ("id", "email")


@dataclass(frozen=True, slots=True)
class Connectors:
    """The connectors that are on.

    Parameters
    ----------
    options : by the name of the vendor.
    environment : where the secrets of sources stand.
    ladder : the one whose sources count; None: that of the model. A source can be added without
        training anew.
    """

    options: Mapping[str, ConnectorOptions] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    ladder: Ladder | None = None

    def named(self, name: str, ladder: Ladder) -> tuple[Connector, ConnectorOptions]:
        """A connector that is on, with its options.

        Raises
        ------
        UnknownConnector : it is off, or there is none of that name; says how to switch it on.
        """
        if name in VENDORS:
            return VENDORS[name], self._vendor(name)
        sources = (self.ladder or ladder).sources
        source = next((one for one in sources if one.name == name), None)
        if source is None:
            known = [*VENDORS, *(one.name for one in sources)]
            raise UnknownConnector(
                f"there is no connector {name!r}{did_you_mean(name, known)}; there are"
                f" {', '.join(known)}, and each [[source]] of the ladder file is one"
            )
        return connector_of(source), self._source(source)

    def _vendor(self, name: str) -> ConnectorOptions:
        if name not in self.options:
            raise UnknownConnector(
                f"the connector {name!r} is off; to switch it on, write [{name}] and its secret"
                " into the file that RUNG_CONNECTORS names, and start the service again"
            )
        return self.options[name]

    def _source(self, source: Source) -> ConnectorOptions:
        variable = source.secret.removeprefix(_ENV)
        secret = self.environment.get(variable, "")
        if source.signature != "none" and not secret:
            raise UnknownConnector(
                f"the connector {source.name!r} is off; to switch it on, set the variable"
                f" {variable} to its secret, and start the service again"
            )
        return ConnectorOptions(secret)


def read_connectors(
    path: Path | None, environment: Mapping[str, str], ladder: Ladder | None = None
) -> Connectors:
    """The connectors of a file, none of the vendors where there is no path; sources of a ladder.

    Raises
    ------
    SettingsError : with all mistakes in file order; or the file cannot be read, or is no TOML.
    """
    if path is None:
        return Connectors({}, environment, ladder)
    try:
        text = path.read_text(encoding="utf-8")
        values = parse_toml(text, str(path))
    except (OSError, UnicodeDecodeError) as error:
        mistake = Mistake("RUNG_CONNECTORS", f"{path} {why_no_text(error)}")
        raise SettingsError([mistake]) from error
    except LadderError as error:
        raise _refused(path, error.mistakes) from error
    found = Found()
    root = Table(values, "", found)
    options = {
        name: root.one(name, partial(_read_options, vendor, environment))
        for name, vendor in VENDORS.items()
        if root.has(name)
    }
    for name in (*VENDORS, *_only_told(values)):
        root.take(name)  # known, though it is not read here
    root.close()
    if found.mistakes:
        order = FileOrder(text, values)
        raise _refused(path, sorted(found.mistakes, key=lambda one: order.rank(one.path)))
    on = {name: one for name, one in options.items() if one.secret}
    return Connectors(on, environment, ladder)


def _only_told(values: Mapping[str, object]) -> list[str]:
    """The names of tables about what goes out alone, which others read."""
    return [
        name
        for name, given in values.items()
        if isinstance(given, dict) and set(given) == {_WRITE_BACK}
    ]


def _refused(path: Path, mistakes: list[Mistake] | tuple[Mistake, ...]) -> SettingsError:
    return SettingsError(
        [Mistake(f"{path}: {one.path}", one.problem, one.remedy) for one in mistakes]
    )


def _read_options(
    vendor: Connector, environment: Mapping[str, str], table: Table
) -> ConnectorOptions:
    own = {key: _read_own(table, key, usual) for key, usual in vendor.own_options.items()}
    _check_url(table, own.get("public_url"))
    table.take(_WRITE_BACK)  # `serving.write_back` reads it
    return ConnectorOptions(
        secret=_read_secret(table, environment),
        tolerance_seconds=table.number_that(
            "tolerance_seconds",
            300.0,
            lambda seconds: 0 < seconds <= _LONGEST_TOLERANCE,
            f"be above 0 and at most {_LONGEST_TOLERANCE:.0f}",
        ),
        identify_by="email" if table.choice("identify_by", _IDENTIFY, "id") == "email" else "id",
        id_path=_read_path(table),
        ignore_domains=_read_domains(table),
        events={**vendor.events, **table.text_map("events")},
        **own,  # type: ignore[arg-type]
    )


def _read_secret(table: Table, environment: Mapping[str, str]) -> str:
    """The secret; "" where none is given, and where what should hold it is not set."""
    given = table.text_if_any("secret")
    if not given.startswith(_ENV):
        return given
    variable = given.removeprefix(_ENV)
    if not environment.get(variable):
        table.wrong("secret", f"the variable {variable!r} is not set", "it holds the secret")
    return environment.get(variable, "")


def _read_path(table: Table) -> JsonPath:
    path = parse_path(table.text_if_any("id_path"))
    if path is None:
        table.wrong("id_path", "is no path", "as payload.tracking.utm_content or items[0].id")
    return path or ()


def _read_domains(table: Table) -> tuple[str, ...]:
    names = tuple(name.strip().lower() for name in table.texts("ignore_domains"))
    if any("@" in name or "." not in name for name in names):
        table.wrong("ignore_domains", "names no domain", "as example.com")
    return names


def _read_own(table: Table, key: str, usual: str | tuple[str, ...]) -> str | tuple[str, ...]:
    if isinstance(usual, tuple):
        return table.texts(key) if table.has(key) else (table.texts(key) or usual)
    return table.text_if_any(key)


def _check_url(table: Table, url: object) -> None:
    if isinstance(url, str) and url and not _ORIGIN.fullmatch(url):
        table.wrong("public_url", "is no scheme and host", "as https://rung.example.com")
