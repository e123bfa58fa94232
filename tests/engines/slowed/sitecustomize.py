"""On PYTHONPATH: scans of `hfx` in processes of their own run the fake fits, at a pace that a test can interrupt."""

import sys
from itertools import pairwise


def _slow() -> None:
    from hfx.driver.plot import scan_picture
    from hfx.driver.scan import scan
    from tests.driver import fakes
    from tests.endpoints import jobs

    scan._worker_function = lambda: jobs.logged
    scan.batch_size = lambda *_: 4
    scan_picture._picture = fakes.picture


if any(a.rpartition("/")[2] == "hfx" and b in ("scan", "attach") for a, b in pairwise(sys.orig_argv)):
    _slow()
