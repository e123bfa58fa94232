"""The compilation of the CPU kernels: a message before the first scan waits for it, and compilation in advance on request."""

from collections.abc import Callable

from hfx.json_types import JsonObject

__all__ = ["announce_compilation", "precompile"]

# One bin, one background, one signal: the kernels are the same for every likelihood.
_SMALLEST_WORKSPACE: JsonObject = {
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


def announce_compilation(say: Callable[[str], None]) -> None:
    """Give `say` one sentence if the kernels are not compiled yet."""
    from hfx.hf_core.cpu.kernel import is_compiled

    if not is_compiled():
        say("compiling the fitting code (once after an installation; 10 to 40 s)")


def precompile() -> None:
    """Compile the CPU kernels now, so that the first scan does not wait for it."""
    from hfx.functions.catalogue import entry_of
    from hfx.functions.task import run

    hypothesis: JsonObject = {"key": "smallest", "name": "smallest", "values": [], "patch": []}
    job, version = "cls", entry_of("cls").version
    run({"job": job, "version": version, "background": _SMALLEST_WORKSPACE, "hypotheses": [hypothesis], "options": {}})
