"""One pass over the labels of a dataset, without its images."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from netdissect.concepts.base import ConceptDataset, check_dataset, checked_labels, listed_numbers
from netdissect.labels import Labels
from netdissect.parallel import in_order, reading_threads
from netdissect.types import BadSampleError, NetdissectError, OnProgress, no_progress

Found = TypeVar("Found")


def map_labels(
    data: ConceptDataset,
    function: Callable[[Labels], Found],
    *,
    workers: int | None = None,
    skipped: dict[int, str] | None = None,
    on_progress: OnProgress = no_progress,
) -> Iterator[tuple[int, Found]]:
    """Yield each image's index with ``function`` of its labels, in the dataset's order.

    ``workers`` threads read ahead and call ``function``, by default one per core. If ``skipped`` is given, images with
    unreadable labels are left out, and their reasons are added to it by index. Progress is reported as ``label maps``.

    Raises ``NetdissectError`` if ``data`` breaks the protocol or none of its labels can be read. Without ``skipped``,
    unreadable labels raise ``BadSampleError``.

    >>> from netdissect.concepts import Scenes
    >>> list(map_labels(Scenes(count=2, size=(32, 32)), lambda labels: len(labels.maps)))
    [(0, 5), (1, 5)]
    """
    check_dataset(data)
    listed = listed_numbers(data.concepts)

    def read(index: int) -> tuple[Found] | BadSampleError:
        try:
            return (function(checked_labels(data, index, listed)),)
        except BadSampleError as error:
            return error

    threads = reading_threads() if workers is None else workers
    read_any = False
    for index, found in in_order(read, range(len(data)), threads, ahead=8 * threads):
        on_progress("label maps", index + 1, len(data))
        if not isinstance(found, BadSampleError):
            read_any = True
            yield index, found[0]
        elif skipped is None:
            raise found
        else:
            skipped[index] = str(found)
    if not read_any:
        raise NetdissectError(f"{data.name}: the labels of none of its {len(data)} images can be read")
