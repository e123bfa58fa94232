"""Answers of workers: mutants of records and reasons, as a scan takes them in. Sound answers give results."""

import random
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hfx.driver.api import scan
from hfx.driver.results import load_run
from hfx.driver.scan.run_context import RunContext
from hfx.errors import HfxError
from hfx.printable import has_unprintable
from tests.driver import fakes
from tests.fuzz.frame import check_error
from tests.fuzz.mutation import mutate

QUICK, OUTCOMES = 20, {"results"}


def attempt(seed: int) -> str:
    """Scan with a worker one of whose answers is a mutant."""
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        pallet = fakes.write_pallet(Path(folder) / "toy", fakes.grid(3, 2))
        context = RunContext(say=lambda _: None, function=_worker(draw), batch=2)
        try:
            result = scan(pallet, output=Path(folder) / "run", context=context)
            for failure in result.failures:
                assert failure["reason"].strip()
                assert not has_unprintable(failure["reason"])
            assert len(result) + len(result.failures) == 6
            load_run(Path(folder) / "run")
        except HfxError as error:
            check_error(error)
            return "clean error"
    return "results"


def _worker(draw: random.Random) -> Any:
    mutants = {draw.randrange(6)}
    calls = iter(range(1000))

    def work(task: Mapping[str, Any]) -> Any:
        answer = fakes.run(task)
        return mutate(answer, draw, draw.choice((1, 1, 2, 4))) if next(calls) in mutants else answer

    return work
