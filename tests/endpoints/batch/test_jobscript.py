"""The driver's job as text: scripts, submit descriptions, and the endpoint's file that the driver uses."""

import subprocess
import tomllib
from pathlib import Path

import pytest

from hfx.endpoints.batch import jobscript
from hfx.endpoints.batch.jobscript import Driver
from hfx.endpoints.specification import Endpoint, parse
from hfx.errors import EndpointError

RIVER = """
engine = "parsl"
provider = "slurm"
workers = 16
threads = 2
max_blocks = 4
walltime = "02:00:00"
account = "atlas"
partition = "cpu"
qos = "normal"
constraint = "epyc"
reservation = "tutorial"
memory_gb = 64
directives = ["--mail-type=FAIL", "#SBATCH --requeue"]
worker_init = "module load python\\nsource env/bin/activate"
interface = "ib0"
"""
POOL = """
engine = "parsl"
provider = "htcondor"
workers = 4
memory_gb = 8
walltime = "00:30:00"
project = "atlas.susy"
requirements = "(OpSysAndVer == \\"AlmaLinux9\\")"
directives = ["+JobFlavour = \\"longlunch\\""]
worker_init = "source env"
"""
DRIVER = Driver("hfx-toy", Path("/data/run 1/job"), ["hfx", "scan", "/data/a b", "-o", "/data/run 1"], {"HFX_CONFIG": "/data/c"})


def told(text: str, *more: str) -> Endpoint:
    return parse(tomllib.loads("\n".join((text, *more))), "river", None)


def directives(script: str) -> list[str]:
    return [line.removeprefix("#SBATCH ") for line in script.splitlines() if line.startswith("#SBATCH ")]


def test_a_small_job_that_submits_the_workers_jobs() -> None:
    script = jobscript.slurm(told(RIVER).spec, DRIVER)
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
    script = jobscript.slurm(told(RIVER, 'submit = "one-job"', "exclusive = true").spec, DRIVER)
    found = directives(script)
    assert {"--cpus-per-task=32", "--mem=64g", "--exclusive", "--time=02:00:00"} <= set(found)
    assert "unset" not in script  # it computes on what Slurm gave it
    gpus = directives(jobscript.slurm(told('engine = "parsl"\nprovider = "slurm"\ngpus = 4\nthreads = 3').spec, DRIVER))
    assert {"--gpus-per-node=4", "--cpus-per-task=12"} <= set(gpus)


def test_a_driver_s_own_walltime_and_directives() -> None:
    own = told(RIVER, 'submit_walltime = "1-00:00:00"', 'submit_directives = ["--partition=service", "--constraint="]')
    found = directives(jobscript.slurm(own.spec, DRIVER))
    assert "--time=24:00:00" in found
    assert found[-2:] == ["--partition=service", "--constraint="]  # the last counts
    assert "--mail-type=FAIL" not in found


def test_a_short_walltime_is_warned_of_later() -> None:
    """Slurm may send the signal a minute early: a minute before a minute's end the driver would not have begun."""
    spec = told(RIVER, 'submit_walltime = "00:02:00"').spec
    assert "--signal=B:TERM@30" in directives(jobscript.slurm(spec, DRIVER))


def test_a_per_cent_in_the_log_s_path_is_no_pattern() -> None:
    driver = Driver("hfx-toy", Path("/data/50%j/job"), ["hfx"])
    assert "--output=/data/50%%j/job/driver.log" in directives(jobscript.slurm(told(RIVER).spec, driver))


def test_the_script_is_a_shell_s(tmp_path: Path) -> None:
    """bash runs it: the environment is that of the file, Slurm's size of the job is forgotten, and the driver is the shell."""
    spec = told('engine = "parsl"\nprovider = "slurm"\nmax_blocks = 2\nworker_init = "export MINE=yes"').spec
    words = ["sh", "-c", 'echo $$ $MINE $HFX_JOB $OMP_NUM_THREADS $HFX_CACHE "$SLURM_MEM_PER_NODE" $SLURM_CONF; exit 7']
    script = jobscript.slurm(spec, Driver("x", tmp_path, words, {"HFX_CACHE": "/a b"}))
    environment = {"PATH": "/usr/bin:/bin", "SLURM_JOB_ID": "17", "SLURM_MEM_PER_NODE": "99", "SLURM_CONF": "conf"}
    running = subprocess.Popen(["bash", "-c", script], stdout=subprocess.PIPE, text=True, env=environment)
    out, _ = running.communicate(timeout=30)
    assert out == f"{running.pid} yes slurm:17 1 /a b  conf\n"
    assert running.returncode == 7


def test_htcondor_runs_the_driver_where_it_is_submitted() -> None:
    spec = told(POOL, "max_blocks = 2").spec
    text = jobscript.htcondor(spec, DRIVER, DRIVER.folder / "driver.sh")
    assert text.splitlines() == [
        "batch_name = hfx-toy",
        "initialdir = /data/run 1/job",
        "log = /data/run 1/job/condor.log",
        'environment = "HFX_JOB=htcondor:$(Cluster)"',
        "getenv = CONDOR_CONFIG,_CONDOR_*,PATH,PYTHONPATH,LD_LIBRARY_PATH,HOME,USER,LOGNAME,LANG,LC_ALL,TZ,HFX_*,XDG_*",
        "notification = never",
        "universe = scheduler",
        "remove_kill_sig = SIGTERM",
        "on_exit_remove = ExitBySignal == False",
        "executable = /data/run 1/job/driver.sh",
        "queue",
    ]
    assert jobscript.script(spec, DRIVER).splitlines() == [
        "#!/bin/bash",
        "exec >>'/data/run 1/job/driver.log' 2>&1",
        "export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 NUMEXPR_NUM_THREADS=1 NUMBA_NUM_THREADS=1",
        "source env",
        "export HFX_CONFIG=/data/c",
        "exec hfx scan '/data/a b' -o '/data/run 1'",
    ]


def test_htcondor_s_one_job() -> None:
    text = jobscript.htcondor(told(POOL).spec, DRIVER, DRIVER.folder / "driver.sh")
    lines = text.splitlines()
    assert lines[-1] == "queue"
    assert {
        "universe = vanilla",
        "executable = /bin/bash",
        "arguments = \"'/data/run 1/job/driver.sh'\"",
        "request_cpus = 4",
        "request_memory = 8192",
        "allowed_job_duration = 1800",
        "want_graceful_removal = True",
        "job_max_vacate_time = 60",
        'requirements = (OpSysAndVer == "AlmaLinux9")',
        "+projectname = atlas.susy",
        '+JobFlavour = "longlunch"',
    } <= set(lines)


@pytest.mark.parametrize(
    ("more", "mode"),
    [
        ((), "one-job"),
        (("max_blocks = 2",), "driver-job"),
        (("nodes = 2",), "driver-job"),
        (("max_blocks = 2", 'submit = "one-job"'), "one-job"),
        (('submit = "here"',), "here"),
    ],
)
def test_how_a_scan_is_handed_over(more: tuple[str, ...], mode: str) -> None:
    assert told('engine = "parsl"\nprovider = "slurm"', *more).spec.submit_as == mode


def test_workers_on_two_nodes_do_not_fit_into_the_driver_s_job() -> None:
    with pytest.raises(EndpointError, match="nodes = 2: give submit = 'driver-job', or nodes = 1"):
        told('engine = "parsl"\nprovider = "slurm"\nnodes = 2\nsubmit = "one-job"')
    with pytest.raises(EndpointError, match="give one of driver-job, one-job, here"):
        told('engine = "parsl"\nprovider = "slurm"\nsubmit = "two-jobs"')


def read(endpoint: Endpoint) -> Endpoint:
    """The endpoint that the driver has, read from its file."""
    return parse(tomllib.loads(jobscript.endpoint_file(endpoint, Path("/run/job/parsl"))), "river", None)


@pytest.mark.parametrize("text", [RIVER, POOL + "max_blocks = 3", RIVER + 'ports = [54000, 54100]\nrun_dir = "/elsewhere"'])
def test_the_driver_s_job_has_the_user_s_endpoint(text: str) -> None:
    """All of it, but for where the scripts of the workers' jobs go."""
    wanted, found = vars(told(text).spec), vars(read(told(text)).spec)
    assert {key for key in wanted if wanted[key] != found[key]} == {"run_dir"}
    assert found["run_dir"] == "/run/job/parsl"


def test_the_login_node_s_address_is_not_the_driver_s() -> None:
    text = 'engine = "parsl"\nprovider = "slurm"\nmax_blocks = 2\naddress = "10.1.2.3"'
    assert read(told(text)).spec.address is None
    assert read(told(text, 'submit = "here"')).spec.address == "10.1.2.3"


def test_workers_within_the_driver_s_job() -> None:
    found = read(told(RIVER, 'submit = "one-job"'))
    assert (found.engine, found.workers(1), found.settings) == ("process", 16, {"threads": 2, "device": "cpu"})
    one = read(told('engine = "parsl"\nprovider = "slurm"\ngpus = 1'))
    assert (one.engine, one.workers(1), one.settings) == ("process", 1, {"threads": 1, "device": "cuda"})
    four = read(told('engine = "parsl"\nprovider = "slurm"\ngpus = 4\ndevice = "cuda"'))
    assert (four.engine, four.spec.label, four.spec.gpus, four.workers(1)) == ("parsl", "local", 4, 4)
