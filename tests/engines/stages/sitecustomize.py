"""On PYTHONPATH: `hfx scan` runs the fake fits, and waits in the stage that HFX_TEST_STAGE names, once in a run."""

import os
import sys
import time
from pathlib import Path
from typing import Any


def _hold(stage: str) -> None:
    """Wait in this stage, in small steps as Python's own work is, until a signal comes."""
    reached = Path(os.environ["HFX_TEST_MARKER"]).with_name(f"reached-{stage}")
    if os.environ.get("HFX_TEST_STAGE") == stage and not reached.exists():
        reached.touch()
        for _ in range(400):
            time.sleep(0.01)


def _staged() -> None:
    from hfx.driver.plot import scan_picture
    from hfx.driver.scan import open_source, scan
    from tests.driver import fakes
    from tests.endpoints import jobs

    opened = open_source.open_pallet

    def slowly_opened(*given: Any, **more: Any) -> Any:
        _hold("reading")
        return opened(*given, **more)

    def drawn(*given: Any) -> list[Path]:
        _hold("picture")
        return fakes.picture(*given)

    vars(open_source)["open_pallet"] = slowly_opened
    scan._worker_function = lambda: jobs.staged
    scan.batch_size = lambda *_: 4
    scan_picture._picture = drawn


if sys.orig_argv[-1:] != ["-"] and "scan" in sys.orig_argv and "hfx" in sys.orig_argv:
    _staged()
