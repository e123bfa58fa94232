"""A real HTCondor pool on this machine: its daemons in a folder of their own, on loopback, as an ordinary user.

HTCondor runs no jobs of root's. Root's daemons stand in a user namespace, where the one user is called `nobody` and may do
what root may with its own files; the commands of the client need no such thing.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# Where `.ci/install-htcondor` puts it; "/" for packages of the system.
PREFIX = Path(os.environ.get("HFX_HTCONDOR") or "/opt/hfx-htcondor")

COMMANDS = ("condor_master", "condor_submit", "condor_q", "condor_rm", "condor_status")

_NOBODY = 65534
_AS_NOBODY = ("unshare", "--user", f"--map-user={_NOBODY}", f"--map-group={_NOBODY}")

CONFIGURATION = """
RELEASE_DIR = {prefix}/usr
BIN = $(RELEASE_DIR)/bin
SBIN = $(RELEASE_DIR)/sbin
LIB = $(RELEASE_DIR)/lib/condor
LIBEXEC = $(RELEASE_DIR)/libexec/condor
SHARE = $(RELEASE_DIR)/share/condor
LOCAL_DIR = {folder}
LOG = $(LOCAL_DIR)/log
SPOOL = $(LOCAL_DIR)/spool
EXECUTE = $(LOCAL_DIR)/execute
LOCK = $(LOCAL_DIR)/lock
RUN = $(LOCAL_DIR)/run
LOCAL_CONFIG_FILE =
LOCAL_CONFIG_DIR =
CONDOR_IDS = {user}.{user}
CONDOR_HOST = 127.0.0.1
NETWORK_INTERFACE = 127.0.0.1
BIND_ALL_INTERFACES = False
ENABLE_IPV6 = False
COLLECTOR_HOST = 127.0.0.1:{port}
SHARED_PORT_PORT = {port}
UID_DOMAIN = hfxtest
FILESYSTEM_DOMAIN = hfxtest
TRUST_UID_DOMAIN = True
SEC_DEFAULT_AUTHENTICATION = REQUIRED
SEC_DEFAULT_AUTHENTICATION_METHODS = FS
ALLOW_READ = *
ALLOW_WRITE = *
ALLOW_DAEMON = *
ALLOW_NEGOTIATOR = *
ALLOW_ADMINISTRATOR = *
DAEMON_LIST = MASTER COLLECTOR NEGOTIATOR SCHEDD STARTD
NUM_CPUS = 4
MEMORY = 4096
START = True
SUSPEND = False
PREEMPT = False
KILL = False
RUNBENCHMARKS = 0
NEGOTIATOR_INTERVAL = 1
NEGOTIATOR_CYCLE_DELAY = 1
NEGOTIATOR_MIN_INTERVAL = 1
SCHEDD_INTERVAL = 1
SCHEDD_MIN_INTERVAL = 1
UPDATE_INTERVAL = 2
PERIODIC_EXPR_INTERVAL = 1
USE_PROCD = True
PROCD_MAX_SNAPSHOT_INTERVAL = 5
DISCARD_SESSION_KEYRING_ON_STARTUP = False
CREATE_CGROUP_WITHOUT_ROOT = False
MOUNT_UNDER_SCRATCH =
STARTD_RECOVERY_DELAY = 1
"""


def _root() -> bool:
    return os.geteuid() == 0


def why_not() -> str | None:
    """Why there can be no pool here; None where there can."""
    found = [str(PREFIX / "usr" / name) for name in ("bin", "sbin")]
    os.environ["PATH"] = os.pathsep.join([os.environ["PATH"], *(f for f in found if f not in os.environ["PATH"])])
    missing = [command for command in COMMANDS if shutil.which(command) is None]
    if missing:
        return f"no {', '.join(missing)} in {PREFIX}/usr (.ci/install-htcondor PREFIX, and HFX_HTCONDOR=PREFIX)"
    if _root() and subprocess.run([*_AS_NOBODY, "true"], capture_output=True, check=False).returncode:
        return "as root it needs a user namespace, and 'unshare --user' is not allowed here; run the tests as an ordinary user"
    return None


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


@contextmanager
def running() -> Iterator[Path]:
    """A pool of one machine, with CONDOR_CONFIG set; its folder. All of it has ended afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="hfx-htcondor-"))
    folder.chmod(0o755)
    for name in ("log", "spool", "execute", "lock", "run"):
        (folder / name).mkdir()
    config = folder / "condor_config"
    user = _NOBODY if _root() else os.geteuid()
    config.write_text(CONFIGURATION.format(prefix=str(PREFIX).rstrip("/"), folder=folder, user=user, port=_free_port()))
    before = os.environ.get("CONDOR_CONFIG")
    os.environ["CONDOR_CONFIG"] = str(config)
    command = [*(_AS_NOBODY if _root() else ()), "condor_master", "-f"]
    quiet = subprocess.DEVNULL
    master = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, cwd=folder, start_new_session=True)
    try:
        _until_up(folder)
        yield folder
    finally:
        _end(master, f"CONDOR_CONFIG={config}")
        os.environ.pop("CONDOR_CONFIG") if before is None else os.environ.update(CONDOR_CONFIG=before)
        shutil.rmtree(folder, ignore_errors=True)


def _until_up(folder: Path, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        slots, queue = _asked("condor_status", "-af", "State"), _asked("condor_q", "-af", "ClusterId")
        if (slots.stdout.split(), queue.returncode) == (["Unclaimed"], 0):
            return
        time.sleep(0.2)
    raise TimeoutError(f"the pool is not up: {slots.stdout} {slots.stderr} {queue.stderr}; {folder}/log")


def _asked(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def _end(master: "subprocess.Popen[bytes]", mark: str) -> None:
    """The fast way down; what is left of the pool then is killed."""
    master.send_signal(signal.SIGQUIT)
    with suppress(subprocess.TimeoutExpired):
        master.wait(15)
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark.encode() in (folder / "environ").read_bytes() and b"condor_" in (folder / "cmdline").read_bytes():
                os.kill(int(folder.name), signal.SIGKILL)
    master.wait(15)


def jobs(constraint: str = "JobStatus != 4") -> list[str]:
    """The numbers of the jobs that are queued, run or are held; a completed one's entry may stay for a minute."""
    told = _asked("condor_q", "-constraint", constraint, "-af:j", "JobStatus")
    assert told.returncode == 0, told.stderr
    return [line.split()[0] for line in told.stdout.splitlines()]
