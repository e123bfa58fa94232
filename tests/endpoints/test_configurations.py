"""The files of ``configs/``: every one is read; what batch systems are told is text, and looked at as text."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from hfx.endpoints import resolve, templates
from hfx.endpoints.parsl.configuration import config
from hfx.endpoints.specification import Endpoint, parse
from hfx.errors import EndpointError
from tests.endpoints.batch.endpoint_texts import POOL

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def told(text: str) -> Endpoint:
    return parse(tomllib.loads(text), "river", None)


def uncommented(path: Path) -> str:
    """The file with the keys that it only shows put to use; of two that exclude one another, the first."""
    text = re.sub(r'^# worker_init = """\n((?:#.*\n)+?)# """', r'worker_init = """\n\1"""', path.read_text(), flags=re.M)
    text = re.sub(r"^# (\w+ = .*)$", r"\1", text, flags=re.M)
    if "interface = " in text:
        text = re.sub(r"^address = .*\n", "", text, flags=re.M)
    if re.search(r"^gpus = \d", text, flags=re.M):
        text = re.sub(r"^workers = .*\n", "", text, flags=re.M)
        text = re.sub(r"^device = .*\n", "", text, flags=re.M)
    return text


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_file_can_be_used_as_it_is_and_with_all_that_it_shows(path: Path, tmp_path: Path) -> None:
    """But for the ids, which the template cannot know."""
    plain, full = tmp_path / path.name, tmp_path / "full.toml"
    for file, text in ((plain, path.read_text()), (full, uncommented(path))):
        file.write_text(text.replace("00000000-0000-0000-0000-000000000000", "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"))
    endpoint = resolve(str(plain))
    assert endpoint.workers(2) >= 1
    shown = resolve(str(full))
    assert shown.engine == endpoint.engine
    assert len(full.read_text().split(" = ")) > len(path.read_text().split("\n\n"))
    # The commands in the file are those of its own name.
    assert f"{path.name}" in path.read_text()


def test_there_is_one_for_each_place() -> None:
    assert {path.stem for path in CONFIGS.glob("*.toml")} == {
        "local",
        "slurm-cpu",
        "slurm-gpu",
        "htcondor",
        "kubernetes",
        "globus",
    }
    assert set(templates.kinds()) == {path.stem for path in CONFIGS.glob("*.toml")} | {"globus-slurm", "globus-htcondor"}
    assert templates.text("local") == (CONFIGS / "local.toml").read_text()
    with pytest.raises(EndpointError, match="did you mean 'slurm-cpu'"):
        templates.text("slurm-cpus")
    with pytest.raises(EndpointError, match="did you mean 'slurm-cpu' or 'slurm-gpu'"):
        templates.text("slurm")


SLURM = """
engine = "parsl"
provider = "slurm"
nodes = 2
gpus = 4
threads = 3
walltime = "1-02:00:00"
account = "atlas"
partition = "gpu"
qos = "long"
constraint = "epyc"
reservation = "tutorial"
memory_gb = 64
directives = ["--mail-type=FAIL", "#SBATCH --requeue"]
worker_init = "module load python\\nsource env/bin/activate"
ports = [54000, 54100]
address = "10.1.2.3"
"""


def provider_of(text: str, folder: Path) -> Any:
    # With an address of its own: Parsl's search for all of them leaves sockets open.
    given = text if "address = " in text else f'{text}\naddress = "127.0.0.1"'
    provider = config(told(given), folder).executors[0].provider
    provider.script_dir = str(folder)
    return provider


def test_the_slurm_job_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = provider_of(SLURM, tmp_path)
    monkeypatch.setattr(provider, "execute_wait", lambda *_: (0, "Submitted batch job 17", ""))
    assert provider.submit("start-the-workers", 1, "hfx") == "17"
    (script,) = tmp_path.glob("hfx.*")
    lines = script.read_text().splitlines()
    for directive in (
        "--nodes=2",
        "--time=1560",
        "--account=atlas",
        "--partition=gpu",
        "--qos=long",
        "--constraint=epyc",
        "--reservation=tutorial",
        "--gpus-per-node=4",
        "--mem=64g",
        "--cpus-per-task=12",
        "--mail-type=FAIL",
        "--requeue",
        "--signal=USR1@120",
    ):
        assert f"#SBATCH {directive}" in lines, directive
    assert "#SBATCH --exclusive" not in lines
    setup = [line for line in lines if line.startswith(("export OMP", "module", "source"))]
    assert setup[0] == (
        "export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 NUMEXPR_NUM_THREADS=1 NUMBA_NUM_THREADS=1"
    )
    assert setup[1:] == ["module load python", "source env/bin/activate"]
    assert "srun" in script.read_text()


def test_what_slurm_s_workers_are_told(tmp_path: Path) -> None:
    """One GPU a worker, the ports, and no more tasks two minutes before the walltime ends."""
    htex = config(told(SLURM), tmp_path).executors[0]
    assert "export HFX_DEVICES=job" in htex.provider.worker_init
    assert not htex.available_accelerators  # Parsl would number them from 0, whichever the job was given
    assert (htex.max_workers_per_node, htex.address, htex.worker_port_range) == (4, "10.1.2.3", (54000, 54100))
    assert htex.drain_period == 26 * 3600 - 120
    assert htex.encrypted
    assert told(SLURM).workers(1) == 8
    assert told(SLURM).settings == {"threads": 3, "device": "cuda"}
    short = told('engine = "parsl"\nprovider = "slurm"\nwalltime = "00:02:00"')
    assert short.spec.drain_period() == 60


def test_slurm_s_warning_goes_to_the_pool_of_workers(tmp_path: Path) -> None:
    """Which the job's shell has become, where there is one node."""

    def options(more: str) -> str:
        found: str = provider_of(f'engine = "parsl"\nprovider = "slurm"\n{more}', tmp_path).scheduler_options
        return found

    assert "#SBATCH --signal=B:USR1@300" in options("warning_seconds = 300")
    assert "#SBATCH --signal=USR1@120" in options("nodes = 2")
    assert options('directives = ["--signal=B:USR1@7"]').count("--signal") == 1
    assert "--signal" not in options('launcher = "single"')  # its shell waits for what it started
    command = config(told('engine = "parsl"\nprovider = "slurm"\naddress = "127.0.0.1"'), tmp_path).executors[0].launch_cmd
    assert command.startswith("exec env PYTHONSAFEPATH=1 HFX_PARSL=")
    assert " python3 -m hfx.endpoints.parsl.worker_pool " in command


def test_the_prefix_of_the_workers_command(tmp_path: Path) -> None:
    """As it stands: braces are the shell's, not Parsl's."""
    text = 'engine = "parsl"\nprovider = "slurm"\naddress = "127.0.0.1"\nprefix = "apptainer exec --nv ${HOME}/hfx.sif"'
    command = config(told(text), tmp_path).executors[0].launch_cmd
    # Parsl fills in what it knows when it starts, and the number of each block when that starts.
    known = dict.fromkeys(re.findall(r"(?<!{){(\w+)}(?!})", command), "x")
    started = command.format(**known).format(block_id=0)
    assert " apptainer exec --nv ${HOME}/hfx.sif python3 -m hfx.endpoints.parsl.worker_pool " in started
    assert "--block_id=0" in started


def test_without_worker_init_the_client_s_python_is_used(tmp_path: Path) -> None:
    setup = told('engine = "parsl"\nprovider = "slurm"').spec.setup()
    assert f"export PATH={Path(sys.executable).parent}:$PATH" in setup


def test_a_gres_stands_in_the_place_of_gpus_per_node(tmp_path: Path) -> None:
    options = provider_of('engine = "parsl"\nprovider = "slurm"\ngpus = 2\ngres = "gpu:a100:2"', tmp_path).scheduler_options
    assert "--gres=gpu:a100:2" in options
    assert "--gpus-per-node" not in options


def test_the_htcondor_submit_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"{POOL}gpus = 4\n"
    provider = provider_of(text, tmp_path)
    monkeypatch.setattr(provider, "execute_wait", lambda *_: (0, "1 job(s) submitted to cluster 118907.", ""))
    provider.submit("start-the-workers", 1, "hfx")
    (submit,) = tmp_path.glob("*.submit")
    words = [" ".join(line.split()) for line in submit.read_text().splitlines()]
    for line in (
        "RequestCpus = 4",
        "RequestMemory = 8192.0",
        "request_gpus = 4",
        "allowed_job_duration = 1800",
        "leave_in_queue = (JobStatus == 4) && (time() - CompletionDate < 60)",
        "+projectname = atlas.susy",
        'requirements = (OpSysAndVer == "AlmaLinux9")',
        '+JobFlavour = "longlunch"',
        "queue",
    ):
        assert line in words, line
    (script,) = tmp_path.glob("*.script")
    exported, *more = told(text).spec.setup().splitlines()
    assert more == ["export HFX_DEVICES=job", "source env"]
    assert script.read_text().splitlines()[:3] == [exported, *more]


def test_the_kubernetes_pods() -> None:
    text = 'engine = "parsl"\nprovider = "kubernetes"\nimage = "me/hfx:1"\ngpus = 2\nthreads = 2\nmemory_gb = 8\nmax_blocks = 3'
    endpoint = told(text)
    arguments = endpoint.spec.arguments()
    assert arguments == {
        "init_blocks": 1,
        "min_blocks": 0,
        "max_blocks": 3,
        "nodes_per_block": 1,
        "worker_init": endpoint.spec.setup(),
        "image": "me/hfx:1",
        "namespace": "default",
        "init_cpu": 4.0,
        "max_cpu": 4.0,
        "init_mem": "8Gi",
        "max_mem": "8Gi",
        "extra_requests": {"nvidia.com/gpu": "2"},
        "extra_limits": {"nvidia.com/gpu": "2"},
        "secret": None,
        "service_account_name": None,
    }
    assert "PATH" not in arguments["worker_init"]  # the image has its own Python
    assert not endpoint.spec.encrypted


def test_every_argument_is_one_that_parsl_knows(tmp_path: Path) -> None:
    import inspect

    from parsl import providers

    for kind, more in (("SlurmProvider", "slurm"), ("CondorProvider", "htcondor"), ("LocalProvider", "local")):
        known = inspect.signature(getattr(providers, kind)).parameters
        assert set(told(f'engine = "parsl"\nprovider = "{more}"').spec.arguments()) <= set(known)
    known = inspect.signature(providers.KubernetesProvider).parameters
    assert set(told('engine = "parsl"\nprovider = "kubernetes"\nimage = "x"').spec.arguments()) <= set(known)


def test_what_is_missing_here_is_said_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hfx.endpoints import connect
    from tests.endpoints import jobs

    file = tmp_path / "river.toml"
    for text, words in (
        ('provider = "kubernetes"\nimage = "x"', "pip install kubernetes"),
        ('provider = "slurm"', "there is no 'sbatch' here"),
        ('provider = "htcondor"', "there is no 'condor_submit' here"),
        ('provider = "local"\ninterface = "ib9"', "interface = 'ib9' has no address here; interfaces of this machine: lo"),
    ):
        file.write_text(f'engine = "parsl"\nrun_dir = "{tmp_path}"\n{text}')
        with monkeypatch.context() as patched, connect(str(file)) as pool:
            patched.setattr("shutil.which", lambda command: None)
            with pytest.raises(EndpointError) as caught:
                pool.submit(jobs.echo, {})
        assert words in str(caught.value)
        assert str(file) in str(caught.value)


def test_parsl_is_imported_when_it_is_used_and_not_before() -> None:
    code = "import sys; from hfx import endpoints\nwith endpoints.connect('parsl'): print('parsl' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
