"""The command that looks at units, and the options of looking."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
from netdissect.printing import print_visualizations
from netdissect.settings import NetworkSettings, Settings
from netdissect.types import NetdissectError

if TYPE_CHECKING:
    from netdissect.visualization import VisualizationOptions

visualize_commands = typer.Typer()

#: More than any layer has.
_MOST_UNITS = 1_000_000

UnitsOption = Annotated[
    str,
    typer.Option(
        metavar="labelled|all|LIST",
        help="Units to look at: those whose label passes the cut, all, or numbers and ranges, such as 3,10-19.",
    ),
]


@dataclass(frozen=True)
class ExcitationOptions:
    """How images are made that excite a unit."""

    steps: Annotated[int, typer.Option(help="Of inceptionism: steps of ascent.")] = 128
    diverse: Annotated[int, typer.Option(help="Of inceptionism: different images of a unit.")] = 1
    position: Annotated[
        str,
        typer.Option(
            metavar="mean|center", help="Of inceptionism: excite a unit everywhere in its map, or at the center alone."
        ),
    ] = "mean"
    parametrization: Annotated[
        str,
        typer.Option(metavar="fourier|pixels", help="Of inceptionism: change waves in uncorrelated colors, or pixels."),
    ] = "fourier"
    l2: Annotated[float, typer.Option(help="Of inceptionism: weight against contrast, such as 10.")] = 0.0
    total_variation: Annotated[
        float, typer.Option(help="Of inceptionism: weight against differences of neighbours, such as 10.")
    ] = 0.0


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
    settings: Settings,
    data: DataOption = "scenes",
    unit: Annotated[
        list[int] | None, typer.Option(metavar="N", help="A unit, from 0; repeat for more. In place of --units.")
    ] = None,
    units: UnitsOption = "labelled",
    method: Annotated[
        str,
        typer.Option(
            metavar="A,B",
            help="top: images that excite a unit, at its receptive field; deconvnet: its activation projected back; "
            "backprop: its gradient; inceptionism: images made to excite it.",
        ),
    ] = "top,deconvnet,backprop,inceptionism",
    variant: Annotated[
        str,
        typer.Option(
            metavar="A,B",
            help="Of backprop: gradient, guided, smoothed, integrated, or ascent, the model image of a class.",
        ),
    ] = "gradient,guided",
    images: Annotated[int, typer.Option(help="Images of the data to show a unit with, for each method.")] = 3,
    *,
    making: ExcitationOptions,
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

    looks = read_looks(method, units, settings.seed, unit=unit, making=making, variants=_listed(variant), images=images)
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
    octaves: Annotated[int, typer.Option(help="Sizes at which the image is changed, the smallest first.")] = 4,
    scale: Annotated[float, typer.Option(help="How much larger each octave is than the one before.")] = 1.4,
    steps: Annotated[int, typer.Option(help="Steps of ascent at each octave.")] = 10,
    rate: Annotated[float, typer.Option(help="How far a step changes a pixel on average; white is 1.")] = 0.006,
    longest: Annotated[int, typer.Option(help="Pixels of the longer side: an image with more is made smaller.")] = 672,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that is there, though never the image itself.")
    ] = False,
    seed: Annotated[
        int, typer.Option(help="For where windows lie, and the random weights of a model without any.")
    ] = 0,
    *,
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
    from netdissect.visualization import Dreaming

    dreaming = Dreaming(octaves, scale, steps, rate, seed)
    try:
        dream_of(
            network.load(seed),
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


def read_looks(
    methods: str,
    units: str,
    seed: int,
    *,
    unit: Sequence[int] | None = None,
    making: ExcitationOptions = ExcitationOptions(),
    **others: Any,
) -> "VisualizationOptions":
    """The options of looking, of lists with commas between; ``seed`` is that of inceptionism's noise."""
    from netdissect.visualization import Excitation, VisualizationOptions

    if unit and units != "labelled":
        raise NetdissectError("--unit names units in place of --units: leave out one of them")
    chosen = tuple(unit) if unit else units if units.isalpha() else tuple(_numbers(units))
    return VisualizationOptions(_listed(methods), chosen, excitation=Excitation(**asdict(making), seed=seed), **others)


def _listed(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _numbers(text: str) -> Iterator[int]:
    """Those of ``3,10-19``."""
    for part in _listed(text):
        first, separator, last = part.partition("-")
        if not first.isdecimal() or (separator and not last.isdecimal()):
            raise NetdissectError(f"--units {text!r}: labelled, all, or numbers and ranges such as 3,10-19")
        numbers = range(int(first), int(last or first) + 1)
        if not 0 < len(numbers) <= _MOST_UNITS:
            raise NetdissectError(f"--units {text!r}: {part} is no range of 1 to {_MOST_UNITS:,} units")
        yield from numbers
