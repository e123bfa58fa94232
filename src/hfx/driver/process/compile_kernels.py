"""The compiled kernels of this machine: said before the first run waits for them, and made ahead of it on request."""

from collections.abc import Callable

from hfx.json_types import JsonObject

__all__ = ["announce", "compile_ahead"]

# One bin, one background, one signal: the kernels are the same for every likelihood.
_SMALLEST: JsonObject = {
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
    from hfx.hf_core.fits.model import is_compiled

    if not is_compiled():
        say("compiling the fits for this machine: some 12 seconds, once after an installation")


def compile_ahead() -> None:
    """Compile the CPU's kernels now, so that the first scan need not."""
    from hfx.functions.catalogue import entry_of
    from hfx.functions.task import run

    hypothesis: JsonObject = {"key": "smallest", "name": "smallest", "values": [], "patch": []}
    job, version = "cls", entry_of("cls").version
    run({"job": job, "version": version, "background": _SMALLEST, "hypotheses": [hypothesis], "options": {}})
