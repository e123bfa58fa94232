"""Endpoint files of two batch systems, and a driver, for the tests of this folder."""

import tomllib
from pathlib import Path

from hfx.endpoints.batch.base import Driver
from hfx.endpoints.specification import Endpoint, parse

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
