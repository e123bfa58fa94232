"""A scan for a test to stop: ``client.py PALLET FOLDER ENDPOINT``; exit code as `hfx scan`'s."""

import faulthandler
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from hfx.driver.api import scan
from hfx.driver.plot import scan_picture
from hfx.driver.process.signals import stop_signals
from hfx.driver.scan.run_context import RunContext
from tests.driver import fakes
from tests.endpoints import jobs


def main() -> int:
    """Scan at a pace that can be interrupted."""
    pallet, folder, endpoint = sys.argv[1:4]
    faulthandler.register(signal.SIGUSR2)  # a test that waits in vain asks where it is
    scan_picture._picture = fakes.picture
    if most := os.environ.get("HFX_TEST_REQUESTS"):
        from hfx.endpoints.globus import service

        service._REQUESTS = int(most)
    with stop_signals() as stop:
        try:
            scan(pallet, output=folder, endpoint=endpoint, threads=2, context=RunContext(function=jobs.logged, batch=4))
        except KeyboardInterrupt:
            return stop.code
    return 0


if __name__ == "__main__":
    sys.exit(main())
