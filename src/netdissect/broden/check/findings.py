"""The findings of a check, and a reader of tables that goes on after a problem."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from netdissect.concepts.files import read_table
from netdissect.types import NetdissectError, one_line


@dataclass(frozen=True)
class Problem:
    """A problem of ``file``, a path below the directory; ``what`` goes on after the file's name.

    >>> print(Problem("label.csv", "is missing"))
    label.csv: is missing
    """

    file: str
    what: str

    def __str__(self) -> str:
        return f"{self.file}: {self.what}"


@dataclass
class Findings:
    """Problems, and notes of unchecked information, in the order found."""

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
        """Read the rows of a table, with all readable columns; None if the first of the ``needed`` is missing.

        A missing or empty ``needed`` column is a problem, since the reader of Broden gives up. For one of the
        ``others`` it is a note, since something is left unchecked.
        """
        path = self.root / file
        try:
            rows = read_table(path, needed)
        except NetdissectError as error:
            missing = isinstance(error.__cause__, FileNotFoundError)
            self.problem(file, "is missing" if missing else describe_error(error, path))
            rows = self._rows_anyway(path)
            if not rows or needed[0] not in rows[0]:
                return None
        if rows:
            self._note_missing(file, rows, others)
            self._report_empty(file, rows, needed, others, may_be_empty)
        return rows

    def _rows_anyway(self, path: Path) -> list[dict[str, str]]:
        """Read the rows of a table that lacks columns; return none if it cannot be read."""
        try:
            return read_table(path, [])
        except NetdissectError:
            return []

    def _note_missing(self, file: str, rows: list[dict[str, str]], others: Sequence[str]) -> None:
        missing = [column for column in others if column not in rows[0]]
        if missing:
            self.note(file, f"has no column {', '.join(missing)}: not checked")

    def _report_empty(
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


def describe_error(error: Exception, path: Path) -> str:
    """Return the text of an error on one line, without the path with which the package's own errors begin.

    >>> describe_error(NetdissectError("a.csv: is empty"), Path("a.csv"))
    'is empty'
    """
    return str(error).removeprefix(f"{path}: ") if isinstance(error, NetdissectError) else one_line(error)
