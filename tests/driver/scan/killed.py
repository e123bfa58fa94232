"""A scan for another process to kill: ``killed.py PALLET FOLDER LOG``; the log names each local search."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from hfx.driver.api import scan
from hfx.driver.plot import scan_picture
from hfx.driver.scan.run_context import RunContext
from tests.driver import fakes


def main() -> None:
    """Scan at a pace that can be interrupted, one batch at a time."""
    pallet, folder, log = sys.argv[1:4]
    scan_picture._picture = fakes.picture

    def run(task: Mapping[str, Any]) -> dict[str, Any]:
        if "inputs" not in task:
            with Path(log).open("a") as file:
                file.writelines(h["name"] + "\n" for h in task["hypotheses"])
        return fakes.slow_run(task)

    print("begun", flush=True)
    scan(pallet, output=folder, threads=1, context=RunContext(function=run, batch=4))


if __name__ == "__main__":
    main()
