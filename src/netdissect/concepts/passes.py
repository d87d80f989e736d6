"""Going through the labels of a dataset, without its images."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from netdissect.concepts.base import ConceptDataset, check_dataset, checked_labels, listed_numbers
from netdissect.labels import Labels
from netdissect.parallel import in_order, reading_threads
from netdissect.types import BadSampleError, NetdissectError, OnProgress, no_progress

Found = TypeVar("Found")


def over_labels(
    data: ConceptDataset,
    function: Callable[[Labels], Found],
    *,
    workers: int | None = None,
    skipped: dict[int, str] | None = None,
    on_progress: OnProgress = no_progress,
) -> Iterator[tuple[int, Found]]:
    """Each image's index with what ``function`` makes of its labels, in the dataset's order.

    ``workers`` threads read ahead and call ``function``, one per core unless told. Where ``skipped`` is given, images
    whose labels cannot be read are left out, and why goes there by index. Progress is told of ``label maps``.

    Raises ``NetdissectError`` if ``data`` does not keep to the protocol or none of its labels can be read, and
    ``BadSampleError`` for labels that cannot be read unless there is ``skipped``.
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
