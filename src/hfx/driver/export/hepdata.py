"""``hfx export --hepdata``: a run as a submission to HEPData, submission.yaml and its tables.

The format is that of https://hepdata-submission.readthedocs.io (schema 1.1); the tests check it with hepdata-validator.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hfx.driver.plane.points import LEVEL, WHICH
from hfx.driver.plane.published import PART
from hfx.driver.plot import scan_picture
from hfx.driver.questions.options import ScanOptions
from hfx.driver.run import durable_files
from hfx.driver.run.packed_results import briefs
from hfx.errors import RunFolderError
from hfx.version import __version__

__all__ = ["Table", "export_hepdata", "submission"]

Json = dict[str, Any]

_DIGITS = 6  # significant ones: fits are certified to more, contours are interpolated to fewer
_COLUMNS = ("Observed CLs", *(f"Expected CLs{f' ({s:+d} sigma)' if s else ''}" for s in (-2, -1, 0, 1, 2)))
_WORDS = {
    "observed": "Observed",
    "expected": "Expected",
    "expected-1": "Expected, -1 sigma",
    "expected+1": "Expected, +1 sigma",
    "expected-2": "Expected, -2 sigma",
    "expected+2": "Expected, +2 sigma",
    "theory-up": "Observed, signal cross section up",
    "theory-down": "Observed, signal cross section down",
}


@dataclass(frozen=True)
class Table:
    """One table: its name, what it says of itself, its file, and its variables by name, independent ones first."""

    name: str
    description: str
    file: str
    independent: Mapping[str, Sequence[Any]]
    dependent: Mapping[str, Sequence[Any]]
    qualifiers: Mapping[str, Any]

    def head(self) -> Json:
        """Its document in submission.yaml."""
        keywords = {"observables": ["CLS"], "phrases": ["Exclusion", "Limits", "CLs", "HistFactory", "Reinterpretation"]}
        return {
            "name": self.name,
            "description": self.description,
            "keywords": [{"name": name, "values": values} for name, values in keywords.items()],
            "data_file": self.file,
        }

    def content(self) -> Json:
        """The content of its file."""
        qualifiers = [{"name": name, "value": value} for name, value in self.qualifiers.items()]
        return {
            "independent_variables": [_variable(name, values) for name, values in self.independent.items()],
            "dependent_variables": [
                {**_variable(name, values), "qualifiers": qualifiers} for name, values in self.dependent.items()
            ],
        }


def export_hepdata(run: Path, folder: Path) -> list[Path]:
    """Write the run in `run` as a submission into `folder`; the files written. Raises `RunFolderError`: no results."""
    import yaml

    scan = scan_picture.load(run)
    if not scan["results"]:
        raise RunFolderError(f"{run} has no results yet; nothing to export")
    files = submission(scan)
    with durable_files.explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, documents in files.items():
            text = yaml.safe_dump_all(documents, sort_keys=False, allow_unicode=True, width=120)
            durable_files.write_whole(folder / name, text)
    return [folder / name for name in files]


def submission(scan: Mapping[str, Any]) -> dict[str, list[Json]]:
    """The YAML documents of every file of the submission, submission.yaml first."""
    contours = scan["contours"] or scan_picture.curves(scan, ScanOptions.of(_known(scan["options"])))
    tables = [_cls_table(scan), *_contour_tables(scan, contours)]
    heads: list[Json] = [{"comment": _comment(scan, contours)}, *(table.head() for table in tables)]
    return {"submission.yaml": heads, **{table.file: [table.content()] for table in tables}}


def _known(options: Mapping[str, Any]) -> Json:
    names = ("x", "y", "forbidden", "interpolation")
    return {name: options[name] for name in names if options.get(name) is not None}


def _variable(name: str, values: Sequence[Any]) -> Json:
    header = {"name": name}
    return {"header": header, "values": [{"value": _rounded(value)} for value in values]}


def _rounded(value: Any) -> Any:
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value


def _comment(scan: Mapping[str, Any], contours: Mapping[str, Any]) -> str:
    pallet = scan["pallet"]
    source = f"{pallet.get('name')}" + (f" (doi:{pallet['doi']})" if pallet.get("doi") else "")
    region = f", region {pallet['region']}" if pallet.get("region") else ""
    digests = f"background sha256:{pallet.get('digest')}, patches sha256:{pallet.get('patchset_digest')}"
    return " ".join(
        [
            f"CLs and exclusion contours computed with hfx {scan.get('hfx') or __version__} from the HistFactory likelihood "
            f"{source}{region}; {digests}.",
            "They are a calculation from that likelihood, not a result of the experiment that published it.",
            f"{_options(scan)}.",
            *(str(note) for note in contours.get("notes", ())),
        ]
    )


def _options(scan: Mapping[str, Any]) -> str:
    options = scan["options"]
    named = {"mu": "tested mu", "signal_scale": "signal yields times", "test_stat": "test statistic", "minima": "minima"}
    said = [f"{words} {options[name]}" for name, words in named.items() if options.get(name) is not None]
    return "Asymptotic formulae; " + ", ".join(said)


def _cls_table(scan: Mapping[str, Any]) -> Table:
    converged = [record for record in briefs(scan["results"]) if record["status"] == "converged"]
    labels = list(scan["pallet"].get("labels") or ())
    left_out = len(scan["results"]) - len(converged)
    missing = len(scan["failures"])
    independent: dict[str, list[Any]] = {
        label: [float(record["values"][i]) for record in converged] for i, label in enumerate(labels)
    }
    independent = independent or {"Hypothesis": [str(record["name"]) for record in converged]}
    rows = [[float(record["CLs_obs"]), *map(float, record["CLs_exp"])] for record in converged]
    dependent: dict[str, list[Any]] = {name: [row[k] for row in rows] for k, name in enumerate(_COLUMNS)}
    if all("region" in record for record in converged):
        dependent["Region"] = [str(record["region"]) for record in converged]
    return Table(
        "CLs",
        f"Observed and expected CLs of {len(converged)} signal hypotheses of {scan['pallet'].get('name')}; "
        f"{left_out} not converged and {missing} failed are left out. Expected values are those of a background-only "
        "experiment at -2 to +2 standard deviations. " + _provenance(scan),
        "cls.yaml",
        independent,
        dependent,
        {"HFX": str(scan.get("hfx") or __version__)},
    )


def _contour_tables(scan: Mapping[str, Any], contours: Mapping[str, Any]) -> Iterator[Table]:
    """A table for each kind of curve that there is; its parts are numbered."""
    for which in (*WHICH, "theory-up", "theory-down"):
        lines = [curve["points"] for curve in contours["curves"] if curve["which"] == which]
        if not lines:
            continue
        xs = [float(x) for line in lines for x, _ in line]
        ys = [float(y) for line in lines for _, y in line]
        parts = [number for number, line in enumerate(lines, 1) for _ in line]
        yield Table(
            f"{_WORDS[which]} contour",
            f"{_WORDS[which]} exclusion contour at CLs = {LEVEL:g} over {contours['x']} and {contours['y']}, in "
            f"{len(lines)} part(s), interpolated between the hypotheses ({contours.get('interpolation', 'linear')}). "
            + _provenance(scan),
            f"contour_{which.replace('-', '_minus_').replace('+', '_plus_')}.yaml".replace("theory_minus_", "theory_"),
            {str(contours["x"]): xs},
            {str(contours["y"]): ys, PART: parts},
            {"Limit": _WORDS[which], "CLs": LEVEL},
        )


def _provenance(scan: Mapping[str, Any]) -> str:
    return f"hfx {scan.get('hfx') or __version__}, background sha256:{scan['pallet'].get('digest')}."
