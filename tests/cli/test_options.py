"""Options of commands that follow from settings."""

from typing import Annotated

import attrs
import pytest
import typer
from typer.testing import CliRunner

from netdissect.choices import CRITERIA
from netdissect.cli.options import Only, changed_options, takes_options
from netdissect.declarations import Option, setting
from netdissect.network_settings import NetworkSettings
from netdissect.numbers import whole
from netdissect.settings import Settings
from netdissect.types import NetdissectError


@attrs.frozen(kw_only=True)
class Paint:
    """Settings of a kind of our own."""

    coats: int = setting(2, "coats of paint.", converter=whole("number of coats"))
    colors: tuple[str, ...] | None = setting(
        None, "the colors.", converter=attrs.converters.optional(tuple), option=Option(flag="--in", metavar="A,B")
    )
    hidden: int = setting(0, "nobody asks.", converter=int, option=Option(hidden=True))


def run(command, *arguments):
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command()(takes_options(command))
    return CliRunner().invoke(app, list(arguments))


def test_a_field_is_an_option():
    seen = []

    def paint(settings: Paint, gloss: bool = False) -> None:
        seen.append((settings, gloss))

    assert run(paint).exit_code == 0
    assert run(paint, "--coats", "3", "--in", "red, blue", "--gloss").exit_code == 0
    assert seen == [(Paint(), False), (Paint(coats=3, colors=("red", "blue")), True)]
    text = run(paint, "--help").output
    assert "Coats of paint." in text and "[default: 2]" in text and "hidden" not in text
    refused = run(paint, "--coats", "0")
    assert isinstance(refused.exception, NetdissectError) and "the number of coats is at least 1" in str(
        refused.exception
    )


def test_all_settings_have_their_options():
    seen = []

    def command(settings: Settings) -> None:
        seen.append(settings)

    texts = ["--size", "48x64", "--mean", "0.5", "--std", "1,2,3", "--input", "bgr", "--range", "255", "--iou", "0.1"]
    texts += [
        "--categories",
        "object,part",
        "--ignore-index",
        "3",
        "--ignore-index",
        "255",
        "--skip-bad",
        "--limit",
        "7",
    ]
    assert run(command, *texts).exit_code == 0
    assert seen == [
        Settings(
            **{"size": (48, 64), "mean": 0.5, "std": (1, 2, 3), "channels": "bgr", "value_range": 255},
            **{"iou_threshold": 0.1, "categories": ("object", "part"), "ignore_index": (3, 255)},
            **{"skip_bad": True, "limit": 7, "device": "auto"},
        )
    ]
    assert changed_options(seen[0], "size", "limit") == [
        *("--mean", "--std", "--input", "--range", "--iou", "--categories", "--ignore-index", "--skip-bad")
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--size", "big"], "--size 'big': a number of pixels, or HEIGHTxWIDTH"),
        (["--mean", "0.5,x"], "--mean '0.5,x': a number, or three with commas between"),
        (["--categories", ","], "--categories ',': names with commas between"),
    ],
)
def test_texts_that_cannot_be_read(arguments, said):
    def command(settings: Settings) -> None:
        raise AssertionError

    refused = run(command, *arguments)
    assert isinstance(refused.exception, NetdissectError) and str(refused.exception) == said


def test_some_fields_alone_with_another_help():
    def command(settings: Annotated[NetworkSettings, Only("layout", size="Pixels of windows.")]) -> None: ...

    text = run(command, "--help").output
    assert "--layout" in text and "Pixels of windows." in text and "--mean" not in text


def test_help_lists_what_is_registered():
    def command(settings: Settings) -> None: ...

    with CRITERIA.registered("dice", object, "twice the overlap, over both areas"):
        assert "dice: twice the overlap" in " ".join(run(command, "--help").output.split())
