"""Read ``part2ind.m`` of Pascal-Part (Chen et al., CVPR 2014; see ``pascal.py``): the names of the parts of objects.

The file is MATLAB code. Its few kinds of statements are recognized as text; nothing is run.
"""

import re
from collections.abc import Callable
from pathlib import Path

from netdissect.broden.files import read_lines
from netdissect.types import NetdissectError, one_line

#: Names of the parts that have no comment with a name in the file.
_NAMES = {
    **dict.fromkeys(("lfho", "rfho", "lbho", "rbho"), "hoof"),
    **dict.fromkeys(("fwheel", "bwheel"), "wheel"),
    **dict.fromkeys(("leftmirror", "rightmirror"), "mirror"),
    **{f"{side}side": f"{side} side" for side in ("front", "left", "right", "back", "roof")},
}


def read_part_names(path: Path) -> dict[tuple[int, str], tuple[str, str]]:
    """Return the names of an object and its part, by the number of the object class (from 1) and the part's key.

    Keys are the names of parts in annotations (``lwing``, ``engine_1``). A part is named by the comment behind it
    (``left wing``), else by its key without a number. Objects are named by headings like ``% [bird]``. The order is
    the file's.

    Raises ``NetdissectError`` naming the line for a kind of statement that the published file does not have.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "part2ind.m"
    ...     _ = path.write_text("% [bird]\\npimap{3}('lwing') = 1; % left wing\\n")
    ...     read_part_names(path)
    {(3, 'lwing'): ('bird', 'left wing')}
    """
    reader = _Reader()
    lines = read_lines(path)
    for number, line in enumerate(lines, 1):
        try:
            reader.read(line)
        except ValueError as error:
            raise NetdissectError(f"{path}: line {number}: {one_line(error)}") from None
    if reader.in_loop or not reader.names:
        what = "ends within a loop" if reader.in_loop else "names no parts"
        raise NetdissectError(f"{path}: line {len(lines)}: the file {what}")
    return reader.names


class _Reader:
    """The names in the lines so far. Methods take the match of a statement and the comment behind it."""

    def __init__(self) -> None:
        self.names: dict[tuple[int, str], tuple[str, str]] = {}
        self._object = ""
        self._repeats = 0  # of the loop that is open
        self._sets: dict[str, dict[str, str]] = {}  # parts of a class, kept in a variable to be copied

    @property
    def in_loop(self) -> bool:
        return self._repeats > 0

    def read(self, line: str) -> None:
        """Read a line. Raises ``ValueError`` for an unknown kind of statement."""
        code, comment = _split_comment(line)
        if not code and (heading := re.fullmatch(r"\[\s*(\w+)\s*\]", comment)):
            self._object = "airplane" if heading[1] == "aeroplane" else heading[1]
        while code:
            for pattern, act in _STATEMENTS:
                if match := pattern.match(code):
                    act(self, match, comment)
                    code = code[match.end() :].lstrip(" \t;,")
                    break
            else:
                raise ValueError(f"cannot be understood: {code}")

    def skip(self, match: re.Match[str], comment: str) -> None:
        """Skip the preamble, which names no parts."""

    def open_loop(self, match: re.Match[str], comment: str) -> None:
        if self.in_loop:
            raise ValueError("a loop within a loop")
        self._repeats = int(match["repeats"])

    def close_loop(self, match: re.Match[str], comment: str) -> None:
        self._repeats = 0

    def add(self, match: re.Match[str], comment: str) -> None:
        self._name(int(match["number"]), match["key"], comment or _NAMES.get(match["key"], match["key"]))

    def add_many(self, match: re.Match[str], comment: str) -> None:
        if not self.in_loop:
            raise ValueError(f"numbered parts outside a loop: {match[0]}")
        key = match["key"]
        name = comment if comment and "multiple" not in comment.lower().split() else _NAMES.get(key, key)
        for count in range(1, self._repeats + 1):
            self._name(int(match["number"]), f"{key}_{count}", name)

    def keep(self, match: re.Match[str], comment: str) -> None:
        number = int(match["number"])
        self._sets[match["kind"]] = {key: name for (thing, key), (_, name) in self.names.items() if thing == number}

    def copy(self, match: re.Match[str], comment: str) -> None:
        keys = self._sets.get("key")
        if not keys or keys != self._sets.get("value"):
            raise ValueError(f"copies parts that no one class has: {match[0]}")
        number = int(match["number"])
        self.names = {known: names for known, names in self.names.items() if known[0] != number}
        for key, name in keys.items():
            self._name(number, key, name)

    def remove(self, match: re.Match[str], comment: str) -> None:
        number = int(match["number"])
        for key in re.findall(r"'([^']*)'", match["keys"]):
            if self.names.pop((number, key), None) is None:
                raise ValueError(f"removes a part that class {number} does not have: {key}")

    def _name(self, number: int, key: str, name: str) -> None:
        if not self._object:
            raise ValueError(f"a part of class {number} before any heading names an object: {key}")
        self.names[number, key] = (self._object, name)


def _split_comment(line: str) -> tuple[str, str]:
    """Split a line into code and comment, which starts at the first ``%`` outside of quotes."""
    match = re.fullmatch(r"((?:[^%']|'[^']*')*)(%.*)?", line)
    if not match:
        return line.strip(), ""  # a quote is left open
    return match[1].strip(), " ".join((match[2] or "").lstrip("%").split())


_CLASS = r"pimap\{(?P<number>\d+)\}"

_STATEMENTS: tuple[tuple[re.Pattern[str], Callable[[_Reader, re.Match[str], str], None]], ...] = tuple(
    (re.compile(pattern.replace(" ", r"\s*")), act)
    for pattern, act in (
        (r"function\b \w+ = \w+ (?:\( \))?", _Reader.skip),
        (r"pimap = cell \( \d+ , \d+ \)", _Reader.skip),
        (r"pimap\{ii\} = containers\.Map \( 'KeyType' , 'char' , 'ValueType' , 'int32' \)", _Reader.skip),
        (r"for\b ii = 1 : (?P<repeats>\d+)", _Reader.open_loop),
        (r"end\b", _Reader.close_loop),
        (rf"{_CLASS} \( '(?P<key>[^']+)' \) = \d+", _Reader.add),
        (rf"{_CLASS} \( sprintf \( '(?P<key>[^'%]+)_%d' , ii \) \) = \d+ (?:\+ ii)?", _Reader.add_many),
        (rf"(?P<kind>key|value)Set = (?P=kind)s \( {_CLASS} \)", _Reader.keep),
        (rf"{_CLASS} = containers\.Map \( keySet , valueSet \)", _Reader.copy),
        # The map may be assigned again, to itself.
        (
            rf"(?:(?P<itself>pimap\{{\d+\}}) = (?=remove \( (?P=itself)))?remove \( {_CLASS} , "
            r"(?P<keys>'[^']+'|\{ '[^']+'(?: ,? '[^']+')* \}) \)",
            _Reader.remove,
        ),
    )
)
