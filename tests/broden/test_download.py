"""Downloading Broden from a real server on this machine, which drops, lies and changes its mind."""

import errno
import gzip
import hashlib
import os
import re
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import certifi
import numpy as np
import pytest

from netdissect.broden import fetch
from netdissect.broden.download import MIRROR, Archive, download_broden
from netdissect.broden.fetch import ATTEMPTS
from netdissect.concepts import BrodenDataset
from netdissect.types import NetdissectError
from tests.broden.broden_files import write_broden
from tests.broden.test_unpack import damaged, files, malicious, patched, zipped

CONCEPTS = [(1, "sky", {"object": 3.5}, ()), (300, "street-s", {"scene": 2.0}, ())]
MAP = np.random.default_rng(0).choice([0, 1], (4, 6))


class Server(ThreadingHTTPServer):
    """Serves ``content`` wherever it is asked for: by the answers of ``plan`` first, then by ``usual``."""

    daemon_threads = True

    def __init__(self, content):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.etag, self.modified = content, '"one"', "Mon, 01 Jan 2018 00:00:00 GMT"
        self.plan, self.usual = [], honest()
        self.asked = []
        self.stalled, self.go_on = threading.Event(), threading.Event()

    @property
    def mirror(self):
        return f"http://127.0.0.1:{self.server_port}/data"

    @property
    def ranges(self):
        """What ranges were asked for."""
        return [headers.get("Range") for _, headers in self.asked]

    def handle_error(self, request, client_address):
        pass  # a client that goes away


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # which waits between head and body

    def do_GET(self):
        self.server.asked.append((self.path, dict(self.headers)))
        answer = self.server.plan.pop(0) if self.server.plan else self.server.usual
        answer(self, self.server)

    def head(self, status, **headers):
        self.send_response(status)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def log_message(self, *arguments):
        pass


def honest(*, send=None, ranges=True, heed_condition=True, only=None, stall=False, reset=False, **other):
    """An answer as it should be; or of which ``send`` bytes are sent before the connection drops.

    ``only`` is the most bytes in one range, ``other`` are headers with another value (or None, to leave them out).
    """

    def answer(handler, server):
        content, asked = server.content, handler.headers.get("Range")
        condition = handler.headers.get("If-Range")
        same = condition is None or condition in (server.etag, server.modified) or not heed_condition
        start, end = 0, len(content)
        headers = {"ETag": server.etag, "Last_Modified": server.modified, "Content_Type": "application/zip"}
        if asked and ranges and same:
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])
            if start >= len(content):
                handler.head(416, Content_Range=f"bytes */{len(content)}", Content_Length=4, Content_Type="text/html")
                handler.wfile.write(b"none")
                return
            end = min(end, start + (only or end))
            headers["Content_Range"] = f"bytes {start}-{end - 1}/{len(content)}"
        body = content[start:end]
        handler.head(206 if "Content_Range" in headers else 200, **headers | {"Content_Length": len(body)} | other)
        if send is None and not stall:
            handler.wfile.write(body)
            handler.close_connection = "Content_Length" in other
            return
        handler.wfile.write(body[:send])
        handler.wfile.flush()
        if stall:
            server.stalled.set()
            server.go_on.wait(30)
        if reset:
            time.sleep(0.05)  # or the bytes before it are lost, too
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()
        handler.close_connection = True

    return answer


def chunked(*, send=None, extra=0, end=True, **other):
    """Bytes without a length, in chunks, after which comes no ``end`` if the connection drops."""

    def answer(handler, server):
        start = int(handler.headers["Range"][6:-1]) if "Content_Range" in other else 0
        body = (server.content + b"\0" * extra)[start:][:send]
        headers = {"ETag": server.etag, "Last_Modified": server.modified} | other
        handler.head(206 if "Content_Range" in other else 200, Transfer_Encoding="chunked", **headers)
        for place in range(0, len(body), 50000):
            chunk = body[place : place + 50000]
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        if end:
            handler.wfile.write(b"0\r\n\r\n")
        handler.close_connection = True

    return answer


def status(code, **headers):
    return lambda handler, server: handler.head(code, Content_Length=0, **headers)


def hang_up(handler, server):
    handler.close_connection = True


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A Broden directory, with noise that fills several packets, and the archive of it."""
    root = write_broden(
        tmp_path_factory.mktemp("made") / "broden1_224", [{"object": [MAP]}, {"object": [1], "scene": [300]}], CONCEPTS
    )
    (root / "images" / "noise").write_bytes(np.random.default_rng(0).integers(0, 256, 300_000, np.uint8).tobytes())
    return root, zipped([(f"broden1_224/{name}", content) for name, content in files(root).items()])


@pytest.fixture
def server(made):
    with Server(made[1]) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.go_on.set()
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    path = tmp_path_factory.mktemp("certificates") / "one.pem"
    path.write_text(re.search("-----BEGIN.*?-----END CERT.*?-----\n", Path(certifi.where()).read_text(), re.DOTALL)[0])
    return path


@pytest.fixture(autouse=True)
def environment(monkeypatch, certificate):
    """No way out of this machine; and one certificate, as all of them take long to read."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))


def get(server, out, **options):
    archive = {name: options.pop(name) for name in ("size", "mirror", "sha256") if name in options}
    return download_broden(out, Archive(**{"mirror": server.mirror} | archive), **{"pause": 0.0} | options)


def refused(server, out, **options):
    """The one line with which a download ends; there is no dataset after it, nor anything hidden."""
    with pytest.raises(NetdissectError) as error:
        get(server, out, **options)
    assert "\n" not in str(error.value)
    left = {path.name for path in out.iterdir()} if out.is_dir() else set()
    assert left <= {"broden1_224.zip.part", "broden1_224.zip.part.json"}
    return str(error.value)


def check_whole(out, made):
    """What was zipped is there, and nothing else."""
    assert files(out / "broden1_224") == files(made[0])
    assert [path.name for path in out.iterdir()] == ["broden1_224"]


def part(out):
    return out / "broden1_224.zip.part"


def test_what_was_zipped_is_there(server, made, tmp_path):
    seen = []
    root = get(server, tmp_path / "new" / "out", on_progress=lambda *call: seen.append(call))
    assert root == tmp_path / "new" / "out" / "broden1_224"
    check_whole(root.parent, made)
    data = BrodenDataset(root)
    assert np.array_equal(data.labels(0).maps[0], MAP) and data.labels(1).whole == (1, 300)
    assert [path for path, _ in server.asked] == ["/data/broden1_224.zip"]
    length, count = len(made[1]), len(files(root))
    assert seen[0] == ("download", 0, length) and ("download", length, length) in seen
    assert ("unpack", 0, count) in seen and seen[-1] == ("unpack", count, count)
    assert seen == sorted(seen)


@pytest.mark.parametrize("size", [227, 384])
def test_other_sizes(server, made, tmp_path, size):
    entries = [(f"broden1_{size}/{name}", content) for name, content in files(made[0]).items()]
    server.content = zipped([("__MACOSX/x", b""), *entries])
    assert get(server, tmp_path, size=size, mirror=f"{server.mirror}/") == tmp_path / f"broden1_{size}"
    assert server.asked[0][0] == f"/data/broden1_{size}.zip"
    assert files(tmp_path / f"broden1_{size}") == files(made[0])


@pytest.mark.parametrize("size", [0, 112, 225, -224])
def test_sizes_that_were_not_published(server, tmp_path, size):
    assert "there are 224, 227, 384" in refused(server, tmp_path / "out", size=size)
    assert not server.asked and not (tmp_path / "out").exists()


def test_a_connection_that_drops_once(server, made, tmp_path):
    server.plan = [honest(send=200_000)]
    get(server, tmp_path)
    check_whole(tmp_path, made)
    (_, first), (_, second) = server.asked
    assert "Range" not in first and "If-Range" not in first and first["Accept-Encoding"] == "identity"
    assert second["Range"] == "bytes=200000-" and second["If-Range"] == '"one"'


def test_a_connection_that_is_reset(server, made, tmp_path):
    server.plan = [honest(send=200_000, reset=True) for _ in range(3)]
    get(server, tmp_path)
    assert len(server.asked) > 1
    check_whole(tmp_path, made)


def test_a_connection_that_drops_often(server, made, tmp_path):
    drops = 3 * ATTEMPTS
    server.plan = [honest(send=1000) for _ in range(drops)]
    get(server, tmp_path)
    check_whole(tmp_path, made)
    assert server.ranges == [None, *(f"bytes={1000 * drop}-" for drop in range(1, drops + 1))]


def test_pauses_grow_until_something_comes(server, made, tmp_path, monkeypatch):
    pauses = []
    monkeypatch.setattr(fetch.time, "sleep", pauses.append)
    server.plan = [hang_up, hang_up, honest(send=1000), honest(send=0), hang_up, honest(send=1000), hang_up]
    get(server, tmp_path, pause=0.5)
    assert pauses == [0.5, 1.0, 0.5, 1.0, 2.0, 0.5, 1.0]
    check_whole(tmp_path, made)


@pytest.mark.parametrize("drop", [honest(send=0), hang_up, honest(send=0, reset=True)])
def test_a_connection_that_drops_forever(server, made, tmp_path, drop):
    server.plan, server.usual = [honest(send=1000)], drop
    line = refused(server, tmp_path)
    assert line.startswith(f"{server.mirror}/broden1_224.zip: no progress in {ATTEMPTS} attempts: ")
    assert f"1000 of {len(made[1])} bytes are kept to go on from" in line
    assert len(server.asked) == ATTEMPTS and part(tmp_path).read_bytes() == made[1][:1000]
    server.usual = honest()
    get(server, tmp_path)
    assert server.ranges[-1] == "bytes=1000-"
    check_whole(tmp_path, made)


@pytest.mark.parametrize(
    ("etag", "modified", "condition"),
    [
        ('"a"', None, '"a"'),
        ('"a"', "Tue, 02 Jan 2018 00:00:00 GMT", '"a"'),
        ('W/"a"', "Tue, 02 Jan 2018 00:00:00 GMT", "Tue, 02 Jan 2018 00:00:00 GMT"),
        ('"\xe9"', "Tue, 02 Jan 2018 00:00:00 GMT", "Tue, 02 Jan 2018 00:00:00 GMT"),
        ('W/"a"', None, None),
        (None, None, None),
    ],
)
def test_what_tells_that_a_file_is_the_same(server, made, tmp_path, etag, modified, condition):
    server.etag, server.modified = etag, modified
    server.usual = honest(send=100_000)
    get(server, tmp_path)
    assert {headers.get("If-Range") for _, headers in server.asked[1:]} == {condition}
    assert server.ranges == [None, "bytes=100000-", "bytes=200000-", "bytes=300000-"]
    check_whole(tmp_path, made)


def test_a_server_that_knows_no_ranges(server, made, tmp_path):
    server.plan = [honest(send=200_000), honest(ranges=False, send=100_000), honest(ranges=False)]
    get(server, tmp_path)
    check_whole(tmp_path, made)


def test_a_server_that_knows_no_ranges_and_drops_forever(server, tmp_path):
    server.usual = honest(ranges=False, send=200_000)
    assert "no progress" in refused(server, tmp_path)
    assert len(server.asked) == ATTEMPTS


def test_a_server_that_sends_short_ranges(server, made, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch.time, "sleep", lambda seconds: pytest.fail("nothing was amiss"))
    part(tmp_path).write_bytes(made[1][:1000])
    remember(server, tmp_path, total=None)
    server.usual = honest(only=20_000)
    get(server, tmp_path)
    assert len(server.asked) > 10
    check_whole(tmp_path, made)


def remember(server, out, **changes):
    """Writes the note of where the bytes that are there come from, by having a download dropped before them."""
    note = {"url": f"{server.mirror}/broden1_224.zip", "etag": server.etag, "modified": server.modified}
    text = str(note | {"total": len(server.content)} | changes).replace("'", '"').replace("None", "null")
    part(out).with_name("broden1_224.zip.part.json").write_text(text.replace('""one""', '"\\"one\\""'))


def stop_midway(server, out, **other):
    """A download that ends after 1000 bytes."""
    usual, server.plan, server.usual = server.usual, [honest(send=1000, **other)], status(404)
    refused(server, out)
    server.usual = usual
    server.asked.clear()
    assert part(out).stat().st_size == 1000


def test_the_next_call_goes_on(server, made, tmp_path):
    stop_midway(server, tmp_path)
    get(server, tmp_path)
    assert server.ranges == ["bytes=1000-"]
    check_whole(tmp_path, made)


@pytest.fixture(scope="module")
def other(made):
    """Another Broden of the same length, and its archive."""
    contents = files(made[0]) | {"images/noise": files(made[0])["images/noise"][::-1]}
    archive = zipped([(f"broden1_224/{name}", content) for name, content in contents.items()])
    return contents, archive


@pytest.mark.parametrize("heed_condition", [True, False])
@pytest.mark.parametrize("validator", ["etag", "modified"])
def test_another_file_of_the_same_length(server, other, tmp_path, validator, heed_condition):
    if validator == "modified":
        server.etag = None
    stop_midway(server, tmp_path)
    setattr(server, validator, '"two"')
    server.content = other[1]
    server.usual = honest(heed_condition=heed_condition)
    get(server, tmp_path)
    assert server.ranges == (["bytes=1000-"] if heed_condition else ["bytes=1000-", None])
    assert files(tmp_path / "broden1_224") == other[0]


@pytest.mark.parametrize("added", [b"more", b"", b"x" * 10**5])
def test_another_file_of_another_length(server, made, tmp_path, added):
    """Nothing but the length tells."""
    server.etag = server.modified = None
    stop_midway(server, tmp_path)
    contents = files(made[0]) | {"images/noise": added}
    server.content = zipped([(f"broden1_224/{name}", content) for name, content in contents.items()])
    get(server, tmp_path)
    assert server.ranges == ["bytes=1000-", None]
    assert files(tmp_path / "broden1_224") == contents


def test_a_file_that_became_shorter_than_what_came(server, other, tmp_path):
    server.usual = honest(send=len(server.content) - 10)
    server.plan = [server.usual]
    server.usual = status(404)
    refused(server, tmp_path)
    server.content = zipped([(f"broden1_224/{name}", c) for name, c in other[0].items() if "noise" not in name])
    server.usual = honest(heed_condition=False)
    server.asked.clear()
    get(server, tmp_path)
    assert [bool(asked) for asked in server.ranges] == [True, False]
    assert "images/noise" not in files(tmp_path / "broden1_224")


@pytest.mark.parametrize(
    "content_range",
    ["bytes 0-99/{}", "bytes 999-{}/{}", "bytes 1001-{}/{}", "bytes */{}", "1000-", None, "items 1-2/3"],
)
def test_a_range_that_does_not_start_where_asked(server, made, tmp_path, content_range):
    stop_midway(server, tmp_path)
    length = len(server.content)
    value = content_range and content_range.format(length - 1, length).replace(f"/{length - 1}", f"/{length}")
    server.plan = [honest(Content_Range=value)]
    get(server, tmp_path)
    assert server.ranges == ["bytes=1000-", None]
    check_whole(tmp_path, made)


@pytest.mark.parametrize(("first", "requests"), [(0, 1), (10, 2)])
def test_a_range_nobody_asked_for(server, made, tmp_path, first, requests):
    def answer(handler, server):
        body, length = server.content[first:], len(server.content)
        handler.head(206, Content_Range=f"bytes {first}-{length - 1}/{length}", Content_Length=len(body))
        handler.wfile.write(body)
        handler.close_connection = True

    server.plan = [answer]
    get(server, tmp_path)
    assert server.ranges == [None] * requests
    check_whole(tmp_path, made)


def test_all_came_before_the_drop_but_nobody_said_so(server, made, tmp_path):
    server.plan = [chunked(end=False)]
    get(server, tmp_path)
    assert server.ranges == [None, f"bytes={len(made[1])}-"]  # answered by 416
    check_whole(tmp_path, made)


def test_a_server_that_names_no_length(server, made, tmp_path):
    seen = []
    server.usual = chunked()
    get(server, tmp_path, on_progress=lambda *call: seen.append(call))
    assert seen[0] == ("download", 0, 0) and len(server.asked) == 1
    check_whole(tmp_path, made)


def test_a_connection_whose_end_is_the_end(server, made, tmp_path):
    server.usual = honest(Content_Length=None, Connection="close")
    get(server, tmp_path)
    check_whole(tmp_path, made)


def test_no_length_no_name_and_a_drop(server, made, tmp_path):
    """Nothing tells whether what comes next is of the same file: it begins anew."""
    server.plan = [chunked(send=100_000, end=False, ETag=None, Last_Modified=None)]
    get(server, tmp_path)
    assert server.ranges == [None, None]
    check_whole(tmp_path, made)


@pytest.mark.parametrize("ranges", [True, False])
def test_a_server_that_says_more_than_it_sends(server, tmp_path, ranges):
    length = len(server.content)
    server.usual = honest(ranges=ranges, Content_Length=length + 1000)
    server.plan = [server.usual]
    if ranges:
        server.usual = lambda handler, server: (
            honest() if handler.headers.get("Range") else honest(Content_Length=length + 1000)
        )(handler, server)
    line = refused(server, tmp_path)
    assert str(length) in line and str(length + 1000) in line and "no progress" in line


def test_a_range_that_says_more_than_it_sends(server, tmp_path):
    stop_midway(server, tmp_path)
    length = len(server.content)
    server.plan, server.usual = [honest(send=length - 1001)], honest(send=0)
    line = refused(server, tmp_path)
    assert f"{length - 1} of {length} bytes are kept" in line


def test_a_server_that_says_less_than_it_sends(server, tmp_path):
    """No client sees what comes after the length of an answer; the archive shows it."""
    length = len(server.content) - 1000
    server.usual = honest(Content_Length=length)
    line = refused(server, tmp_path)
    assert f"its {length} bytes are no whole zip archive" in line
    assert not part(tmp_path).exists()


@pytest.mark.parametrize("extra", [1, 10**6])
def test_a_range_that_is_longer_than_it_says(server, tmp_path, extra):
    stop_midway(server, tmp_path)
    length = len(server.content)
    server.plan = [chunked(extra=extra, Content_Range=f"bytes 1000-{length - 1}/{length}")]
    server.usual = status(404)
    assert "404" in refused(server, tmp_path)
    assert not part(tmp_path).exists()


def test_a_server_whose_ranges_are_always_longer_than_it_says(server, tmp_path):
    length = len(server.content)

    def lie(handler, server):
        if handler.headers.get("Range"):
            chunked(extra=5, Content_Range=f"bytes 1000-{length - 1}/{length}")(handler, server)
        else:
            honest(send=1000)(handler, server)

    server.usual = lie
    line = refused(server, tmp_path)
    assert len(server.asked) <= 2 * ATTEMPTS
    assert f"said {length} bytes, but sent {length + 5} or more" in line or f"1000 of {length} bytes" in line


def test_the_hash_that_it_has(server, made, tmp_path):
    get(server, tmp_path, sha256=hashlib.sha256(made[1]).hexdigest().upper())
    check_whole(tmp_path, made)


def test_another_hash(server, made, tmp_path):
    found = hashlib.sha256(made[1]).hexdigest()
    line = refused(server, tmp_path, sha256="0" * 64)
    assert found in line and "0" * 64 in line and "broden1_224.zip.part" in line
    assert not any(tmp_path.iterdir())
    get(server, tmp_path, sha256=found)
    assert server.ranges == [None, None]


@pytest.mark.parametrize("sha256", ["", "0" * 63, "0" * 65, "g" * 64, "0" * 63 + "\n", "sha256:" + "0" * 57])
def test_what_is_no_hash(server, tmp_path, sha256):
    assert "64 hexadecimal digits" in refused(server, tmp_path / "out", sha256=sha256)
    assert not server.asked and not (tmp_path / "out").exists()


def test_a_server_that_encodes_unasked(server, tmp_path):
    def answer(handler, server):
        body = gzip.compress(server.content)
        handler.head(200, Content_Encoding="gzip", Content_Length=len(body))
        handler.wfile.write(body)

    server.usual = answer
    assert "gzip" in refused(server, tmp_path)


def test_a_web_page_instead(server, made, tmp_path):
    """A hotel's door page, say: what came before stays."""
    stop_midway(server, tmp_path)
    server.plan = [honest(ranges=False, Content_Type="text/html; charset=utf-8")]
    assert "web page" in refused(server, tmp_path)
    get(server, tmp_path)
    assert server.ranges == ["bytes=1000-", "bytes=1000-"]


@pytest.mark.parametrize("code", [403, 404, 410, 500, 503, 204, 304])
def test_an_error_of_http_is_told_at_once(server, tmp_path, code):
    server.usual = status(code)
    assert refused(server, tmp_path).startswith(f"{server.mirror}/broden1_224.zip: the server answers {code} ")
    assert len(server.asked) == 1


def test_an_error_of_http_midway(server, made, tmp_path):
    server.plan = [honest(send=1000), status(503), status(500), status(429), honest(send=1000), status(502)]
    get(server, tmp_path)
    check_whole(tmp_path, made)
    assert server.ranges[-1] == "bytes=2000-"


def test_a_file_that_is_gone_midway(server, made, tmp_path):
    server.plan, server.usual = [honest(send=1000)], status(404)
    assert "404" in refused(server, tmp_path)
    assert len(server.asked) == 2 and part(tmp_path).stat().st_size == 1000


def closed_port():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        return closed.getsockname()[1]


def test_a_server_that_is_away(server, tmp_path):
    for mirror in (f"http://127.0.0.1:{closed_port()}", "http://nowhere.invalid/data", f"https{server.mirror[4:]}"):
        line = refused(server, tmp_path, mirror=mirror, pause=100.0)
        assert line.startswith(f"{mirror}/broden1_224.zip: ") and "--mirror" not in line


def test_a_server_that_is_away_midway(server, made, tmp_path):
    """The second address refuses connections, when the first has sent a part."""
    server.plan = [honest(send=1000), status(302, Location=f"http://127.0.0.1:{closed_port()}/"), honest()]
    get(server, tmp_path)
    assert server.ranges == [None, "bytes=1000-", "bytes=1000-"]
    check_whole(tmp_path, made)


def test_the_published_address_may_be_replaced(server, tmp_path, monkeypatch):
    """Requests to the published address go to this server, as to a proxy."""
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("HTTP_PROXY", server.mirror)
    server.usual = status(404)
    assert refused(server, tmp_path, mirror=MIRROR).endswith("; --mirror URL names another place")
    assert server.asked[0][0] == f"{MIRROR}/broden1_224.zip"
    server.usual = honest()
    server.content = b"no archive"
    assert "--mirror" not in refused(server, tmp_path, mirror=MIRROR)


NO_MIRRORS = ("", "netdissect", "ftp://127.0.0.1/data", "file:///tmp", "/tmp", "http://", "http:///data", "http://[::1")


@pytest.mark.parametrize("mirror", [*NO_MIRRORS, "http://127.0.0.1/?a=b", "http://127.0.0.1/#a", "javascript:alert(1)"])
def test_what_is_no_mirror(server, tmp_path, mirror):
    assert f"mirror {mirror!r} is not the http or https address" in refused(server, tmp_path / "out", mirror=mirror)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("mirror", ["http://127.0.0.1:99999/data", "http://a b/", "http://\udcff/", "http://xn--/"])
def test_addresses_that_nobody_can_have(server, tmp_path, mirror):
    assert "broden1_224.zip" in refused(server, tmp_path, mirror=mirror)


def test_a_password_is_sent_but_not_shown(server, made, tmp_path):
    mirror = server.mirror.replace("http://", "http://me:secret@")
    server.plan, server.usual = [honest(send=1000)], status(404)
    assert "secret" not in refused(server, tmp_path, mirror=mirror)
    assert not any(b"secret" in path.read_bytes() for path in tmp_path.iterdir())
    assert all(headers["Authorization"].startswith("Basic ") for _, headers in server.asked)
    server.usual = honest()
    get(server, tmp_path, mirror=mirror)
    assert server.ranges[-1] == "bytes=1000-"


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirects_keep_the_range(server, made, tmp_path, code):
    server.plan = [status(code, Location="/elsewhere/file"), honest(send=1000), status(code, Location="/third")]
    get(server, tmp_path)
    assert [path for path, _ in server.asked] == [
        "/data/broden1_224.zip",
        "/elsewhere/file",
        "/data/broden1_224.zip",
        "/third",
    ]
    assert server.ranges == [None, None, "bytes=1000-", "bytes=1000-"]
    check_whole(tmp_path, made)


@pytest.mark.parametrize(
    "location", ["/again", "ftp://127.0.0.1/x", "file:///etc/passwd", "http://[", None, "", "http://", "http://xn--/"]
)
def test_redirects_to_nowhere(server, tmp_path, location):
    server.usual = status(302, Location=location)
    assert refused(server, tmp_path).startswith(f"{server.mirror}/broden1_224.zip: ")


@pytest.mark.parametrize("kind", malicious())
def test_a_malicious_archive(server, tmp_path, kind):
    server.content, name = malicious()[kind]
    line = refused(server, tmp_path / "a" / "out")
    assert f"entry '{name}' " in line and server.mirror in line
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "out"]


@pytest.mark.parametrize("kind", damaged())
def test_a_damaged_archive(server, tmp_path, kind):
    server.content, name = damaged()[kind]
    line = refused(server, tmp_path / "out")
    assert f"entry '{name}' " in line and server.mirror in line
    assert not any((tmp_path / "out").iterdir())


@pytest.mark.parametrize("content", [b"", b"no archive", None])
def test_no_archive(server, made, tmp_path, content):
    server.content = made[1][:-100] if content is None else content
    assert "bytes are no whole zip archive" in refused(server, tmp_path)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("table", ["index.csv", "label.csv", "category.csv", "c_object.csv"])
@pytest.mark.parametrize("content", [None, b"", b"a,b\n1,2\n", b"\xff\xfe"])
def test_an_archive_that_holds_no_broden(server, made, tmp_path, table, content):
    contents = files(made[0]) | {table: content}
    server.content = zipped([(f"broden1_224/{name}", c) for name, c in contents.items() if c is not None])
    line = refused(server, tmp_path)
    assert f": holds no Broden directory: broden1_224/{table}: " in line and ".unfinished" not in line
    assert not any(tmp_path.iterdir())


def test_what_is_there_stays(server, made, tmp_path):
    (tmp_path / "broden1_224").mkdir()
    with pytest.raises(NetdissectError, match=r"broden1_224: exists already \(--overwrite"):
        get(server, tmp_path)
    assert not server.asked and [path.name for path in tmp_path.rglob("*")] == ["broden1_224"]


OLD = dict.fromkeys(("index.csv", "label.csv", "category.csv"), b"old")


def write_old(folder):
    """Just what tells that a directory is a Broden."""
    folder.mkdir()
    for table, text in OLD.items():
        (folder / table).write_bytes(text)


@pytest.mark.parametrize("there", [False, True])
def test_overwriting(server, made, tmp_path, there):
    if there:
        write_old(tmp_path / "broden1_224")
    else:
        (tmp_path / "broden1_224").mkdir()
    get(server, tmp_path, overwrite=True)
    check_whole(tmp_path, made)


def test_overwriting_a_link_leaves_what_it_leads_to(server, made, tmp_path):
    write_old(tmp_path / "old")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "broden1_224").symlink_to(tmp_path / "old")
    get(server, tmp_path / "out", overwrite=True)
    check_whole(tmp_path / "out", made)
    assert files(tmp_path / "old") == OLD


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_is_no_broden_is_not_overwritten(server, tmp_path, kind):
    there = tmp_path / "broden1_224"
    if kind == "file":
        there.write_text("mine")
    elif kind == "folder":
        there.mkdir()
        (there / "thesis.txt").write_text("mine")
    else:
        there.symlink_to(tmp_path / "nowhere")
    with pytest.raises(NetdissectError, match="broden1_224: is not a Broden directory, and is not overwritten"):
        get(server, tmp_path, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["broden1_224"] and not server.asked


def test_a_bad_archive_does_not_replace_a_good_directory(server, made, tmp_path):
    get(server, tmp_path)
    server.content = patched(made[1], "broden1_224/images/noise", (16, "<I"), 1)
    with pytest.raises(NetdissectError, match="damaged"):
        get(server, tmp_path, overwrite=True)
    check_whole(tmp_path, made)


def test_what_appears_meanwhile_stays(server, tmp_path):
    mine = tmp_path / "broden1_224" / "mine"

    def appear(doing, done, total):
        if (doing, done) == ("unpack", total):
            mine.parent.mkdir()
            mine.write_text("mine")

    with pytest.raises(NetdissectError, match="broden1_224: exists already"):
        get(server, tmp_path, on_progress=appear)
    assert mine.read_text() == "mine" and part(tmp_path).exists()


def test_a_directory_that_cannot_be_replaced_comes_back(server, tmp_path, monkeypatch):
    write_old(tmp_path / "broden1_224")
    rename = Path.rename

    def fail(path, target):
        if path.name == "broden1_224" and target == tmp_path / "broden1_224":
            raise OSError(errno.ENOSPC, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(NetdissectError, match=r"broden1_224: cannot be written: .*No space left"):
        get(server, tmp_path, overwrite=True)
    assert files(tmp_path / "broden1_224") == OLD
    assert not (tmp_path / ".broden1_224.unfinished").exists()


@contextmanager
def other_process(server, out, on_progress="lambda *call: None"):
    code = (
        "import os, signal, sys; from pathlib import Path; "
        "from netdissect.broden.download import Archive, download_broden\n"
        f"download_broden(Path(sys.argv[1]), Archive(mirror=sys.argv[2]), pause=0.0, on_progress={on_progress})"
    )
    process = subprocess.Popen([sys.executable, "-c", code, out, server.mirror], stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_until(true):
    for _ in range(3000):
        if true():
            return
        time.sleep(0.01)
    pytest.fail("waited for too long")


def test_a_process_killed_while_it_downloads(server, made, tmp_path):
    server.plan = [honest(send=200_000, stall=True)]
    with other_process(server, tmp_path) as process:
        wait_until(lambda: part(tmp_path).exists() and part(tmp_path).stat().st_size > 100_000)
        with pytest.raises(NetdissectError, match=r"broden1_224\.unfinished: another process works in it"):
            get(server, tmp_path)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    came = part(tmp_path).read_bytes()
    assert came == made[1][: len(came)]
    get(server, tmp_path)
    assert server.ranges == [None, f"bytes={len(came)}-"] and server.asked[1][1]["If-Range"] == '"one"'
    check_whole(tmp_path, made)


def test_a_process_killed_while_it_unpacks(server, made, tmp_path):
    kill = "lambda doing, done, total: doing == 'unpack' and done == total and os.kill(os.getpid(), signal.SIGKILL)"
    with other_process(server, tmp_path, kill) as process:
        assert process.wait() == -signal.SIGKILL
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {".broden1_224.unfinished", "broden1_224.zip.part", "broden1_224.zip.part.json"}
    assert (tmp_path / ".broden1_224.unfinished" / "broden1_224" / "index.csv").is_file()
    get(server, tmp_path)
    assert len(server.asked) == 1  # by the process that was killed
    check_whole(tmp_path, made)


def test_interrupted_from_the_keyboard(server, made, tmp_path):
    server.plan = [honest(send=100_000, stall=True)]

    def press():
        server.stalled.wait(30)
        wait_until(lambda: part(tmp_path).exists() and part(tmp_path).stat().st_size > 0)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        get(server, tmp_path)
    thread.join()
    assert {path.name for path in tmp_path.iterdir()} == {"broden1_224.zip.part", "broden1_224.zip.part.json"}
    came = part(tmp_path).read_bytes()
    assert came == made[1][: len(came)]
    get(server, tmp_path)
    assert server.ranges == [None, f"bytes={len(came)}-"]
    check_whole(tmp_path, made)


@contextmanager
def files_no_larger_than(size):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_no_room_to_download(server, made, tmp_path):
    with files_no_larger_than(100_000):
        line = refused(server, tmp_path)
    assert line.startswith(f"{tmp_path / 'broden1_224'}: cannot be written: ") and "too large" in line
    assert len(server.asked) == 1
    get(server, tmp_path)
    assert server.ranges[-1] == f"bytes={100_000}-"
    check_whole(tmp_path, made)


def test_no_room_to_unpack(server, made, tmp_path):
    contents = files(made[0]) | {"images/zeros": b"\0" * 500_000}
    server.content = zipped([(f"broden1_224/{name}", content) for name, content in contents.items()])
    with files_no_larger_than(400_000):
        line = refused(server, tmp_path)
    assert line.startswith(f"{tmp_path / 'broden1_224'}: cannot be written: ") and part(tmp_path).exists()
    get(server, tmp_path)
    assert len(server.asked) == 1
    assert files(tmp_path / "broden1_224") == contents


@pytest.mark.parametrize("inside", [False, True])
def test_a_place_that_cannot_be_written(server, tmp_path, inside):
    (tmp_path / "file").write_text("mine")
    out = tmp_path / "file" / "out" if inside else tmp_path / "file"
    with pytest.raises(NetdissectError, match=r"broden1_224: cannot be written: ") as error:
        get(server, out)
    assert "\n" not in str(error.value) and not server.asked


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_folder_without_the_right_to_write(server, tmp_path):
    tmp_path.chmod(0o500)
    assert "cannot be written" in refused(server, tmp_path)


def test_bytes_from_another_address_are_not_gone_on_from(server, made, tmp_path):
    stop_midway(server, tmp_path)
    for mirror in ("http://nowhere.invalid/data", f"{server.mirror}/absent"):
        server.usual = status(404)
        refused(server, tmp_path, mirror=mirror)
        assert part(tmp_path).read_bytes() == made[1][:1000]  # which are still those of the first address
    server.usual = honest()
    get(server, tmp_path, mirror=f"{server.mirror}/copy")
    assert server.ranges[-1] is None
    check_whole(tmp_path, made)


@pytest.mark.parametrize("note", [None, "", '{"url": "http', "[]", "{}", '{"url": 1, "more": 2}', "\udcff"])
def test_bytes_that_nobody_knows_where_from(server, made, tmp_path, note):
    stop_midway(server, tmp_path)
    path = tmp_path / "broden1_224.zip.part.json"
    if note is None:
        path.unlink()
    else:
        path.write_bytes(note.encode("utf-8", "surrogateescape"))
    get(server, tmp_path)
    assert server.ranges == [None]
    check_whole(tmp_path, made)


def test_more_bytes_than_there_should_be(server, made, tmp_path):
    stop_midway(server, tmp_path)
    part(tmp_path).write_bytes(made[1] + b"more")
    get(server, tmp_path)
    check_whole(tmp_path, made)
