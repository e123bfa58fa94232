"""``hfx plot``, ``hfx export`` and ``hfx doctor``: what is done with runs that are there."""

from pathlib import Path
from typing import Annotated

import typer

from hfx.errors import OptionError

__all__ = ["doctor", "export", "plot"]

Text = str | None
Option = typer.Option
Folder = Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder.")]


def plot(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Runs' folders.")],
    output: Annotated[
        Path | None, Option("-o", "--output", help="A picture's file or a folder; several runs are overlaid in it.")
    ] = None,
    label: Annotated[list[str] | None, Option(help="A run's name in an overlay; once for each run, in order.")] = None,
    style: Annotated[str, Option(help="hfx, atlas or cms.")] = "hfx",
    formats: Annotated[
        list[str] | None,
        Option("--format", help="pdf, png or svg, several times. Default: as the file is named, else pdf and png."),
    ] = None,
    published: Annotated[
        list[Path] | None, Option(help="A published contour (HEPData: CSV, YAML or JSON) to overlay and to measure against.")
    ] = None,
    interpolation: Annotated[Text, Option(help="Between the points: gp, rbf or linear. Default: as in the scan.")] = None,
    uncertainty: Annotated[bool, Option("--uncertainty", help="That of the interpolation (gp), faintly.")] = False,
    x: Annotated[Text, Option(help="Horizontal axis: arithmetic on labels.")] = None,
    y: Annotated[Text, Option(help="Vertical axis: arithmetic on labels.")] = None,
    xlabel: Annotated[Text, Option(help="LaTeX allowed.")] = None,
    ylabel: Annotated[Text, Option(help="LaTeX allowed.")] = None,
    title: Annotated[Text, Option(help="Above the picture.")] = None,
    forbidden: Annotated[Text, Option(help="Region that cannot be, as 'y>x-125'.")] = None,
) -> int:
    """Draw contour.pdf, contour.png and contour.json again, from what is in the runs' folders; with -o several in one picture."""
    from hfx.driver.plot.redraw import redraw
    from hfx.driver.plot.request import PictureRequest

    given = {"x": x, "y": y, "xlabel": xlabel, "ylabel": ylabel, "title": title, "forbidden": forbidden}
    changed = {name: value for name, value in {**given, "interpolation": interpolation}.items() if value is not None}
    kinds = tuple(kind.lower() for text in formats or () for kind in text.split(",")) or None
    wanted = PictureRequest(changed, style, kinds, tuple(published or ()), uncertainty, tuple(label or ()))
    if len(runs) > 1 and output is not None:
        from hfx.driver.plot.overlay import overlay

        return _listed(overlay(runs, output, wanted, _say))
    if label:
        raise OptionError("--label names the runs of an overlay: give several runs, and -o FILE for their picture")
    for run in runs:
        _listed(redraw(run, output or run, wanted, _say))
    if len(runs) > 1:
        _say("each run is drawn into its own folder; -o FILE draws them into one picture")
    return 0


def _listed(paths: list[Path]) -> int:
    for path in paths:
        typer.echo(path)
    return 0


def _say(sentence: str) -> None:
    typer.echo(f"hfx: {sentence}", err=True)


def export(
    run: Folder,
    workspace: Annotated[Text, Option(metavar="NAME", help="A hypothesis' patched workspace, as JSON.")] = None,
    parameters: Annotated[Text, Option(metavar="NAME", help="A hypothesis' best-fit values by name, as JSON.")] = None,
    csv: Annotated[bool, Option("--csv", help="All results, as a table.")] = False,
    hepdata: Annotated[bool, Option("--hepdata", help="A submission to HEPData: a folder, as a rule RUN/hepdata.")] = False,
    output: Annotated[Path | None, Option("-o", "--output", help="Write to a file instead of standard output.")] = None,
) -> int:
    """Write what is in a run's folder so that others can check or use it."""
    from hfx.driver.export import hypotheses as exporting
    from hfx.driver.run import durable_files

    if (workspace is not None) + (parameters is not None) + csv + hepdata != 1:
        raise OptionError("export needs one of --workspace NAME, --parameters NAME, --csv and --hepdata")
    if hepdata:
        from hfx.driver.export.hepdata import export_hepdata

        return _listed(export_hepdata(run, output or run / "hepdata"))
    if workspace is not None:
        text = exporting.workspace(run, workspace)
    elif parameters is not None:
        text = exporting.parameters(run, parameters)
    else:
        text = exporting.csv_table(run)
    if output is None:
        typer.echo(text, nl=False)
    else:
        with durable_files.explained(output):
            durable_files.write_whole(output, text)
    return 0


def doctor() -> int:
    """Versions, devices, engines, login, cache and disk, to paste into a bug report."""
    from hfx.driver.setup.doctor import report

    typer.echo(report())
    return 0
