"""Archives that somebody else made: what is in them is unpacked unharmed, and what may do harm not at all."""

import io
import shutil
import stat
import struct
import tempfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netdissect.broden import unpack as module
from netdissect.broden.unpack import BadArchiveError, unpack
from netdissect.types import NetdissectError

FOLDER = "broden1_224"
NOISE = np.random.default_rng(0).integers(0, 256, 3 * 2**20, dtype=np.uint8).tobytes()

#: Offsets of fields in an entry's central header.
FLAGS, METHOD, SUM, SIZE, OFFSET = (8, "<H"), (10, "<H"), (16, "<I"), (24, "<I"), (42, "<I")


def zipped(entries, method=zipfile.ZIP_DEFLATED):
    """An archive of ``entries``, pairs of a name or a ``ZipInfo`` and content."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return file.getvalue()


def renamed(archive, old, new):
    """Names that ``zipfile`` itself would not write."""
    assert len(old) == len(new) and archive.count(old.encode()) == 2
    return archive.replace(old.encode(), new.encode())


def patched(archive, name, field, value):
    """Another value in the central header of an entry."""
    start = archive.rindex(name.encode()) - 46
    assert archive[start : start + 4] == b"PK\x01\x02"
    at, form = start + field[0], field[1]
    return archive[:at] + struct.pack(form, value) + archive[at + struct.calcsize(form) :]


def of_mode(name, mode):
    entry = zipfile.ZipInfo(name)
    entry.create_system, entry.external_attr = 3, mode << 16
    return entry


def with_entry(name, content=b"harm"):
    """A good entry, and one more."""
    return zipped([(f"{FOLDER}/index.csv", b"image\n"), (name, content)])


def malicious():
    """Archives that must not be unpacked at all, each with the entry that is at fault."""
    held = f"{FOLDER}/a.png"
    return {
        "absolute": (with_entry("/tmp/harm"), "/tmp/harm"),
        "absolute to the folder": (with_entry(f"/{held}"), f"/{held}"),
        "upwards": (with_entry("../harm"), "../harm"),
        "upwards inside": (with_entry(f"{FOLDER}/../../harm"), f"{FOLDER}/../../harm"),
        "upwards at the end": (with_entry(f"{FOLDER}/.."), f"{FOLDER}/.."),
        "backslash": (with_entry(f"{FOLDER}\\..\\..\\harm"), f"{FOLDER}\\\\..\\\\..\\\\harm"),
        "backslash inside": (with_entry(f"{FOLDER}/..\\harm"), f"{FOLDER}/..\\\\harm"),
        "drive": (with_entry("C:/harm"), "C:/harm"),
        "drive inside": (with_entry(f"{FOLDER}/C:harm"), f"{FOLDER}/C:harm"),
        "outside": (with_entry("other/harm"), "other/harm"),
        "outside beside": (with_entry("harm.txt"), "harm.txt"),
        "outside, similar": (with_entry(f"{FOLDER}_/harm"), f"{FOLDER}_/harm"),
        "the folder a file": (with_entry(FOLDER), FOLDER),
        "link": (with_entry(of_mode(held, stat.S_IFLNK | 0o777), b"/etc"), held),
        "pipe": (with_entry(of_mode(held, stat.S_IFIFO | 0o600)), held),
        "device": (with_entry(of_mode(held, stat.S_IFBLK | 0o600)), held),
        "encrypted": (patched(with_entry(held), held, FLAGS, 0x1), held),
        "strongly encrypted": (patched(with_entry(held), held, FLAGS, 0x41), held),
        "twice": (renamed(with_entry(f"{FOLDER}/inde_.csv"), "inde_", "index"), f"{FOLDER}/index.csv"),
        "twice by case": (with_entry(f"{FOLDER}/Index.CSV"), f"{FOLDER}/Index.CSV"),
        "twice, composed": (
            zipped([(f"{FOLDER}/\u00e9.png", b""), (f"{FOLDER}/e\u0301.png", b"")]),
            f"{FOLDER}/e\u0301.png",
        ),
        "file and folder": (with_entry(f"{FOLDER}/index.csv/"), f"{FOLDER}/index.csv/"),
        "in a file": (with_entry(f"{FOLDER}/Index.csv/more/harm"), f"{FOLDER}/Index.csv/more/harm"),
        "folder with content": (
            patched(zipped([(f"{FOLDER}/", b""), (f"{held}/", b"")]), held, SIZE, 1),
            f"{held}/",
        ),
        "empty part": (with_entry(f"{FOLDER}//harm"), f"{FOLDER}//harm"),
        "dot": (with_entry(f"{FOLDER}/./index.csv"), f"{FOLDER}/./index.csv"),
        "zero byte": (renamed(with_entry(f"{FOLDER}/a.png_.exe"), "a.png_", "a.png\0"), f"{FOLDER}/a.png\\x00.exe"),
        "line break": (with_entry(f"{FOLDER}/a\nb"), f"{FOLDER}/a\\nb"),
        "method": (zipped([(held, b"harm")], zipfile.ZIP_BZIP2), held),
        "before the archive": (patched(with_entry(held), held, OFFSET, 2**32 - 2), held),
    }


def damaged():
    """Archives that are found to be damaged while they are unpacked, each with the entry that is at fault."""
    held = f"{FOLDER}/a.png"
    stored, long = zipped([(held, b"0123456789" * 9)], zipfile.ZIP_STORED), with_entry(held, b"\0" * 10**6)
    packed = with_entry(held, NOISE[:5000])
    return {
        "sum, stored": (stored.replace(b"0123", b"0124", 1), held),
        "sum, deflated": (packed.replace(NOISE[1000:1010], NOISE[1010:1020], 1), held),
        "sum in the directory": (patched(stored, held, SUM, 1), held),
        "not deflate": (long.replace(zlib.compress(b"\0" * 10**6, 6)[2:-4][:40], b"\xff" * 40), held),
        # A sum that is that of the part that a reader gets, who stops after as many bytes as are said.
        "longer than it says": (
            patched(patched(long, held, SIZE, 1000), held, SUM, zlib.crc32(b"\0" * 1000)),
            held,
        ),
        "longer by one": (
            patched(patched(long, held, SIZE, 10**6 - 1), held, SUM, zlib.crc32(b"\0" * (10**6 - 1))),
            held,
        ),
        "longer, with the sum of all": (patched(long, held, SIZE, 1000), held),
        "shorter than it says": (patched(long, held, SIZE, 10**6 + 1), held),
        "two names": (with_entry(held).replace(b"a.png", b"b.png", 1), held),
        "empty, which it says not": (patched(with_entry(held, b""), held, SIZE, 7), held),
    }


def unpack_bytes(tmp_path, archive, on_progress=lambda doing, done, total: None):
    path, into = tmp_path / "x.zip", tmp_path / "into"
    path.write_bytes(archive)
    into.mkdir()
    return unpack(path, FOLDER, into, on_progress)


def files(root):
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_everything_is_unpacked(tmp_path):
    contents = {
        "index.csv": b"image\n",
        "empty.csv": b"",
        "images/source/a.png": NOISE,
        "images/source/grün 1.png": b"\0" * 10**6,
        "images/A/b.png": b"1",
        "images/.hidden": b"2",
        "images/..a": b"3",
        "images/a..b/c": b"4",
    }
    entries = [(f"{FOLDER}/", b""), (f"{FOLDER}/images/", b""), (f"{FOLDER}/none/", b"")]
    entries += [(f"{FOLDER}/{name}", content) for name, content in contents.items()]
    seen = []
    root = unpack_bytes(tmp_path, zipped(entries), lambda *call: seen.append(call))
    assert root == tmp_path / "into" / FOLDER
    assert files(root) == contents and (root / "none").is_dir()
    assert seen == [("unpack", done, len(entries)) for done in range(len(entries) + 1)]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_methods_and_large_headers(tmp_path, method):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        with archive.open(f"{FOLDER}/a", "w", force_zip64=True) as entry:
            entry.write(NOISE[:70000])
        archive.writestr(of_mode(f"{FOLDER}/b", stat.S_IFREG | 0o4777), b"b")
        archive.writestr(of_mode(f"{FOLDER}/c/", stat.S_IFDIR | 0o777), b"")
    root = unpack_bytes(tmp_path, file.getvalue())
    assert files(root) == {"a": NOISE[:70000], "b": b"b"} and (root / "c").is_dir()
    assert stat.S_IMODE((root / "b").stat().st_mode) & 0o7111 == 0


def test_what_macos_adds_is_left_out(tmp_path):
    junk = ["__MACOSX/", f"__MACOSX/{FOLDER}/._index.csv", ".DS_Store", f"{FOLDER}/.DS_Store", f"{FOLDER}/a/.DS_Store"]
    root = unpack_bytes(tmp_path, zipped([(name, b"x") for name in [*junk, f"{FOLDER}/index.csv"]]))
    assert files(tmp_path / "into") == {f"{FOLDER}/index.csv": b"x"} and root.is_dir()


@pytest.mark.parametrize("kind", malicious())
def test_a_malicious_archive_writes_nothing(tmp_path, kind):
    archive, name = malicious()[kind]
    with pytest.raises(BadArchiveError) as error:
        unpack_bytes(tmp_path, archive)
    assert f"{tmp_path / 'x.zip'}: is not unpacked: entry '{name}' " in str(error.value)
    assert "\n" not in str(error.value)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["into", "x.zip"]


@pytest.mark.parametrize("kind", damaged())
def test_a_damaged_entry(tmp_path, kind):
    archive, name = damaged()[kind]
    with pytest.raises(BadArchiveError) as error:
        unpack_bytes(tmp_path, archive)
    assert str(error.value).startswith(f"{tmp_path / 'x.zip'}: entry '{name}' ") and "\n" not in str(error.value)


def test_an_entry_longer_than_it_says_is_not_read_to_its_end(tmp_path):
    held = f"{FOLDER}/a.png"
    with pytest.raises(BadArchiveError, match=r"says 1000 bytes, but unpacks to 1001 or more|Bad CRC"):
        unpack_bytes(tmp_path, patched(with_entry(held, b"\0" * 10**7), held, SIZE, 1000))
    assert (tmp_path / "into" / held).stat().st_size <= 1001


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.9, 0.999])
def test_a_cut_archive(tmp_path, share):
    archive = zipped([(f"{FOLDER}/{number}", NOISE[:3000]) for number in range(9)])
    with pytest.raises(BadArchiveError, match=r"x\.zip: its [0-9]+ bytes are no whole zip archive: "):
        unpack_bytes(tmp_path, archive[: int(share * len(archive))])
    assert not any((tmp_path / "into").iterdir())


@pytest.mark.parametrize("content", [b"<html>Moved</html>", b"PK\x03\x04" + b"\0" * 500, b"PK\x05\x06" + b"\xff" * 18])
def test_not_an_archive(tmp_path, content):
    with pytest.raises(BadArchiveError, match=r"x\.zip: its [0-9]+ bytes are no whole zip archive: "):
        unpack_bytes(tmp_path, content)


def test_an_empty_archive(tmp_path):
    with pytest.raises(BadArchiveError, match=r"x\.zip: is not unpacked: it holds no folder broden1_224"):
        unpack_bytes(tmp_path, zipped([("__MACOSX/a", b"")]))


def test_more_than_the_disk_has_room_for(tmp_path, monkeypatch):
    archive = zipped([(f"{FOLDER}/{number}", b"\0" * 1000) for number in range(5)])
    usage = type(shutil.disk_usage("."))
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: usage(10**6, 10**6 - 4999, 4999))
    with pytest.raises(NetdissectError, match=r"x\.zip: unpacks to 5000 bytes, but the disk has 4999 left") as error:
        unpack_bytes(tmp_path, archive)
    assert not isinstance(error.value, BadArchiveError)  # another copy is no better
    assert not any((tmp_path / "into").iterdir())


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text("./\\:aA\0\n ~", max_size=6), max_size=4), st.booleans())
def test_no_name_leads_out_of_the_folder(parts, in_folder):
    name = "/".join([*([FOLDER] if in_folder else []), *parts]) or "x"
    with tempfile.TemporaryDirectory() as folder:
        try:
            root = unpack_bytes(Path(folder), with_entry(name.replace("\0", "?")).replace(b"?", b"\0"))
        except BadArchiveError:
            assert not any((Path(folder) / "into").iterdir())
        else:
            assert in_folder
            written = {} if name.endswith("/") else {name.removeprefix(f"{FOLDER}/"): b"harm"}
            assert files(root) == {"index.csv": b"image\n"} | written
        assert {path.name for path in Path(folder).iterdir()} == {"into", "x.zip"}
        assert {path.name for path in (Path(folder) / "into").iterdir()} <= {FOLDER}


@settings(max_examples=200, deadline=None)
@given(st.floats(0, 1, exclude_max=True), st.integers(1, 255))
def test_any_damage_is_told_or_harmless(place, change):
    """A byte changed anywhere is found, unless it stands where nothing is read: a date, say."""
    contents = {f"{FOLDER}/{number}": NOISE[:50] + b"\0" * 50 for number in range(3)}
    archive = bytearray(zipped(contents.items()))
    archive[int(place * len(archive))] ^= change
    with tempfile.TemporaryDirectory() as folder:
        try:
            unpack_bytes(Path(folder), bytes(archive))
        except NetdissectError:
            return
        found = files(Path(folder) / "into")
        assert set(found.values()) == set(contents.values()) and len(found) == 3


def test_an_entry_that_the_directory_lost(tmp_path):
    """It is taken for the comment of the one before it."""
    archive = zipped([(f"{FOLDER}/{number}", b"x") for number in range(3)])
    length = 46 + len(f"{FOLDER}/0")
    archive = patched(archive, f"{FOLDER}/1", (32, "<H"), length)
    with pytest.raises(BadArchiveError, match=r"x\.zip: lists 2 entries, but its end says 3"):
        unpack_bytes(tmp_path, archive)
    assert not any((tmp_path / "into").iterdir())


@pytest.mark.parametrize("said", [2, 3, 2**16 + 2, 2**32])
@pytest.mark.parametrize("comment", [b"", b"c" * 65535])
def test_the_count_of_entries_of_a_large_archive(tmp_path, monkeypatch, said, comment):
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 1)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as writer:
        writer.comment = comment
        for number in range(2):
            writer.writestr(f"{FOLDER}/{number}", b"x")
    archive = bytearray(file.getvalue())
    end, large = archive.rindex(b"PK\5\6"), archive.rindex(b"PK\6\6")
    archive[end + 8 : end + 12] = b"\xff" * 4
    archive[large + 32 : large + 40] = struct.pack("<Q", said)
    if said == 2:
        assert files(unpack_bytes(tmp_path, bytes(archive))) == {"0": b"x", "1": b"x"}
    else:
        with pytest.raises(BadArchiveError, match=rf"x\.zip: lists 2 entries, but its end says {said}"):
            unpack_bytes(tmp_path, bytes(archive))


@pytest.mark.parametrize("after", [b"", b"after"])
@pytest.mark.parametrize("before", [b"", b"before"])
def test_bytes_before_and_after_an_archive(tmp_path, before, after):
    root = unpack_bytes(tmp_path, before + zipped([(f"{FOLDER}/a", b"x")]) + after)
    assert files(root) == {"a": b"x"}
