"""What patched workspaces share is decoded and described once: every hypothesis gets what it would get alone."""

import copy
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hfx.errors import SpecificationError
from hfx.hf_core.batch.compile import Batch, compile_batch
from hfx.hf_core.batch.parameters import Parameters, ParameterTable, parameter_table
from hfx.hf_core.batch.shifts import names_of, shift_tables
from hfx.hf_core.decoding import Decoder
from hfx.hf_core.fits.model import Model
from hfx.hf_core.fits.run import Fits
from hfx.hf_core.modifiers.base import ROWS
from hfx.hf_core.specification import Channel, Sample, Workspace
from hfx.pallets.json_patch import apply_patch
from tests.conformance import workspaces as build
from tests.functions.tasks import signal

Json = dict[str, Any]

BACKGROUND: Json = build.workspace(
    [
        build.channel(
            "A",
            build.sample("top", [120.0, 80.0], build.normfactor("k"), build.normsys("jes", 0.93, 1.06), build.LUMI),
            build.sample(
                "fakes", [9.0, 4.0], build.staterror("stat", [1.0, 0.7]), build.histosys("jes", [8.0, 4.0], [10.0, 4.5])
            ),
        ),
        build.channel(
            "B",
            build.sample(
                "top", [20.0, 9.0], build.normfactor("k"), build.staterror("stat", [1.2, 0.8]), build.normsys("b", 0.9, 1.2)
            ),
            build.sample("rare", [3.0, 1.5], build.shapesys("rare", [0.8, 0.5]), build.histosys("same", [3.0, 1.5], [3.0, 1.5])),
        ),
        build.channel("C", build.sample("rare", [7.0], build.shapefactor("free"), build.histosys("a", [6.0], [8.5]), build.LUMI)),
    ],
    {"A": [130.0, 77.0], "B": [24.0, 12.0], "C": [8.0]},
    parameters=[build.lumi_config(), {"name": "jes", "bounds": [[-3.0, 3.0]]}],
)


def test_a_model_is_asked_with_the_parameters_of_its_smallest_hypothesis_first() -> None:
    """What a kernel keeps from call to call has room for the largest."""
    small = build.workspace([build.channel("A", build.sample("s", [5.0], build.normfactor("mu")))], {"A": [6.0]})
    decoder = Decoder()
    batch = compile_batch([decoder.workspace(small), decoder.workspace(BACKGROUND)])
    model = Model(batch)
    size = int(batch.tables.size[0])
    assert size < int(batch.tables.size[1])
    narrow, _ = model.yields(np.zeros(1, dtype=np.int64), batch.init[:1, :size])
    wide, _ = Model(batch).yields(np.zeros(1, dtype=np.int64), batch.init[:1])
    assert np.array_equal(narrow, wide)
    second = np.ones(1, dtype=np.int64)
    assert np.array_equal(model.yields(second, batch.init[1:])[0], Model(batch).yields(second, batch.init[1:])[0])
    fits, alone = Fits(model), Fits(Model(batch))
    problem = fits.problem(second, batch.init[1:], model.observed(second), np.array([np.nan]), 0.0)
    assert np.array_equal(fits.run(problem).theta, alone.run(problem).theta)


def _replace(path: str, value: Any) -> Json:
    return {"op": "replace", "path": path, "value": value}


STAT = signal(0, [3.0, 2.0], build.POI, build.staterror("stat", [0.4, 0.3]), build.normsys("theory", 0.8, 1.1))
LARGER = signal(0, [6.0, 4.0], build.POI, build.staterror("stat", [0.9, 0.6]), build.normsys("theory", 0.7, 1.2))
PLAIN = signal(1, [1.0, 2.0], build.POI, build.normsys("b", 0.95, 1.04), build.histosys("a", [0.9, 1.8], [1.1, 2.3]))
FIRST = {
    "op": "add",
    "path": "/channels/2/samples/0",
    "value": build.sample("a signal", [2.0], build.POI, build.normsys("z", 0.9, 1.1)),
}
# One patch each for what a patch may do to what hypotheses share.
PATCHES: dict[str, list[Json]] = {
    "a signal with staterror": [STAT],
    "the same signal, larger": [signal(0, [6.0, 4.0], build.POI, build.staterror("stat", [0.9, 0.6]))],
    "a signal without staterror": [PLAIN],
    "a signal that comes first": [FIRST],
    "all signals": [STAT, PLAIN, FIRST],
    "a channel removed": [PLAIN, {"op": "remove", "path": "/channels/0"}],
    "a channel and its observation removed": [
        PLAIN,
        {"op": "remove", "path": "/channels/2"},
        {"op": "remove", "path": "/observations/2"},
    ],
    "a channel renamed, in its place": [STAT, _replace("/channels/0/name", "A2"), _replace("/observations/0/name", "A2")],
    "a channel renamed": [STAT, _replace("/channels/0/name", "Z"), _replace("/observations/0/name", "Z")],
    "a sample renamed": [STAT, _replace("/channels/1/samples/0/name", "z")],
    "a sample removed": [STAT, {"op": "remove", "path": "/channels/1/samples/1"}],
    "a yield replaced": [STAT, _replace("/channels/0/samples/1/data/0", 11.0)],
    "an uncertainty replaced": [PLAIN, _replace("/channels/1/samples/0/modifiers/1/data/0", 2.5)],
    "a modifier renamed": [PLAIN, _replace("/channels/0/samples/0/modifiers/1/name", "jet")],
    "a modifier of another type": [
        PLAIN,
        _replace("/channels/0/samples/0/modifiers/1", build.histosys("jes", [110.0, 75.0], [131.0, 84.0])),
    ],
    "another binning": [
        _replace("/channels/2", build.channel("C", build.sample("rare", [4.0, 3.0], build.shapefactor("free")))),
        _replace("/observations/2/data", [5.0, 2.0]),
        signal(2, [1.0, 2.0], build.POI),
    ],
    "a channel more": [
        {
            "op": "add",
            "path": "/channels/-",
            "value": build.channel("AA", build.sample("s", [2.0, 1.0], build.POI, build.staterror("stat", [0.2, 0.1]))),
        },
        {"op": "add", "path": "/observations/-", "value": {"name": "AA", "data": [2.0, 2.0]}},
    ],
    "channels in another order": [STAT, {"op": "move", "from": "/channels/0", "path": "/channels/2"}],
    "a measurement that says more": [
        STAT,
        {"op": "add", "path": "/measurements/0/config/parameters/-", "value": {"name": "theory", "inits": [0.3], "fixed": True}},
    ],
    "a measurement that says something else": [PLAIN, _replace("/measurements/0/config/parameters/1/bounds", [[-1.0, 2.0]])],
    "a measurement of staterror": [
        STAT,
        {"op": "add", "path": "/measurements/0/config/parameters/-", "value": {"name": "stat", "sigmas": [0.1, 0.2, 0.3, 0.4]}},
    ],
    "other observations": [PLAIN, _replace("/observations/1/data", [20.0, 15.0])],
}


def _alone(patch: list[Json]) -> Workspace:
    """Decoded from a copy, with nothing to share."""
    return Decoder().workspace(copy.deepcopy(apply_patch(BACKGROUND, patch)))


def _same_table(shared: ParameterTable, alone: ParameterTable) -> None:
    assert shared.labels == alone.labels
    assert shared.start == alone.start
    assert shared.poi == alone.poi
    assert list(shared.kinds.items()) == list(alone.kinds.items())
    assert shared.offsets == alone.offsets
    for row, name in enumerate(ROWS):
        np.testing.assert_array_equal(shared.values[row], alone.values[row], err_msg=name)


def _same_model(batch: Batch, h: int, alone: Batch) -> None:
    """The likelihood, its gradient and Hessian at some points, and every yield."""
    size, bins = int(alone.tables.size[0]), int(alone.tables.bins[0])
    assert int(batch.tables.size[h]) == size
    assert batch.samples[h] == alone.samples[0]
    assert batch.bin_names[h] == alone.bin_names[0]
    np.testing.assert_array_equal(batch.observed[h, :bins], alone.observed[0])
    for theta in np.random.default_rng(7).normal(alone.init[0], 0.2, (3, size)):
        one, other = Model(batch).evaluate(h, theta, order=2), Model(alone).evaluate(0, theta, order=2)
        for name in ("twice_nll", "gradient", "hessian"):
            np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-12, atol=1e-10, err_msg=name)


@settings(max_examples=25, deadline=None)
@given(st.permutations(sorted(PATCHES)).flatmap(lambda order: st.integers(1, len(order)).map(lambda count: order[:count])))
def test_a_table_of_parameters_is_that_of_the_hypothesis_alone(names: list[str]) -> None:
    decoder, shared = Decoder(), Parameters()
    for name in names:
        table = shared.table(decoder.workspace(apply_patch(BACKGROUND, PATCHES[name])))
        _same_table(table, parameter_table(_alone(PATCHES[name])))


def test_a_model_in_a_batch_is_that_of_the_hypothesis_alone() -> None:
    decoder = Decoder()
    batch = compile_batch([decoder.workspace(apply_patch(BACKGROUND, patch)) for patch in PATCHES.values()])
    for h, patch in enumerate(PATCHES.values()):
        _same_model(batch, h, compile_batch([_alone(patch)]))


def test_what_is_shared_is_one_object_and_one_block() -> None:
    decoder, shared = Decoder(), Parameters()
    one, two = (decoder.workspace(apply_patch(BACKGROUND, PATCHES[name])) for name in ("a signal with staterror", "all signals"))
    assert one.measurement is two.measurement
    assert one.channels[1].samples[0] is two.channels[1].samples[0]
    larger = decoder.workspace(apply_patch(BACKGROUND, [LARGER]))
    first, other = shared.table(one), shared.table(larger)
    assert first.labels is other.labels
    assert first.start is other.start
    assert not np.array_equal(first.values, other.values)  # the signal's staterror
    batch = compile_batch([one, two])
    assert len(batch.tables.block_bins) == 5 + 3  # the background's samples, and each signal's


def test_a_batch_that_fails_leaves_what_it_shares_sound() -> None:
    decoder, shared = Decoder(), Parameters()
    broken = [signal(0, [3.0, 2.0], build.POI, build.normsys("rare", 0.9, 1.1))]
    with pytest.raises(SpecificationError, match="channel 'B', sample 'rare', shapesys 'rare': the name is a normsys elsewhere"):
        shared.table(decoder.workspace(apply_patch(BACKGROUND, broken)))
    _same_table(shared.table(decoder.workspace(apply_patch(BACKGROUND, [STAT]))), parameter_table(_alone([STAT])))


# --- columns -----------------------------------------------------------------------------------------------------


NAMES = st.lists(st.text("abcXYZ", min_size=1, max_size=3), min_size=1, max_size=6, unique=True)
NUMBERS = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)


@given(NAMES, st.integers(1, 3), st.data())
def test_modifiers_are_sorted_with_their_data(names: list[str], bins: int, data: st.DataObject) -> None:
    row = st.lists(NUMBERS, min_size=bins, max_size=bins)
    given_rows = {name: (data.draw(row), data.draw(row)) for name in names}
    modifiers = [build.histosys(name, lo, hi) for name, (lo, hi) in given_rows.items()]
    document = build.channel("c", build.sample("s", [1.0] * bins, *modifiers))
    (sample,) = Decoder().channel(document).samples
    assert sample.names["histosys"] == tuple(sorted(names))
    for i, name in enumerate(sample.names["histosys"]):
        assert sample.events["histosys"]["lo_data"][i].tolist() == [float(x) for x in given_rows[name][0]]
        assert sample.events["histosys"]["hi_data"][i].tolist() == [float(x) for x in given_rows[name][1]]


@pytest.mark.parametrize(
    ("modifier", "words"),
    [
        (build.histosys("h", [True, 1.0], [1.0, 1.0]), "histosys 'h': lo_data: must be a non-empty array of numbers"),
        (build.histosys("h", [1.0, 1.0], [1.0]), "histosys 'h': hi_data: 1 value for 2 bins"),
        ({"name": "h", "type": "histosys", "data": {"hi_data": "12", "lo_data": [1.0, 1.0]}}, "hi_data: must be"),
        ({"name": "h", "type": "histosys", "data": {"hi_data": [1.0, 1.0]}}, "data needs 'lo_data'"),
        ({"name": "h", "type": "histosys", "data": None}, "data needs 'hi_data'"),
        (build.staterror("e", [1.0, 10**400]), "staterror 'e': holds an integer too large"),
        (build.normsys("n", 0.9, float("nan")), "normsys 'n': hi = nan must be positive and finite"),
        ({"name": "n", "type": "normsys", "data": {"hi": True, "lo": 1.0}}, "normsys 'n': data needs a number 'hi'"),
        ({"name": "n", "type": "normsys", "data": [1.0, 2.0]}, "normsys 'n': data needs a number 'hi'"),
        (build.normsys("n", 10**400, 1.1), "normsys 'n': lo is too large for a number"),
        ({"name": ["l"], "type": "normsys", "data": {"hi": 1.0, "lo": 1.0}}, "a normsys modifier's name is not text"),
        ({"name": "l", "type": ["normsys"], "data": None}, r"modifier 'l' has type \['normsys'\]"),
        ({"name": "l", "type": "lumi", "data": 1.0}, "lumi 'l': data must be null"),
        ({"name": "l", "type": "lumi"}, "modifier 'l' has no data"),
        ({"type": "lumi", "data": None}, "has no name"),
        ("lumi", "a modifier is not a JSON object"),
        (build.normsys("n", 0.9, 1.1) | {"fixed": True}, "modifier 'n': unknown key 'fixed'"),
        (
            {"name": "k", "type": "normfactor", "data": None, "bounds": [], "inits": []},
            "modifier 'k': unknown key 'bounds', 'inits'",
        ),
        (
            {"name": "n", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9, "high": 1.2}},
            "normsys 'n': data has an unknown key 'high'",
        ),
        (
            {"name": "h", "type": "histosys", "data": {"hi_data": [1.0, 2.0], "lo_data": [1.0, 2.0], "lo": 0.9}},
            "histosys 'h': data has an unknown key 'lo'",
        ),
    ],
)
def test_what_cannot_be_read_is_named(modifier: Any, words: str) -> None:
    good = [build.normsys("a", 0.9, 1.1), build.histosys("a", [1.0, 2.0], [1.0, 2.0]), build.staterror("s", [0.1, 0.2])]
    document = build.channel("c", build.sample("s", [1.0, 2.0], *good, modifier))
    with pytest.raises(SpecificationError, match="channel 'c', sample 's'.*" + words):
        Decoder().channel(document)


@pytest.mark.parametrize(
    ("place", "key", "words"),
    [
        ((), "data", "workspace: unknown key 'data'"),
        (("channels", 0), "data", "channel 'c': unknown key 'data'"),
        (("channels", 0, "samples", 0), "fixed", "channel 'c', sample 's': unknown key 'fixed'"),
        (("observations", 0), "label", "observation 'c': unknown key 'label'"),
        (("measurements", 0), "poi", "measurement 'm': unknown key 'poi'"),
        (("measurements", 0, "config"), "lumi", "measurement 'm': config: unknown key 'lumi'"),
        (("measurements", 0, "config", "parameters", 0), "init", "measurement 'm', parameter 'mu': unknown key 'init'"),
    ],
)
def test_the_schema_is_closed_at_all_levels(place: tuple[str | int, ...], key: str, words: str) -> None:
    sample = build.sample("s", [1.0], {"name": "mu", "type": "normfactor", "data": None})
    document: Any = {
        "channels": [build.channel("c", sample)],
        "observations": [{"name": "c", "data": [1.0]}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": [{"name": "mu"}]}}],
        "version": "1.0.0",
    }
    Decoder().workspace(document)
    target = document
    for step in place:
        target = target[step]
    target[key] = None
    with pytest.raises(SpecificationError, match=words):
        Decoder().workspace(document)


def test_a_modifier_given_twice_is_named() -> None:
    document = build.channel("c", build.sample("s", [1.0], build.normsys("a", 0.9, 1.1), build.normsys("a", 0.8, 1.2)))
    with pytest.raises(SpecificationError, match="sample 's': normsys modifier 'a': given twice"):
        Decoder().channel(document)


# --- shifts ------------------------------------------------------------------------------------------------------


def _block(bins: int, moving: list[bool], rng: np.random.Generator) -> tuple[Channel, Sample]:
    nominal = rng.uniform(1.0, 9.0, bins)
    lo, hi = nominal * rng.uniform(0.8, 1.2, (2, len(moving), bins))
    lo[~np.array(moving, dtype=bool)] = hi[~np.array(moving, dtype=bool)] = nominal
    names = tuple(f"m{i}" for i in range(len(moving)))
    data = {"histosys": {"lo_data": lo, "hi_data": hi}}
    sample = Sample("s", nominal, {"histosys": names} if names else {}, data)
    return Channel(f"c{bins}", bins, (sample,)), sample


@given(st.lists(st.tuples(st.integers(1, 3), st.lists(st.booleans(), max_size=4)), max_size=6), st.integers(0, 99))
def test_shifts_lie_bin_by_bin_and_those_that_move_nothing_are_left_out(sizes: list[tuple[int, list[bool]]], seed: int) -> None:
    rng = np.random.default_rng(seed)
    blocks = [_block(bins, moving, rng) for bins, moving in sizes]
    found = shift_tables(blocks, names_of(blocks, ("histosys",)))
    place = 0
    for k, ((_, moving), (channel, sample)) in enumerate(zip(sizes, blocks, strict=True)):
        rows = [i for i, moves in enumerate(moving) if moves]
        assert np.flatnonzero(found.moves[k]).tolist() == rows
        assert found.cell[k] == place
        rectangle = slice(place, place + channel.bins * len(rows))
        place = rectangle.stop
        odd = (sample.events["histosys"]["hi_data"] - sample.events["histosys"]["lo_data"])[rows] / 2.0
        even = (sample.events["histosys"]["hi_data"] + sample.events["histosys"]["lo_data"])[rows] / 2.0 - sample.nominal
        np.testing.assert_array_equal(found.odd[rectangle], odd.T.ravel())
        np.testing.assert_array_equal(found.even[rectangle], even.T.ravel())
    assert len(found.odd) == len(found.even) == place
