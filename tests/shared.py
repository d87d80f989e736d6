"""Where the real images, networks and published results lie, if they are there: beside the repository."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"

needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason=f"the real images and networks are not here ({SHARED} is missing)"
)
