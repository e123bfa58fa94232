"""What all tests share: the folder of reference data, and what happens to GPU tests where there is no GPU."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from hfx.functions.wire import OTHER_MODULES

ROOT = Path(__file__).resolve().parent.parent


def shared_folder() -> Path:
    """The folder with `pallets/` and `truth/`: `HFX_SHARED`, else `../shared` beside the checkout."""
    return Path(os.environ.get("HFX_SHARED") or ROOT.parent / "shared").resolve()


@pytest.fixture(scope="session")
def shared() -> Path:
    """Reference data; absent, the test is skipped by name, or fails where CI=true."""
    folder = shared_folder()
    if not (folder / "pallets").is_dir() or not (folder / "truth").is_dir():
        reason = f"no pallets/ and truth/ in {folder}; set HFX_SHARED"
        if os.environ.get("CI", "").lower() in {"true", "1"}:
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return folder


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Small fits: torch's own threads only get in one another's way (as a worker knows, which turns them off)."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


# The groups of tests that run one after another in one process, the longest first; every other file is one too.
_LONGEST = (
    "test_endpoints, globus-slurm",
    "engines/test_submit",
    "engines/test_globus",
    "test_endpoints, htcondor",
    "oracle/test_pyhf_random",
    "engines/test_page",
    "engines/test_submit_htcondor",
    "engines/test_slurm",
    "test_endpoints, slurm",
)


def _group(item: pytest.Item) -> str:
    """Its file; in the battery over the engines, its engine, which is brought up once."""
    if item.path.stem == "test_endpoints":
        return f"{item.path.stem}, {item.callspec.params['engine']}"  # type: ignore[attr-defined]
    return f"{item.path.parent.name}/{item.path.stem}"


# Workers run what hfx sends, and what the tests send, which they are told by this variable.
os.environ[OTHER_MODULES] = "tests.endpoints.jobs,tests.driver.fakes"


def _has_gpu() -> bool:
    return torch.cuda.is_available()


@pytest.hookimpl(tryfirst=True)  # before those are read
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect, rather than skip, the tests that need a GPU where there is none; and say which belong together."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item)))
    order = {group: place for place, group in enumerate(_LONGEST)}
    items.sort(key=lambda item: order.get(_group(item), len(order)))
    gpu = [item for item in items if item.get_closest_marker("gpu")]
    if gpu and not _has_gpu():
        config.hook.pytest_deselected(items=gpu)
        items[:] = [item for item in items if not item.get_closest_marker("gpu")]
