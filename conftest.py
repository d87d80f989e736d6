"""For the tests and the examples in the source alike."""

from importlib.util import find_spec

import pytest
import torch

#: A module that cannot be imported without a library that is optional has no examples to run where that is missing.
collect_ignore = [
    module
    for module, libraries in (("src/netdissect/experiments/series/lightning.py", ("lightning", "pytorch_lightning")),)
    if not any(map(find_spec, libraries))
]


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Tests run in two processes: threads of theirs that share a core wait for one another at every convolution."""
    torch.set_num_threads(1)
