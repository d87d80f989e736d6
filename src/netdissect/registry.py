"""Choices by name: each is registered once, and errors and help texts list the registered ones."""

import importlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from netdissect.types import NetdissectError, nearest


@dataclass(frozen=True)
class Choice:
    """An entry of a registry.

    ``target`` is the object itself, or its address ``package.module:attribute``, which is imported when first asked
    for: so a help text can list choices without importing torch.
    """

    name: str
    target: str | object
    help: str = ""

    def load(self) -> Any:
        """Return the object of this choice.

        >>> Choice("root", "math:sqrt").load()(9.0)
        3.0
        """
        if not isinstance(self.target, str):
            return self.target
        module, _, attribute = self.target.partition(":")
        return getattr(importlib.import_module(module), attribute)


class UnknownChoiceError(NetdissectError, KeyError):
    """No choice of this name is registered."""

    __str__ = Exception.__str__  # KeyError would put the text in quotes


class Registry(Mapping[str, Any]):
    """Choices by name, in the order in which they were registered.

    ``kind`` is the noun that errors use for a choice, such as "method".

    >>> shapes = Registry("shape", [("round", "math:pi", "a circle"), ("square", 4.0, "four corners")])
    >>> shapes["square"]
    4.0
    >>> shapes["squares"]
    Traceback (most recent call last):
    netdissect.registry.UnknownChoiceError: no shape 'squares'; did you mean square? It is round or square
    """

    def __init__(self, kind: str, choices: Iterable[tuple[str, Any, str]] = ()) -> None:
        self.kind = kind
        self._choices: dict[str, Choice] = {}
        for name, target, help in choices:
            self.register(name, target, help)

    def register(self, name: str, target: Any, help: str = "") -> None:
        """Add a choice. Raises ``NetdissectError`` if its name is taken or its target no address.

        >>> shapes = Registry("shape")
        >>> shapes.register("round", "math:pi", "a circle")
        >>> list(shapes)
        ['round']
        """
        if name in self._choices:
            raise NetdissectError(f"{self.kind} {name!r} is registered already")
        if isinstance(target, str) and not all(target.partition(":")):
            raise NetdissectError(f"{self.kind} {name!r}: {target!r} is not of the form package.module:attribute")
        self._choices[name] = Choice(name, target, help)

    @contextmanager
    def registered(self, name: str, target: Any, help: str = "") -> Iterator[None]:
        """Register a choice while the block lasts.

        >>> shapes = Registry("shape")
        >>> with shapes.registered("round", "math:pi"):
        ...     "round" in shapes
        True
        >>> "round" in shapes
        False
        """
        self.register(name, target, help)
        try:
            yield
        finally:
            del self._choices[name]

    def __getitem__(self, name: str) -> Any:
        """Return the object registered as ``name``. Raises ``NetdissectError`` for an unknown name."""
        return self._choice(name).load()

    def __iter__(self) -> Iterator[str]:
        return iter(self._choices)

    def __len__(self) -> int:
        return len(self._choices)

    def __contains__(self, name: object) -> bool:
        return name in self._choices

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._choices)

    def help_of(self, name: str) -> str:
        """Return the help text of a choice, without loading its target.

        >>> Registry("shape", [("round", "math:pi", "a circle")]).help_of("round")
        'a circle'
        """
        return self._choice(name).help

    def help(self) -> str:
        """Return all names with their help texts, on one line for ``--help``.

        >>> Registry("shape", [("round", "math:pi", "a circle"), ("square", 4.0, "four corners")]).help()
        'round: a circle; square: four corners'
        """
        return "; ".join(f"{choice.name}: {choice.help}".removesuffix(": ") for choice in self._choices.values())

    def _choice(self, name: str) -> Choice:
        if name in self._choices:
            return self._choices[name]
        rest = nearest(name, self.names)
        if rest:
            rest = f"{rest} It is {_listed(self.names)}"
        else:
            rest = f"; it is {_listed(self.names)}" if self.names else "; none is registered"
        raise UnknownChoiceError(f"no {self.kind} {name!r}{rest}")


def _listed(names: tuple[str, ...]) -> str:
    """Join names as in a sentence: ``a, b or c``."""
    *front, last = names
    return f"{', '.join(front)} or {last}" if front else last
