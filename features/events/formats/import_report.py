"""What became of the rows of an import: nothing is dropped without being counted and shown."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TextIO

from features.errors import EventsError
from features.events.formats.decimals import Decimals
from features.files import new_file
from features.ladder.words import things

__all__ = ["NAIVE_TIME", "UNREADABLE_TIME", "ImportReport", "Rejects"]

NAIVE_TIME: Final = "naive time (say which time zone is meant)"
"""The reason of rows whose times have no zone."""
UNREADABLE_TIME: Final = "unreadable time"
"""The reason of rows whose times are written in another way than ours."""
_REMEDIES: Final = {
    NAIVE_TIME: "; name it by --timezone, as --timezone Europe/Berlin",
    UNREADABLE_TIME: "; write times as 2026-03-01T12:00:00Z",
}
_EXAMPLES: Final = 5


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The count of rows by what became of them.

    rows = accepted + duplicates + future + later + rejected.

    Parameters
    ----------
    rows : a row that tells several events, as a contact with its dates does, stands for each.
    duplicates : rows whose message id an accepted row has.
    future : rows dated after the present: what has not happened is set aside.
    later : rows that were known only after the instant up to which the log was asked for.
    moved_clocks : accepted rows that were known before they occurred; a log moves `occurred_at`
        back to `known_at`.
    again : accepted rows without a message id that say what another one says; each counts.
    in_part : whether only what a ladder reads was compared for that.
    rejected : counts by reason.
    examples : the first few rejected rows of each reason, as sentences that begin with file:line.
    passed_over : names of hidden files that were not read, and of inner folders, which end in a
        stroke.
    layouts : what files were taken for that are not laid out in our own way, as sentences.
    from_rows : how many rows the files have, where some tell several events; None where none does.
    redacted : counts of rows out of which contact data was taken, by why they may hold none; None
        where it was not looked for. A row that is a duplicate is counted as well.
    """

    rows: int
    accepted: int
    duplicates: int = 0
    future: int = 0
    later: int = 0
    moved_clocks: int = 0
    again: int = 0
    in_part: bool = False
    rejected: dict[str, int] = field(default_factory=dict)
    examples: dict[str, tuple[str, ...]] = field(default_factory=dict)
    passed_over: tuple[str, ...] = ()
    layouts: tuple[str, ...] = ()
    from_rows: int | None = None
    redacted: dict[str, int] | None = None

    def lines(self) -> list[str]:
        """The report in sentences."""
        said = [*self.layouts, f"{self.accepted:,} of {self._all} accepted"]
        folders = [name for name in self.passed_over if name.endswith("/")]
        hidden = [name for name in self.passed_over if not name.endswith("/")]
        for what, names in (("hidden file", hidden), ("inner folder", folders)):
            if names:
                said.append(f"{things(len(names), what)} passed over ({', '.join(names[:3])})")
        if self.duplicates:
            said.append(f"{things(self.duplicates, 'duplicate')} left out (message_id seen before)")
        said += self._repeated()
        said += self.warnings()
        if self.later:
            said.append(f"{things(self.later, self._thing)} left out (known only later)")
        if self.moved_clocks:
            moved = things(self.moved_clocks, self._thing)
            said.append(f"{moved} known before occurring (moved back)")
        for what, count in (self.redacted or {}).items():
            said.append(f"{things(count, self._thing)} kept, {what}")
            said += [f"  {example}" for example in self.examples.get(what, ())]
        for reason, count in self.rejected.items():
            said.append(f"{things(count, self._thing)} rejected: {reason}")
            said += [f"  {example}" for example in self.examples.get(reason, ())]
        return said

    def _repeated(self) -> list[str]:
        """Of rows that say what others do, and have no id that would tell whether they are one."""
        if not self.again:
            return []
        says = "says" if self.again == 1 else "say"
        read = " in all that the ladder reads" if self.in_part else ""
        return [
            f"{things(self.again, self._thing)} without a message_id {says} just what another"
            f" {self._thing} says{read} (each counts: are they one event, or several?)"
        ]

    def warnings(self) -> list[str]:
        """Of these sentences, what nobody who reads a log may miss."""
        if not self.future:
            return []
        return [f"{things(self.future, self._thing)} set aside (dated in the future)"]

    @property
    def why_empty(self) -> str:
        """Why nothing is left of what was read, and what would be right, to follow its name."""
        refused = sum(self.rejected.values())
        if not refused or refused < self.rows:
            if self.later:
                return "nothing in it was known by then"
            if self.future:
                return "nothing in it has happened yet"
            return "there is no event in it"
        reason = max(self.rejected, key=lambda one: self.rejected[one])
        most = f"{self.rejected[reason]:,} for " if len(self.rejected) > 1 else ""
        remedy = _REMEDIES.get(reason, "")
        them = "its only row was" if self.rows == 1 else f"all {self._all} were"
        return f"{them} refused: {most}{reason}{remedy}"

    @property
    def _thing(self) -> str:
        return "row" if self.from_rows is None else "event"

    @property
    def _all(self) -> str:
        from_ = "" if self.from_rows is None else f" from {things(self.from_rows, 'row')}"
        return f"{things(self.rows, self._thing)}{from_}"

    def as_dict(self) -> dict[str, object]:
        """The report as JSON values."""
        return {
            "rows": self.rows,
            "accepted": self.accepted,
            "duplicates": self.duplicates,
            "future": self.future,
            "later": self.later,
            "moved_clocks": self.moved_clocks,
            "again": self.again,
            "rejected": dict(self.rejected),
            "passed_over": list(self.passed_over),
            "layouts": list(self.layouts),
            "from_rows": self.from_rows,
            "redacted": None if self.redacted is None else dict(self.redacted),
            "examples": {reason: list(lines) for reason, lines in self.examples.items()},
        }


class Rejects:
    """Counts rejected rows by reason, keeps the first few, writes all to a file if there is one.

    `decimals` is how numbers were written that were not rejected; `redacted` counts the rows that
    are kept without something, by what that is.
    """

    def __init__(self, file: TextIO | None = None) -> None:
        self.decimals = Decimals()
        self.counts: dict[str, int] = {}
        self.redacted: dict[str, int] = {}
        self.examples: dict[str, tuple[str, ...]] = {}
        self._file = file

    @classmethod
    @contextmanager
    def into(cls, path: Path | None) -> Iterator[Rejects]:
        """Rejects that are written to a file of JSON lines; None writes none."""
        if path is None:
            yield cls()
            return
        try:
            with new_file(path) as part, part.open("w", encoding="utf-8") as file:
                yield cls(file)
        except OSError as error:
            if error.filename != str(path):
                raise
            raise EventsError(f"{path}: cannot be written: {error.strerror}") from error

    @property
    def total(self) -> int:
        """How many rows were rejected."""
        return sum(self.counts.values())

    def count(self, reason: str, rows: int) -> int:
        """Count rows; how many of them are to be handed to `show`."""
        seen = self.counts.get(reason, 0)
        self.counts[reason] = seen + rows
        return rows if self._file else max(0, min(rows, _EXAMPLES - seen))

    def warn(self, what: str, place: tuple[str, int], where: str) -> None:
        """Count a row that is kept without something, and keep the first few as examples."""
        seen = self.redacted[what] = self.redacted.get(what, 0) + 1
        if seen <= _EXAMPLES:
            file, line = place
            self.examples[what] = (*self.examples.get(what, ()), f"{file}:{line}: {where}")

    def show(
        self, reason: str, place: tuple[str, int], value: str, row: Callable[[], object]
    ) -> None:
        """Keep one of the rows as an example, and write it."""
        file, line = place
        shown = self.examples.get(reason, ())
        if len(shown) < _EXAMPLES:
            self.examples[reason] = (*shown, f"{file}:{line}: {value}")
        if self._file:
            found = {"file": file, "line": line, "reason": reason, "value": value, "row": row()}
            self._file.write(json.dumps(found, default=str) + "\n")
