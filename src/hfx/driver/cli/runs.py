"""The commands ``hfx plot`` and ``hfx export``, which read the folders of runs, and ``hfx doctor``."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hfx.driver.cli import option_parameters
from hfx.driver.cli.option_parameters import OptionValue
from hfx.errors import OptionError

if TYPE_CHECKING:
    from hfx.driver.plot.request import PictureRequest

__all__ = ["doctor", "export", "plot"]

Text = str | None
Option = typer.Option
Folder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run: the one given with -o, or hfx-runs/PALLET.")]


_RUNS = inspect.Parameter(
    "runs",
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    annotation=Annotated[list[Path], typer.Argument(metavar="RUN", help="The folders of one or more runs.")],
)


@option_parameters.accepting(_RUNS, option_parameters.of_picture())
def plot(
    runs: list[Path],
    given: Mapping[str, OptionValue],
    output: Annotated[
        Path | None,
        Option(
            "-o",
            "--output",
            help="Picture to write (a file), or the folder to write it into; several runs are drawn into one picture. Default: "
            "the folder of each run.",
        ),
    ] = None,
    label: Annotated[
        list[str] | None,
        Option(
            help="Name of a run in the legend, if several runs are drawn into one picture. Give it once for each run, in order."
        ),
    ] = None,
    style: Annotated[str, Option(help="Style of the picture: hfx, atlas or cms.")] = "hfx",
    formats: Annotated[
        list[str] | None,
        Option(
            "--format",
            help="File format: pdf, png or svg; may be given several times. Default: the format of the file given with -o, or "
            "else pdf and png.",
        ),
    ] = None,
    published: Annotated[
        list[Path] | None,
        Option(
            help="File with a published contour, a HEPData table as CSV, YAML or JSON. The contour is drawn too, and its "
            "distance from the contour of the run is printed. May be given several times."
        ),
    ] = None,
    uncertainty: Annotated[
        bool,
        Option(
            "--uncertainty", help="Also draw the uncertainty of the interpolation, in a light colour (with gp and smooth only)."
        ),
    ] = False,
    regions: Annotated[
        bool,
        Option(
            "--regions",
            help="Draw the points of a scan of all regions coloured by the region whose result is used (the smallest expected "
            "CLs).",
        ),
    ] = False,
    where: Annotated[
        list[str] | None,
        Option(
            help="Draw only hypotheses whose labels fulfil this condition, for example 'mn2-mn1==130': one plane of several. A "
            "text is written in quotes, as in 'topology==\"WZ\"'. May be given several times: all conditions must hold. Default: "
            "all hypotheses of the run."
        ),
    ] = None,
) -> int:
    """Draw the contour of a run again, or those of several runs.

    With -o, several runs are drawn into one picture; without it, each into its own folder. The options may differ from those of
    the scan. Nothing is fitted again.
    """
    from hfx.driver.plot.request import PictureRequest
    from hfx.driver.questions.conditions import all_of
    from hfx.driver.questions.texts.picture_texts import label_titles_in

    changed = {name: value if isinstance(value, bool) else str(value) for name, value in given.items() if value is not None}
    titles = changed.pop("label_titles", None)
    request = PictureRequest(
        changed,
        style,
        tuple(kind.lower() for text in formats or () for kind in text.split(",")) or None,
        tuple(published or ()),
        uncertainty,
        regions,
        tuple(label or ()),
        all_of(where),
        None if titles is None else label_titles_in(Path(str(titles))),
    )
    return _draw(runs, output, request)


def _draw(runs: list[Path], output: Path | None, request: "PictureRequest") -> int:
    """Draw several runs into one picture, or each into its own folder or the one file."""
    from hfx.driver.plot.redraw import redraw

    if len(runs) > 1 and output is not None:
        from hfx.driver.plot.overlay import overlay

        return _listed(overlay(runs, output, request, _say))
    if request.labels:
        raise OptionError(
            "--label names the runs of an overlay (several runs in one picture): give several runs, and -o FILE for the picture"
        )
    codes = [_listed(redraw(run, output or run, request, _say)) for run in runs]
    if len(runs) > 1:
        _say("each run is drawn into its own folder; -o FILE draws them into one picture")
    return max(codes, default=0)


def _listed(paths: list[Path]) -> int:
    """Print the files written; 1 where none of them is a picture."""
    for path in paths:
        typer.echo(path)
    return 0 if any(path.suffix != ".json" for path in paths) else 1


def _say(sentence: str) -> None:
    typer.echo(f"hfx: {sentence}", err=True)


def export(
    run: Folder,
    workspace: Annotated[
        Text,
        Option(metavar="NAME", help="Write the workspace of this hypothesis, background and signal, as JSON for pyhf."),
    ] = None,
    parameters: Annotated[
        Text,
        Option(
            metavar="NAME", help="Write the best-fit parameter values of this hypothesis by name, for each of its fits, as JSON."
        ),
    ] = None,
    csv: Annotated[bool, Option("--csv", help="Write all results as a CSV table.")] = False,
    hepdata: Annotated[
        bool, Option("--hepdata", help="Write a HEPData submission: the folder RUN/hepdata, or the one given with -o.")
    ] = False,
    output: Annotated[
        Path | None, Option("-o", "--output", help="File to write (with --hepdata: the folder). Default, and -: standard output.")
    ] = None,
) -> int:
    """Write results of a run for other programs.

    Give exactly one of --workspace, --parameters, --csv and --hepdata.
    """
    from hfx.driver.export import hypotheses as exporting
    from hfx.driver.run import durable_files

    if (workspace is not None) + (parameters is not None) + csv + hepdata != 1:
        raise OptionError("give exactly one of --workspace NAME, --parameters NAME, --csv and --hepdata")
    if output == Path("-") and not hepdata:
        output = None
    if output is not None and output.is_dir() and not hepdata:
        example = output / ("results.csv" if csv else "export.json")
        raise OptionError(f"-o {output} is a folder; give a file, for example {example}")
    if hepdata:
        from hfx.driver.export.hepdata import export_hepdata

        return _listed(export_hepdata(run, output or run / "hepdata"))
    if workspace is not None:
        text = exporting.workspace(run, workspace)
    elif parameters is not None:
        text = exporting.parameters(run, parameters)
    else:
        from hfx.driver.results import load_run

        text = exporting.csv_table(load_run(run).to_rows(), run)
    if output is None:
        typer.echo(text, nl=False)
    else:
        durable_files.make_folder(output.parent)
        with durable_files.explained(output):
            durable_files.write_whole(output, text)
    return 0


def doctor() -> int:
    """Print versions and hardware, for a bug report.

    The command also prints the engines that an endpoint file can name, the Globus login, the cache of downloads, and the free
    disk space.
    """
    from hfx.driver.setup.doctor import report

    typer.echo(report())
    return 0
