"""Words of other tools (pyhf, HistFitter, combine, cabinetry, TRExFitter), and what they are called here.

A word that hfx has itself never gets here. The sentences also say what hfx does not have yet.
"""

from collections.abc import Mapping

__all__ = ["COMMANDS", "OPTIONS", "of_command", "of_option"]

_LEVEL = "the level is fixed: a hypothesis is excluded where CLs is below 0.05, which is a confidence level of 95 %"
_TOYS = "CLs is asymptotic; pseudo-experiments (toys) are not available yet"
_LIMITS = (
    "upper limits on the signal strength are not available yet; 'hfx scan PALLET --mu X' computes CLs at one signal strength"
)
_BOTH = "a scan always computes the observed and the expected CLs, and table, picture and scan.json have both; leave it out"
_BLIND = f"a scan without the observed CLs is not available yet: {_BOTH}"
_MU = "the tested signal strength is called --mu"
_POI = "another parameter of interest than the measurement's is named by --poi; its tested value is --mu"
_CHANNELS = "--drop-channel leaves out a channel of the likelihood; --region selects one of several likelihoods"
_STATISTIC = "the test statistic is called --test-stat: qtilde (the default) or q"
_FITS = "hfx has its own fits, and no backend or optimiser to choose; --device cuda computes on a GPU"
_OUTPUT = "the folder of the results is called --output (-o)"
_THREADS = "the number of CPU threads is called --threads; --endpoint runs the fits elsewhere"
_SEED = "there is no seed: random starting points depend on the content of a hypothesis alone, so that a scan can be repeated"
_PATCHES = (
    "background and patches are read from PALLET, a folder or an archive that contains both; --only selects a patch by its name"
)
_SELECT = "--where selects hypotheses by their labels, and --only by their names"
_CLUSTER = "'hfx scan --endpoint FILE' runs the fits on a cluster, and 'hfx submit' the whole scan; see 'hfx endpoint init'"
_AGAIN = "to continue a scan, type the same 'hfx scan' again, or 'hfx attach RUN'; what is fitted is kept"
_KEEP = "hfx overwrites no results: the same scan is continued, and another one needs another folder (-o)"
_SCALE = "--signal-scale multiplies all signal yields, and --theory-band draws the uncertainty of the cross section"
_SIGNIFICANCE = "the significance of a discovery is not available yet; 'hfx scan PALLET' computes CLs"
_PARAMETERS = (
    "pulls, impacts and rankings are not available yet; 'hfx export RUN --parameters NAME' writes best-fit parameter values"
)
_FIT = "'hfx scan PALLET' fits all hypotheses; 'hfx export RUN --parameters NAME' writes the best-fit parameter values of one"
_CONVERT = "pyhf converts: pip install 'pyhf[xmlio]', then 'pyhf xml2json' or 'pyhf json2xml'; hfx reads JSON"
_CARDS = "hfx does not read datacards; the package pyhf-combine-converter translates simple ones to JSON, which hfx reads"
_EDIT = "hfx changes no workspaces; 'pyhf --help' lists the commands that do"


def _table(*entries: tuple[str, str]) -> dict[str, str]:
    """The sentences by word; each entry has the words in one text."""
    return {word: sentence for words, sentence in entries for word in words.split()}


OPTIONS: Mapping[str, str] = _table(
    ("cl confidence-level conf-level confidence level alpha", _LEVEL),
    ("toy toys ntoys n-toys ntoy toybased t calctype calc-type calculator calculator-type frequentist", _TOYS),
    (
        "limits limit upper-limit upper-limits mu-range poi-range scan-range rmin rmax r-min r-max points npoints n-points",
        _LIMITS,
    ),
    ("observed obs expected exp unblind asimov", _BOTH),
    ("blind blinded expected-only exp-only no-observed noobserved", _BLIND),
    ("test-poi mu-test mutest test-mu signal-strength r mu-sig musig", _MU),
    ("poi-name redefinesignalpois", _POI),
    ("channel channels exclude-channel exclude prune mask masks drop-channels", _CHANNELS),
    ("test-statistic teststat teststatistic test-type qtilde qmu", _STATISTIC),
    ("backend optimizer optimiser minimizer minimiser strategy optconf", _FITS),
    ("output-file outfile out output-dir outdir output-folder folder outname", _OUTPUT),
    (
        "nproc j jobs n-jobs njobs parallel workers nworkers num-workers cores ncores cpus ncpu ncpus processes multiprocessing",
        _THREADS,
    ),
    ("gpu gpus cuda", "to compute on a GPU, give --device cuda (or cuda:N for GPU number N)"),
    ("seed random-seed rng-seed s", _SEED),
    ("signal signals signal-name sig patch patches patchset p background bkg background-only bkg-only workspace", _PATCHES),
    ("filter select selection cut mass m", _SELECT),
    ("batch queue slurm condor htcondor partition cluster grid dask", _CLUSTER),
    ("resume restart continue", _AGAIN),
    ("force overwrite clobber", _KEEP),
    ("xsec cross-section xsec-scale lumi luminosity", _SCALE),
    ("significance discovery", _SIGNIFICANCE),
    ("impacts ranking pull pulls minos hesse", _PARAMETERS),
    ("datacard card", _CARDS),
    ("debug log-level loglevel verbosity", "more is printed with --verbose (-v), and less with --quiet"),
)
"""The sentences by the name of an option, in small letters and without its leading dashes."""

COMMANDS: Mapping[str, str] = _table(
    (
        "combine combination",
        "'hfx scan PALLET --region all' takes at each point the region with the best expected result; a statistical combination "
        "is not available yet (of two workspaces 'pyhf combine' makes one, which hfx reads)",
    ),
    ("limits limit upper-limit upperlimit upper-limits asymptoticlimits", _LIMITS),
    (
        "cls hypotest exclusion exclude run start asymptotic",
        "the command is called scan: 'hfx scan PALLET' computes CLs of all hypotheses",
    ),
    ("fit multidimfit fitdiagnostics bestfit mle", _FIT),
    ("significance discovery", _SIGNIFICANCE),
    ("impacts ranking pull pulls", _PARAMETERS),
    ("toys hybridnew generate toybased", _TOYS),
    ("inspect summary", "'hfx pallet inspect PALLET' shows the content of a pallet"),
    ("verify digest check validate", "'hfx pallet verify PALLET' checks the digest of a pallet and its patches"),
    ("fetch download contrib", "'hfx pallet fetch URL|DOI' downloads a pallet; 'hfx scan' does it too"),
    ("demo example", "'hfx pallet demo' writes the demo pallet"),
    (
        "patchset patch apply extract",
        "'hfx pallet inspect PALLET' lists the patches, 'hfx pallet verify PALLET' applies them, and "
        "'hfx export RUN --workspace NAME' writes a workspace with its signal",
    ),
    ("xml2json json2xml convert", _CONVERT),
    ("text2workspace datacard", _CARDS),
    ("rename prune sort", _EDIT),
    ("resume continue restart", _AGAIN),
    ("stop kill abort", "'hfx cancel RUN' stops a scan and keeps its results"),
    ("list ls runs jobs queue", "'hfx status' lists the runs in ./hfx-runs and those that you submitted"),
    ("show view open live serve web page", "'hfx watch RUN' shows a run as a web page"),
    ("draw contour picture figure overlay", "'hfx plot RUN' draws the contour of a run"),
    ("csv table hepdata workspace", "'hfx export RUN' writes results for other programs"),
    ("batch slurm condor cluster", _CLUSTER),
    ("config configure init setup", "'hfx endpoint init' writes an endpoint file; a scan needs none, and no configuration"),
    ("cite citation citations", "'hfx --cite' prints the references"),
    ("version", "'hfx --version' prints the version"),
    ("help", "'hfx --help' lists the commands"),
)
"""The sentences by the name of a command, in small letters."""


def of_option(name: str) -> str | None:
    """The sentence for an option that hfx does not have, as "--toys" or "-t"; None for a word that is not known here."""
    word = name.lstrip("-")
    return OPTIONS.get(word if len(word) == 1 else word.lower().replace("_", "-"))


def of_command(name: str) -> str | None:
    """The sentence for a command that hfx does not have; None for a word that is not known here."""
    return COMMANDS.get(name.lower().replace("_", "-"))
