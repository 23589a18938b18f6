"""The connectors' file, and the secrets that it and the ladder's sources name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress

from features.errors import LadderError
from features.ladder.file import read_ladder
from features.ladder.ladder import Ladder
from features.ladder.source import Source
from serving.connectors.configuration import read_connectors
from serving.doctor.finding import Finding, fine, wrong
from serving.settings import Settings, SettingsError
from serving.write_back import read_write_backs

__all__ = ["files"]

_ENV = "env:"


def files(
    settings: Settings, environment: Mapping[str, str], ladder: Ladder | None
) -> Iterator[Finding]:
    """Whether the file can be read and every secret is there.

    Parameters
    ----------
    ladder : the model's; where the settings name a file, the sources that count are those of that.
    """
    if settings.ladder:
        with suppress(LadderError):  # that it cannot be read is said where the ladder is looked at
            ladder = read_ladder(settings.ladder)
    for source in ladder.sources if ladder else ():
        yield from _source(source, environment)
    if settings.connectors is None:
        yield fine("connectors", "no file, all of them are off")
        return
    try:
        on = sorted(read_connectors(settings.connectors, environment, ladder).options)
        told = [one.connector for one in read_write_backs(settings.connectors, environment)]
    except SettingsError as error:
        for mistake in error.mistakes:
            why, remedy = "the service does not start", "correct the file or the environment"
            yield wrong("connectors", str(mistake), why, remedy)
        return
    yield fine(
        "connectors", f"{', '.join(on) or 'none'} on, told of scores: {', '.join(told) or 'none'}"
    )


def _source(source: Source, environment: Mapping[str, str]) -> Iterator[Finding]:
    variable = source.secret.removeprefix(_ENV)
    if source.signature != "none" and not environment.get(variable):
        yield wrong(
            "connectors",
            f"{source.name!r} of the ladder is off: the variable {variable} is not set",
            "what it sends is refused",
            f"set {variable} to its secret, and start the service again",
        )
