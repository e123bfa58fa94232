"""A run as a submission to HEPData, as by ``hfx export --hepdata``: submission.yaml and its tables.

The format is that of https://hepdata-submission.readthedocs.io (schema 1.1); the tests check it with hepdata-validator.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hfx.driver.plane.points import PlotData
from hfx.driver.plane.published import PART
from hfx.driver.plot.request import styled
from hfx.driver.plot.run_data import plot_data
from hfx.driver.plot.run_planes import in_planes
from hfx.driver.questions import scan_content as run_contents
from hfx.driver.questions.catalogue import of_run
from hfx.driver.run import durable_files
from hfx.driver.run.file_types import Contours, ScanContent
from hfx.errors import RunFolderError
from hfx.json_types import JsonObject, JsonValue, LabelValue
from hfx.version import __version__

__all__ = ["Table", "export_hepdata", "submission"]

Cells = Sequence[float | int | str]

_DIGITS = 6  # significant ones: fits are certified to more, contours are interpolated to fewer
_THEORY = {
    "theory-up": "Observed, signal cross section up",
    "theory-down": "Observed, signal cross section down",
}


@dataclass(frozen=True)
class Table:
    """One table: its name, description and file, and the values of its variables by name, independent ones first."""

    name: str
    description: str
    file: str
    quantity: str
    independent: Mapping[str, Cells]
    dependent: Mapping[str, Cells]
    qualifiers: Mapping[str, float | str]

    def head(self) -> JsonObject:
        """Its document in submission.yaml."""
        phrases: list[JsonValue] = ["Exclusion", "Limits", self.quantity, "HistFactory", "Reinterpretation"]
        return {
            "name": self.name,
            "description": self.description,
            "keywords": [
                {"name": "observables", "values": [self.quantity.upper()]},
                {"name": "phrases", "values": phrases},
            ],
            "data_file": self.file,
        }

    def content(self) -> JsonObject:
        """The content of its file."""
        qualifiers: list[JsonValue] = [{"name": name, "value": value} for name, value in self.qualifiers.items()]
        return {
            "independent_variables": [_variable(name, values) for name, values in self.independent.items()],
            "dependent_variables": [
                {**_variable(name, values), "qualifiers": qualifiers} for name, values in self.dependent.items()
            ],
        }


def export_hepdata(run: Path, folder: Path) -> list[Path]:
    """Write the run in the folder ``run`` as a submission into ``folder``; the files written.

    Raises `RunFolderError` where there are no results.
    """
    import yaml

    scan = run_contents.load(run)
    if not scan["results"]:
        raise RunFolderError(f"{run} has no results yet; nothing to export")
    files = submission(scan, plot_data(scan))
    durable_files.make_folder(folder)
    with durable_files.explained(folder):
        for name, documents in files.items():
            text = yaml.safe_dump_all(documents, sort_keys=False, allow_unicode=True, width=120)
            durable_files.write_whole(folder / name, text)
    return [folder / name for name in files]


def submission(scan: ScanContent, data: PlotData) -> dict[str, list[JsonObject]]:
    """The YAML documents of every file of the submission, submission.yaml first. ``data``: the results of ``scan``."""
    contours = scan["contours"] or in_planes(data, scan, styled(scan["options"])).contours()
    tables = [_results_table(scan, data), *_all_contour_tables(scan, data, contours)]
    heads: list[JsonObject] = [{"comment": _comment(scan, data, contours)}, *(table.head() for table in tables)]
    return {"submission.yaml": heads, **{table.file: [table.content()] for table in tables}}


def _variable(name: str, values: Cells) -> JsonObject:
    return {"header": {"name": name}, "values": [{"value": _rounded(value)} for value in values]}


def _rounded(value: float | int | str) -> float | int | str:
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value


def _comment(scan: ScanContent, data: PlotData, contours: Contours) -> str:
    pallet = scan["pallet"]
    source = f"{pallet.get('name')}" + (f" (doi:{pallet['doi']})" if pallet.get("doi") else "")
    region = f", region {pallet['region']}" if pallet.get("region") else ""
    digests = f"background sha256:{pallet.get('digest')}, patches sha256:{pallet.get('patchset_digest')}"
    shown = data.surface.name if data.surface.level is None else f"{data.surface.name} and exclusion contours"
    return " ".join(
        [
            f"{shown} computed with hfx {scan.get('hfx') or __version__} from the HistFactory likelihood "
            f"{source}{region}; {digests}.",
            "They are a calculation from that likelihood, not a result of the experiment that published it.",
            f"{of_run(scan).description()}.",
            *([contours["choice"]] if "panels" in contours else []),
            *contours.get("notes", ()),
            *(f"{panel['where']}: {note}" for panel in contours.get("panels", ()) for note in panel["notes"]),
        ]
    )


def _results_table(scan: ScanContent, data: PlotData) -> Table:
    """The values of the surface's curves for every hypothesis with a converged result."""
    surface = data.surface
    converged = [result for result in data.results if result.converged]
    independent: dict[str, Cells] = {
        label: [_label_value(result.values[i]) for result in converged] for i, label in enumerate(data.labels)
    }
    dependent: dict[str, Cells] = {
        _column(curve, surface.name): [_value(result.numbers[k]) for result in converged]
        for k, curve in enumerate(surface.curves)
    }
    if all(result.region is not None for result in converged):
        dependent["Region"] = [str(result.region) for result in converged]
    kinds = " and ".join(dict.fromkeys(_words(curve)[0] for curve in surface.curves))
    spread = (
        "Expected values are those of a background-only experiment at -2 to +2 standard deviations. " if surface.bands else ""
    )
    return Table(
        surface.name,
        f"{kinds.capitalize()} {surface.name} of {len(converged)} signal hypotheses of {scan['pallet'].get('name')}; "
        f"{len(data.results) - len(converged)} not converged and {len(scan['failures'])} failed are left out. "
        f"{spread}{_provenance(scan)}",
        _file_name(surface.name),
        surface.name,
        independent or {"Hypothesis": [result.name for result in converged]},
        dependent,
        {"HFX": str(scan.get("hfx") or __version__)},
    )


def _label_value(value: LabelValue) -> LabelValue:
    return value if isinstance(value, str) else float(value)


def _value(number: float | None) -> float | str:
    """A number of a table; HEPData writes "-" where there is none."""
    return "-" if number is None else float(number)


def _all_contour_tables(scan: ScanContent, data: PlotData, contours: Contours) -> Iterator[Table]:
    """The tables of the curves; where the hypotheses lie in several planes, those of each."""
    if "panels" not in contours:
        yield from _contour_tables(scan, data, contours)
        return
    for panel in contours["panels"]:
        yield from _contour_tables(scan, data, panel, panel["where"])


def _contour_tables(scan: ScanContent, data: PlotData, contours: Contours, where: str = "") -> Iterator[Table]:
    """A table for each kind of curve that there is; its parts are numbered. ``where``: the condition of the plane."""
    surface = data.surface
    for which in (*surface.curves, *_THEORY):
        lines = [curve["points"] for curve in contours["curves"] if curve["which"] == which]
        if not lines or surface.level is None:
            continue
        title = _THEORY.get(which) or ", ".join(filter(None, _words(which)))
        parts = [number for number, line in enumerate(lines, 1) for _ in line]
        yield Table(
            f"{title} contour{f' ({where})' if where else ''}",
            f"{title} exclusion contour at {surface.name} = {surface.level:g} over {contours['x']} and {contours['y']}"
            f"{f' of the hypotheses with {where}' if where else ''}, in "
            f"{len(lines)} part(s), interpolated between the hypotheses ({contours.get('interpolation', 'linear')}). "
            + _provenance(scan),
            _file_name(f"contour_{which.replace('-', '_') if which in _THEORY else which}{f' {where}' if where else ''}"),
            surface.name,
            {contours["x"]: [float(x) for line in lines for x, _ in line]},
            {contours["y"]: [float(y) for line in lines for _, y in line], PART: parts},
            {"Limit": title, surface.name: surface.level},
        )


def _file_name(name: str) -> str:
    """The file of a table: its name in lower case, of letters, digits and underscores alone."""
    signs = name.replace("-", "_minus_").replace("+", "_plus_")
    return f"{re.sub(r'[^a-z0-9_]+', '_', signs.lower()).strip('_')}.yaml"


def _words(curve: str) -> tuple[str, str]:
    """A curve's name in words: ("Expected", "-1 sigma") of "expected-1", ("Observed", "") of "observed"."""
    name, sigma = re.fullmatch(r"(.*?)([+-]\d+)?", curve).groups()  # type: ignore[union-attr]
    return str(name).capitalize(), f"{sigma} sigma" if sigma else ""


def _column(curve: str, quantity: str) -> str:
    """The title of a curve's column."""
    name, sigma = _words(curve)
    return f"{name} {quantity}{f' ({sigma})' if sigma else ''}"


def _provenance(scan: ScanContent) -> str:
    return f"hfx {scan.get('hfx') or __version__}, background sha256:{scan['pallet'].get('digest')}."
