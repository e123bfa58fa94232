"""What all tests share: the folder of reference data, and what happens to GPU tests where there is no GPU."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

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


def _has_gpu() -> bool:
    return torch.cuda.is_available()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect, rather than skip, the tests that need a GPU where there is none."""
    gpu = [item for item in items if item.get_closest_marker("gpu")]
    if gpu and not _has_gpu():
        config.hook.pytest_deselected(items=gpu)
        items[:] = [item for item in items if not item.get_closest_marker("gpu")]
