"""Fetch one large file over HTTP(S), and resume a fetch that stopped."""

import json
import re
import time
from collections.abc import Iterable
from dataclasses import asdict, astuple, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from netdissect.types import NetdissectError, OnProgress, one_line

if TYPE_CHECKING:
    import httpx

#: The number of attempts in a row without progress. The pauses between them double.
ATTEMPTS = 6

#: Status codes of a server that may do better a moment later.
_PASSING = (408, 429, 500, 502, 503, 504)


def without_password(url: str) -> str:
    """Return an address that may be shown, without user name and password.

    >>> without_password("http://me:secret@example.org/a.zip")
    'http://example.org/a.zip'
    """
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


@dataclass(frozen=True)
class _Origin:
    """The file of a server that bytes come from, as its headers identify it: only its own bytes may follow them."""

    url: str
    etag: str | None
    modified: str | None
    total: int | None

    @property
    def known(self) -> bool:
        """Return whether later bytes can be recognized as the same file's."""
        return any(value is not None for value in (self.etag, self.modified, self.total))

    def differs(self, other: "_Origin") -> bool:
        pairs = zip(astuple(self), astuple(other), strict=True)
        return any(mine is not None and theirs is not None and mine != theirs for mine, theirs in pairs)

    def condition(self) -> dict[str, str]:
        """Return the header that asks for a range of this file alone. RFC 9110, 13.1.5, excludes weak tags (W/)."""
        if self.etag and self.etag.startswith('"') and self.etag.isascii():
            return {"If-Range": self.etag}
        return {"If-Range": self.modified} if self.modified else {}


class Part:
    """The bytes of a file that have arrived, in ``path``, and a note of their origin beside it.

    Bytes of another or an unknown origin stay there until new bytes arrive.
    """

    def __init__(self, path: Path, url: str) -> None:
        self.path, self.url = path, url
        self._note = path.with_name(f"{path.name}.json")
        self._nothing = self.origin = _Origin(without_password(url), None, None, None)
        try:
            origin = _Origin(**json.loads(self._note.read_text()))
        except (OSError, ValueError, TypeError):  # no note, or a note that a kill cut off
            return
        if origin.url == self.origin.url:
            self.origin = origin

    @property
    def size(self) -> int:
        """Return the number of bytes to go on from."""
        return self.path.stat().st_size if self.origin.known and self.path.exists() else 0

    @property
    def complete(self) -> bool:
        return self.path.exists() and self.size == self.origin.total

    def forget(self) -> None:
        """Go on from no bytes."""
        self.origin = self._nothing

    def remove(self) -> None:
        self.forget()
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def begin(self, origin: _Origin) -> None:
        self.remove()
        self.note(origin)
        self.path.touch()

    def note(self, origin: _Origin) -> None:
        self.origin = origin
        self._note.write_text(json.dumps(asdict(origin)) + "\n")

    def append(self, chunks: Iterable[bytes], stop: int | None, on_progress: OnProgress) -> int:
        """Append arriving bytes and return the size. If it exceeds ``stop``, remove all and raise ``_Again``."""
        size = self.size
        on_progress("download", size, self.origin.total or 0)
        with self.path.open("ab") as file:
            for chunk in chunks:
                size += file.write(chunk)
                if stop is not None and size > stop:
                    break
                on_progress("download", size, self.origin.total or 0)
        if stop is not None and size > stop:
            self.remove()
            raise _Again(f"the server said {stop} bytes, but sent {size} or more")
        return size


class _Again(Exception):  # noqa: N818
    """A wrong answer; the server may give a better one if asked again."""


def fetch(part: Part, pause: float, on_progress: OnProgress) -> None:
    """Complete ``part``; ``pause`` is the time in seconds between the first two attempts.

    A dropped connection is resumed until ``ATTEMPTS`` in a row make no progress. A server that is away, or answers with
    an error before any bytes came, is not asked again. Raises ``NetdissectError`` with the address, and ``OSError`` if
    writing fails.
    """
    import httpx  # only a download needs it

    furthest, failures, came = part.size, 0, False
    try:
        with httpx.Client(follow_redirects=True, timeout=httpx.Timeout(60.0, connect=30.0)) as client:
            while not part.complete:
                reason = ""
                try:
                    _ask(client, part, on_progress, patient=came)
                except (_Again, httpx.NetworkError, httpx.TimeoutException, httpx.RemoteProtocolError) as error:
                    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout) and not came:
                        raise  # a wrong address, or a server that is away
                    reason = one_line(error)
                if part.size > furthest:
                    furthest, failures, came = part.size, 0, True
                    if not reason:  # some servers send a long range in several
                        continue
                failures += 1
                if failures == ATTEMPTS:
                    reason = reason or "nothing is sent"
                    raise NetdissectError(f"no progress in {ATTEMPTS} attempts: {reason}{_kept(part)}")
                time.sleep(pause * 2 ** (failures - 1))
    except (NetdissectError, httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:  # the last for host names
        raise NetdissectError(f"{without_password(part.url)}: {one_line(error)}") from error


def _kept(part: Part) -> str:
    total = "an unknown number of" if part.origin.total is None else part.origin.total
    return f"; {part.size} of {total} bytes are kept to go on from" if part.size else ""


def _ask(client: "httpx.Client", part: Part, on_progress: OnProgress, *, patient: bool) -> None:
    """Request the missing bytes once. Raises ``_Again``, or ``NetdissectError`` for a final answer.

    If ``patient``, errors that may pass are not final.
    """
    start = part.size
    headers = {"Accept-Encoding": "identity"}  # ranges and lengths count the bytes as they are sent
    if start:
        headers |= {"Range": f"bytes={start}-", **part.origin.condition()}
    with client.stream("GET", part.url, headers=headers) as response:
        _check_answer(response, patient)
        origin, first, stop = _described(part.origin.url, response)
        if response.status_code != 200:  # 200 is the whole file: the server knows no ranges, or has another file
            _check_continues(part, origin, first)
        if response.status_code == 200 or not start:
            part.begin(origin)
        elif part.origin.total is None:
            part.note(replace(part.origin, total=origin.total))
        if response.status_code == 416:  # nothing is missing
            return
        size = part.append(response.iter_raw(), stop, on_progress)
        if response.status_code == 200 and stop is None:
            part.note(replace(origin, total=size))


def _check_answer(response: "httpx.Response", patient: bool) -> None:
    status = response.status_code
    if status not in (200, 206, 416):
        error = _Again if patient and status in _PASSING else NetdissectError
        raise error(f"the server answers {status} {response.reason_phrase}")
    if status != 416 and response.headers.get("Content-Type", "").startswith("text/html"):
        raise NetdissectError("the server answers with a web page")
    if status != 416 and response.headers.get("Content-Encoding", "identity") != "identity":
        raise NetdissectError(f"the server sends it as {response.headers['Content-Encoding']}, unasked")


def _described(url: str, response: "httpx.Response") -> tuple[_Origin, int | None, int | None]:
    """Return the file of an answer, its first byte, and the byte before which it stops; None for unknown ones."""
    first: int | None
    headers = response.headers
    if response.status_code == 200:
        length = headers.get("Content-Length", "")
        total = int(length) if length.isdecimal() else None
        first, stop = 0, total
    else:
        match = re.fullmatch(r"bytes (?:(\d+)-(\d+)|\*)/(?:(\d+)|\*)", headers.get("Content-Range", "").strip())
        first, last, total = (int(text) if text else None for text in match.groups()) if match else (None, None, None)
        stop = None if last is None else last + 1
        if response.status_code == 416:
            first = total
    return _Origin(url, headers.get("ETag"), headers.get("Last-Modified"), total), first, stop


def _check_continues(part: Part, origin: _Origin, first: int | None) -> None:
    """Raise ``_Again``, and forget all bytes, unless those of ``origin`` from ``first`` on are the next ones."""
    start, said, now = part.size, part.origin.total, origin.total
    if part.origin.differs(origin):
        changed = f": it says {now} bytes, and said {said}" if now not in (None, said) else ""
        reason = f"the file on the server has changed{changed}"
    elif first != start:
        reason = f"the server was asked for what follows byte {start}, and sends something else"
    else:
        return
    part.forget()
    raise _Again(reason)
