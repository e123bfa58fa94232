"""Settings of parameters in a measurement that contradict each other."""

from typing import Any

import pytest

from hfx.errors import SpecificationError
from hfx.hf_core.batch.parameters import ParameterTable, parameter_table
from hfx.hf_core.decoding import Decoder
from tests.conformance import workspaces as build


def table(setting: dict[str, Any]) -> ParameterTable:
    signal = build.sample("signal", [1.0, 2.0], build.normfactor("mu"))
    other = build.sample("other", [9.0, 5.0], build.normsys("jes", 0.9, 1.1), build.staterror("stat", [1.0, 1.0]))
    document = build.workspace([build.channel("c", signal, other)], {"c": [11.0, 6.0]}, [setting])
    return parameter_table(Decoder().workspace(document))


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"name": "mu", "bounds": [[0.0, 0.5]]}, r"'mu': the initial value 1 \(the default\) lies outside the bounds"),
        ({"name": "mu", "inits": [12.0]}, r"'mu': the initial value 12 lies outside the bounds \[0, 10\]"),
        ({"name": "jes", "inits": [-6.0]}, r"the initial value -6 lies outside the bounds \[-5, 5\]; change one of them"),
        ({"name": "jes", "inits": [7.0], "fixed": True}, "the initial value 7, at which it is fixed, lies outside"),
        ({"name": "stat", "inits": [1.0, 2.0], "bounds": [[0.0, 2.0], [0.0, 1.5]]}, "the initial value 2 of bin 1 lies outside"),
    ],
)
def test_an_initial_value_outside_the_bounds_is_refused(setting: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecificationError, match=words):
        table(setting)


@pytest.mark.parametrize(
    "setting",
    [
        {"name": "mu", "inits": [0.0]},
        {"name": "jes", "inits": [5.0], "fixed": True},
        {"name": "stat", "inits": [1.0, 1.5], "bounds": [[0.0, 2.0], [0.0, 1.5]]},
    ],
)
def test_one_at_a_bound_is_used(setting: dict[str, Any]) -> None:
    found = table(setting)
    place = found.labels.index(setting["name"] if setting["name"] != "stat" else "stat[1]")
    assert found.values[0, place] == setting["inits"][-1]
