"""The table of `hfx status`: one line for each run."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from hfx.driver.submission import registry
from hfx.driver.submission.status import Queues, Standing, standing
from hfx.errors import RunFolderError

__all__ = ["lines", "of_known", "of_runs"]

_HEAD = ("run", "state", "driver", "done", "failed", "started", "last event")


def of_runs(folders: Iterable[Path]) -> list[Standing]:
    """How each stands; raises `RunFolderError` where there is no run."""
    queues = Queues()
    return [standing(folder.absolute(), queues) for folder in folders]


def of_known() -> list[Standing]:
    """How the runs stand that this user has submitted, and those under ``hfx-runs`` of the current folder."""
    here = [path.parent for path in sorted(Path("hfx-runs").glob("*/run.json"))]
    known = dict.fromkeys([*registry.runs(), *(path.resolve() for path in here)])
    queues, found = Queues(), []
    for folder in known:
        try:
            found.append(standing(folder, queues))
        except RunFolderError:
            continue  # it vanished, or is torn: who asks for it by name is told
    return found


def lines(found: Sequence[Standing]) -> list[str]:
    """The table as text; below it, what to do with runs that nobody drives."""
    if not found:
        return ["no runs: none submitted, and none in hfx-runs here"]
    rows = [_HEAD, *(_row(one) for one in found)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
    table = ["  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [*table, *(hint for one in found if (hint := _hint(one)))]


def _row(one: Standing) -> tuple[str, ...]:
    told = one.public()
    state = f"{one.state}, {told['step']}" if one.state == "running" and told["step"] else one.state
    done = f"{told['done']}/{told['total']}"
    times = [str(told[key] or "").replace("T", " ").removesuffix("+00:00") for key in ("started", "last_event")]
    return (str(one.folder), state, one.driver, done, str(told["failures"]), *times)


def _hint(one: Standing) -> str:
    if one.state == "lost":
        return f"{one.folder} is lost: its driver has gone without a word; go on with: {_way(one)}"
    if one.state == "failed":
        return f"{one.folder} failed: {one.run.get('reason')}"
    return ""


def _way(one: Standing) -> str:
    return f"hfx attach {one.folder}" if one.submitted else str(one.run.get("command"))
