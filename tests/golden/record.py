"""What made `recorded/`: ``python -m tests.golden.record``, of the code whose results are to stay as they are."""

import gzip
import io
import json
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from tests.conftest import shared_folder
from tests.golden.cases import CASES, STORED, hfx, run, write_demo
from tests.golden.reading import Json, lines

RECORDED = Path(__file__).with_name("recorded")

# By key or file; of all else 13.
_DIGITS = {"theta": 8, "parameters.json": 8, "contour.json": 9, "contours": 9}

# Of the stored run: local results that the interrupted one has, before a line that is torn.
KEPT = 5

# Where a stored run says where it was made, and when.
_WHEN = "2026-01-01T00:00:00+00:00"
_SOMEWHERE = {
    **{"executable": "python", "platform": "Linux", "host": "host", "pid": 1, "location": "demo.tar.gz"},
    **{"started": _WHEN, "finished": _WHEN},
}
_RECORD = {"seconds": 0.01, "worker": "host:1"}


def main() -> None:
    """Record the cases, and store a run that has finished and one that was interrupted."""
    RECORDED.mkdir(exist_ok=True)
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            found = run(case, Path(folder).resolve(), shared_folder())
        _write(f"{case.name}.json.gz", json.dumps(_rounded(found), sort_keys=True).encode())
    with tempfile.TemporaryDirectory() as folder:
        write_demo(Path(folder))
        hfx(*STORED, cwd=Path(folder))
        stored = _finished(Path(folder) / "run")
    _write("finished.tar.gz", _archive(stored))
    _write("interrupted.tar.gz", _archive(_interrupted(stored)))


def _rounded(value: Any, digits: int = 13) -> Any:
    """More digits than are compared tell nothing, and take space."""
    if isinstance(value, dict):
        return {key: _rounded(one, _DIGITS.get(key.rpartition("/")[2], digits)) for key, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one, digits) for one in value]
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value


def _finished(folder: Path) -> dict[str, str]:
    """The texts of a run's folder by name, without its pictures, which are drawn again, and without where it was made."""
    head = {**json.loads((folder / "run.json").read_text()), **_SOMEWHERE}
    scan = json.loads((folder / "scan.json").read_text())
    scan["results"] = [{**record, **_RECORD} for record in scan["results"]]
    records = [{**record, **_RECORD} for record in lines(folder / "results.jsonl")]
    return {
        "run.json": json.dumps(head, indent=1) + "\n",
        "scan.json": json.dumps(scan, indent=1) + "\n",
        "results.jsonl": _text(records),
        "events.jsonl": _text([_event(event, i) for i, event in enumerate(lines(folder / "events.jsonl"))]),
        "contour.json": (folder / "contour.json").read_text(),
    }


def _event(event: Json, number: int) -> Json:
    """An event, a second after the one before."""
    known: Json = {"time": 1767225600.0 + number, "seconds": _RECORD["seconds"]}
    if "results" in event:
        known["results"] = [[*brief[:-1], _RECORD["worker"]] for brief in event["results"]]
    return {name: known.get(name, value) for name, value in event.items()}


def _interrupted(finished: dict[str, str]) -> dict[str, str]:
    """The folder as a process leaves it that is killed while it writes a result: the batches under way are noted."""
    head = json.loads(finished["run.json"])
    records = [line for line in finished["results.jsonl"].splitlines(keepends=True) if json.loads(line)["step"] == "local"]
    names = [json.loads(record)["name"] for record in records]
    return {
        "run.json": json.dumps({**{k: v for k, v in head.items() if k not in ("all_rounds", "finished")}, "state": "running"}),
        "results.jsonl": "".join(records[:KEPT]) + records[KEPT][: len(records[KEPT]) // 2],
        "events.jsonl": finished["events.jsonl"].splitlines(keepends=True)[0],
        "batches.jsonl": _text([names[:KEPT], names[KEPT:]]),
    }


def _text(entries: list[Any]) -> str:
    return "".join(json.dumps(entry) + "\n" for entry in entries)


def _archive(files: dict[str, str]) -> bytes:
    """A tar of a folder `run`, the same bytes for the same files."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"run/{name}")
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return stream.getvalue()


def _write(name: str, content: bytes) -> None:
    path = RECORDED / name
    path.write_bytes(gzip.compress(content, mtime=0))
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
