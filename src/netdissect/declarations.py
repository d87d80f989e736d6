"""Declaring settings once: a field holds its default, its check, its help and its option of a command."""

import inspect
import re
from collections.abc import Callable
from typing import Any, TypeVar

import attrs
from attrs import frozen

from netdissect.registry import Registry

_Function = TypeVar("_Function", bound=Callable[..., Any])


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


def takes_settings(kind: type) -> Callable[[_Function], _Function]:
    """Return a decorator for a function that takes the settings of the class ``kind`` as ``**options``.

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
