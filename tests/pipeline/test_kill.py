"""Processes killed at random moments, and begun again, end with the result of one that nobody disturbed.

``NETDISSECT_KILLS`` says how many runs are killed, each of them twice; without it, one is.
"""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from netdissect import Result
from tests.results.flat import differing

KILLS = int(os.environ.get("NETDISSECT_KILLS", "1"))


def begin(out):
    """The process, once its work has begun."""
    process = subprocess.Popen([sys.executable, "-m", "tests.pipeline.killed", str(out)], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"begun\n"
    return process


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The result, and how many seconds it takes."""
    out = tmp_path_factory.mktemp("undisturbed") / "run"
    with begin(out) as process:
        begun = time.monotonic()
        assert process.wait() == 0
    return Result.load(out), time.monotonic() - begun


@pytest.mark.parametrize("number", range(KILLS))
def test_a_run_killed_at_a_random_moment_is_resumed(number, undisturbed, tmp_path, record_property):
    expected, seconds = undisturbed
    # A moment in each part of the run, twice: what was resumed is killed as well.
    moments = [seconds * (number + random.random()) / KILLS, seconds * random.random() / 2]
    record_property("moments", moments)
    out = tmp_path / "run"
    for moment in moments:
        with begin(out) as process:
            time.sleep(moment)
            process.send_signal(signal.SIGKILL)
    with begin(out) as process:
        assert process.wait() == 0
    result = Result.load(out)
    for layer, of_layer in expected.layers.items():
        assert differing(of_layer, result[layer]) == [], (layer, moments)
    assert (out / "report" / "index.html").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
