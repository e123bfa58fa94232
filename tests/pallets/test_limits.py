"""The limits that the documentation states are those in force."""

import re

from hfx.driver.plane.surface import interpolation
from hfx.functions import wire, wire_text
from hfx.functions.jobs import cls
from hfx.pallets import archives, download, json_patch, json_text
from hfx.pallets.formats import tar_headers
from hfx.printable import MOST
from tests.conftest import ROOT

GIB, MIB = 1024**3, 1024**2


def test_the_table_of_limits() -> None:
    text = (ROOT / "docs" / "pallets.md").read_text().partition("## Limits")[2].partition("## Make one")[0]
    table = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|", text, flags=re.MULTILINE))
    limits = archives.LIMITS
    assert {
        "download": f"{download._MAX_BYTES // GIB} GiB, at {download._SLOWEST / 1000:g} kB a second or faster",
        "unpacked files of one pallet, nested archives included": (
            f"{limits.total_bytes // GIB} GiB, {limits.members:,} files and folders, {limits.nesting} levels of archives"
        ),
        "extended headers of a tar": (
            f"{tar_headers._LARGEST // 1024} KiB each, {tar_headers._MOST // MIB} MiB in all, {tar_headers._IN_A_ROW} of one file"
        ),
        "one JSON file": (
            f"{json_text.MOST_MEMORY // GIB} GiB of memory as a document, {json_text.MAX_DEPTH} levels, integers of 4300 digits"
        ),
        "values that the `copy` operations of one patch copy": f"{json_patch._COPY_LIMIT:,}",
        "a task or an answer through Globus Compute": f"{wire_text.LIMIT / 1e6:g} MB",
        "a message to or from a worker": f"{wire.MOST_TEXT // GIB} GiB of text, {wire.MOST_MEMORY // GIB} GiB of memory",
        "points of a contour by `gp`, `smooth` or `rbf`": f"{interpolation.MOST_POINTS:,}",
        "parameters on a bound that a result names for each fit": f"{cls._AT_BOUND}",
        "text of an error": f"{MOST:,} characters",
    }.items() <= table.items()
