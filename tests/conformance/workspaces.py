"""The conformance battery: small workspaces, each for one thing that an implementation must get right.

`BATTERY` maps a name to a workspace document. A new modifier or override is one more entry here; every test
of the battery then runs on it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]

POI: Json = {"name": "mu", "type": "normfactor", "data": None}
LUMI: Json = {"name": "lumi", "type": "lumi", "data": None}


def normfactor(name: str) -> Json:
    return {"name": name, "type": "normfactor", "data": None}


def shapefactor(name: str) -> Json:
    return {"name": name, "type": "shapefactor", "data": None}


def normsys(name: str, lo: float, hi: float) -> Json:
    return {"name": name, "type": "normsys", "data": {"lo": lo, "hi": hi}}


def histosys(name: str, lo: Sequence[float], hi: Sequence[float]) -> Json:
    return {"name": name, "type": "histosys", "data": {"lo_data": list(lo), "hi_data": list(hi)}}


def staterror(name: str, errors: Sequence[float]) -> Json:
    return {"name": name, "type": "staterror", "data": list(errors)}


def shapesys(name: str, errors: Sequence[float]) -> Json:
    return {"name": name, "type": "shapesys", "data": list(errors)}


def sample(name: str, data: Sequence[float], *modifiers: Json) -> Json:
    return {"name": name, "data": list(data), "modifiers": list(modifiers)}


def channel(name: str, *samples: Json) -> Json:
    return {"name": name, "samples": list(samples)}


def measurement(poi: str = "mu", parameters: Sequence[Json] = (), name: str = "NormalMeasurement") -> Json:
    return {"name": name, "config": {"poi": poi, "parameters": list(parameters)}}


def lumi_config(**overrides: Any) -> Json:
    config = {"name": "lumi", "inits": [1.0], "bounds": [[0.5, 1.5]], "auxdata": [1.0], "sigmas": [0.017]}
    return config | overrides


def workspace(
    channels: Sequence[Json],
    observations: Mapping[str, Sequence[float]],
    parameters: Sequence[Json] = (),
    poi: str = "mu",
    measurements: Sequence[Json] = (),
) -> Json:
    return {
        "channels": list(channels),
        "observations": [{"name": name, "data": list(data)} for name, data in observations.items()],
        "measurements": list(measurements) or [measurement(poi, parameters)],
        "version": "1.0.0",
    }


def one_channel(*modifiers: Json, on_signal: Sequence[Json] = (), parameters: Sequence[Json] = ()) -> Json:
    """Three bins, a signal and a background that carries the modifiers."""
    return workspace(
        [
            channel(
                "SR",
                sample("background", [52.0, 33.0, 14.0], *modifiers),
                sample("signal", [2.0, 6.0, 9.0], POI, *on_signal),
            )
        ],
        {"SR": [55.0, 31.0, 19.0]},
        parameters,
    )


def _normsys_and_histosys(*names: str) -> list[Json]:
    return [
        normsys(names[0], 0.9, 1.15),
        histosys(names[-1], [48.0, 32.0, 13.5], [57.0, 33.5, 16.0]),
    ]


SINGLE: dict[str, Json] = {
    "poi_alone": one_channel(),
    "normfactor": one_channel(normfactor("k_background")),
    "normsys": one_channel(normsys("scale", 0.9, 1.15)),
    "normsys_falling": one_channel(normsys("scale", 1.2, 0.85)),
    "normsys_one_sided": one_channel(normsys("scale", 1.0, 1.2)),
    "normsys_same_side": one_channel(normsys("scale", 1.1, 1.2)),
    "normsys_flat": one_channel(normsys("scale", 1.0, 1.0)),
    "normsys_wide": one_channel(normsys("scale", 0.2, 4.0)),
    "histosys": one_channel(histosys("shape", [48.0, 34.0, 13.0], [57.0, 31.0, 15.5])),
    "histosys_hi_equals_lo": one_channel(histosys("shape", [55.0, 30.0, 14.5], [55.0, 30.0, 14.5])),
    "histosys_one_sided": one_channel(histosys("shape", [52.0, 33.0, 14.0], [57.0, 31.0, 15.5])),
    "histosys_negative_lo": one_channel(histosys("shape", [45.0, 20.0, -2.0], [60.0, 45.0, 31.0])),
    "lumi": one_channel(LUMI, on_signal=[LUMI], parameters=[lumi_config()]),
    "shapefactor": one_channel(shapefactor("free")),
    "shapesys": one_channel(shapesys("uncorrelated", [6.0, 4.0, 3.0])),
    "staterror": one_channel(staterror("staterror_SR", [4.0, 3.0, 1.5])),
    "shapesys_precise": one_channel(shapesys("uncorrelated", [0.05, 0.03, 0.02])),
    "shapesys_larger_than_yield": one_channel(shapesys("uncorrelated", [80.0, 40.0, 15.0])),
    "staterror_larger_than_yield": one_channel(staterror("staterror_SR", [60.0, 40.0, 15.0])),
    "staterror_on_signal_too": one_channel(
        staterror("staterror_SR", [4.0, 3.0, 1.5]), on_signal=[staterror("staterror_SR", [0.3, 0.7, 1.1])]
    ),
    "staterror_on_signal_only": one_channel(on_signal=[staterror("staterror_SR", [0.3, 0.7, 1.1])]),
    "shapesys_on_both": one_channel(
        shapesys("background_shape", [6.0, 4.0, 3.0]), on_signal=[shapesys("signal_shape", [0.5, 0.8, 1.0])]
    ),
    "normsys_and_histosys_share_a_name": one_channel(*_normsys_and_histosys("jes")),
    "normsys_and_histosys_apart": one_channel(*_normsys_and_histosys("b", "a")),
    "two_factors_two_shifts": one_channel(
        normsys("n1", 0.9, 1.1),
        normsys("n2", 0.8, 1.3),
        histosys("h1", [48.0, 32.0, 13.5], [57.0, 33.5, 16.0]),
        histosys("h2", [50.0, 35.0, 12.0], [55.0, 30.0, 15.0]),
        normfactor("k"),
        shapefactor("free"),
    ),
    "poi_on_everything": one_channel(POI, normsys("scale", 0.9, 1.1)),
}


def _zero_bins(kind: Json, data: Sequence[float], parameters: Sequence[Json] = ()) -> Json:
    return workspace(
        [
            channel(
                "SR",
                sample("background", data, kind),
                sample("other", [5.0] * 4),
                sample("signal", [1.0] * 4, POI),
            )
        ],
        {"SR": [30.0, 7.0, 12.0, 4.0]},
        parameters,
    )


FREED: Json = {"name": "gamma", "fixed": False}
HELD: Json = {"name": "gamma", "fixed": True}
_STAT, _SHAPE = staterror("gamma", [3.0, 0.5, 0.0, 1.0]), shapesys("gamma", [3.0, 0.5, 0.0, 1.0])
_GAPS = [25.0, 0.0, 9.0, 2.0]

ZEROS: dict[str, Json] = {
    "staterror_zero_bins": _zero_bins(_STAT, _GAPS),
    "shapesys_zero_bins": _zero_bins(_SHAPE, _GAPS),
    "staterror_zero_bins_freed": _zero_bins(_STAT, _GAPS, [FREED]),
    "shapesys_zero_bins_freed": _zero_bins(_SHAPE, _GAPS, [FREED]),
    "staterror_held": _zero_bins(_STAT, _GAPS, [HELD]),
    "shapesys_held": _zero_bins(_SHAPE, _GAPS, [HELD]),
    "staterror_all_zero": _zero_bins(staterror("gamma", [0.0] * 4), [25.0, 4.0, 9.0, 2.0]),
    "histosys_from_zero": _zero_bins(histosys("h", [20.0, 0.0, 8.0, 2.0], [31.0, 1.5, 9.5, 2.0]), _GAPS),
    "no_events_observed": workspace(
        [channel("SR", sample("background", [1.5, 0.4], normsys("a", 0.8, 1.3)), sample("s", [3.0, 1.0], POI))],
        {"SR": [0.0, 0.0]},
    ),
    "rate_and_data_zero": workspace(
        [channel("SR", sample("background", [7.0, 0.0], normsys("a", 0.8, 1.3)), sample("s", [3.0, 0.0], POI))],
        {"SR": [9.0, 0.0]},
    ),
}

_CONTROL = channel(
    "CR",
    sample(
        "background",
        [120.0, 80.0],
        normfactor("k_background"),
        normsys("jes", 0.93, 1.06),
        staterror("staterror_CR", [3.0, 2.0]),
    ),
)
_SIGNAL_REGION = channel(
    "SR",
    sample("signal", [2.0, 5.0, 4.0], POI, normsys("jes", 0.95, 1.05), staterror("staterror_SR", [0.2, 0.4, 0.3])),
    sample(
        "background",
        [20.0, 9.0, 3.0],
        normfactor("k_background"),
        histosys("jes", [18.0, 8.0, 2.8], [22.5, 10.5, 3.5]),
        staterror("staterror_SR", [1.2, 0.8, 0.5]),
    ),
    sample("fakes", [4.0, 0.0, 1.0], shapesys("fakes_SR", [1.5, 0.0, 0.8])),
)
_COUNTS = {"CR": [126.0, 77.0], "SR": [24.0, 12.0, 8.0]}


def _two_regions(*channels: Json, parameters: Sequence[Json] = (), poi: str = "mu") -> Json:
    return workspace(channels, _COUNTS, parameters, poi)


STRUCTURE: dict[str, Json] = {
    "correlated_across_channels": _two_regions(_CONTROL, _SIGNAL_REGION),
    "channels_unsorted": _two_regions(_SIGNAL_REGION, _CONTROL),
    "observations_unsorted": workspace([_SIGNAL_REGION, _CONTROL], dict(reversed(_COUNTS.items()))),
    "another_poi": _two_regions(_CONTROL, _SIGNAL_REGION, poi="k_background"),
    "poi_after_other_normfactors": workspace(
        [
            channel(
                "A",
                sample("a", [30.0, 20.0], normfactor("k_a"), normfactor("k_b")),
                sample("z", [5.0, 7.0], normfactor("mu")),
            )
        ],
        {"A": [36.0, 24.0]},
    ),
    "names_sort_by_code_point": workspace(
        [
            channel("b", sample("Z", [8.0], normsys("beta", 0.9, 1.1)), sample("a", [3.0], POI)),
            channel("B", sample("z", [12.0], normsys("Alpha", 0.8, 1.1)), sample("_", [3.0], POI)),
        ],
        {"b": [10.0], "B": [16.0]},
    ),
    "staterror_names_against_channels": workspace(
        [
            channel("A", sample("background", [30.0, 20.0], staterror("z_gamma", [3.0, 2.0]))),
            channel("B", sample("background", [10.0], staterror("a_gamma", [2.0])), sample("signal", [4.0], POI)),
        ],
        {"A": [33.0, 18.0], "B": [14.0]},
    ),
    "staterror_on_two_channels": workspace(
        [
            channel("A", sample("background", [30.0, 20.0], staterror("gamma", [3.0, 2.0]))),
            channel("B", sample("background", [10.0], staterror("gamma", [2.0])), sample("signal", [4.0], POI)),
        ],
        {"A": [33.0, 18.0], "B": [14.0]},
    ),
    "shapefactor_on_two_channels": workspace(
        [
            channel("A", sample("background", [30.0, 20.0, 12.0], shapefactor("free"))),
            channel(
                "B",
                sample("background", [9.0, 6.0, 5.0], shapefactor("free")),
                sample("s", [3.0, 4.0, 5.0], POI),
            ),
        ],
        {"A": [33.0, 18.0, 13.0], "B": [14.0, 8.0, 9.0]},
    ),
    "shapefactor_on_a_shorter_channel": workspace(
        [
            channel("A", sample("background", [30.0, 20.0, 12.0], shapefactor("free"))),
            channel("B", sample("background", [9.0, 6.0], shapefactor("free")), sample("s", [3.0, 4.0], POI)),
        ],
        {"A": [33.0, 18.0, 13.0], "B": [14.0, 8.0]},
    ),
    "shared_by_samples": one_channel(
        normsys("xs", 0.9, 1.1),
        normfactor("k"),
        on_signal=[
            normsys("xs", 0.97, 1.02),
            normfactor("k"),
            histosys("h", [1.8, 5.0, 8.0], [2.3, 7.0, 9.5]),
        ],
    ),
    "one_bin": workspace(
        [channel("SR", sample("b", [4.0], staterror("g", [1.0]), shapefactor("f")), sample("s", [3.0], POI))],
        {"SR": [6.0]},
    ),
    "non_integer_data": workspace(
        [channel("SR", sample("b", [4.0, 9.5], normsys("a", 0.9, 1.1)), sample("s", [3.0, 1.0], POI))],
        {"SR": [6.25, 11.75]},
    ),
    "large_counts": workspace(
        [channel("SR", sample("b", [4.0e6], normsys("a", 0.99, 1.01)), sample("s", [3.0e3], POI))],
        {"SR": [4010000.0]},
    ),
}

_EVERYTHING_CONTROL = channel(
    "control",
    sample(
        "ttbar",
        [140.0, 90.0],
        normfactor("k_ttbar"),
        normsys("jes", 0.94, 1.05),
        staterror("stat_CR", [4.0, 3.0]),
    ),
    sample("multijet", [20.0, 10.0], shapefactor("multijet_shape")),
)
_EVERYTHING_SIGNAL = channel(
    "signal",
    sample("susy", [3.0, 6.0], POI, LUMI, normsys("jes", 0.95, 1.06), staterror("stat_SR", [0.3, 0.5])),
    sample(
        "ttbar",
        [15.0, 6.0],
        normfactor("k_ttbar"),
        histosys("jes", [13.5, 5.5], [16.0, 7.0]),
        staterror("stat_SR", [1.0, 0.7]),
    ),
    sample("diboson", [5.0, 2.5], LUMI, shapesys("diboson_SR", [1.0, 0.9]), normsys("theory", 0.8, 1.25)),
)


def _everything(*parameters: Json) -> Json:
    return workspace(
        [_EVERYTHING_SIGNAL, _EVERYTHING_CONTROL],
        {"signal": [25.0, 16.0], "control": [165.0, 96.0]},
        [lumi_config(), *parameters],
    )


OVERRIDES: dict[str, Json] = {
    "everything": _everything(),
    "override_inits": _everything(
        {"name": "mu", "inits": [0.3]},
        {"name": "jes", "inits": [0.5]},
        {"name": "stat_SR", "inits": [1.1, 0.9]},
        {"name": "diboson_SR", "inits": [0.95, 1.05]},
    ),
    "override_bounds": _everything(
        {"name": "mu", "bounds": [[-3.0, 20.0]]},
        {"name": "jes", "bounds": [[-2.0, 3.0]]},
        {"name": "stat_SR", "bounds": [[0.5, 1.5], [0.2, 2.0]]},
        {"name": "multijet_shape", "bounds": [[0.1, 4.0], [0.0, 3.0]]},
    ),
    "override_auxdata": _everything(
        {"name": "jes", "auxdata": [0.4]},
        {"name": "theory", "auxdata": [-0.7]},
        {"name": "stat_SR", "auxdata": [1.05, 0.9]},
        {"name": "diboson_SR", "auxdata": [24.0, 8.5]},
    ),
    "override_sigmas": _everything({"name": "stat_SR", "sigmas": [0.3, 0.4]}),
    "override_factors": _everything({"name": "diboson_SR", "factors": [20.0, 9.0]}),
    "override_lumi": workspace(
        [_EVERYTHING_SIGNAL, _EVERYTHING_CONTROL],
        {"signal": [25.0, 16.0], "control": [165.0, 96.0]},
        [lumi_config(inits=[139.0], bounds=[[100.0, 180.0]], auxdata=[139.0], sigmas=[2.4])],
    ),
    "fixed_true": _everything(
        {"name": "jes", "fixed": True, "inits": [0.8]},
        {"name": "k_ttbar", "fixed": True, "inits": [1.1]},
        {"name": "multijet_shape", "fixed": True},
    ),
    "fixed_false": _everything({"name": "jes", "fixed": False}, {"name": "stat_SR", "fixed": False}),
    "fixed_lumi": workspace(
        [_EVERYTHING_SIGNAL, _EVERYTHING_CONTROL],
        {"signal": [25.0, 16.0], "control": [165.0, 96.0]},
        [lumi_config(fixed=True)],
    ),
    "configuration_of_an_unknown_parameter": _everything({"name": "mu_BG", "fixed": True}),
    "several_measurements": workspace(
        [_EVERYTHING_SIGNAL, _EVERYTHING_CONTROL],
        {"signal": [25.0, 16.0], "control": [165.0, 96.0]},
        measurements=[
            measurement("mu", [lumi_config()], "first"),
            measurement("k_ttbar", [lumi_config(sigmas=[0.03]), {"name": "jes", "auxdata": [0.3]}], "second"),
            measurement("mu", [lumi_config(fixed=True, inits=[1.01])], "third"),
        ],
    ),
}

BATTERY: dict[str, Json] = SINGLE | ZEROS | STRUCTURE | OVERRIDES
