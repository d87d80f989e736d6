"""The README and the pages in docs: their commands, their Python and their links are right."""

import doctest
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from netdissect.cli import app

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "benchmarks" / "README.md"]

#: A block that names one of these needs data, weights or a training that are not here: it is compiled alone, and so are
#: the blocks after it on its page, which may use its names.
_NOT_HERE = ("broden1_224", "torchvision", "street/", "runs/", "demo.train")

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^(?: {4}.*)?\n)+", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)

#: The options that every command has.
_ANYWHERE = {"--help", "--debug"}


def python_blocks(page: Path) -> list[str]:
    return [code for language, code in _FENCE.findall(page.read_text()) if language == "python"]


def commands(text: str) -> Iterator[list[str]]:
    """Yield the words of each netdissect command in fenced and indented blocks, and in code between backquotes."""
    blocks = [code for language, code in _FENCE.findall(text) if language != "python"]
    rest = _FENCE.sub("", text)
    blocks += _INDENTED.findall(rest)
    blocks += re.findall(r"`((?:uv run )?netdissect [^`]+)`", rest)
    for block in blocks:
        for line in block.replace("\\\n", " ").splitlines():
            if found := re.match(r"\s*(?:uv run )?netdissect (.*)", line):
                yield shlex.split(found[1], comments=True)


def problems(words: list[str]) -> list[str]:
    """Return what is wrong with the words of a command: an unknown command, or options that it does not have."""
    command = typer.main.get_command(app)
    words = list(words)
    while isinstance(command, TyperGroup):
        if not words or words[0] not in command.commands:
            return [f"no command {' '.join(words[:1])!r}"]
        command = command.commands[words.pop(0)]
    known = {option for parameter in command.params if not parameter.hidden for option in parameter.opts}
    known |= {option for parameter in command.params for option in parameter.secondary_opts} | _ANYWHERE
    given = [word.partition("=")[0] for word in words if re.match(r"--[a-z]", word)]
    return [f"{command.name} has no option {option}" for option in given if option not in known]


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub names them."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in _HEADING.findall(page.read_text())
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_name_commands_and_options_that_exist(page: Path) -> None:
    wrong = [(" ".join(words), found) for words in commands(page.read_text()) if (found := problems(words))]
    assert not wrong


def test_checking_commands_finds_what_is_wrong() -> None:
    indented, fenced = "    netdissect dissect net --layr a\n\n", "```\nnetdissect frobnicate\n```\n"
    text = f"{indented}{fenced}`netdissect compare a b --align units`\n"
    assert [problems(words) for words in commands(text)] == [
        ["no command 'frobnicate'"],
        ["dissect has no option --layr"],
        ["compare has no option --align"],
    ]
    assert len(list(commands((ROOT / "README.md").read_text()))) > 8


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(page: Path) -> None:
    dead = []
    for link in _LINK.findall(page.read_text()):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.is_file() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert not dead


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_compiles(page: Path) -> None:
    for code in python_blocks(page):
        examples = doctest.DocTestParser().get_examples(code)
        for source in [example.source for example in examples] or [code]:
            compile(source, str(page), "exec")


def runnable(page: Path) -> list[str]:
    """Return the blocks of a page up to the first that needs things that are not here."""
    blocks = []
    for code in python_blocks(page):
        if any(word in code for word in _NOT_HERE):
            break
        blocks.append(code)
    return blocks


def test_python_runs(tmp_path: Path) -> None:
    """Run all blocks in a process of their own: its registries and its working directory are no other test's."""
    pages = {str(page.relative_to(ROOT)): runnable(page) for page in PAGES}
    assert {name for name, blocks in pages.items() if blocks} >= {"docs/data.md", "docs/results.md"}
    script = [
        "import doctest, warnings",
        "warnings.simplefilter('error')",
        f"for page, blocks in {pages!r}.items():",
        "    names = {'__name__': 'docs'}",
        "    for code in blocks:",
        "        if not code.startswith('>>>'):",
        "            exec(compile(code, page, 'exec'), names)",
        "            continue",
        "        test = doctest.DocTestParser().get_doctest(code, dict(names), page, page, 0)",
        "        assert doctest.DocTestRunner().run(test).failed == 0, page",
    ]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(script)], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_glossary_is_in_order_and_says_each_term_once() -> None:
    terms = re.findall(r"^- \*\*([^*]+)\*\*", (ROOT / "docs" / "glossary.md").read_text(), re.MULTILINE)
    assert terms == sorted(set(terms), key=str.lower)
    assert len(terms) > 25
