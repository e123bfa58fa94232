"""Parameters that fits end with on their bounds: remarks on a result, and a row of the summary table."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from hfx.driver.questions.base import FEW, MANY, listed
from hfx.functions.jobs.cls import ClsResult

__all__ = ["AtBounds", "at_bounds", "remark", "row", "words"]

AtBounds = Mapping[tuple[str, float], tuple[str, ...]]
"""The names of the fits that end on a bound, by parameter and bound."""

_BY_FAR = 1e-3  # CLs
_FITS = {"bkg": "with {poi} = 0", "fixed": "with the tested {poi}", "free": "with {poi} free"}


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


def row(results: Iterable[tuple[AtBounds, float | None]], verbose: bool, poi: str = "mu") -> str:
    """The row of the summary table, from the parameters and the observed CLs of each result; empty where no parameter ends on a
    bound. ``poi``: the name of the tested strength. Without `verbose` those that are strongly excluded are left out: their fit
    with the tested strength is pulled to any bound."""
    affected = [found for found, cls in results if found and (verbose or (cls or 0.0) > _BY_FAR)]
    if not affected:
        return ""
    fits: defaultdict[tuple[str, float], list[Sequence[str]]] = defaultdict(list)
    for found in affected:
        for place, names in found.items():
            fits[place].append(names)
    places = sorted(fits, key=lambda place: (-len(fits[place]), place))
    shown = listed([_place(place, fits[place], len(affected), poi) for place in places], MANY if verbose else FEW, "; ")
    count = "1 hypothesis" if len(affected) == 1 else f"{len(affected)} hypotheses"
    which = "this bound; check that it is" if len(places) == 1 else "these bounds; check that they are"
    return f"{count}: {shown}; CLs depends on {which} intended ('hfx export RUN --parameters NAME')"


def _place(place: tuple[str, float], fits: Sequence[Sequence[str]], affected: int, poi: str) -> str:
    name, bound = place
    count = f" for {len(fits)}" if affected > 1 else ""
    which = [words.format(poi=poi) for fit, words in _FITS.items() if any(fit in names for names in fits)]
    return f"{name} is at its bound {bound:g}{count} in the {'fit' if len(which) == 1 else 'fits'} {', '.join(which)}"
