"""The categories that a Broden may have."""

import re

from netdissect.types import NetdissectError

#: Columns of Broden's ``index.csv``, in which each category is a column, too.
_COLUMNS = frozenset(("image", "split", "ih", "iw", "sh", "sw"))


def check_category(category: str, where: str) -> str:
    """Return ``category`` in lower case. Raises ``NetdissectError``, which begins with ``where``, if it is impossible.

    >>> check_category("Texture", "classes.csv")
    'texture'
    """
    lower = category.lower()
    if not re.fullmatch("[a-z][a-z0-9-]*", lower) or lower in _COLUMNS:
        raise NetdissectError(
            f"{where}: a category is letters, digits and '-', and none of {', '.join(sorted(_COLUMNS))}; "
            f"{category!r} is not"
        )
    return lower
