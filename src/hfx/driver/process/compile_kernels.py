"""The compiled kernels of this machine: said before the first run waits for them, and made ahead of it on request."""

from collections.abc import Callable
from typing import Any

__all__ = ["announce", "compile_ahead"]

# One bin, one background, one signal: the kernels are the same for every likelihood.
_SMALLEST: dict[str, Any] = {
    "version": "1.0.0",
    "channels": [
        {
            "name": "channel",
            "samples": [
                {"name": "background", "data": [50.0], "modifiers": []},
                {"name": "signal", "data": [5.0], "modifiers": [{"name": "mu", "type": "normfactor", "data": None}]},
            ],
        }
    ],
    "observations": [{"name": "channel", "data": [50.0]}],
    "measurements": [{"name": "measurement", "config": {"poi": "mu", "parameters": []}}],
}


def announce(say: Callable[[str], None]) -> None:
    """One sentence where the fits are not compiled yet."""
    from hfx.hf_core.cpu.kernel import is_compiled

    if not is_compiled():
        say("compiling the fits for this machine: some 12 seconds, once after an installation")


def compile_ahead() -> None:
    """Compile the CPU's kernels now, so that the first scan need not."""
    from hfx.functions.jobs.cls import run

    hypothesis = {"name": "smallest", "values": [], "patch": []}
    run({"job": "cls_scan", "version": 1, "background": _SMALLEST, "hypotheses": [hypothesis], "options": {}})
