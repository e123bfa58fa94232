"""Labels of axes for a browser: the LaTeX of hfx's axis labels as Unicode, what has no sign there spelt out."""

import re

__all__ = ["plain"]

_SIGNS = {
    r"\tilde": "",
    r"\chi": "χ",
    r"\ell": "\N{SCRIPT SMALL L}",
    r"\tau": "τ",
    r"\nu": "\N{GREEK SMALL LETTER NU}",
    r"\mu": "μ",
    r"\sigma": "\N{GREEK SMALL LETTER SIGMA}",
    r"\beta": "β",
    r"\Delta": "Δ",
    r"\Lambda": "Λ",
    r"\kappa": "κ",
    r"\pm": "±",
    r"\leq": "≤",
    r"\geq": "≥",
    r"\times": "\N{MULTIPLICATION SIGN}",
    r"\tan": "tan ",
    r"\to": "→",
    r"\rightarrow": "→",
    r"\,": " ",
    r"\ ": " ",
    r"\;": " ",
}
_LOWER = str.maketrans("0123456789+-=()", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎")
_UPPER = str.maketrans("0123456789+-=()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾")
_TILDE = "\N{COMBINING TILDE}"


def plain(text: str) -> str:
    r"""A label such as ``$m(\tilde{\chi}_{1}^{0})$ [GeV]`` without LaTeX.

    >>> plain(r"$m(\\tilde{b}_{1})$ [GeV]")
    'm(b̃₁) [GeV]'
    """
    text = re.sub(r"\\(?:mathrm|text|mathit|rm)\b\s*\{([^{}]*)\}", r"\1", text)
    text = re.sub(r"\\tilde\s*\{(\\?\w+)\}", lambda match: _sign(match[1]) + _TILDE, text)
    text = re.sub(r"\\[A-Za-z]+|\\[,; ]", lambda match: _SIGNS.get(match[0], match[0].lstrip("\\")), text)
    text = re.sub(r"_(?:\{([^{}]*)\}|(\w))", lambda match: (match[1] or match[2]).translate(_LOWER), text)
    text = re.sub(r"\^(?:\{([^{}]*)\}|(.))", lambda match: (match[1] or match[2]).translate(_UPPER), text)
    return re.sub(r"[${}]", "", text).strip()


def _sign(text: str) -> str:
    return _SIGNS.get(text, text)
