"""The settings of feeding and running a network."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, TypeVar

import attrs
from attrs import frozen

from netdissect.choices import CHANNELS, LAYOUTS, PRECISIONS, VALUE_RANGES
from netdissect.declarations import Option, setting
from netdissect.numbers import chosen, real_number, whole, whole_number
from netdissect.types import NetdissectError, nearest

_SettingsType = TypeVar("_SettingsType", bound="NetworkSettings")


def optional(converter: Any) -> Any:
    """Return a converter that lets None pass."""
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
        converter=optional(_layout),
        option=Option(
            metavar="nuhw|nhwu|ntu|nu",
            help="Dimensions of layers' outputs: n images, u units, h w positions, t tokens. Default: inferred.",
        ),
    )
    size: tuple[int, int] | None = setting(
        None,
        "image pixels, one number or (H, W); images are squashed to it. None: what the weights tell, or 224.",
        converter=optional(_size),
        option=Option(
            metavar="S|HxW",
            help="Image pixels; images are squashed to it. Default: what the weights tell, or 224.",
        ),
    )
    mean: tuple[float, ...] | None = setting(
        None,
        "channel means, one number or three, in the order of channels and in 0..value_range. None: what the weights "
        "tell, or ImageNet's.",
        converter=optional(_per_channel("mean")),
        option=Option(
            metavar="M|R,G,B",
            help="Channel means, in --input's order and in --range. Default: what the weights tell, or ImageNet's.",
        ),
    )
    std: tuple[float, ...] | None = setting(
        None,
        "channel deviations, likewise. None: what the weights tell, or ImageNet's, or 1 where value_range is 255.",
        converter=optional(_per_channel("std")),
        option=Option(
            metavar="S|R,G,B",
            help="Channel deviations, likewise; with --range 255 the default is 1.",
        ),
    )
    channels: str | None = setting(
        None,
        "rgb, bgr or gray (luminance: the network takes (n, 1, H, W)). None: what the weights tell, or rgb. A mean "
        "that the weights tell for other channels is put in order, or averaged for gray.",
        converter=optional(_channel),
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
        converter=optional(_value_range),
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
        converter=optional(str),
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

        >>> NetworkSettings.of(None, {"batch_size": 8}).batch_size
        8
        >>> NetworkSettings.of(None, {"batchsize": 8})
        Traceback (most recent call last):
        netdissect.types.NetdissectError: no setting is called 'batchsize'; did you mean batch_size?
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

        >>> NetworkSettings.from_plain({"batch_size": 8, "unheard-of": 1}).batch_size
        8
        """
        known = {field.name for field in attrs.fields(cls)}
        return cls(**{name: value for name, value in plain.items() if name in known})


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
