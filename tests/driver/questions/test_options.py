"""Options: checked once for the command line and for Python; cores; the progress that is counted."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hfx.driver.process import cores
from hfx.driver.questions.options import ScanOptions
from hfx.driver.run.events import Failed, Finished, Planned
from hfx.driver.run.progress import StepProgress
from hfx.driver.views.progress import display
from hfx.errors import OptionError
from hfx.hf_core.reasons import NO_PARAMETER


def test_an_unknown_option_has_a_near_one() -> None:
    with pytest.raises(OptionError, match="no option called 'regoin'; did you mean region"):
        ScanOptions.of({"regoin": "A"})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"cl": 0.9}, "'cl'; the level is fixed: a hypothesis is excluded where CLs is below 0.05"),
        ({"toys": 1000}, "'toys'; CLs is asymptotic; pseudo-experiments"),
        ({"test_poi": 1.0}, "'test_poi'; the tested signal strength is called --mu"),
        ({"zzzzzz": 1}, "'zzzzzz'; options: output, region"),
    ],
)
def test_a_word_of_other_tools_is_told_as_on_the_command_line(given: dict[str, object], words: str) -> None:
    with pytest.raises(OptionError, match=f"scan has no option called {words}"):
        ScanOptions.of(given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"only": ["a"]}, r"only=\['a'\]: the option only \(--only\) takes text or None, not a value of type list"),
        ({"where": ["m1>1", 2]}, r"where=.*: .* takes text or a list of texts or None"),
        ({"output": 7}, "output=7: .* takes text or a path or None"),
        ({"output": ""}, "--output '' is empty"),
        ({"mu": "1"}, "mu='1': .* takes a number"),
        ({"mu": True}, "mu=True: .* takes a number"),
        ({"starts": 2.5}, "starts=2.5: .* takes a whole number or None"),
        ({"verify": "no"}, "verify='no': .* takes True or False"),
        ({"labels": 3}, "labels=3: .* takes a list of texts"),
        ({"endpoint": ["a", 3]}, "endpoint=.*: .* takes text or a list of texts"),
        ({"theory_band": [0.1]}, "theory_band=.*: .* takes a number or text or None"),
        ({"labels": "msb mn2 mn1"}, "--labels 'msb mn2 mn1': give names without spaces, separated by commas"),
        ({"liv": True}, "did you mean live?"),
    ],
)
def test_a_value_of_another_type_is_named_with_its_option(given: dict[str, object], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        ScanOptions.of(given)


def test_lists_and_paths_for_texts() -> None:
    options = ScanOptions.of({"labels": ["a", "b"], "endpoint": ["inline"], "theory_band": Path("t.csv"), "mu": 2})
    assert (options.labels, options.endpoint, options.theory_band) == (("a", "b"), "inline", "t.csv")


def test_several_conditions_are_one() -> None:
    both = ScanOptions.of({"where": ["m1>3", "m2<1 or m2>5", "m1>3"]})
    assert both.public()["where"] == "(m1>3) and (m2<1 or m2>5)"
    assert both.command("toy", Path("out")) == "hfx scan toy -o out --where '(m1>3) and (m2<1 or m2>5)'"
    assert ScanOptions.of({"where": both.public()["where"]}) == both
    assert [ScanOptions.of({"where": given}).where for given in ("m1>3", ("m1>3",), [], None)] == ["m1>3", "m1>3", None, None]


def test_numbers_for_codes_and_text_for_labels() -> None:
    options = ScanOptions.of({"histosys": 2, "labels": "a, b", "output": Path("out")})
    assert (options.question.options.histosys, options.labels) == ("2", ("a", "b"))
    assert options.public()["labels"] == ["a", "b"]
    assert options.public()["histosys"] == "2"


def test_the_command_line_of_a_scan() -> None:
    options = ScanOptions.of({"where": "m1 > 3", "mu": 2.0, "labels": "a,b", "verify": False})
    assert options.command("my pallet", Path("out")) == (
        "hfx scan 'my pallet' -o out --mu 2.0 --where 'm1 > 3' --labels a,b --no-verify"
    )


@pytest.mark.parametrize(
    ("files", "slurm", "most"),
    [
        ({"cpu.max": "150000 100000"}, None, 2),
        ({"cpu.max": "max 100000"}, "1", 1),
        ({"cpu.max": "50000 100000"}, None, 1),
        ({"cpu/cpu.cfs_quota_us": "100000", "cpu/cpu.cfs_period_us": "100000"}, None, 1),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, "", 10**6),
        ({}, "1", 1),
        ({}, "many", 10**6),
    ],
)
def test_cores(tmp_path: Path, files: dict[str, str], slurm: str | None, most: int) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    environment = {} if slurm is None else {"SLURM_CPUS_PER_TASK": slurm}
    assert 1 <= cores.usable_cores(environment, tmp_path) <= most


def test_the_quota_of_a_user_s_slice_counts(tmp_path: Path) -> None:
    """Where login nodes set it: above the session that the process is in."""
    own, group = tmp_path / "cgroup", tmp_path / "groups"
    own.write_text("0::/user.slice/user-1000.slice/session-3.scope\n")
    (group / "user.slice/user-1000.slice/session-3.scope").mkdir(parents=True)
    (group / "user.slice/user-1000.slice/session-3.scope/cpu.max").write_text("max 100000\n")
    free = cores.usable_cores({}, group, own)
    (group / "user.slice/user-1000.slice/cpu.max").write_text("100000 100000\n")
    assert cores.usable_cores({}, group, own) == 1
    assert free == len(os.sched_getaffinity(0))


def test_a_command_takes_one_thread_for_its_libraries() -> None:
    """On a login node the client is a guest; who sets the variables has the last word."""
    show = "import os, hfx.driver.cli.main as cli; cli.run = lambda _: print(os.environ['OMP_NUM_THREADS'], "
    show += "os.environ['OPENBLAS_NUM_THREADS']) or 0; cli.main()"
    environment = {key: value for key, value in os.environ.items() if not key.endswith("_NUM_THREADS")}
    for more, told in (({}, "1 1\n"), ({"OMP_NUM_THREADS": "3"}, "3 1\n")):
        command = [sys.executable, "-c", show]
        said = subprocess.run(command, env={**environment, **more}, capture_output=True, text=True, check=True).stdout
        assert said == told


def test_progress_counts_rate_and_time_left() -> None:
    count = StepProgress().after(Planned(10.0, "local", 0, 4, 90, 10))
    assert str(count) == "fitted 10 of 100"
    count = count.after(Finished(12.0, "local-0", "local", tuple("abcdefghi"), 9, 2.0))
    count = count.after(Failed(12.0, "local-0", "z", "why"))
    assert str(count) == "fitted 19 of 100, 1 failed, 5 per second, 16 s left"
    assert "fitted 19 of 100, 1 failed, 1 without a signal, " in str(count.after(Failed(12.0, "local-0", "y", NO_PARAMETER)))
    assert (
        str(count.after(Planned(20.0, "exchange", 2, 1, 5, 0, words="exchange (of minima)")))
        == "exchange (of minima), round 2: 0 of 5"
    )
    assert "27 min 30 s left" in str(StepProgress(total=340, done=10, now=50.0))


def test_lines_where_there_is_no_terminal_and_nothing_when_quiet() -> None:
    for quiet in (True, False):
        stream = io.StringIO()
        with display(quiet=quiet, stream=stream) as shown:
            shown.say("hello")
            shown.listen(Planned(10.0, "local", 0, 1, 3, 0))
            shown.listen(Failed(12.0, "local-0", "z", "why"))
        text = stream.getvalue()
        assert text == ("" if quiet else "hfx: hello\nhfx: 3 hypotheses to fit (in 1 task)\nhfx: z failed: why\n")


def test_a_bar_on_a_terminal() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    with display(stream=stream) as shown:
        shown.listen(Planned(10.0, "local", 0, 1, 3, 0))
        shown.say("a [sentence]")
        shown.listen(Finished(12.0, "local-0", "local", ("a", "b"), 2, 2.0))
    assert "a [sentence]" in stream.getvalue()
