"""The pictures of what a layer's units look for."""

from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path

import pandas as pd

from netdissect.results.visualization import Visualization

_FILE = "pictures.parquet"

_COLUMNS = [column.name for column in fields(Visualization)]


@dataclass(frozen=True)
class Pictures:
    """Pictures of some of a layer's units, as far as they were asked for.

    >>> Pictures((Visualization(5, "top", "highest", "no. 1", 8.0, b""),)).by_unit.keys()
    dict_keys([5])
    """

    visualizations: tuple[Visualization, ...]

    @cached_property
    def by_unit(self) -> dict[int, tuple[Visualization, ...]]:
        """The pictures of each unit that has any."""
        units: dict[int, tuple[Visualization, ...]] = {}
        for picture in self.visualizations:
            units[picture.unit] = (*units.get(picture.unit, ()), picture)
        return units

    def save(self, folder: Path) -> None:
        """Write a row per picture, with its JPEG, to the layer's ``folder``. Raises ``OSError``."""
        rows = pd.DataFrame([asdict(picture) for picture in self.visualizations], columns=_COLUMNS)
        rows.to_parquet(folder / _FILE, index=False, compression=None)

    @classmethod
    def load(cls, folder: Path, file: str = _FILE) -> "Pictures | None":
        """Return the pictures in the layer's ``folder``, None if there are none."""
        if not (folder / file).is_file():
            return None
        rows = pd.read_parquet(folder / file)[_COLUMNS].to_dict("records")
        return cls(tuple(Visualization(**{str(name): value for name, value in row.items()}) for row in rows))
