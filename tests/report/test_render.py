"""The files of a report."""

import dataclasses
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from netdissect import NetdissectError, write_report
from netdissect.results import ShownImage
from tests.report.results import HOSTILE, random_layer, result_of


class Links(HTMLParser):
    """What a page refers to, what it may be referred to by, and its scripts' texts."""

    def __init__(self):
        super().__init__()
        self.links, self.scripts, self.tag = [], [], None

    def handle_starttag(self, tag, attributes):
        self.tag = tag
        given = dict(attributes)
        self.links += [given[name] for name in ("href", "src") if given.get(name)]
        assert not any(name.startswith("on") for name in given), given

    def handle_data(self, data):
        if self.tag == "script" and data.strip():
            self.scripts.append(data)


@pytest.fixture(params=["tiny_report", "two_runs_report"])
def report(request):
    return request.getfixturevalue(request.param)


def test_every_link_and_image_resolves(report):
    pages = list(report.rglob("*.html"))
    assert len(pages) > 5
    used = set()
    for page in pages:
        links = Links()
        links.feed(page.read_text())
        assert not links.scripts  # no script but files
        for link in links.links:
            parts = urlsplit(link)
            if parts.scheme == "data":
                continue
            assert not parts.scheme and not parts.netloc, link
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            assert target.is_file() and target.is_relative_to(report.resolve()), link
            used.add(target)
    for data in (report / "data").rglob("*.js"):
        text = data.read_text()
        used |= {(report / "images" / name).resolve() for name in re.findall(r'"file":"([^"]*)"', text)}
        used |= {(report / path).resolve() for path in re.findall(r'"path":"([^"]*)"', text)}
    used |= {
        (report / "data").resolve() / path.relative_to(report / "data") for path in (report / "data").rglob("*.js")
    }
    files = {path.resolve() for path in report.rglob("*") if path.is_file()}
    assert used <= files
    assert files - used == {(report / "files.txt").resolve()}  # nothing is written that nobody refers to


def test_no_page_reaches_out(report):
    for path in report.rglob("*"):
        if path.suffix in (".html", ".js", ".css"):
            text = path.read_text().replace("http://www.w3.org/2000/svg", "")
            assert not re.findall(r"https?://|(?:src|href)=[\"']//|@import|url\(", text), path


def test_hostile_names_are_text(tiny_report):
    for path in tiny_report.rglob("*.html"):
        text = path.read_text()
        assert "<script>document" not in text
        assert "49" not in re.findall(r"hacked.{0,80}", text)  # no template in a name is filled in
    for path in tiny_report.rglob("*"):
        assert re.fullmatch(r"[a-z0-9.-]+", path.name)


def test_written_twice_is_the_same(tiny, tmp_path):
    folders = [write_report(tiny, tmp_path / name).parent for name in "ab"]
    contents = [
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in folders
    ]
    assert contents[0] == contents[1]


def test_a_report_is_replaced_whole(tiny, two_runs, tmp_path):
    out = tmp_path / "report"
    write_report(two_runs, out)
    write_report(tiny, out)
    assert HOSTILE.split("'")[1] in (out / "index.html").read_text()
    assert not (out / "data" / "3").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["report"]  # nothing is left beside it


def test_nothing_else_is_replaced(tiny, tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "index.html").write_text("mine")
    with pytest.raises(NetdissectError, match="own: is not a report, and is not overwritten"):
        write_report(tiny, tmp_path / "own")
    out = write_report(tiny, tmp_path / "report").parent
    for own in ("notes.txt", "images/holiday.jpg"):
        (out / own).write_text("mine")
        with pytest.raises(NetdissectError, match=rf"holds more than a report, which would be lost: {own}"):
            write_report(tiny, out)
        assert (out / own).read_text() == "mine"
        (out / own).unlink()
    (out / ".DS_Store").write_text("what systems leave is nobody's own")
    write_report(tiny, out)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(NetdissectError, match="file"):
        write_report(tiny, tmp_path / "file")


def test_a_failure_leaves_the_old_report(tiny, two_runs, tmp_path):
    out = write_report(tiny, tmp_path / "report").parent
    before = (out / "index.html").read_bytes()

    def fail(doing, done, total):
        if doing == "report" and done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_report(two_runs, out, on_progress=fail)
    assert (out / "index.html").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_progress_is_told(two_runs, tmp_path):
    told = []
    write_report(two_runs, tmp_path / "report", on_progress=lambda *step: told.append(step))
    assert told[-1] == ("report", 6 + 15, 6 + 15)  # chunks and concepts
    assert ("images", 40, 40) in told
    assert all(0 <= done <= total for _, done, total in told)


@pytest.mark.skipif(os.name == "nt", reason="names there are Unicode")
def test_names_that_are_no_text(tmp_path):
    result = result_of(random_layer(3), name="\udcff\nname")
    page = write_report(result, tmp_path / "report")
    assert "\\udcff" in page.read_text(encoding="utf-8")
    images = {index: dataclasses.replace(image, name=f"\udcff{index}") for index, image in result.images.items()}
    page = write_report([dataclasses.replace(result, images=images)] * 2, tmp_path / "both")
    assert "\\udcff" in page.read_text(encoding="utf-8")


def test_a_picture_that_cannot_be_read(tmp_path):
    result = result_of(random_layer(3))
    images = dict(result.images) | {4: ShownImage("broken.jpg", b"")}
    with pytest.raises(NetdissectError, match=r"^broken\.jpg: the run's picture of it cannot be read$"):
        write_report(dataclasses.replace(result, images=images), tmp_path / "report")
    assert not (tmp_path / "report").exists()


def test_relative_places(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert write_report(tiny, "page") == Path("page") / "index.html"
    assert (tmp_path / "page" / "index.html").is_file()
    monkeypatch.chdir(tmp_path / "page")
    with pytest.raises(NetdissectError, match="is the working directory"):
        write_report(tiny, ".")
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    write_report(tiny, tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "empty" / "index.html").is_file()
