"""Hypotheses of a run for other tools, as text: tables of results, workspaces, best-fit values."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import msgspec

from hfx.driver.questions import scan_content as contents
from hfx.driver.run import durable_files
from hfx.driver.run.folder import read_run, safe_name
from hfx.driver.run.records import number_of, read_records
from hfx.errors import HfxError, OptionError, PalletError, RunFolderError
from hfx.functions.jobs.cls import Solutions
from hfx.functions.options import JobOptions
from hfx.json_types import JsonValue
from hfx.pallets import open_pallet
from hfx.pallets.pallet import near_names
from hfx.pallets.workspaces.model_choice import ModelChoice
from hfx.printable import no_formula

__all__ = ["best_fits", "csv_table", "parameters", "workspace"]


def csv_table(rows: Sequence[Mapping[str, JsonValue]], folder: Path) -> str:
    """The rows of a run's results as CSV, a line each, with a header. ``folder``: the run's, for the error.

    Names of others that a spreadsheet would take for formulas have a quotation mark before them.

    Raises `RunFolderError` where there are no rows.
    """
    if not rows:
        raise RunFolderError(f"{folder} has no results yet")
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n", restval="")
    writer.writerow({name: _cell(name) for name in rows[0]})
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def _cell(value: JsonValue) -> JsonValue:
    return no_formula(value) if isinstance(value, str) else value


def workspace(folder: Path, name: str) -> str:
    """The patched workspace of a hypothesis, as JSON text; the pallet is opened again.

    Raises `PalletError` when the pallet is gone or has changed since, `OptionError` for an unknown name.
    """
    home = _home(folder, name)
    run = read_run(home)
    if run is None:
        raise RunFolderError(f"{home} has no run.json: the pallet's source is not known")
    scanned, labels = run.get("pallet", {}), cast(list[str] | None, run.get("options", {}).get("labels"))
    source = str(run.get("location") or scanned.get("source"))
    try:
        pallet = open_pallet(source, scanned.get("region"), labels=labels, verify=False, poi=_choice(run.get("options", {})).poi)
    except HfxError as error:
        raise PalletError(f"the pallet of {home} cannot be opened again ({error}); put it back") from None
    if (pallet.digest, pallet.patchset_digest) != (scanned.get("digest"), scanned.get("patchset_digest")):
        raise PalletError(f"{source} has changed since it was scanned; put the scanned pallet back")
    return json.dumps(_choice(run.get("options", {})).applied(pallet.workspace(name)), indent=1) + "\n"


def _choice(options: Mapping[str, JsonValue]) -> ModelChoice:
    """The model that a run with these options makes of a workspace."""
    own = {name: value for name, value in options.items() if name in JobOptions.names()}
    return JobOptions.read(own).model_choice


def parameters(folder: Path, name: str) -> str:
    """The best-fit values of a hypothesis by name, for each fit of the chosen minima, as JSON text.

    Raises `OptionError` for a name without a result, `RunFolderError` when its solutions are not there.
    """
    home = _home(folder, name)
    records = read_records(home)
    record = records.last.get(name)
    if record is None or not record.get("solutions"):
        raise RunFolderError(f"{home}/results.jsonl contains no solutions of {name}; scan again to export them")
    run = read_run(home)
    minima = str((run or {}).get("options", {}).get("minima", "admissible"))
    try:
        msgspec.convert(record["solutions"], _Solutions)
        fits = best_fits(cast(Solutions, record["solutions"]), minima)
    except (ValueError, LookupError) as error:
        line = number_of(records.last.places[name], records.path)
        raise RunFolderError(
            f"{records.path}, line {line} has no solutions of {name} as hfx writes them ({error}); scan again to export them"
        ) from None
    return durable_files.dump({"name": name, "minima": minima, "fits": fits}, indent=1) + "\n"


class _Minima(msgspec.Struct):
    """The minima of one fit, and which of them each choice takes."""

    theta: list[list[float]]
    choice: dict[str, int]


class _Solutions(msgspec.Struct):
    """The part of `hfx.functions.jobs.cls.Solutions` that holds the best-fit values, also of earlier versions."""

    parameters: list[str]
    minima: dict[str, _Minima]


def best_fits(solutions: Solutions, minima: str) -> dict[str, dict[str, float]]:
    """The best-fit values by parameter name for each fit, at the minimum that the choice ``minima`` takes."""
    return {
        fit: dict(zip(solutions["parameters"], found["theta"][found["choice"][minima]], strict=True))
        for fit, found in solutions["minima"].items()
    }


def _home(folder: Path, name: str) -> Path:
    """The folder that holds a hypothesis' run: of a combination, that of the region from which its result is taken."""
    scan = contents.load(folder)
    results = contents.briefs(scan)
    for result in results:
        if result.name == name:
            combined = scan["pallet"].get("region") == "all"
            return folder / safe_name(str(result.region)) if combined else folder
    if any(failure["name"] == name for failure in scan["failures"]):
        return folder
    near = near_names(name, [result.name for result in results])
    hint = f"did you mean {near[0]}?" if near else f"'hfx export {folder} --csv' lists its {len(results)} hypotheses"
    raise OptionError(f"{folder} has no hypothesis called '{name}'; {hint}")
