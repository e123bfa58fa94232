"""Labels of axes: LaTeX and units for the label names that patch sets use; ambiguous and unknown names as they are.

A pallet, or a file of the user, may give titles of labels, which come before those that are known here.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from hfx.pallets.formats.label_titles import LabelTitle

__all__ = ["Titles", "axis_label", "condition_label", "equation_label", "mass", "relation_label", "unit"]

Titles = Mapping[str, LabelTitle]

# The particle behind m<name>, in lower case, as the published patch sets write it. A name that may be that of another one is
# not here: mst is a stop or a stau, mg a gluino or a gravitino, mh, ma, mx and mt1 may be anything, dm a mass or a difference.
_PARTICLES = {
    r"\tilde{\chi}_{1}^{0}": ("n1", "lsp", "chi10", "neutralino1", "neutralino"),
    r"\tilde{\chi}_{2}^{0}": ("n2", "chi20", "neutralino2"),
    r"\tilde{\chi}_{3}^{0}": ("n3", "chi30", "neutralino3"),
    r"\tilde{\chi}_{1}^{\pm}": ("c1", "chi1p", "chi1pm", "chargino1", "chargino"),
    r"\tilde{\chi}_{2}^{\pm}": ("c2", "chi2p", "chi2pm", "chargino2"),
    r"\tilde{b}_{1}": ("sb", "sb1", "sbottom", "sbot"),
    r"\tilde{t}_{1}": ("stop", "stop1"),
    r"\tilde{g}": ("gl", "glu", "gluino"),
    r"\tilde{q}": ("sq", "squark"),
    r"\tilde{\ell}": ("sl", "slep", "slepton"),
    r"\tilde{\tau}": ("stau",),
    r"\tilde{\nu}": ("snu", "sneutrino"),
    r"\tilde{G}": ("gravitino",),
    r"H^{\pm}": ("hpm",),
    r"Z'": ("zp", "zprime"),
    r"W'": ("wprime",),
    r"\mathrm{LQ}": ("lq",),
    r"\mathrm{med}": ("med", "mediator"),
}
_SYMBOLS = {f"m{name}": f"m({latex})" for latex, names in _PARTICLES.items() for name in names}
_NUMBERED = re.compile(r"([mM])([0-3])")
_DIMENSIONLESS = {"tanb": r"\tan\beta", "tanbeta": r"\tan\beta"}
_QUANTITIES = {"CLs": r"\mathrm{CL}_{\mathrm{s}}"}

_NAME = re.compile(r"[A-Za-z_]\w*")


class _Symbol(NamedTuple):
    """The LaTeX and the unit of a label."""

    latex: str
    unit: str


def axis_label(expression: str, titles: Titles | None = None) -> str:
    """Label of an axis over `expression`, as "mn2-mn1": LaTeX and unit where every name in it is known.

    >>> axis_label("msb")
    '$m(\\\\tilde{b}_{1})$ [GeV]'
    >>> axis_label("coupling")
    'coupling'
    """
    if expression in _QUANTITIES:
        return f"${_QUANTITIES[expression]}$"
    symbols = _symbols(expression, titles)
    if symbols is None:
        return expression
    found = _unit(expression, symbols)
    return f"${_latex(expression, symbols)}$" + (f" [{found}]" if found else "")


def unit(expression: str, titles: Titles | None = None) -> str:
    """The unit of an axis over `expression`, "GeV"; empty where it is not known.

    >>> unit("mn2-mn1")
    'GeV'
    >>> unit("coupling")
    ''
    """
    symbols = _symbols(expression, titles)
    return "" if symbols is None else _unit(expression, symbols)


def mass(text: str) -> str:
    """The mass, or the difference of two masses, that a label or a column of a table names, in one spelling; empty where that is
    not known.

    >>> mass("M(Sbottom) [GeV]") == mass("msb") == mass(r"$m_{\\tilde{b}_1}$ [GeV]")
    True
    """
    parts = [_spelt(part) for part in re.sub(r"\[.*?\]|\([GMT]eV\)|[$\s]", "", text).split("-")]
    known = [_SPELLINGS.get(part, "") for part in parts]
    return "-".join(known) if all(known) else ""


def _spelt(text: str) -> str:
    """A name without what is written differently: brackets, the order of indices, and capitals but for those of particles."""
    text = re.sub(r"^[Mm](ass)?", "m", text.replace("widetilde", "tilde"))
    text = text if "tilde" in text else text.lower()
    ordered = re.sub(r"(\^\{?[^{}_^]*\}?)(_\{?[^{}_^]*\}?)", r"\2\1", text)
    return re.sub(r"[^A-Za-z0-9]", "", ordered)


_SPELLINGS = {
    _spelt(f"m{name}"): latex for latex, names in _PARTICLES.items() for name in (*names, *([latex] if "tilde" in latex else []))
}


def relation_label(comparison: str, x: str, y: str, titles: Titles | None = None) -> str:
    """A comparison of the axes, as "y>x-125", in the symbols of the axis expressions `x` and `y`."""
    axes = {"x": x, "y": y}
    spelt = _NAME.sub(lambda match: axes.get(match[0], match[0]), comparison)
    symbols = _symbols(spelt, titles)
    return spelt if symbols is None else f"${_latex(spelt, symbols)}$"


def condition_label(condition: str, titles: Titles | None = None) -> str:
    """A condition on labels, as "mn2-mn1==130", as the title of a picture that shows what fulfils it.

    >>> condition_label("mn1==60")
    '$m(\\\\tilde{\\\\chi}_{1}^{0}) = 60$ GeV'
    >>> condition_label("width==3")
    'width = 3'
    """
    symbols = None if " " in condition else _symbols(condition, titles)
    if symbols is None:
        return condition.replace("`", "").replace("==", " = ").replace("$", r"\$")
    found = _unit(re.split(r"[=<>!]+", condition)[0], symbols)
    return f"${_latex(condition.replace('==', ' = '), symbols)}$" + (f" {found}" if found else "")


def equation_label(quantity: str, value: float) -> str:
    """The text that says that a drawn quantity equals a value."""
    latex = _QUANTITIES.get(quantity)
    return f"{quantity} = {value:g}" if latex is None else f"${latex} = {value:g}$"


def _symbols(expression: str, titles: Titles | None) -> dict[str, _Symbol] | None:
    """The symbols of the names in an expression, a label itself or arithmetic on labels; None where one is not known."""
    if titles and expression in titles:
        return {expression: _symbol(expression, titles) or _Symbol(expression, "")}
    found = {name: _symbol(name, titles) for name in _NAME.findall(expression)}
    known = {name: symbol for name, symbol in found.items() if symbol is not None}
    return known if known and len(known) == len(found) and "`" not in expression else None


def _symbol(name: str, titles: Titles | None) -> _Symbol | None:
    if titles and name in titles:
        title = titles[name]
        return _Symbol(title.get("latex") or rf"\mathrm{{{name}}}", title.get("unit", ""))
    if dimensionless := _DIMENSIONLESS.get(name.lower()):
        return _Symbol(dimensionless, "")
    if numbered := _NUMBERED.fullmatch(name):
        return _Symbol(f"{numbered[1]}_{{{numbered[2]}}}", "GeV")
    latex = _SYMBOLS.get(name.lower())
    return None if latex is None else _Symbol(latex, "GeV")


def _unit(expression: str, symbols: dict[str, _Symbol]) -> str:
    """The unit of sums, and of multiples by a number; none for products and ratios of labels, nor for labels of several units."""
    product = re.search(r"[A-Za-z_)]\w*\s*[*/]+\s*[A-Za-z_(]", expression) or "/" in expression or "**" in expression
    units = {symbol.unit for name, symbol in symbols.items()}
    return units.pop() if len(units) == 1 and (expression in symbols or not product) else ""


def _latex(expression: str, symbols: dict[str, _Symbol]) -> str:
    if expression in symbols:
        return symbols[expression].latex
    text = _NAME.sub(lambda match: symbols[match[0]].latex, expression)
    text = text.replace("<=", r"\leq ").replace(">=", r"\geq ").replace("*", r"\,")
    return re.sub(r"\s+", " ", text)
