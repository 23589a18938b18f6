"""The command line as a test calls it, and logs that it reads."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import rung

CHANCES = {
    "features_as_of": "as_of",
    "probability": "p_advance",
    "purchase_probability": "p_purchase",
}
"""What columns of `rung score` are called in a frame of scores."""


TEN_MISTAKES = """\
[ladder]
name = "Small Ladder"
dormant_after_days = -1
colour = "red"

[[step]]
id = "watch"
title = "Watch"
horizon_days = "a week"
complete_when = [{event = "video", where = {fraction = {at_leest = 0.8}}}]

[[step]]
id = "talk"
title = "Talk"
horizon_days = 14
band = [0.6, 0.4]
complete_when = []

[purchase]
complete_when = [{event = "order"}]

[[offer]]
id = "clip"
step = "wacth"
title = "A clip"
kind = "video"
effort = {minuts = 3}
"""


class Said(NamedTuple):
    """How a call ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def call(*arguments: object) -> Said:
    """A call of the command line, in this process."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = rung.main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = int(end.code or 0)
    return Said(code, out.getvalue(), err.getvalue())


def done(*arguments: object) -> Said:
    """A call that must succeed."""
    said = call(*arguments)
    assert said.code == 0, said.err
    return said


def refused(*arguments: object, code: int = 1) -> str:
    """What a call that must be refused says, in one message."""
    said = call(*arguments)
    assert said.code == code, said
    assert said.out == ""
    assert "Traceback" not in said.err
    return said.err


def message(*arguments: object) -> str:
    """The last line that a refused call says."""
    lines = [line for line in refused(*arguments).splitlines() if line.startswith("rung: ")]
    assert len(lines) == 1
    return lines[0]


def jsonl(path: Path, *rows: dict[str, object]) -> Path:
    """A file with an event a line."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def page(day: str, lead_id: str = "ann", **more: object) -> dict[str, object]:
    """A look at a page, at nine o'clock."""
    return {"lead_id": lead_id, "name": "page_viewed", "occurred_at": f"{day}T09:00:00Z", **more}


class Drawn(NamedTuple):
    """A log of offers that were drawn, the bundle that its first part trained, what that said."""

    events: Path
    bundle: Path
    said: Said
