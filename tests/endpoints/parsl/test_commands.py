"""Commands that run while others of this process calculate."""

import os
import subprocess
import sys
import time

import pytest
from parsl.providers import cluster_provider
from parsl.providers.local import local

from hfx.endpoints.parsl import commands

# What calculates is in the main thread; a process that waits for ever does not even end by itself.
BESIDE = """
import threading
import numpy as np
from parsl.providers.local import local
from hfx.endpoints.parsl import commands

commands.adopt()
over = threading.Event()

def run():
    for _ in range(150):
        assert local.execute_wait("true")[0] == 0
    over.set()

threading.Thread(target=run, daemon=True).start()
matrix = np.ones((300, 300))
while not over.is_set():
    matrix @ matrix
"""


def test_commands_run_beside_matrix_products() -> None:
    """With Parsl's own way a process with OpenBLAS threads hangs within some ten commands."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "2"}  # one thread alone has nobody to wait for
    subprocess.run([sys.executable, "-c", BESIDE], check=True, timeout=60, env=environment)


def test_what_a_command_says() -> None:
    assert commands.execute_wait("echo out; echo oh dear >&2; exit 3") == (3, "out\n", "oh dear\n")


def test_a_command_that_takes_too_long_is_killed_with_all_that_it_started() -> None:
    began = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        commands.execute_wait("sleep 30 | sleep 30", 1)
    assert time.monotonic() - began < 10


def test_providers_use_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (local, cluster_provider):
        monkeypatch.setattr(module, "execute_wait", None)
    commands.adopt()
    assert local.execute_wait is cluster_provider.execute_wait is commands.execute_wait
