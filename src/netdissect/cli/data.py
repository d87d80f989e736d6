"""Commands that make datasets and look into them."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netdissect.broden.building.sources import describe_sources
from netdissect.cli.common import JsonOption, fail, interrupted, read_size
from netdissect.concepts.kinds import describe_kinds
from netdissect.printing import print_build, print_census, print_checked
from netdissect.types import NetdissectError

if TYPE_CHECKING:
    from netdissect.concepts import ConceptDataset
    from netdissect.concepts.sheet import SheetOptions

data_commands = typer.Typer()
broden_commands = typer.Typer(
    help="Makes, fetches and checks Broden, the dataset of the paper, and directories laid out like it.",
    no_args_is_help=True,
)

OutOption = Annotated[Path, typer.Option(metavar="DIR", help="Where to write the dataset.")]


@data_commands.command(epilog="Example: netdissect concepts broden1_224 --concept car")
def concepts(
    dataset: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help=f"The dataset: {describe_kinds()}.",
            show_default=False,
        ),
    ],
    category: Annotated[
        str | None, typer.Option(metavar="NAME", help="List the concepts of this category, one by one.")
    ] = None,
    concept: Annotated[
        str | None, typer.Option(metavar="NAME", help="Write a sheet of images in which this concept is drawn.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to write the sheet, .jpg or .png. Default: NAME.jpg.")
    ] = None,
    count: Annotated[int | None, typer.Option(help="At most this many images on the sheet. Default: 24.")] = None,
    size: Annotated[
        str, typer.Option(metavar="S|HxW", help="Image pixels; label maps of a folder of masks are read at half of it.")
    ] = "224",
    ignore_index: Annotated[
        list[int] | None, typer.Option(help="A class index without a concept, for a folder of masks; repeat for more.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="At most this many images of the dataset, drawn by --seed.")] = None,
    seed: Annotated[int, typer.Option(help="For --limit, scenes, and the images on the sheet.")] = 0,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out images that cannot be read, and count them.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Counts the concepts of a dataset per category, in images and label pixels, or shows where one is drawn."""
    from netdissect.concepts import open_dataset
    from netdissect.concepts.census import count_concepts
    from netdissect.concepts.sheet import SheetOptions
    from netdissect.progress import progress_bar

    if category is not None and concept is not None:
        raise NetdissectError("--category lists concepts, --concept shows one: one of them")
    if concept is None and (out is not None or count is not None):
        raise NetdissectError("--out and --count are for the sheet of a --concept")
    opened = open_dataset(
        dataset, size=read_size(size), ignore_index=ignore_index or (), skip_bad=skip_bad, limit=limit, seed=seed
    )
    if concept is not None:
        sheet = SheetOptions(24 if count is None else count, seed, skip_bad)
        _write_sheet(opened, concept, out, sheet, as_json)
        return
    with progress_bar(True) as on_progress:
        census = count_concepts(opened, skip_bad=skip_bad, on_progress=on_progress)
    known = [counted.name for counted in census.categories]
    if category is not None and category not in known:
        raise NetdissectError(f"no category {category!r} (there are {', '.join(known)})")
    if as_json:
        print(json.dumps(census.summary(category)))
    else:
        print_census(opened.name, census, category)


def _write_sheet(opened: "ConceptDataset", name: str, out: Path | None, options: "SheetOptions", as_json: bool) -> None:
    from netdissect.concepts.find import find_concept
    from netdissect.concepts.sheet import write_sheet
    from netdissect.progress import progress_bar

    concept = find_concept(opened.concepts, name)
    path = out or Path(f"{concept.name.replace('/', '-')}.jpg")
    with progress_bar(True) as on_progress:
        shown = write_sheet(opened, concept, path, options, on_progress)
    print(json.dumps({"concept": asdict(concept), "shown": shown, "sheet": str(path)}) if as_json else path)


@broden_commands.command(
    epilog="Example: netdissect broden build --out broden1_224 --source ade20k=ADE20K_2016_07_26 "
    "--source pascal_context=pascal --source pascal_part=pascal --source opensurfaces=opensurfaces --source dtd=dtd"
)
def build(
    out: OutOption,
    source: Annotated[
        list[str],
        typer.Option(
            metavar="NAME=PATH",
            help=f"A dataset {describe_sources()}. Repeat for more.",
        ),
    ],
    size: Annotated[
        str, typer.Option(metavar="S|HxW", help="Image pixels; images are squashed to it, label maps to half of it.")
    ] = "224",
    color_table: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Color names: van de Weijer's w2c.mat, or a .npy of its winners. Default: names from a survey.",
        ),
    ] = None,
    colors: Annotated[bool, typer.Option("--colors/--no-colors", help="Name the color of every pixel.")] = True,
    min_images: Annotated[int, typer.Option(help="Concepts in fewer images are dropped.")] = 10,
    min_coverage: Annotated[float, typer.Option(help="Concepts that cover less, in whole images, are dropped.")] = 0.5,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out images that cannot be read, and list them in skipped.csv.")
    ] = False,
    workers: Annotated[int | None, typer.Option(help="Processes that work. Default: one for each core.")] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the dataset in the output directory, or an unfinished one.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what is finished, also after a kill.")] = False,
) -> None:
    """Builds a Broden of labelled datasets: labels of one name become one concept, and every pixel gets a color.

    The dataset appears whole. merges.csv in it says which label became which concept, and why.
    """
    from netdissect.broden.building.build_options import BuildOptions
    from netdissect.broden.building.builder import build_broden
    from netdissect.broden.building.sources import open_sources
    from netdissect.progress import progress_bar

    try:
        with progress_bar(True) as on_progress:
            built = build_broden(
                open_sources(source),
                out,
                BuildOptions(read_size(size), colors, color_table, min_images, min_coverage, skip_bad, workers),
                overwrite=overwrite,
                resume=resume,
                on_progress=on_progress,
            )
    except KeyboardInterrupt:
        interrupted(out)
    print_build(built, out)


@broden_commands.command(epilog="Example: netdissect broden download --size 227 --out data")
def download(
    size: Annotated[int, typer.Option(metavar="224|227|384", help="Image pixels of the published archive.")] = 224,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the folder broden1_SIZE is put.")] = Path(),
    mirror: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where broden1_SIZE.zip is fetched from instead of the authors' server."),
    ] = None,
    sha256: Annotated[
        str | None, typer.Option(metavar="HEX", help="What the archive's hash must be; its authors publish none.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the dataset if it is there.")] = False,
) -> None:
    """Downloads the published Broden and unpacks it. What was interrupted goes on where it stopped."""
    from netdissect.broden.download import MIRROR, Archive, download_broden
    from netdissect.progress import progress_bar

    try:
        with progress_bar(True) as on_progress:

            def in_megabytes(doing: str, done: int, total: int) -> None:
                if doing == "download":
                    doing, done, total = "download MB", done // 10**6, total // 10**6
                on_progress(doing, done, total)

            path = download_broden(
                out,
                Archive(size, MIRROR if mirror is None else mirror, sha256),
                overwrite=overwrite,
                on_progress=in_megabytes,
            )
    except KeyboardInterrupt:
        fail("interrupted; the same command goes on", 130)
    print(path)


@broden_commands.command(epilog="Example: netdissect broden check broden1_224 --fast")
def check(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A Broden directory.", show_default=False)],
    fast: Annotated[bool, typer.Option("--fast", help="Read all tables, but only a sample of the images.")] = False,
    sample: Annotated[int, typer.Option(help="Images that --fast reads, drawn by --seed.")] = 200,
    seed: Annotated[int, typer.Option(help="For --fast.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Reads everything in a Broden directory and lists what is wrong; exit status 1 if anything is."""
    from netdissect.broden.check import check_broden
    from netdissect.progress import progress_bar

    with progress_bar(True) as on_progress:
        checked = check_broden(directory, fast=fast, sample=sample, seed=seed, on_progress=on_progress)
    if as_json:
        print(json.dumps(asdict(checked)))
    else:
        print_checked(checked)
    if checked.problems:
        raise typer.Exit(1)
