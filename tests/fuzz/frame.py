"""The frame of the fuzzer: runs the seeds of a target in a child process with limits, and counts the outcomes.

A target is a module of `tests.fuzz.targets` with ``attempt(seed) -> outcome``: the name of what was right ("results", "clean
error", ...). Whatever it raises is a finding, and so are a hang, a death of the child and more memory than the limit.
``QUICK`` is the number of seeds that pytest runs, and of ``OUTCOMES`` each must occur among them.
"""

import faulthandler
import json
import os
import pkgutil
import resource
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import IO, Protocol, cast

from hfx.errors import HfxError
from hfx.printable import has_unprintable
from tests.fuzz import targets

__all__ = ["LONGEST", "Finding", "Report", "Target", "check_error", "names", "run", "serve", "target_of"]

LONGEST = 30.0  # seconds of one attempt
MOST_MEMORY = 2 << 30  # bytes beyond those that the target's imports take
_MOST_TEXT = 1600  # characters of an error, hfx's own bound with what it shows of what it leaves out
_READY = b"ready\n"
_ROOT = Path(__file__).resolve().parents[2]


class Target(Protocol):
    """The content of a target's module."""

    QUICK: int
    OUTCOMES: set[str]

    def attempt(self, seed: int) -> str: ...


@dataclass(frozen=True)
class Finding:
    """A seed whose attempt ended as none should, and how."""

    seed: int
    text: str


@dataclass
class Report:
    """Outcomes by their number, and the findings."""

    outcomes: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)


def names() -> list[str]:
    """The names of the targets."""
    return sorted(module.name for module in pkgutil.iter_modules(targets.__path__))


def target_of(name: str) -> Target:
    """The target of a name."""
    return cast(Target, import_module(f"{targets.__name__}.{name}"))


def check_error(error: HfxError) -> None:
    """Raise `AssertionError` unless an error is what a user should read: one printable line of bounded length."""
    text = str(error)
    assert text.strip(), f"an error without a text: {error!r}"
    assert not has_unprintable(text), f"an error that cannot be printed: {text!r}"
    assert len(text) <= _MOST_TEXT, f"an error of {len(text)} characters: {text[:200]}"
    assert "bug in hfx" not in text, text


def run(name: str, first: int, count: int) -> Iterator[Report]:
    """The report on so many seeds of a target, yielded again after every seed."""
    report, seed, end = Report(), first, first + count
    while seed < end:
        with tempfile.TemporaryFile() as stderr, tempfile.TemporaryDirectory(prefix="hfx-fuzz-") as folder:
            child = _child(name, seed, end, stderr, folder)
            with child, cast(IO[bytes], child.stdout) as lines:
                if lines.readline() != _READY:
                    stderr.seek(0)
                    raise RuntimeError(f"the target {name} does not start: {stderr.read().decode(errors='replace')[-3000:]}")
                for line in lines:
                    outcome, text = json.loads(line)
                    report.outcomes[outcome] += 1
                    if text:
                        report.findings.append(Finding(seed, text))
                    seed += 1
                    yield report
            if seed < end:  # it died
                stderr.seek(0)
                said = stderr.read().decode(errors="replace")[-3000:]
                report.outcomes["FINDING"] += 1
                report.findings.append(Finding(seed, f"the process ended with {child.returncode}\n{said}"))
                seed += 1
                yield report


def _child(name: str, first: int, end: int, stderr: IO[bytes], folder: str) -> "subprocess.Popen[bytes]":
    paths = os.pathsep.join([str(_ROOT / "src"), str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    home = {"TMPDIR": folder, "HFX_CACHE": f"{folder}/cache", "HFX_CONFIG": f"{folder}/configuration"}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.fuzz", "--serve", name, "--seed", str(first), "--count", str(end - first)],
        cwd=_ROOT,
        env={**os.environ, **home, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=stderr,
    )


def serve(name: str, first: int, count: int) -> None:
    """Make the attempts in this process, within limits, and write the outcome of each as a line."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    target = target_of(name)
    _limit_memory()
    print(_READY.decode(), end="", file=answers, flush=True)
    for seed in range(first, first + count):
        faulthandler.dump_traceback_later(LONGEST, exit=True)
        begun = time.monotonic()
        outcome, text = _attempt(target, seed)
        faulthandler.cancel_dump_traceback_later()
        if (spent := time.monotonic() - begun) > LONGEST:
            outcome, text = "FINDING", f"{spent:.0f} s for: {outcome} {text}"
        print(json.dumps([outcome, text]), file=answers, flush=True)


def _attempt(target: Target, seed: int) -> tuple[str, str]:
    try:
        return target.attempt(seed), ""
    except Exception:
        text = traceback.format_exc()
        return "FINDING", text if len(text) < 4000 else f"{text[:2000]}\n[...]\n{text[-2000:]}"


def _limit_memory() -> None:
    """Allow what there is and so much more; what asks for more gets `MemoryError`, and is a finding."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    used = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmData")) * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (used + MOST_MEMORY, used + MOST_MEMORY))


def summary(name: str, report: Report, seconds: float, shown: int = 20) -> Sequence[str]:
    """The lines that a person reads: the counts, then one finding of each kind."""
    counts = ", ".join(f"{count} {outcome}" for outcome, count in report.outcomes.most_common())
    lines = [f"{name}: {report.outcomes.total()} in {seconds:.0f} s: {counts}"]
    kinds: dict[str, list[Finding]] = {}
    for finding in report.findings:
        kinds.setdefault(_place(finding.text), []).append(finding)
    for found in list(kinds.values())[:shown]:
        again = f"python -m tests.fuzz --target {name} --seed {found[0].seed} --count 1"
        lines.append(f"\n{len(found)} like this, again with {again}:\n{found[0].text}")
    return lines


def _place(text: str) -> str:
    """Where a finding arose: the last place in the code, and the type of the error."""
    lines = text.strip().split("\n")
    places = [line for line in lines if line.lstrip().startswith("File ")]
    return f"{places[-1] if places else ''} {lines[-1].split(':')[0]}"
