"""The command that rotates layers."""

import json
from pathlib import Path
from typing import Annotated

import attrs
import typer

from netdissect.choices import BASES
from netdissect.cli.common import JsonOption, interrupted, read_numbers
from netdissect.cli.options import DataOption, LayersOption, NetworkOptions, OverwriteOption, takes_options
from netdissect.printing import print_rotation
from netdissect.settings import Settings

rotate_commands = typer.Typer()


@rotate_commands.command(
    epilog="Example: netdissect rotate torchvision:alexnet --weights DEFAULT --layer features.11 --data broden1_224 "
    "--basis pca --out runs/rotated"
)
@takes_options
def rotate(
    network: NetworkOptions,
    layer: LayersOption,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where to write the run.", show_default=False)],
    *,
    data: DataOption = "scenes",
    settings: Settings,
    amounts: Annotated[
        str, typer.Option(metavar="A,B", help="By how much of a random rotation a layer is rotated, 0 to 1.")
    ] = "0,0.2,0.4,0.6,0.8,1",
    seeds: Annotated[str, typer.Option(metavar="A,B", help="The random rotations, by their seeds.")] = "0,1,2",
    basis: Annotated[
        list[str] | None,
        typer.Option(
            metavar="pca|FILE",
            help=f"A further basis, as in dissect --basis ({', '.join(BASES)}); repeat for more.",
        ),
    ] = None,
    top_images: Annotated[int, typer.Option(help="Images to keep for each unit.")] = 4,
    overwrite: OverwriteOption = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with what is finished of this run, also after a kill.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Rotates layers by degrees, and counts how many unique detectors are left.

    The network runs over the images once: all rotations, and the layer as it is, are measured in that pass. Each takes
    as long to measure as a layer, and as much disk. OUT is a run like any other, whose layers are called 'relu4',
    'relu4 rotated 0.2 seed 1', 'relu4 in pca'; OUT/rotation/index.html is its page.
    """
    from netdissect.experiments.rotation.curves import rotation_curves
    from netdissect.experiments.rotation.rotate import PAGE
    from netdissect.experiments.rotation.rotate import rotate as rotate_layers

    parts = read_numbers(amounts, "--amounts", "numbers, with commas between", float)
    numbers = read_numbers(seeds, "--seeds", "whole numbers, with commas between", int)
    try:
        result = rotate_layers(
            network.load(settings.seed),
            layer,
            data,
            amounts=parts,
            seeds=numbers,
            bases=basis or (),
            out=out,
            name=out.absolute().name,
            overwrite=overwrite,
            resume=resume,
            settings=attrs.evolve(settings, top_images=top_images),
        )
    except KeyboardInterrupt:
        interrupted(out)
    curves = rotation_curves(result)
    if as_json:
        print(json.dumps({"name": result.name, "layers": [curve.plain() for curve in curves]}))
    else:
        print_rotation(result, curves)
        print(f"run     {out}\npage    {out / PAGE / 'index.html'}")
