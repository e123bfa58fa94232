"""Whether a folder holds the same scan: what changes local results must agree, all else may differ."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hfx.driver.run.folder import read_json, safe_name
from hfx.driver.scan.plan import FitOptions
from hfx.errors import PalletError, RunFolderError
from hfx.pallets import Pallet

__all__ = ["check_same", "default_folder", "differences", "no_run", "of_scan", "passed_over", "safe_name"]

_WORDS = {
    "background": "the background's digest",
    "patches": "the patches' digest",
    "region": "the region",
    "measurement": "the measurement",
    "mu": "--mu",
    "signal_scale": "--signal-scale",
    "test_stat": "--test-stat",
    "normsys": "--normsys",
    "histosys": "--histosys",
    "starts": "--starts",
    "numerics": "the version of hfx's numerics",
    "regions": "the regions",
}


@contextmanager
def no_run(source: str | Path) -> Iterator[None]:
    """A `PalletError` becomes a `RunFolderError` where what should be a pallet is a run's folder."""
    try:
        yield
    except PalletError:
        _refuse_run(source)
        raise


def _refuse_run(source: str | Path) -> None:
    head: dict[str, Any] | None = None
    with suppress(RunFolderError):  # what cannot be read is no run of ours: the pallet's own error is the one to be told
        head = read_json(Path(source).expanduser(), "run.json")
    if head is None or "pallet" not in head:
        return
    told = f"{source} is the folder of a run, not a pallet: 'hfx attach {source}' shows it, or goes on with it"
    raise RunFolderError(
        f"{told}, 'hfx plot {source}' draws it; a scan wants the pallet, {head.get('location', 'its file')}"
    ) from None


def of_scan(pallet: Pallet, options: FitOptions, numerics: str) -> dict[str, Any]:
    """All that decides a hypothesis' local result."""
    return {
        "background": pallet.digest,
        "patches": pallet.patchset_digest,
        "region": pallet.region,
        "measurement": options.measurement or _first_measurement(pallet),
        "mu": options.mu,
        "signal_scale": options.signal_scale,
        "test_stat": options.test_stat,
        "normsys": options.normsys,
        "histosys": options.histosys,
        "starts": options.starts,
        "numerics": numerics,
    }


def _first_measurement(pallet: Pallet) -> str | None:
    measurements = pallet.background.get("measurements")
    if not isinstance(measurements, list) or not measurements or not isinstance(measurements[0], dict):
        return None
    return str(measurements[0].get("name"))


def differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """What differs, as phrases: "--mu is 1.0 there and 2.0 here"."""
    return [
        f"{_WORDS.get(key, key)} is {_short(there.get(key))} there and {_short(here.get(key))} here"
        for key in dict.fromkeys((*here, *there))
        if there.get(key) != here.get(key)
    ]


def _short(value: Any) -> str:
    text = "the default" if value is None else str(value)
    return text if len(text) <= 40 else text[:12] + "..."


def check_same(folder: Path, run: Mapping[str, Any] | None, here: Mapping[str, Any]) -> None:
    """Raise `RunFolderError`, naming what differs, unless the folder is free or holds this very scan."""
    if run is None:
        if (folder / "results.jsonl").exists():
            raise RunFolderError(f"{folder} has results but no run.json; choose another folder with -o")
        return
    there = run.get("identity")
    if not isinstance(there, dict):
        raise RunFolderError(f"{folder}/run.json is not one that this hfx writes; choose another folder with -o")
    phrases = differences(there, here)
    if phrases:
        raise RunFolderError(f"{folder} holds another scan: {'; '.join(phrases)}; choose another folder with -o")


def default_folder(name: str, region: str | None, here: Mapping[str, Any]) -> Path:
    """``hfx-runs/NAME-REGION`` under the current folder, with the first number that no other scan took."""
    first = _first_folder(name, region)
    number = 1
    while True:
        folder = first if number == 1 else first.with_name(f"{first.name}-{number}")
        if not folder.exists() or _is_this(folder, here):
            return folder
        number += 1


def passed_over(folder: Path, name: str, region: str | None) -> Path | None:
    """The folder that `default_folder` tries first, where it took another because that one holds another scan."""
    first = _first_folder(name, region)
    return None if folder == first else first


def _first_folder(name: str, region: str | None) -> Path:
    return Path("hfx-runs") / safe_name(name if region is None else f"{name}-{region}")


def _is_this(folder: Path, here: Mapping[str, Any]) -> bool:
    try:
        check_same(folder, read_json(folder, "run.json"), here)
    except RunFolderError:
        return False
    return True
