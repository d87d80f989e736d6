"""Options that several commands share, and the options that follow from settings."""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin, get_type_hints

import attrs
import typer

from netdissect.cli.common import read_names, read_numbers, read_size
from netdissect.concepts.kinds import describe_kinds
from netdissect.declarations import Option
from netdissect.types import NetdissectError

if TYPE_CHECKING:
    from netdissect.networks.load import LoadedModel

DataOption = Annotated[
    str,
    typer.Option(metavar="DATA", help=f"The dataset: {describe_kinds()}."),
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


class Only:
    """A mark of a command's parameter of settings: these of its fields alone become options, with other ``helps``."""

    def __init__(self, *names: str, **helps: str) -> None:
        self.names = (*names, *helps)
        self.helps = helps


def takes_options(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with options in place of each parameter that is a class of options or settings.

    The fields of a dataclass are annotated as options. The options of an attrs class follow from its fields.
    """
    hints = get_type_hints(command, include_extras=True)
    groups = {name: _Group.of(hint) for name, hint in hints.items() if _is_group(hint)}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        group = groups.get(parameter.name)
        parameters += [parameter.replace(annotation=hints[parameter.name])] if group is None else group.parameters()

    @functools.wraps(command)
    def parsed(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group.read(given)
        command(**given)

    keywords = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in parameters]
    parsed.__signature__ = inspect.Signature(keywords)  # type: ignore[attr-defined]
    parsed.__annotations__ = {parameter.name: parameter.annotation for parameter in keywords}
    return parsed


def changed_options(settings: Any, *but: str) -> list[str]:
    """Return the flags of the settings that differ from the command's defaults, apart from the fields named."""
    changed = [
        field
        for field in attrs.fields(type(settings))
        if field.name not in but and not _option(field).hidden and getattr(settings, field.name) != _default(field)
    ]
    return [_flag(field) for field in changed]


@dataclass(frozen=True)
class _Group:
    """A class whose fields ``names`` are options of a command, some with other ``helps``."""

    kind: Any  # a class
    names: tuple[str, ...]
    helps: Mapping[str, str]

    @classmethod
    def of(cls, hint: Any) -> "_Group":
        kind = get_args(hint)[0] if get_origin(hint) is Annotated else hint
        if is_dataclass(kind):
            return cls(kind, tuple(field.name for field in fields(kind)), {})
        visible = tuple(field.name for field in attrs.fields(kind) if not _option(field).hidden)
        only = [mark for mark in get_args(hint)[1:] if isinstance(mark, Only)]
        return cls(kind, only[0].names, only[0].helps) if only else cls(kind, visible, {})

    @property
    def _of_annotations(self) -> bool:
        return is_dataclass(self.kind)

    def parameters(self) -> list[inspect.Parameter]:
        """Return the parameters of the command that stand for the group."""
        if self._of_annotations:
            hints = get_type_hints(self.kind, include_extras=True)
            known = inspect.signature(self.kind).parameters
            return [known[name].replace(annotation=hints[name]) for name in self.names]
        chosen = [field for field in attrs.fields(self.kind) if field.name in self.names]
        return [_parameter(field, self.helps.get(field.name)) for field in chosen]

    def read(self, given: dict[str, Any]) -> Any:
        """Return the value of the group, taking the texts of its fields out of ``given``."""
        values = {name: given.pop(name) for name in self.names}
        if self._of_annotations:
            return self.kind(**values)
        by_name = attrs.fields_dict(self.kind)
        return self.kind(**{name: _read(by_name[name], value) for name, value in values.items()})


def _is_group(hint: Any) -> bool:
    kind = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    return isinstance(kind, type) and (is_dataclass(kind) or attrs.has(kind))


def _option(field: Any) -> Option:
    option: Option = field.metadata["option"]
    return option


def _flag(field: Any) -> str:
    return _option(field).flag or f"--{field.name.replace('_', '-')}"


def _default(field: Any) -> Any:
    return field.default if _option(field).default is None else _option(field).default


def _parameter(field: Any, help: str | None) -> inspect.Parameter:
    """Return the parameter of a command for a field of settings."""
    option, kind = _option(field), _kind(field)
    help = help or option.help or field.metadata["help"].strip()
    help = help[0].upper() + help[1:]
    if option.registry is not None:
        help = f"{help} {option.registry.help()}"
    default: Any = _default(field)
    if kind == tuple[int, ...]:
        kind, default = list[int] | None, None
    elif get_origin(kind) is tuple:
        kind = str
        default = ",".join(default) if default else None
    if default is None and NoneType not in get_args(kind):
        kind = kind | None
    parsed: Any = kind
    annotation = Annotated[parsed, typer.Option(_flag(field), metavar=option.metavar, help=help)]
    return inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _kind(field: Any) -> Any:
    """Return the type of a field, without None."""
    kinds = [kind for kind in get_args(field.type) if kind is not NoneType]
    return kinds[0] if get_origin(field.type) is not tuple and kinds else field.type


def _read(field: Any, value: Any) -> Any:
    """Return the value of a field from what the command was given."""
    kind = _kind(field)
    if value is None:
        return field.default
    if kind == tuple[int, int]:
        return read_size(value)
    if kind == tuple[float, ...]:
        return read_numbers(value, _flag(field), "a number, or three with commas between", float)
    if kind == tuple[str, ...]:
        names = read_names(value)
        if not names:
            raise NetdissectError(f"{_flag(field)} {value!r}: names with commas between")
        return names
    return value


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
