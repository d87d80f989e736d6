"""Commands that look at units."""

import json
from pathlib import Path
from typing import Annotated

import attrs
import typer

from netdissect.cli.common import JsonOption, fail
from netdissect.cli.options import (
    DataOption,
    LayersOption,
    NetworkOptions,
    Only,
    changed_options,
    takes_options,
)
from netdissect.network_settings import NetworkSettings
from netdissect.printing import print_visualizations
from netdissect.settings import Settings
from netdissect.types import NetdissectError
from netdissect.visualization.options import LABELLED, Dreaming, Excitation, VisualizationOptions

visualize_commands = typer.Typer()


@visualize_commands.command(
    epilog="Example: netdissect visualize torchvision:resnet18 --weights DEFAULT --layer layer4 --unit 78 "
    "--data broden1_224 --out looks"
)
@takes_options
def visualize(
    network: NetworkOptions,
    layer: LayersOption,
    out: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Where to write the page; one that is there is replaced.", show_default=False),
    ],
    *,
    data: DataOption = "scenes",
    settings: Settings,
    unit: Annotated[
        list[int] | None, typer.Option(metavar="N", help="A unit, from 0; repeat for more. In place of --units.")
    ] = None,
    looks: VisualizationOptions,
    excitation: Excitation,
    run: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="Take labels and top images from this run, of the same network and data, in place of a pass.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Shows what units look for, beside what they are called: four ways, on one page.

    A class is a unit of the network's last layer. Labels and top images are found as dissect finds them, or taken from
    a run.
    """
    from netdissect.pipeline.visualize import OWN_SETTINGS
    from netdissect.pipeline.visualize import visualize as visualize_units
    from netdissect.results import Result
    from netdissect.visualization.page import plain_visualizations

    if unit and looks.units != LABELLED:
        raise NetdissectError("--unit names units in place of --units: leave out one of them")
    looks = attrs.evolve(
        looks, units=tuple(unit) if unit else looks.units, excitation=attrs.evolve(excitation, seed=settings.seed)
    )
    saved, seed, given = None, settings.seed, settings
    if run is not None:
        if changed := changed_options(settings, *OWN_SETTINGS, "seed"):
            raise NetdissectError(f"--run: the run's own options hold; leave out {', '.join(changed)}")
        saved = Result.load(run)
        assert saved.description.settings is not None  # only a table has none
        seed, given = saved.description.settings.seed, attrs.evolve(settings, seed=0)
    loaded = network.load(seed)
    try:
        result = visualize_units(loaded, layer, looks, data, run=saved, settings=given, out=out)
    except KeyboardInterrupt:
        fail("interrupted; nothing was written", 130)
    if as_json:
        print(json.dumps(plain_visualizations(result)))
    else:
        print_visualizations(result)
        print(f"page    {out / 'index.html'}")


@visualize_commands.command(
    epilog="Example: netdissect dream torchvision:googlenet --weights DEFAULT --layer inception4c photo.jpg"
)
@takes_options
def dream(
    network: NetworkOptions,
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="An image file.", show_default=False)],
    layer: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="The layer that dreams, as 'netdissect layers' names it.", show_default=False
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to write the dream, a .jpg or .png.")] = Path(
        "dream.jpg"
    ),
    unit: Annotated[
        int | None, typer.Option(metavar="N", help="Excite this unit alone. Default: the layer as a whole.")
    ] = None,
    *,
    dreaming: Dreaming,
    longest: Annotated[int, typer.Option(help="Pixels of the longer side: an image with more is made smaller.")] = 672,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that is there, though never the image itself.")
    ] = False,
    settings: Annotated[
        NetworkSettings,
        Only(
            *("layout", "mean", "std", "channels", "value_range", "device"),
            size="Pixels of the windows that the network sees. Default: what the weights tell, or 224.",
        ),
    ],
) -> None:
    """Changes an image so that a layer, or a unit, sees in it more and more of what it looks for.

    The network sees the image in windows of its own size: the image keeps its proportions, whatever they are.
    """
    from netdissect.pipeline.dream import dream as dream_of

    try:
        dream_of(
            network.load(dreaming.seed),
            layer,
            image,
            unit,
            dreaming=dreaming,
            longest=longest,
            settings=settings,
            out=out,
            overwrite=overwrite,
        )
    except KeyboardInterrupt:
        fail("interrupted; nothing was written", 130)
    print(out)
