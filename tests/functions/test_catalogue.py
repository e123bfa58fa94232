"""The catalogue of jobs, which is known without loading them."""

import pytest

from hfx.functions.catalogue import JOBS, entry_of, job_for


@pytest.mark.parametrize("name", JOBS)
def test_what_the_catalogue_says_of_a_job_is_what_the_job_says(name: str) -> None:
    entry = entry_of(name)
    job = job_for(name, entry.version)
    assert (job.name, job.version, job.numerics) == (name, entry.version, entry.numerics)
