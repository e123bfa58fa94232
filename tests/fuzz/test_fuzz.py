"""Every target of the fuzzer for some seconds, always with the same seeds; hours of it: ``python -m tests.fuzz``."""

import time

import pytest

from tests.fuzz.frame import names, run, summary, target_of


@pytest.mark.parametrize("name", names())
def test_nothing_is_found(name: str) -> None:
    target, begun = target_of(name), time.monotonic()
    *_, report = run(name, 1, target.QUICK)
    assert not report.findings, "\n".join(summary(name, report, time.monotonic() - begun))
    assert report.outcomes.total() == target.QUICK
    assert set(report.outcomes) >= target.OUTCOMES, report.outcomes
