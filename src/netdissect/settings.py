"""The settings of a dissection, declared once.

A field holds its default, its check and its help. The command's options, the keywords of the Python functions, the
plan of a resume and ``run.json`` follow from the fields: a new setting is one field here, and its use.
"""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict, TypeVar

import attrs
from attrs import frozen

from netdissect.choices import ALIGNMENTS, CHANNELS, CRITERIA, LAYOUTS, PRECISIONS, VALUE_RANGES
from netdissect.numbers import chosen, real_number, whole, whole_number
from netdissect.registry import Registry
from netdissect.types import NetdissectError, nearest

#: Seconds of work between commits: after a kill at most so much is done again.
CHUNK_SECONDS = 5.0

_Function = TypeVar("_Function", bound=Callable[..., Any])
_SettingsType = TypeVar("_SettingsType", bound="NetworkSettings")


@frozen
class Option:
    """The command's option for a setting, as far as it differs from the setting itself.

    The help lists the names of ``registry``. A ``hidden`` setting has no option.
    """

    flag: str | None = None
    metavar: str | None = None
    help: str | None = None
    default: Any = None
    registry: Registry | None = None
    hidden: bool = False


def setting(
    default: Any,
    help: str,
    *,
    converter: Any,
    recorded: bool = True,
    option: Option = Option(),
) -> Any:
    """Declare a field of settings, explained to callers by ``help``.

    Fields that are not ``recorded`` change no result: a run does not keep them.
    """
    metadata = {"help": help, "recorded": recorded, "option": option}
    return attrs.field(default=default, converter=converter, metadata=metadata)


def _optional(converter: Any) -> Any:
    return attrs.converters.optional(converter)


def _layout(value: Any) -> str:
    if value not in LAYOUTS:
        known = ", ".join(f"{layout} ({dimensions})" for layout, dimensions in LAYOUTS.items())
        raise NetdissectError(f"no layout {value!r}: it is one of {known}")
    return str(value)


def _size(value: Any) -> tuple[int, int]:
    height, width = value if isinstance(value, Sequence) and len(value) == 2 else (value, value)
    return whole_number(height, "height of images"), whole_number(width, "width of images")


def _channel(value: Any) -> str:
    if value not in CHANNELS:
        raise NetdissectError(f"no input {value!r}: it is {', '.join(CHANNELS)}")
    return str(value)


def _value_range(value: Any) -> int:
    if value not in VALUE_RANGES:
        raise NetdissectError(f"no range {value!r}: white is {' or '.join(map(str, VALUE_RANGES))}")
    return int(value)


def _per_channel(what: str) -> Any:
    def convert(value: Any) -> tuple[float, ...]:
        values = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        return tuple(real_number(number, what) for number in values)

    return convert


def _quantile(value: Any) -> float:
    quantile = real_number(value, "quantile")
    if not 0 < quantile < 1:
        raise NetdissectError(f"a quantile of {quantile} is not between 0 and 1")
    return quantile


def _iou_threshold(value: Any) -> float:
    cut = real_number(value, "IoU threshold")
    if not 0 <= cut < 1:
        raise NetdissectError(f"an IoU threshold of {cut} is not in 0..1")
    return cut


def _names(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _indices(value: Any) -> tuple[int, ...]:
    return tuple(int(index) for index in value)


@frozen(kw_only=True)
class NetworkSettings:
    """How a network is fed and run.

    >>> NetworkSettings(size=64).size
    (64, 64)
    """

    layout: str | None = setting(
        None,
        "how a layer's output is laid out: nuhw, nhwu, ntu or nu (n images, u units, h w positions, t tokens). None: "
        "inferred.",
        converter=_optional(_layout),
        option=Option(
            metavar="nuhw|nhwu|ntu|nu",
            help="Dimensions of layers' outputs: n images, u units, h w positions, t tokens. Default: inferred.",
        ),
    )
    size: tuple[int, int] | None = setting(
        None,
        "image pixels, one number or (H, W); images are squashed to it. None: what the weights tell, or 224.",
        converter=_optional(_size),
        option=Option(
            metavar="S|HxW",
            help="Image pixels; images are squashed to it. Default: what the weights tell, or 224.",
        ),
    )
    mean: tuple[float, ...] | None = setting(
        None,
        "channel means, one number or three, in the order of channels and in 0..value_range. None: what the weights "
        "tell, or ImageNet's.",
        converter=_optional(_per_channel("mean")),
        option=Option(
            metavar="M|R,G,B",
            help="Channel means, in --input's order and in --range. Default: what the weights tell, or ImageNet's.",
        ),
    )
    std: tuple[float, ...] | None = setting(
        None,
        "channel deviations, likewise. None: what the weights tell, or ImageNet's, or 1 where value_range is 255.",
        converter=_optional(_per_channel("std")),
        option=Option(
            metavar="S|R,G,B",
            help="Channel deviations, likewise; with --range 255 the default is 1.",
        ),
    )
    channels: str | None = setting(
        None,
        "rgb, bgr or gray (luminance: the network takes (n, 1, H, W)). None: what the weights tell, or rgb. A mean "
        "that the weights tell for other channels is put in order, or averaged for gray.",
        converter=_optional(_channel),
        option=Option(
            flag="--input",
            metavar="rgb|bgr|gray",
            help="Channels of images. Default: what the weights tell, or rgb.",
        ),
    )
    value_range: int | None = setting(
        None,
        "the value of white, 1 or 255. None: what the weights tell, or 1. A mean that the weights tell for the other "
        "is scaled; a deviation is not.",
        converter=_optional(_value_range),
        option=Option(
            flag="--range",
            metavar="1|255",
            help="The value of white. Default: what the weights tell, or 1.",
        ),
    )
    batch_size: int = setting(32, "images at a time.", converter=whole("batch size"))
    device: str | None = setting(
        None,
        "where to run: cpu, cuda, cuda:1, mps ...; auto takes a GPU if there is one. None: where the model is.",
        converter=_optional(str),
        option=Option(
            default="auto",
            help="The device: cpu, cuda, cuda:1, mps ...; auto takes a GPU if there is one.",
        ),
    )
    precision: str = setting(
        "float32",
        "float32, or bfloat16 or float16 for a faster pass of other results.",
        converter=chosen("precision", PRECISIONS),
        option=Option(help="The number type: float32, or bfloat16 or float16 for a faster pass of other results."),
    )

    @classmethod
    def of(cls: type[_SettingsType], settings: "_SettingsType | None", keywords: Mapping[str, Any]) -> _SettingsType:
        """Return ``settings``, or those that ``keywords`` describe.

        Raises ``NetdissectError`` for a keyword that no setting has, and if both are given.

        >>> Settings.of(None, {"quantile": 0.01}).quantile
        0.01
        >>> Settings.of(None, {"quantil": 0.01})
        Traceback (most recent call last):
        netdissect.types.NetdissectError: no setting is called 'quantil'; did you mean quantile?
        """
        known = [field.name for field in attrs.fields(cls)]
        for name in keywords:
            if name not in known:
                raise NetdissectError(f"no setting is called {name!r}{nearest(name, known, 1)}")
        if settings is None:
            return cls(**keywords)
        if keywords:
            raise NetdissectError(f"settings are given already: leave out {', '.join(keywords)}")
        return settings

    def changed(self) -> list[str]:
        """Return the names of the settings that differ from their defaults.

        >>> NetworkSettings(size=64).changed()
        ['size']
        """
        return [field.name for field in attrs.fields(type(self)) if getattr(self, field.name) != field.default]

    def to_plain(self) -> dict[str, Any]:
        """Return the settings that a result follows from, as a run records them.

        >>> NetworkSettings(mean=0.5).to_plain()["mean"]
        [0.5]
        """
        recorded = [field.name for field in attrs.fields(type(self)) if field.metadata["recorded"]]
        values = {name: getattr(self, name) for name in recorded}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def from_plain(cls: type[_SettingsType], plain: Mapping[str, Any]) -> _SettingsType:
        """Return the settings that a run recorded; settings that it does not know have their defaults.

        >>> Settings.from_plain({"quantile": 0.01, "unheard-of": 1}).quantile
        0.01
        """
        known = {field.name for field in attrs.fields(cls)}
        return cls(**{name: value for name, value in plain.items() if name in known})


@frozen(kw_only=True)
class Settings(NetworkSettings):
    """How a network is dissected.

    >>> Settings(quantile=0.01, categories="object").categories
    ('object',)
    """

    quantile: float = setting(
        0.005, "the fraction of all positions at which a unit exceeds its threshold.", converter=_quantile
    )
    criterion: str = setting(
        "iou",
        "how the agreement of a unit's masks with a concept is scored (see results.criteria).",
        converter=str,
        option=Option(
            help="How the agreement of masks with a concept is scored:",
            registry=CRITERIA,
        ),
    )
    iou_threshold: float = setting(
        0.04,
        "a unit whose IoU with its concept is greater is a detector.",
        converter=_iou_threshold,
        option=Option(
            flag="--iou",
        ),
    )
    align: str = setting(
        "receptive",
        "how a map lies on the image: receptive, each position at the centre of its receptive field, or stretch, "
        "stretched over the whole. Layers without such a field are stretched.",
        converter=chosen("alignment", ALIGNMENTS),
        option=Option(
            metavar="receptive|stretch",
        ),
    )
    categories: tuple[str, ...] | None = setting(
        None,
        "the categories whose concepts may name units; thresholds do not depend on it. None: all.",
        converter=_optional(_names),
        option=Option(
            metavar="A,B",
            help="Name units by concepts of these categories alone.",
        ),
    )
    ignore_index: tuple[int, ...] = setting(
        (),
        "class indices without a concept, for a folder of masks.",
        converter=_indices,
        option=Option(
            help="A class index without a concept, for a folder of masks; repeat for more.",
        ),
    )
    limit: int | None = setting(
        None,
        "at most this many images, drawn by seed.",
        converter=_optional(whole("limit")),
        option=Option(help="At most this many images, drawn by --seed."),
    )
    seed: int = setting(
        0,
        "the seed of limit, of scenes, of the images' order and, where the model is a name, of its random weights.",
        converter=whole("seed", least=0),
        option=Option(
            help="For --limit, scenes, the order of images, the random weights of a model without any, and the noise "
            "of inceptionism.",
        ),
    )
    skip_bad: bool = setting(
        False,
        "leave out images that cannot be read, and count them, instead of raising.",
        converter=bool,
        recorded=False,
        option=Option(
            help="Leave out images that cannot be read, and count them.",
        ),
    )
    workers: int | None = setting(
        None,
        "threads that read images ahead; 0 reads them in between. None: half the cores, at most 8.",
        converter=_optional(whole("number of workers", least=0)),
        recorded=False,
        option=Option(
            help="Threads that read images ahead. Default: half the cores, at most 8.",
        ),
    )
    top_images: int = setting(
        15,
        "images to keep for each unit; more where more are to be visualized.",
        converter=whole("number of top images"),
        option=Option(
            hidden=True,
        ),
    )
    chunk_seconds: float = setting(
        CHUNK_SECONDS,
        "seconds of work between commits: after a kill at most so much is done again.",
        converter=float,
        recorded=False,
        option=Option(hidden=True),
    )
    held_bytes: int = setting(
        2**29,
        "bytes of activation maps held in memory until thresholds are better known.",
        converter=whole("number of bytes held", least=0),
        recorded=False,
        option=Option(hidden=True),
    )
    sample_size: int = setting(
        2000,
        "images, at most, whose maximal responses are kept.",
        converter=whole("size of the sample"),
        option=Option(hidden=True),
    )


def takes_settings(kind: type[NetworkSettings]) -> Callable[[_Function], _Function]:
    """Decorate a function that takes settings as ``**options``.

    The function gets the signature and the help of the settings, which ``help`` and interactive editors show: the line
    ``{settings}`` of its docstring is replaced by their help.
    """

    def decorate(function: _Function) -> _Function:
        signature = inspect.signature(function)
        named = [each for each in signature.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
        fields = attrs.fields(kind)
        keyword = inspect.Parameter.KEYWORD_ONLY
        named += [
            inspect.Parameter(field.name, keyword, default=field.default, annotation=field.type) for field in fields
        ]
        function.__signature__ = signature.replace(parameters=named)  # type: ignore[attr-defined]
        function.__doc__ = re.sub(
            r"^( +)\{settings\}$",
            lambda line: "\n".join(f"{line[1]}{field.name}: {field.metadata['help']}" for field in fields),
            function.__doc__ or "",
            flags=re.MULTILINE,
        )
        return function

    return decorate


class NetworkKeywords(TypedDict, total=False):
    """The keywords of ``NetworkSettings`` for type checkers and editors; a test holds both against each other."""

    layout: str | None
    size: int | tuple[int, int] | None
    mean: float | Sequence[float] | None
    std: float | Sequence[float] | None
    channels: str | None
    value_range: int | None
    batch_size: int
    device: Any
    precision: str


class SettingsKeywords(NetworkKeywords, total=False):
    """The keywords of ``Settings`` for type checkers and editors."""

    quantile: float
    criterion: str
    iou_threshold: float
    align: str
    categories: str | Sequence[str] | None
    ignore_index: Sequence[int]
    limit: int | None
    seed: int
    skip_bad: bool
    workers: int | None
    top_images: int
    chunk_seconds: float
    held_bytes: int
    sample_size: int
