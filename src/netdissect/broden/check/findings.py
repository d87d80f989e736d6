"""What a check finds, and reading a table without stopping at what is wrong with it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from netdissect.concepts.files import read_table
from netdissect.types import NetdissectError, one_line


@dataclass(frozen=True)
class Problem:
    """Something to be said of ``file``, a path below the directory."""

    file: str
    what: str

    def __str__(self) -> str:
        return f"{self.file}: {self.what}"


@dataclass
class Findings:
    """Problems, and notes of what could not be checked, in the order found."""

    root: Path
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)

    def problem(self, file: str, what: str) -> None:
        self.problems.append(Problem(file, what))

    def note(self, file: str, what: str) -> None:
        self.notes.append(Problem(file, what))

    def table(
        self, file: str, needed: Sequence[str], others: Sequence[str], *, may_be_empty: Sequence[str] = ()
    ) -> list[dict[str, str]] | None:
        """The rows of a table, with the columns that can be read; None if they lack the first that is ``needed``.

        Where one of the ``needed`` columns is missing or empty, the reader of Broden gives up: that is a problem. Where
        one of the ``others`` is, something is left unchecked: that is a note.
        """
        path = self.root / file
        try:
            rows = read_table(path, needed)
        except NetdissectError as error:
            missing = isinstance(error.__cause__, FileNotFoundError)
            self.problem(file, "is missing" if missing else told(error, path))
            rows = self._rows_anyway(path)
            if not rows or needed[0] not in rows[0]:
                return None
        if rows:
            self._tell_missing(file, rows, others)
            self._tell_empty(file, rows, needed, others, may_be_empty)
        return rows

    def _rows_anyway(self, path: Path) -> list[dict[str, str]]:
        """The rows of a table that lacks columns; none of one that cannot be read."""
        try:
            return read_table(path, [])
        except NetdissectError:
            return []

    def _tell_missing(self, file: str, rows: list[dict[str, str]], others: Sequence[str]) -> None:
        missing = [column for column in others if column not in rows[0]]
        if missing:
            self.note(file, f"has no column {', '.join(missing)}: not checked")

    def _tell_empty(
        self,
        file: str,
        rows: list[dict[str, str]],
        needed: Sequence[str],
        others: Sequence[str],
        may_be_empty: Sequence[str],
    ) -> None:
        for column in (*needed, *others):
            empty = sum(row.get(column) == "" for row in rows)
            if not empty or column in may_be_empty:
                continue
            where = "every row" if empty == len(rows) else f"{empty} of {len(rows)} rows"
            if column in needed:
                self.problem(file, f"{column} is empty in {where}")
            else:
                self.note(file, f"{column} is empty in {where}: not checked there")


def told(error: Exception, path: Path) -> str:
    """What an error says of a file, on one line, without the path that ours begin with."""
    return str(error).removeprefix(f"{path}: ") if isinstance(error, NetdissectError) else one_line(error)
