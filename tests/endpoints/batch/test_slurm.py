"""The script of the driver's job for Slurm, as text."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from hfx.endpoints.batch import slurm
from hfx.endpoints.batch.base import Driver
from hfx.errors import EndpointError
from tests.endpoints.batch.endpoint_texts import DRIVER, RIVER, told


def directives(script: str) -> list[str]:
    return [line.removeprefix("#SBATCH ") for line in script.splitlines() if line.startswith("#SBATCH ")]


@pytest.mark.parametrize("text", ["a\ntouch X #", "a\rtouch X", "a\x1b[2J", "a\u2028b", "a\x0bb"])
def test_a_text_that_would_begin_a_line_of_the_script_is_refused(text: str) -> None:
    for change in ({"name": text}, {"folder": Path("/data") / text}, {"words": ("hfx", text)}, {"environment": {"A": text}}):
        with pytest.raises(EndpointError, match="cannot stand in a job's script: it holds control characters"):
            replace(DRIVER, **change)  # type: ignore[arg-type]


def test_a_small_job_that_submits_the_workers_jobs() -> None:
    script = slurm.script(told(RIVER).spec, DRIVER)
    assert directives(script) == [
        "--job-name=hfx-toy",
        "--output='/data/run 1/job/driver.log'",
        "--open-mode=append",
        "--nodes=1",
        "--ntasks=1",
        "--cpus-per-task=1",
        "--time=02:00:00",
        "--signal=B:TERM@60",
        "--account=atlas",
        "--partition=cpu",
        "--qos=normal",
        "--constraint=epyc",
        "--reservation=tutorial",
        "--mail-type=FAIL",
        "--requeue",
    ]
    assert script.splitlines()[0] == "#!/bin/bash"
    assert script.splitlines()[-7:] == [
        "# sbatch and srun take what they are not told from these, and would give the workers this job's size",
        'for name in ${!SLURM_@}; do [ "$name" = SLURM_CONF ] || unset "$name"; done',
        "export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 NUMEXPR_NUM_THREADS=1 NUMBA_NUM_THREADS=1",
        "module load python",
        "source env/bin/activate",
        "export HFX_CONFIG=/data/c",
        "exec hfx scan '/data/a b' -o '/data/run 1'",
    ]


def test_one_job_is_as_large_as_one_of_the_workers() -> None:
    script = slurm.script(told(RIVER, 'submit = "one-job"', "exclusive = true").spec, DRIVER)
    found = directives(script)
    assert {"--cpus-per-task=32", "--mem=64g", "--exclusive", "--time=02:00:00"} <= set(found)
    assert "unset" not in script  # it computes on what Slurm gave it
    gpus = directives(slurm.script(told('engine = "parsl"\nprovider = "slurm"\ngpus = 4\nthreads = 3').spec, DRIVER))
    assert {"--gpus-per-node=4", "--cpus-per-task=12"} <= set(gpus)


def test_a_driver_s_own_walltime_and_directives() -> None:
    own = told(RIVER, 'submit_walltime = "1-00:00:00"', 'submit_directives = ["--partition=service", "--constraint="]')
    found = directives(slurm.script(own.spec, DRIVER))
    assert "--time=24:00:00" in found
    assert found[-2:] == ["--partition=service", "--constraint="]  # the last counts
    assert "--mail-type=FAIL" not in found


def test_a_short_walltime_is_warned_of_later() -> None:
    """Slurm may send the signal a minute early: a minute before a minute's end the driver would not have begun."""
    spec = told(RIVER, 'submit_walltime = "00:02:00"').spec
    assert "--signal=B:TERM@30" in directives(slurm.script(spec, DRIVER))


def test_a_per_cent_in_the_log_s_path_is_no_pattern() -> None:
    driver = Driver("hfx-toy", Path("/data/50%j/job"), ["hfx"])
    assert "--output=/data/50%%j/job/driver.log" in directives(slurm.script(told(RIVER).spec, driver))


def test_the_script_is_a_shell_s(tmp_path: Path) -> None:
    """bash runs it: the environment is that of the file, Slurm's size of the job is forgotten, and the driver is the shell."""
    spec = told('engine = "parsl"\nprovider = "slurm"\nmax_blocks = 2\nworker_init = "export MINE=yes"').spec
    words = ["sh", "-c", 'echo $$ $MINE $HFX_JOB $OMP_NUM_THREADS $HFX_CACHE "$SLURM_MEM_PER_NODE" $SLURM_CONF; exit 7']
    script = slurm.script(spec, Driver("x", tmp_path, words, {"HFX_CACHE": "/a b"}))
    environment = {"PATH": "/usr/bin:/bin", "SLURM_JOB_ID": "17", "SLURM_MEM_PER_NODE": "99", "SLURM_CONF": "conf"}
    running = subprocess.Popen(["bash", "-c", script], stdout=subprocess.PIPE, text=True, env=environment)
    out, _ = running.communicate(timeout=30)
    assert out == f"{running.pid} yes slurm:17 1 /a b  conf\n"
    assert running.returncode == 7
