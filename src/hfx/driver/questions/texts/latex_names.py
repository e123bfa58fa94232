r"""LaTeX of the field in the texts of pictures: particles by the names of hepnames and heppennames, as ``\PSQt``, units, and
words of LaTeX that matplotlib does not know, in words that it does.
"""

import re

__all__ = ["translated", "untranslated"]

# LaTeX for matplotlib, and the names of heppennames, of hepnames in words, and of the experiments' packages for it.
_PARTICLES = {
    r"\tilde{\chi}": "PSGc",
    r"\tilde{\chi}^{0}": "PSGcz",
    r"\tilde{\chi}_{1}^{0}": "PSGczDo PSneutralinoOne ninoone Pneutralino",
    r"\tilde{\chi}_{2}^{0}": "PSGczDt PSneutralinoTwo ninotwo",
    r"\tilde{\chi}_{3}^{0}": "PSGczDr PSneutralinoThree ninothree",
    r"\tilde{\chi}_{4}^{0}": "PSGczDf PSneutralinoFour ninofour",
    r"\tilde{\chi}^{\pm}": "PSGcpm",
    r"\tilde{\chi}^{+}": "PSGcp",
    r"\tilde{\chi}^{-}": "PSGcm",
    r"\tilde{\chi}_{1}^{\pm}": "PSGcpmDo PScharginoOne chinoonepm Pchargino",
    r"\tilde{\chi}_{2}^{\pm}": "PSGcpmDt PScharginoTwo chinotwopm",
    r"\tilde{\chi}_{1}^{+}": "PSGcpDo chinoonep",
    r"\tilde{\chi}_{2}^{+}": "PSGcpDt chinotwop",
    r"\tilde{\chi}_{1}^{-}": "PSGcmDo chinoonem",
    r"\tilde{\chi}_{2}^{-}": "PSGcmDt chinotwom",
    r"\tilde{g}": "PSg PSgluino Pgluino gluino",
    r"\tilde{G}": "PXXSG PSGravitino Pgravitino gravino gravitino",
    r"\tilde{\gamma}": "PSGg photino",
    r"\tilde{q}": "PSQ PSq PSquark Psquark squark",
    r"\bar{\tilde{q}}": "PASQ PASq",
    r"\tilde{u}": "PSQu PSup",
    r"\tilde{d}": "PSQd PSdown",
    r"\tilde{s}": "PSQs PSstrange",
    r"\tilde{c}": "PSQc PScharm",
    r"\tilde{b}": "PSQb PSbottom Psbottom sbottom",
    r"\tilde{t}": "PSQt PStop Pstop stop",
    r"\tilde{b}_{1}": "PSQbDo sbottomone bone",
    r"\tilde{b}_{2}": "PSQbDt sbottomtwo btwo",
    r"\tilde{t}_{1}": "PSQtDo stopone tone",
    r"\tilde{t}_{2}": "PSQtDt stoptwo ttwo",
    r"\bar{\tilde{b}}": "PASQb",
    r"\bar{\tilde{t}}": "PASQt",
    r"\tilde{\ell}": "PSl PSlepton Pslepton slepton",
    r"\tilde{e}": "PSe PSelectron selectron",
    r"\tilde{\mu}": "PSGm PSmu smuon",
    r"\tilde{\tau}": "PSGt PStau stau",
    r"\tilde{\nu}": "PSGn PSneutrino snu",
    r"u": "PQu Pup",
    r"d": "PQd Pdown",
    r"s": "PQs Pstrange",
    r"c": "PQc Pcharm",
    r"b": "PQb Pbottom Pbeauty",
    r"t": "PQt Ptop",
    r"q": "PQq PQ Pquark Pq",
    r"T": "PQT",
    r"B": "PQB",
    r"\bar{u}": "PAQu",
    r"\bar{d}": "PAQd",
    r"\bar{s}": "PAQs",
    r"\bar{c}": "PAQc",
    r"\bar{b}": "PAQb",
    r"\bar{t}": "PAQt",
    r"\bar{q}": "PAQq PAQ PAq",
    r"t\bar{t}": "ttbar",
    r"b\bar{b}": "bbbar",
    r"q\bar{q}": "qqbar",
    r"\ell": "Pl Plepton",
    r"\ell^{\pm}": "Plpm",
    r"\ell^{+}": "Plp PAl",
    r"\ell^{-}": "Plm",
    r"e": "Pe Pelectron",
    r"e^{\pm}": "Pepm",
    r"e^{+}": "Pep Ppositron",
    r"e^{-}": "Pem",
    r"\mu": "PGm Pgm Pmu Pmuon",
    r"\mu^{\pm}": "PGmpm Pgmpm",
    r"\mu^{+}": "PGmp Pgmp",
    r"\mu^{-}": "PGmm Pgmm",
    r"\tau": "PGt Pgt Ptau Ptauon",
    r"\tau^{\pm}": "PGtpm Pgtpm",
    r"\tau^{+}": "PGtp Pgtp",
    r"\tau^{-}": "PGtm Pgtm",
    r"\nu": "PGn Pgn Pneutrino",
    r"\bar{\nu}": "PAGn Pagn Pantineutrino",
    r"\nu_{e}": "PGne Pgne",
    r"\nu_{\mu}": "PGnGm Pgngm",
    r"\nu_{\tau}": "PGnGt Pgngt",
    r"\gamma": "PGg Pgg Pphoton",
    r"g": "Pg Pgluon",
    r"W": "PW PWboson PWpmboson",
    r"W^{\pm}": "PWpm",
    r"W^{+}": "PWp",
    r"W^{-}": "PWm",
    r"W'": "PWprime PWpr",
    r"Z": "PZ PZz PZboson PZzero",
    r"Z'": "PZprime PZpr",
    r"V": "PV",
    r"H": "PH PHiggs",
    r"h": "Ph PSHl PHiggslight Phiggs",
    r"H^{0}": "PHz PSHz",
    r"A": "PA PSA PHiggspseudo",
    r"H^{\pm}": "PHpm PSHpm",
    r"H^{+}": "PHp PSHp",
    r"H^{-}": "PHm PSHm",
    r"p": "Pp Pproton",
    r"\bar{p}": "PAp Pantiproton",
    r"\mathrm{LQ}": "PLQ",
    r"p_{\mathrm{T}}": "pt pT",
    r"E_{\mathrm{T}}^{\mathrm{miss}}": "met MET ETmiss etmiss ptmiss",
    r"\mathrm{TeV}": "TeV",
    r"\mathrm{GeV}": "GeV",
    r"\mathrm{MeV}": "MeV",
    r"\mathrm{fb}^{-1}": "ifb fbinv invfb",
    r"\mathrm{CL}_{\mathrm{s}}": "CLs",
    r"\mathcal{B}": "BR",
    r"|": "lvert rvert",
    r"\|": "lVert rVert",
}
# Words of LaTeX with an argument in braces, and those of matplotlib with the same meaning, or none.
_WORDS = {
    "": "ensuremath slashed cancel xspace",
    r"\mathrm": "mbox textrm HepParticle HepProcess textnormal textsc",
    r"\boldsymbol": "bm pmb",
    r"\mathbf": "textbf",
    r"\mathit": "textit emph",
    r"\mathtt": "texttt",
    r"\mathsf": "textsf",
}

_KNOWN = {name: f"{{{latex}}}" for latex, names in _PARTICLES.items() for name in names.split()}
_KNOWN |= {name: latex for latex, names in _WORDS.items() for name in names.split()}
_WORD = re.compile(r"\\([A-Za-z]+)")
_DOLLAR = re.compile(r"(?<!\\)\$")


def translated(text: str) -> str:
    r"""A text in which LaTeX of the field, between $ signs or not, is LaTeX that matplotlib knows; other words stay.

    >>> translated(r"$pp \to \PSQt\PASQt$, \PSQt to \Ptop")
    '$pp \\to {\\tilde{t}}{\\bar{\\tilde{t}}}$, ${\\tilde{t}}$ to ${t}$'
    """
    parts = _DOLLAR.split(text)
    if len(parts) % 2 == 0:  # a $ sign of its own is no mathematics
        return text
    parts[1::2] = [_WORD.sub(_in_mathematics, part) for part in parts[1::2]]
    parts[::2] = [_WORD.sub(_in_text, part) for part in parts[::2]]
    return "$".join(parts)


def untranslated(reason: str, text: str) -> str:
    r"""A reason why a translated text cannot be drawn, with the words that `text` has: ``\HepProcess`` for ``\mathrm``."""
    for name in _WORD.findall(text):
        if (latex := _KNOWN.get(name, "")).startswith("\\"):
            reason = reason.replace(latex, f"\\{name}")
    return reason


def _in_mathematics(word: re.Match[str]) -> str:
    return _KNOWN.get(word[1], word[0])


def _in_text(word: re.Match[str]) -> str:
    """A particle between words, where hepnames draws it as mathematics."""
    latex = _KNOWN.get(word[1], "")
    return f"${latex}$" if latex.startswith("{") else word[0]
