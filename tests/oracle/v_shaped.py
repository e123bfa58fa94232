"""Random pallets for hypothesis in which most shifts go the same way for both signs of their parameter: V-shaped histosys, shared
by samples and channels or not, so that the fits have several minima. They are small: thousands of starts tell which is lowest.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from hfx.hf_core.batch.compile import compile_batch
from hfx.hf_core.decoding import Decoder
from hfx.hf_core.fits.fit import OBSERVED, Fit
from hfx.hf_core.fits.model import Model, constant
from hfx.hf_core.fits.run import Fits
from hfx.hf_core.fits.search import Search
from hfx.hf_core.fits.starts import Start
from hfx.hf_core.modifiers.base import NORMAL
from hfx.pallets import Pallet
from hfx.pallets.json_patch import apply_patch
from tests import published_like
from tests.conformance import workspaces as build
from tests.oracle.strategies import number

Json = build.Json
Draw = st.DrawFn

__all__ = ["examples", "lowest", "pallets", "write"]

SHARED = ("jes", "jer", "pileup", "btag", "met")
KINDS = st.sampled_from(["V"] * 6 + ["one-sided"] * 2 + ["opposite"] * 2)


def _shift(draw: Draw, name: str, data: Sequence[float]) -> Json:
    kind, lo, hi = draw(KINDS), [], []
    for value in data:
        up = draw(number(0.05, 0.7)) * draw(st.sampled_from([-1.0, 1.0]))
        down = {"V": up * draw(number(0.5, 1.6)), "one-sided": 0.0, "opposite": -up * draw(number(0.7, 1.3))}[kind]
        hi.append(value * max(0.0, 1.0 + up))
        lo.append(value * max(0.0, 1.0 + down))
    return build.histosys(name, lo, hi)


def _modifiers(draw: Draw, sample: str, channel: str, data: Sequence[float], shared: Sequence[str]) -> list[Json]:
    names = [name for name in shared if draw(st.sampled_from([True, True, False]))]
    found = [_shift(draw, name, data) for name in [*names, f"theory_{sample}"]]
    if draw(st.booleans()):
        found.append(build.staterror(f"staterror_{channel}", [value * draw(number(0.02, 0.3)) for value in data]))
    return found


@st.composite
def pallets(draw: Draw) -> tuple[Json, list[Json]]:
    """A background with a control region and two signal regions, and the patches of six signals."""
    shared = SHARED[: draw(st.integers(2, len(SHARED)))]
    bins = {"CR": 1, "SR0": draw(st.integers(1, 3)), "SR1": draw(st.integers(1, 3))}
    channels, observed = [], {}
    for channel, count in bins.items():
        samples = []
        for name in ("ttbar", "wjets", "fakes"):
            data = [draw(number(2.0, 25.0)) * (15.0 if channel == "CR" and name == "ttbar" else 1.0) for _ in range(count)]
            free = [build.normfactor("mu_ttbar")] if name == "ttbar" else []
            samples.append(build.sample(name, data, *free, *_modifiers(draw, name, channel, data, shared)))
        channels.append(build.channel(channel, *samples))
        totals = [sum(values) for values in zip(*(one["data"] for one in samples), strict=True)]
        observed[channel] = [float(round(total * draw(number(0.6, 1.5)))) for total in totals]
    patches = []
    for i in range(6):
        operations = []
        for place, (channel, count) in enumerate(bins.items()):
            if channel != "CR":
                data = [draw(number(0.5, 15.0)) for _ in range(count)]
                signal = build.sample("signal", data, build.POI, *_modifiers(draw, "signal", channel, data, shared))
                operations.append({"op": "add", "path": f"/channels/{place}/samples/-", "value": signal})
        patches.append({"metadata": {"name": f"signal_{i}", "values": [100 * i, 10]}, "patch": operations})
    return build.workspace(channels, observed), patches


def examples(count: int) -> list[tuple[Json, list[Json]]]:
    """Hypothesis also tries constants of the modules that are loaded, so that another process may have others."""
    return [_example(number_of_first) for number_of_first in range(count)]


def _example(seed_of_one: int) -> tuple[Json, list[Json]]:
    """One of its own seed: of one seed, hypothesis makes many that hardly differ."""
    found: list[tuple[Json, list[Json]]] = []

    @seed(seed_of_one)
    @settings(max_examples=2, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(pallets())
    def take(pallet: tuple[Json, list[Json]]) -> None:
        found.append(pallet)

    take()
    return found[-1]  # the first one is the simplest of all


def write(folder: Path, pallet: tuple[Json, list[Json]]) -> Path:
    """The pallet as a folder of two files."""
    return published_like.write_pallet(folder, "v-shaped", *pallet)


def lowest(pallet: Pallet, starts: int) -> dict[tuple[str, str], float]:
    """The lowest 2NLL of each fit of a CLs at mu = 1, by hypothesis and fit, of ``starts`` starts each.

    They are uniform over four prior widths on each side and have nothing to do with those of a scan. The fit to Asimov data is
    that to the data of the lowest background minimum.
    """
    decoder, names = Decoder(), [one.name for one in pallet.hypotheses]
    workspaces = [decoder.workspace(apply_patch(pallet.background, one.patch), None) for one in pallet.hypotheses]
    model = Model(compile_batch(workspaces))
    search, chance = Search(Fits(model), 0.0), np.random.default_rng(1)
    fits = [Fit("bkg", poi=0.0), Fit("fixed", poi=1.0), Fit("free", poi=None)]
    for h in range(len(names)):
        _run(search, h, fits, starts, chance)
        background = min(search.pools[h, fits[0]].minima, key=lambda minimum: minimum.deviance)
        search.generate({(h, "asimov"): background.theta})
        _run(search, h, [Fit("asimov_fixed", poi=1.0, data="asimov")], starts, chance)
    found = {}
    for (h, fit), pool in search.pools.items():
        row = np.array([h])
        data = model.observed(row) if fit.data == OBSERVED else search.data[h, fit.data]
        deviance = min(one.deviance for one in pool.minima if one.converged)
        found[names[h], fit.name] = deviance + float(constant(model.batch, row, data)[0])
    return found


def _run(search: Search, h: int, fits: Sequence[Fit], starts: int, chance: np.random.Generator) -> None:
    tables, init = search.fits.model.batch.tables, search.fits.model.batch.init[h, : search.fits.model.batch.tables.size[h]]
    scale = search.fits.scale(h)[: len(init)]
    normal = tables.constraint[h, : len(init)] == NORMAL
    for fit in fits:
        far = chance.uniform(-4.0, 4.0, (starts, len(init)))
        thetas = np.where(normal, init + far * scale, init * np.exp(far / 4.0))
        search.run([Start(h, fit, theta, "known") for theta in thetas])
