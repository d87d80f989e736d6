"""The settings of a dissection, declared once.

A field holds its default, its check and its help. The command's options, the keywords of the Python functions, the
plan of a resume and ``run.json`` follow from the fields: a new setting is one field here, and its use.
"""

from collections.abc import Sequence
from typing import Any

from attrs import frozen

from netdissect.choices import ALIGNMENTS, CRITERIA
from netdissect.declarations import Option, setting
from netdissect.network_settings import NetworkKeywords, NetworkSettings, optional
from netdissect.numbers import chosen, real_number, whole
from netdissect.types import NetdissectError

#: Seconds of work between commits: after a kill at most so much is done again.
CHUNK_SECONDS = 5.0


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
        converter=optional(_names),
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
        converter=optional(whole("limit")),
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
        converter=optional(whole("number of workers", least=0)),
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
