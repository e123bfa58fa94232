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
    output: Annotated[Path | None, Option("-o", "--output", help="Another folder for the files; with one RUN.")] = None,
    x: Annotated[Text, Option(help="Horizontal axis: arithmetic on labels.")] = None,
    y: Annotated[Text, Option(help="Vertical axis: arithmetic on labels.")] = None,
    xlabel: Annotated[Text, Option(help="LaTeX allowed.")] = None,
    ylabel: Annotated[Text, Option(help="LaTeX allowed.")] = None,
    title: Annotated[Text, Option(help="Above the picture.")] = None,
    forbidden: Annotated[Text, Option(help="Region that cannot be, as 'y>x-125'.")] = None,
) -> int:
    """Draw contour.pdf, contour.png and contour.json again, from what is in the runs' folders."""
    from hfx.driver.redraw import redraw

    if output is not None and len(runs) > 1:
        raise OptionError("-o holds the picture of one run: draw the others without it, or one by one")
    style = {"x": x, "y": y, "xlabel": xlabel, "ylabel": ylabel, "title": title, "forbidden": forbidden}
    for run in runs:
        for path in redraw(run, output or run, {k: v for k, v in style.items() if v is not None}, _say):
            typer.echo(path)
    return 0


def _say(sentence: str) -> None:
    typer.echo(f"hfx: {sentence}", err=True)


def export(
    run: Folder,
    workspace: Annotated[Text, Option(metavar="NAME", help="A hypothesis' patched workspace, as JSON.")] = None,
    parameters: Annotated[Text, Option(metavar="NAME", help="A hypothesis' best-fit values by name, as JSON.")] = None,
    csv: Annotated[bool, Option("--csv", help="All results, as a table.")] = False,
    output: Annotated[Path | None, Option("-o", "--output", help="Write to a file instead of standard output.")] = None,
) -> int:
    """Write what is in a run's folder so that others can check or use it."""
    from hfx.driver import disk
    from hfx.driver import export as exporting

    if (workspace is not None) + (parameters is not None) + csv != 1:
        raise OptionError("export needs one of --workspace NAME, --parameters NAME and --csv")
    if workspace is not None:
        text = exporting.workspace(run, workspace)
    elif parameters is not None:
        text = exporting.parameters(run, parameters)
    else:
        text = exporting.csv_table(run)
    if output is None:
        typer.echo(text, nl=False)
    else:
        with disk.explained(output):
            disk.write_whole(output, text)
    return 0


def doctor() -> int:
    """Versions, devices, engines, login, cache and disk, to paste into a bug report."""
    from hfx.driver.doctor import report

    typer.echo(report())
    return 0
