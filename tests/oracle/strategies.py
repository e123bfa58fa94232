"""Random valid workspaces for hypothesis: every modifier, shared names, zero bins, overrides, any order."""

from dataclasses import dataclass

from hypothesis import strategies as st

from tests.conformance import workspaces as build

Json = build.Json
Draw = st.DrawFn

often = st.sampled_from([True, True, True, False])
seldom = st.sampled_from([False, False, False, True])
sometimes = st.booleans()


def number(low: float, high: float) -> st.SearchStrategy[float]:
    """A number with three decimals: it shrinks to something that a person can read."""
    return st.integers(round(1000 * low), round(1000 * high)).map(lambda thousandths: thousandths / 1000)


@dataclass
class Plan:
    """What a workspace's samples draw from."""

    alphas: list[str]
    lumi: bool


def _shift(draw: Draw, name: str, data: list[float]) -> Json:
    def side() -> list[float]:
        return [value * draw(number(0.6, 1.5)) if value else draw(number(0, 0.5)) for value in data]

    return build.histosys(name, side(), side())


def _alphas(draw: Draw, plan: Plan, data: list[float]) -> list[Json]:
    found = []
    for name in plan.alphas:
        kind = draw(st.sampled_from(["none", "none", "normsys", "histosys", "both"]))
        if kind in ("normsys", "both"):
            found.append(build.normsys(name, draw(number(0.5, 1.3)), draw(number(0.7, 1.6))))
        if kind in ("histosys", "both"):
            found.append(_shift(draw, name, data))
    return found


def _errors(draw: Draw, data: list[float], largest: float) -> list[float]:
    return [value * draw(number(0, largest)) for value in data]


def _background(draw: Draw, plan: Plan, channel: str, name: str, bins: int) -> Json:
    data = [0.0 if draw(seldom) else draw(number(0.5, 80)) for _ in range(bins)]
    modifiers = _alphas(draw, plan, data)
    if draw(seldom):
        modifiers.append(build.normfactor(f"k_{name}"))
    if plan.lumi and draw(sometimes):
        modifiers.append(build.LUMI)
    if draw(seldom):
        modifiers.append(build.shapesys(f"{name}_{channel}", _errors(draw, data, 0.8)))
    if draw(sometimes):
        modifiers.append(build.staterror(f"staterror_{channel}", _errors(draw, data, 0.4)))
    return build.sample(name, data, *draw(st.permutations(modifiers)))


def _signal(draw: Draw, plan: Plan, channel: str, bins: int) -> Json:
    data = [draw(number(0.2, 12)) for _ in range(bins)]
    modifiers = [build.POI, *_alphas(draw, plan, data)]
    if plan.lumi and draw(sometimes):
        modifiers.append(build.LUMI)
    if draw(seldom):
        modifiers.append(build.staterror(f"staterror_{channel}", _errors(draw, data, 0.3)))
    return build.sample("signal", data, *modifiers)


def _channel(draw: Draw, plan: Plan, name: str, with_signal: bool) -> Json:
    bins = draw(st.integers(1, 3))
    samples = [_background(draw, plan, name, f"b{i}", bins) for i in range(draw(st.integers(1, 3)))]
    # No bin is empty of all background: a bin that expects nothing cannot have seen anything.
    floor = build.sample("rest", [draw(number(0.5, 30)) for _ in range(bins)])
    if draw(seldom):
        floor["modifiers"].append(build.shapefactor(f"free_{name}"))
    samples.append(floor)
    if with_signal:
        samples.append(_signal(draw, plan, name, bins))
    return build.channel(name, *draw(st.permutations(samples)))


def _observed(draw: Draw, channel: Json) -> list[float]:
    totals = [sum(values) for values in zip(*(one["data"] for one in channel["samples"]), strict=True)]
    return [float(round(total * draw(number(0.4, 1.5)))) for total in totals]


def _overrides(draw: Draw, plan: Plan) -> list[Json]:
    found = [build.lumi_config(fixed=draw(seldom))] if plan.lumi else []
    if draw(seldom):
        found.append({"name": "mu", "bounds": [[draw(st.sampled_from([-5.0, -1.0, 0.0])), 15.0]]})
    for name in plan.alphas:
        if draw(seldom):
            found.append({"name": name, "inits": [draw(number(-1, 1))], "auxdata": [draw(number(-1, 1))]})
        elif draw(seldom):
            found.append({"name": name, "fixed": draw(sometimes)})
    if draw(seldom):
        found.append({"name": "staterror_A", "fixed": draw(sometimes)})
    return found


@st.composite
def workspaces(draw: Draw) -> Json:
    """A valid workspace of one to three channels with a signal in at least one of them."""
    plan = Plan(alphas=["jes", "alpha", "theory"][: draw(st.integers(0, 3))], lumi=draw(seldom))
    names = draw(st.permutations(["C", "A", "B"][: draw(st.integers(1, 3))]))
    channels = [_channel(draw, plan, name, not i or draw(often)) for i, name in enumerate(names)]
    counts = {one["name"]: _observed(draw, one) for one in channels}
    return build.workspace(channels, counts, _overrides(draw, plan))
