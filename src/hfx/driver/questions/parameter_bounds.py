"""Parameters that fits end with on their bounds: remarks on a result, and a row of the summary table."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from hfx.driver.questions.base import FEW, MANY, listed
from hfx.functions.jobs.cls import ClsResult

__all__ = ["AtBounds", "at_bounds", "remark", "row", "words"]

AtBounds = Mapping[tuple[str, float], tuple[str, ...]]
"""The names of the fits that end on a bound, by parameter and bound."""

_BY_FAR = 1e-3  # CLs
_FITS = {"bkg": "at mu = 0", "fixed": "at the tested mu", "free": "with mu free"}


def at_bounds(result: ClsResult) -> AtBounds:
    """The parameters on their bounds in the fits to the published data, of the chosen minima."""
    found: dict[tuple[str, float], tuple[str, ...]] = {}
    for fit in _FITS:
        parameters = result.fits[fit].at_bound if fit in result.fits else {}
        for name, bound in parameters.items():
            found[name, bound] = (*found.get((name, bound), ()), fit)
    return found


def words(found: AtBounds) -> str:
    """The parameters for a column of a table, as "jes=5 (fixed, free)"; empty where there are none."""
    return "; ".join(f"{name}={bound:g} ({', '.join(fits)})" for (name, bound), fits in found.items())


def remark(found: AtBounds) -> tuple[str, ...]:
    """A sentence about one result, or none."""
    return (f"On a bound: {words(found)}.",) if found else ()


def row(results: Iterable[tuple[AtBounds, float | None]], verbose: bool) -> str:
    """The row of the summary table, from the parameters and the observed CLs of each result; empty where no parameter ends on a
    bound. Without `verbose` those that are excluded by far are left out: their fit at the tested mu is pulled to any bound."""
    affected = [found for found, cls in results if found and (verbose or (cls or 0.0) > _BY_FAR)]
    if not affected:
        return ""
    fits: defaultdict[tuple[str, float], list[Sequence[str]]] = defaultdict(list)
    for found in affected:
        for place, names in found.items():
            fits[place].append(names)
    places = sorted(fits, key=lambda place: (-len(fits[place]), place))
    shown = listed([_place(place, fits[place], len(affected)) for place in places], MANY if verbose else FEW, "; ")
    count = "1 hypothesis" if len(affected) == 1 else f"{len(affected)} hypotheses"
    return (
        f"{count}: {shown}; a wider bound would change CLs: see whether the parameter may go there ('hfx export RUN --parameters "
        f"NAME' has all values)"
    )


def _place(place: tuple[str, float], fits: Sequence[Sequence[str]], affected: int) -> str:
    name, bound = place
    count = f" for {len(fits)}" if affected > 1 else ""
    which = [words for fit, words in _FITS.items() if any(fit in names for names in fits)]
    return f"{name} ends on its bound {bound:g}{count} ({', '.join(which)})"
