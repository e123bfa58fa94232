"""Labels of axes: LaTeX and units for the label names that patch sets use; unknown names as they are."""

import re

__all__ = ["axis_label", "equation_label", "relation_label", "unit"]

# The particle behind m<name>, in lower case, as the published patch sets write it.
_PARTICLES = {
    r"\tilde{\chi}_{1}^{0}": ("n1", "lsp", "chi10", "neutralino1", "neutralino"),
    r"\tilde{\chi}_{2}^{0}": ("n2", "chi20", "neutralino2"),
    r"\tilde{\chi}_{3}^{0}": ("n3", "chi30"),
    r"\tilde{\chi}_{1}^{\pm}": ("c1", "chi1p", "chargino1", "chargino"),
    r"\tilde{\chi}_{2}^{\pm}": ("c2", "chi2p"),
    r"\tilde{b}_{1}": ("sb", "sb1", "b1", "sbottom", "sbot"),
    r"\tilde{t}_{1}": ("st", "st1", "t1", "stop"),
    r"\tilde{g}": ("g", "gl", "go", "glu", "gluino"),
    r"\tilde{q}": ("sq", "squark"),
    r"\tilde{\ell}": ("sl", "slep", "slepton"),
    r"\tilde{\tau}": ("stau",),
    r"\tilde{\nu}": ("snu", "sneutrino"),
    r"\tilde{G}": ("gravitino",),
    r"A": ("a",),
    r"a": ("ax", "alp"),
    r"H": ("h",),
    r"H^{\pm}": ("hp", "hpm"),
    r"X": ("x",),
    r"Z'": ("zp", "zprime"),
    r"W'": ("wp", "wprime"),
    r"T": ("vlt",),
    r"B": ("vlb",),
    r"\mathrm{LQ}": ("lq",),
    r"\chi": ("dm", "chi"),
    r"\mathrm{med}": ("med", "mediator"),
}
_SYMBOLS = {f"m{name}": f"m({latex})" for latex, names in _PARTICLES.items() for name in names}
_SYMBOLS |= {"m1": "m_{1}", "m2": "m_{2}", "m3": "m_{3}", "m0": "m_{0}", "m12": "m_{1/2}", "dm": r"\Delta m"}
_DIMENSIONLESS = {"tanb": r"\tan\beta", "tanbeta": r"\tan\beta"}
_QUANTITIES = {"CLs": r"\mathrm{CL}_{\mathrm{s}}"}

_GEV = "GeV"
_NAME = re.compile(r"[A-Za-z_]\w*")


def axis_label(expression: str) -> str:
    """Label of an axis over `expression`, as "mn2-mn1": LaTeX and GeV where every name in it is known.

    >>> axis_label("msb")
    '$m(\\\\tilde{b}_{1})$ [GeV]'
    >>> axis_label("coupling")
    'coupling'
    """
    if expression in _QUANTITIES:
        return f"${_QUANTITIES[expression]}$"
    names = _NAME.findall(expression)
    if _DIMENSIONLESS.get(expression.lower()):
        return f"${_DIMENSIONLESS[expression.lower()]}$"
    if not names or any(name.lower() not in _SYMBOLS for name in names):
        return expression
    # Sums, and multiples of them by a number, are masses still; products and ratios of two masses are not.
    linear = not re.search(r"[A-Za-z_)]\w*\s*[*/]+\s*[A-Za-z_(]", expression) and "/" not in expression
    linear = linear and "**" not in expression
    return f"${_latex(expression)}$" + (f" [{_GEV}]" if linear else "")


def unit(expression: str) -> str:
    """The unit of an axis over `expression`, "GeV"; empty where it is not known.

    >>> unit("mn2-mn1")
    'GeV'
    >>> unit("coupling")
    ''
    """
    return _GEV if axis_label(expression).endswith(f"[{_GEV}]") else ""


def relation_label(comparison: str, x: str, y: str) -> str:
    """A comparison of the axes, as "y>x-125", in the symbols of the axis expressions `x` and `y`."""
    axes = {"x": x, "y": y}
    spelt = _NAME.sub(lambda match: axes.get(match[0], match[0]), comparison)
    known = all(name.lower() in _SYMBOLS for name in _NAME.findall(spelt))
    return f"${_latex(spelt)}$" if known else spelt


def equation_label(quantity: str, value: float) -> str:
    """The text that says that a drawn quantity equals a value."""
    latex = _QUANTITIES.get(quantity)
    return f"{quantity} = {value:g}" if latex is None else f"${latex} = {value:g}$"


def _latex(expression: str) -> str:
    text = _NAME.sub(lambda match: _SYMBOLS[match[0].lower()], expression)
    text = text.replace("<=", r"\leq ").replace(">=", r"\geq ").replace("*", r"\,")
    return re.sub(r"\s+", " ", text)
