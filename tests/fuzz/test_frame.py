"""The fuzzer's frame: what none should do is found, by its seed, and the seeds after it are tried nevertheless."""

import pytest

from hfx.errors import PalletError
from tests.fuzz.frame import check_error, names, run, summary


def test_all_that_should_not_be_is_found() -> None:
    *_, report = run("tests.fuzz.ill_behaved", 1, 6, longest=2.0)
    assert report.outcomes == {"right": 2, "FINDING": 4}
    found = {one.seed: one.text for one in report.findings}
    assert list(found) == [2, 3, 4, 5]
    assert "KeyError: 'what is not there'" in found[2]
    assert "ill_behaved.py" in found[3]
    assert "Timeout" in found[3]
    assert "the process ended with 9" in found[4]
    assert "MemoryError" in found[5]
    lines = summary("tests.fuzz.ill_behaved", report, 1.0)
    assert lines[0].startswith("tests.fuzz.ill_behaved: 6 in 1 s: 4 FINDING, 2 right")
    assert len(lines) == 5


def test_a_target_that_does_not_start_is_no_finding() -> None:
    with pytest.raises(RuntimeError, match="No module named"):
        next(run("tests.fuzz.absent", 1, 1))


@pytest.mark.parametrize("text", ["", "  ", "a bug in hfx, sorry", "x" * 3000])
def test_errors_that_nobody_should_read(text: str) -> None:
    class RawError(PalletError):
        def __str__(self) -> str:
            return text

    with pytest.raises(AssertionError):
        check_error(RawError())
    check_error(PalletError("p.zip is damaged; fetch it again"))


def test_the_targets() -> None:
    assert {"archives", "downloads", "endpoint_files", "page", "published", "wire", "workspaces"} <= set(names())
