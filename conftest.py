"""For the tests and the examples in the source alike."""

import pytest
import torch

#: No examples are there, and importing Lightning, which may be missing, takes seconds.
collect_ignore = ["src/netdissect/experiments/series/lightning.py"]


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Tests run in two processes: threads of theirs that share a core wait for one another at every convolution."""
    torch.set_num_threads(1)
