"""The command that dissects the checkpoints of a training."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netdissect.cli.common import JsonOption, fail
from netdissect.cli.options import DataOption, LayersOption, NetworkOptions, takes_options
from netdissect.printing import print_series
from netdissect.settings import Settings
from netdissect.types import NetdissectError

if TYPE_CHECKING:
    from netdissect.networks.load import LoadedModel

series_commands = typer.Typer()


@series_commands.command(
    epilog="Example: netdissect series net.py:build --layer layer4 --checkpoints 'ckpt_*.pt' --out series"
)
@takes_options
def series(
    network: NetworkOptions,
    layer: LayersOption,
    checkpoints: Annotated[
        list[str],
        typer.Option(
            metavar="GLOB", help="Files of weights, as a pattern in quotes; repeat for more.", show_default=False
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where to write the series.", show_default=False)],
    *,
    data: DataOption = "scenes",
    settings: Settings,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the series in the output directory.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the series in DIR: dissect the checkpoints that are not done.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Dissects the same layers at every checkpoint of a training, and writes a page of what became of their units.

    The step of a checkpoint is what all files tell as step, global_step, iteration or epoch, at their top or in the
    metadata of safetensors, or else the last number in their names. All are checked before any is dissected. DIR/STEP
    is an ordinary run each; DIR/page the page.
    """
    from netdissect.experiments.series.checkpoints import CheckpointSeries, find_checkpoints
    from netdissect.progress import progress_bar

    if network.weights is not None:
        raise NetdissectError("--weights: the weights of a series are those of --checkpoints")

    def load(path: Path) -> "LoadedModel":
        return replace(network, weights=str(path)).load(settings.seed)

    def tell(step: int, place: int, total: int) -> None:
        print(f"step {step} ({place} of {total})", file=sys.stderr)

    try:
        series = CheckpointSeries(
            find_checkpoints(checkpoints),
            load,
            out,
            overwrite=overwrite,
            resume=resume,
            trust_pickle=network.trust_pickle,
        )
        found = series.dissect(layer, data, on_step=tell, settings=settings)
        with progress_bar(True) as bar:
            page = found.write_page(out / "page", on_progress=bar)
    except KeyboardInterrupt:
        fail("interrupted; --resume goes on with what is finished", 130)
    if as_json:
        print(json.dumps(found.summary()))
    else:
        print_series(found)
        print(f"page  {page}")
