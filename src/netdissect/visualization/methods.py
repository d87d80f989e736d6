"""The base of methods of looking, and the order and the headings of their pictures."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from netdissect.visualization.registries import METHODS

if TYPE_CHECKING:
    from netdissect.results import Visualization
    from netdissect.visualization.context import LookContext


class Method(ABC):
    """A way of looking at units, registered in ``METHODS`` as ``name``.

    ``title`` and ``text`` are the heading above its pictures, with the source, and what they show. A method that
    ``needs_gradients`` looks only at layers that can be differentiated. If ``excites``, its pictures are made to excite
    the unit as much as possible, and their activations are compared with those on the data.
    """

    title: ClassVar[str]
    text: ClassVar[str]
    needs_gradients: ClassVar[bool] = True
    excites: ClassVar[bool] = False

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def look(self, context: "LookContext", units: Sequence[int]) -> "Iterator[Visualization]":
        """Yield pictures of the units of ``context.layer``, whose ``method`` is ``self.name``."""


def in_order(names: Iterable[str]) -> list[str]:
    """Return the names of methods, each once: registered ones in their order, then others.

    >>> in_order(["backprop", "unheard-of", "top", "backprop"])
    ['top', 'backprop', 'unheard-of']
    """
    given = list(dict.fromkeys(names))
    return [name for name in METHODS if name in given] + [name for name in given if name not in METHODS]


def heading(name: str) -> tuple[str, str]:
    """Return title and text of a method; a method that is not registered has its name alone.

    >>> heading("unheard-of")
    ('unheard-of', '')
    """
    return (METHODS[name].title, METHODS[name].text) if name in METHODS else (name, "")
