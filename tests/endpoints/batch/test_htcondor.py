"""Script and submit description of the driver's job for HTCondor, as text."""

from dataclasses import replace
from pathlib import Path

from hfx.endpoints.batch import htcondor
from tests.endpoints.batch.endpoint_texts import DRIVER, POOL, told


def test_htcondor_runs_the_driver_where_it_is_submitted() -> None:
    spec = told(POOL, "max_blocks = 2").spec
    text = htcondor.description(spec, DRIVER, DRIVER.folder / "driver.sh")
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
    assert htcondor.script(spec, DRIVER).splitlines() == [
        "#!/bin/bash",
        "exec >>'/data/run 1/job/driver.log' 2>&1",
        "export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 NUMEXPR_NUM_THREADS=1 NUMBA_NUM_THREADS=1",
        "source env",
        "export HFX_CONFIG=/data/c",
        "exec hfx scan '/data/a b' -o '/data/run 1'",
    ]


def test_htcondor_s_one_job() -> None:
    text = htcondor.description(told(POOL).spec, DRIVER, DRIVER.folder / "driver.sh")
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


def test_a_path_is_no_macro() -> None:
    driver = replace(DRIVER, folder=Path("/data/$(Cluster)/job"))
    text = htcondor.description(told(POOL).spec, driver, driver.folder / "driver.sh")
    assert "initialdir = /data/$(DOLLAR)(Cluster)/job" in text.splitlines()
    assert "arguments = \"'/data/$(DOLLAR)(Cluster)/job/driver.sh'\"" in text.splitlines()
    assert text.count("$(Cluster)") == 1  # hfx's own
