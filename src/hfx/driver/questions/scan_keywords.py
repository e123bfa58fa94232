"""The options of `hfx.scan` as types of its keyword arguments, for type checkers.

Generated from the definition of the options by ``python -m tests.driver.questions.record_keywords``; do not edit.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypedDict

__all__ = ["ScanKeywords"]


class ScanKeywords(TypedDict, total=False):
    """The options of ``hfx scan``, all of which may be left out."""

    output: str | Path | None
    """Folder for the results. Default: hfx-runs/PALLET in the current folder, or hfx-runs/PALLET-REGION if the pallet has
    several regions (hfx-runs/PALLET-all with --region all); a number is added if that folder contains another scan."""
    signal_scale: float
    """Factor on the expected yield of every signal, for example 1.1 for a cross section that is larger by 10 %."""
    normsys: int
    """Interpolation code of normalisation uncertainties (normsys): 1 (exponential), or 4 (polynomial within one standard
    deviation, exponential beyond)."""
    histosys: str
    """Interpolation code of shape uncertainties (histosys): 0 (piecewise linear), 2 (quadratic) or 4p (polynomial); 2 and 4p
    are linear beyond one standard deviation."""
    measurement: str | None
    """Name of the measurement in the workspace that is used. Default: the first."""
    poi: str | None
    """Name of another parameter of interest: a normfactor, which then is the signal strength that --mu tests, and whose
    samples are the signal. The one of the measurement becomes a parameter like others. Default: that of the measurement."""
    drop_channel: Sequence[str] | None
    """Name of a channel, for example a validation region, that is left out of background and signals before anything is
    fitted. Give the option several times to leave out several. Default: none."""
    mu: float
    """Tested value of the parameter of interest, which is the signal strength."""
    test_stat: str
    """Test statistic: q (equation 14 of arXiv:1007.1727) or qtilde (equation 16)."""
    starts: int | None
    """Size of the search for lower minima. With 1 there is no search: each fit starts only from the initial values that the
    workspace suggests, as in pyhf. A larger N adds starting points, N-2 for each hypothesis, at which the yield of a sample
    is negative. Default: 5."""
    minima: Literal["natural", "admissible", "lowest"]
    """The minimum that CLs is computed from, if a fit has several: 'natural', which a fit reaches from the initial values
    that the workspace suggests, as in pyhf; 'lowest', the lowest found; or 'admissible', the lowest without avoidable
    negative yields: no other minimum has at most a third of them and is higher in 2NLL by at most 4 for each event less."""
    thorough: bool
    """Search for minima until the estimated share of fits for which twice as many random starting points would find another
    one is below 0.1 %, with 50 to 3000 of these points for each fit. By default until it is below 1 %, with up to 400."""
    region: str | None
    """Name of the analysis region; required if the pallet has several. With 'all' every region is scanned, and each
    hypothesis gets the result of the region with the smallest median expected CLs."""
    only: str | None
    """Fit only hypotheses whose name matches this shell pattern, for example 'C1N2_*_400_*'. Points fitted earlier in the
    same folder stay in picture and table. Default: all."""
    where: str | Sequence[str] | None
    """Fit only hypotheses whose labels fulfil this condition, for example 'mn2-mn1==130'. If it is given several times, all
    conditions must hold. Labels are the numbers, usually masses, that identify a hypothesis; one with texts is compared with
    a text in quotes, as in 'topology=="WZ"'. Points fitted earlier in the same folder stay in picture and table. Default:
    all."""
    x: str | None
    """Horizontal axis of the contour: a label, or arithmetic on labels, for example mn2-mn1. Default: the first label that
    differs between hypotheses."""
    y: str | None
    """Vertical axis of the contour: a label, or arithmetic on labels. Default: the second label that differs between
    hypotheses."""
    logx: bool
    """Draw the horizontal axis logarithmically, for example for lifetimes or couplings. Values between the points are
    interpolated in the logarithm, too."""
    logy: bool
    """Draw the vertical axis logarithmically, as --logx does the horizontal one. Where one label alone varies, the vertical
    axis is that of CLs, which is logarithmic anyhow."""
    interpolation: str
    """Interpolation between the fitted points, for the contour: gp (Gaussian process through every point), smooth (Gaussian
    process that smooths their scatter), rbf (radial basis functions) or linear."""
    endpoint: str | Sequence[str] | None
    """Where the fits run: the name of an endpoint ('hfx endpoint list' lists them), or an endpoint file (TOML). Give the
    option several times to share the work between endpoints. Default: embedded, which means in this process."""
    threads: int | None
    """Number of CPU threads for the fits on this machine. Default: all cores that this process may use."""
    device: str
    """Device that computes the fits: cpu, cuda (a GPU), or cuda:N (GPU number N)."""
    xlabel: str | None
    """Title of the horizontal axis; it may contain LaTeX between $ signs (use single quotes). Default: made from --x."""
    ylabel: str | None
    """Title of the vertical axis; it may contain LaTeX between $ signs (use single quotes). Default: made from --y."""
    title: str | None
    """Title of the picture. Default: the name of the analysis."""
    forbidden: str | None
    """Kinematically forbidden region of the picture, as a comparison of the axes x and y, for example 'y>x-125'. It is
    shaded, and contours end at it. Default: none."""
    theory_band: float | str | None
    """Relative uncertainty of the signal cross section: a number, for example 0.1 for 10 %, or a CSV file with the columns
    'name' (of the hypothesis) and 'uncertainty'. The scan is repeated with the signals scaled up and down by it. Default:
    none."""
    labels: Sequence[str] | None
    """If each patch is a file of its own: names for the numbers in its file name, separated by commas, for example
    msb,mn2,mn1. Default: x1,x2,..."""
    verify: bool
    """Refuse a patch set that was made for another background, as its digest (checksum) shows."""
    label_titles: str | Path | None
    """File with names of labels in LaTeX and their units, for the picture: YAML or JSON, for example 'mst: {latex: m_A,
    unit: GeV}'. Default: labels.yaml in the pallet, or PALLET.labels.yaml beside it."""
