"""Options that several commands share, and one way to take them."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from netdissect.cli.common import read_numbers, read_size
from netdissect.concepts.kinds import describe_kinds

if TYPE_CHECKING:
    from netdissect.networks.load import LoadedModel

SizeOption = Annotated[
    str | None,
    typer.Option(
        metavar="S|HxW", help="Image pixels; images are squashed to it. Default: what the weights tell, or 224."
    ),
]
InputOption = Annotated[
    str | None,
    typer.Option("--input", metavar="rgb|bgr|gray", help="Channels of images. Default: what the weights tell, or rgb."),
]
MeanOption = Annotated[
    str | None,
    typer.Option(
        metavar="M|R,G,B",
        help="Channel means, in --input's order and in --range. Default: what the weights tell, or ImageNet's.",
    ),
]
StdOption = Annotated[
    str | None,
    typer.Option(metavar="S|R,G,B", help="Channel deviations, likewise; with --range 255 the default is 1."),
]
RangeOption = Annotated[
    int | None,
    typer.Option("--range", metavar="1|255", help="What white is. Default: what the weights tell, or 1."),
]
DeviceOption = Annotated[str, typer.Option(help="cpu, cuda, cuda:1, mps ...; auto takes a GPU if there is one.")]
LayoutOption = Annotated[
    str | None,
    typer.Option(
        metavar="nuhw|nhwu|ntu|nu",
        help="Dimensions of layers' outputs: n images, u units, h w positions, t tokens. Default: inferred.",
    ),
]
LayersOption = Annotated[
    list[str],
    typer.Option(
        "--layer",
        metavar="NAME",
        help="A layer, as 'netdissect layers' names it, a pattern of them ('layer*.2'; * is anything but a dot, ** "
        "anything), or paper, for those the paper dissects; repeat for more.",
        show_default=False,
    ),
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace the run in the output directory, or one that is unfinished.")
]


def takes_options(command: Callable[..., None]) -> Callable[..., None]:
    """The command with each parameter that is a dataclass of options replaced by the fields of that."""
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {name: kind for name, kind in hints.items() if is_dataclass(kind)}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        if parameter.name in groups:
            parameters += inspect.signature(groups[parameter.name]).parameters.values()
        else:
            parameters.append(parameter)

    @functools.wraps(command)
    def parsed(**given: Any) -> None:
        for name, kind in groups.items():
            given[name] = kind(**{field.name: given.pop(field.name) for field in fields(kind)})
        command(**given)

    keywords = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in parameters]
    for kind in groups.values():
        hints |= get_type_hints(kind, include_extras=True)
    parsed.__signature__ = inspect.Signature(keywords)  # type: ignore[attr-defined]
    parsed.__annotations__ = {parameter.name: hints[parameter.name] for parameter in keywords}
    return parsed


@dataclass(frozen=True)
class NetworkOptions:
    """Which network, with which weights."""

    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="torchvision:NAME, timm:NAME, timm:hf-hub:OWNER/NAME, transformers:OWNER/NAME, netdissect:caffenet, "
            "package.module:callable, file.py:callable, or, with --trust-pickle, a file with a whole pickled network.",
            show_default=False,
        ),
    ]
    model_arg: Annotated[
        list[str] | None,
        typer.Option("--model-arg", metavar="KEY=VALUE", help="An argument of the model's builder; repeat for more."),
    ] = None
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|DEFAULT",
            help="Weights: a .safetensors, torch or .caffemodel file, or DEFAULT for those the library publishes.",
        ),
    ] = None
    trust_pickle: Annotated[
        bool,
        typer.Option("--trust-pickle", help="Unpickle files, which may run any code. Only if you trust their source."),
    ] = False

    def load(self, seed: int = 0) -> "LoadedModel":
        """The network; ``seed`` is that of random weights."""
        from netdissect.networks.load import load_model, parse_arguments

        arguments = parse_arguments(self.model_arg or [])
        return load_model(
            self.model, arguments=arguments, weights=self.weights, trust_pickle=self.trust_pickle, seed=seed
        )


@dataclass(frozen=True)
class DissectOptions:
    """On which data, and how, a network is dissected."""

    data: Annotated[
        str,
        typer.Option(metavar="DATA", help=f"The dataset: {describe_kinds()}."),
    ] = "scenes"
    quantile: Annotated[
        float, typer.Option(help="Fraction of all positions at which a unit exceeds its threshold.")
    ] = 0.005
    iou: Annotated[float, typer.Option(help="A unit whose IoU with its concept is greater is a detector.")] = 0.04
    align: Annotated[
        str,
        typer.Option(
            metavar="receptive|stretch",
            help="How a map lies on the image: each position at the centre of its receptive field, or stretched. "
            "Layers without such a field are stretched.",
        ),
    ] = "receptive"
    layout: LayoutOption = None
    size: SizeOption = None
    mean: MeanOption = None
    std: StdOption = None
    channels: InputOption = None
    value_range: RangeOption = None
    batch_size: Annotated[int, typer.Option(help="Images at a time.")] = 32
    device: DeviceOption = "auto"
    categories: Annotated[
        str | None, typer.Option(metavar="A,B", help="Name units by concepts of these categories alone.")
    ] = None
    ignore_index: Annotated[
        list[int] | None, typer.Option(help="A class index without a concept, for a folder of masks; repeat for more.")
    ] = None
    limit: Annotated[int | None, typer.Option(help="At most this many images, drawn by --seed.")] = None
    seed: Annotated[
        int,
        typer.Option(
            help="For --limit, scenes, the order of images, the random weights of a model without any, and the noise "
            "of inceptionism."
        ),
    ] = 0
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out images that cannot be read, and count them.")
    ] = False
    workers: Annotated[
        int | None, typer.Option(help="Threads that read images ahead. Default: half the cores, at most 8.")
    ] = None
    precision: Annotated[
        str, typer.Option(help="float32, or bfloat16 or float16 for a faster pass of other results.")
    ] = "float32"

    def changed(self, *but: str) -> list[str]:
        """The options that are not as they are by default, apart from those named."""
        changed = [one.name for one in fields(self) if one.name not in but and getattr(self, one.name) != one.default]
        return [self._called(name) for name in changed]

    def _called(self, name: str) -> str:
        """What the option is called on the command line: its own name, or, of a field's, that with dashes."""
        option = get_type_hints(type(self), include_extras=True)[name].__metadata__[0]
        return option.default if isinstance(option.default, str) else f"--{name.replace('_', '-')}"

    def plain(self) -> dict[str, Any]:
        """The keyword arguments of ``dissect`` but for the data."""
        return {
            "quantile": self.quantile,
            "iou_threshold": self.iou,
            "align": self.align,
            "layout": self.layout,
            "size": None if self.size is None else read_size(self.size),
            "mean": per_channel(self.mean, "--mean"),
            "std": per_channel(self.std, "--std"),
            "channels": self.channels,
            "value_range": self.value_range,
            "batch_size": self.batch_size,
            "device": self.device,
            "categories": None if self.categories is None else [name.strip() for name in self.categories.split(",")],
            "ignore_index": self.ignore_index or (),
            "limit": self.limit,
            "seed": self.seed,
            "skip_bad": self.skip_bad,
            "workers": self.workers,
            "precision": self.precision,
        }


def per_channel(text: str | None, option: str) -> list[float] | None:
    """The numbers of an option of one for all channels, or one for each."""
    return None if text is None else read_numbers(text, option, "a number, or three with commas between", float)
