"""What several tests need."""

import pytest
import torch
from jaxtyping import config


@pytest.fixture(scope="module")
def large_networks():
    """Watching a large network takes ten times as long with types checked; threads that share a core take time, too."""
    checks, threads = config.jaxtyping_disable, torch.get_num_threads()
    config.update("jaxtyping_disable", True)
    torch.set_num_threads(1)
    yield
    config.update("jaxtyping_disable", checks)
    torch.set_num_threads(threads)
