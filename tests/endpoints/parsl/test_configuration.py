"""When blocks that end are a setup that does not work; what is said of them."""

from pathlib import Path

import pytest
from parsl.jobs.states import JobState, JobStatus

from hfx.endpoints import connect
from hfx.endpoints.parsl.configuration import _fail_where_no_block_starts, run_folder
from hfx.endpoints.parsl.executor import _last_words
from hfx.endpoints.specification import parse
from hfx.errors import EndpointError
from tests.endpoints.jobs import echo


class Executor:
    """Parsl's, as far as it is asked."""

    def __init__(self, *connected: str) -> None:
        self.connected, self.bad = connected, False

    def connected_blocks(self) -> list[str]:
        return list(self.connected)

    def set_bad_state_and_fail_all(self, error: Exception) -> None:
        self.bad = True


@pytest.mark.parametrize(
    ("connected", "bad"),
    [
        ((), True),
        (("0", "1", "2"), False),  # nodes that were lost, one after another
        (("2",), False),
        (("0",), False),
    ],
)
def test_three_in_a_row_whose_workers_never_came(connected: tuple[str, ...], bad: bool) -> None:
    executor = Executor(*connected)
    _fail_where_no_block_starts(executor, {str(block): JobStatus(JobState.FAILED) for block in range(3)})
    assert executor.bad is bad


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Error 1:\n\tEXIT CODE: 3\n\tSTDERR: no such module\n", "no such module"),
        ("Error 1:\n", "their jobs ended without a word"),
        (
            "Error 1:\n\tCommand 'sbatch x' failed with standard output '' and standard error 'sbatch: no\nsuch queue'",
            "sbatch: no such queue",
        ),
    ],
)
def test_the_last_words_of_jobs(text: str, words: str) -> None:
    assert _last_words(text) == words


@pytest.mark.parametrize("name", ["a b", "$(touch x)", "a;b", "a&b", "{block_id}", "a'b"])
def test_a_folder_that_a_shell_would_read_is_refused(name: str, tmp_path: Path) -> None:
    """Parsl quotes no path, in no command."""
    file = tmp_path / "here.toml"
    file.write_text(f'engine = "parsl"\nrun_dir = "{tmp_path}/{name}"')
    with connect(str(file), 1) as pool, pytest.raises(EndpointError, match=r"its job scripts cannot lie in .* set run_dir"):
        pool.submit(echo, {})
    assert sorted(tmp_path.iterdir()) == [file]


def test_the_folder_of_an_endpoint_with_an_odd_name() -> None:
    assert run_folder(parse({"engine": "parsl"}, "my river (2)", None)).name == "my_river__2_"
