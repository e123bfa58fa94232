"""The options of a run, checked: one frozen value for the command line, for Python and for run.json.

Those that every question has are the fields of `ScanOptions`; those of the question are in ``options.question.options``.
"""

import difflib
import math
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path

from hfx.driver.process.cores import usable_cores
from hfx.driver.questions import foreign_words
from hfx.driver.questions.base import AnyQuestion
from hfx.driver.questions.catalogue import DEFAULT, kind
from hfx.driver.questions.conditions import all_of
from hfx.driver.questions.texts import picture_texts
from hfx.endpoints import Endpoints
from hfx.errors import EndpointError, OptionError
from hfx.functions.options import JobOptions, OptionField, check_types, flag, setting
from hfx.json_types import JsonValue

__all__ = ["ScanOptions"]


def _default_question() -> AnyQuestion:
    asked = kind(DEFAULT)
    return asked(asked.options_type()())


@dataclass(frozen=True, kw_only=True)
class ScanOptions:
    """The options of ``hfx scan`` and `hfx.scan`, with the same names, meanings and defaults.

    ``output`` None: ``hfx-runs/PALLET``, or ``hfx-runs/PALLET-REGION`` if the pallet has several regions. ``threads`` None: the
    cores that this process may use. ``endpoint``: a name, the path of a TOML file, or several, which share the work; None:
    embedded, in this process. ``where``: a condition, or several that must all hold, which become one. Raises `OptionError` for a
    value that cannot be used.
    """

    question: AnyQuestion = field(default_factory=_default_question)
    output: str | Path | None = setting(
        None,
        "Folder for the results. Default: hfx-runs/PALLET in the current folder, or hfx-runs/PALLET-REGION if the pallet has "
        "several regions (hfx-runs/PALLET-all with --region all); a number is added if that folder contains another scan.",
        panel="Output",
    )
    region: str | None = setting(
        None,
        "Name of the analysis region; required if the pallet has several. With 'all' every region is scanned, and each "
        "hypothesis gets the result of the region with the smallest median expected CLs.",
        panel="Which hypotheses",
    )
    only: str | None = setting(
        None,
        "Fit only hypotheses whose name matches this shell pattern, for example 'C1N2_*_400_*'. Points fitted earlier in the "
        "same folder stay in picture and table. Default: all.",
        panel="Which hypotheses",
    )
    where: str | Sequence[str] | None = setting(
        None,
        "Fit only hypotheses whose labels fulfil this condition, for example 'mn2-mn1==130'. If it is given several times, all "
        "conditions must hold. Labels are the numbers, usually masses, that identify a hypothesis; one with texts is "
        "compared with a text in quotes, as in 'topology==\"WZ\"'. Points fitted earlier in the same folder stay "
        "in picture and table. Default: all.",
        panel="Which hypotheses",
    )
    x: str | None = setting(
        None,
        "Horizontal axis of the contour: a label, or arithmetic on labels, for example mn2-mn1. Default: the first label that "
        "differs between hypotheses.",
        panel="The picture",
    )
    y: str | None = setting(
        None,
        "Vertical axis of the contour: a label, or arithmetic on labels. Default: the second label that differs between "
        "hypotheses.",
        panel="The picture",
    )
    logx: bool = setting(
        False,
        "Draw the horizontal axis logarithmically, for example for lifetimes or couplings. Values between the points are "
        "interpolated in the logarithm, too.",
        panel="The picture",
    )
    logy: bool = setting(
        False,
        "Draw the vertical axis logarithmically, as --logx does the horizontal one. Where one label alone varies, the vertical "
        "axis is that of CLs, which is logarithmic anyhow.",
        panel="The picture",
    )
    interpolation: str = setting(
        "gp",
        "Interpolation between the fitted points, for the contour: gp (Gaussian process through every point), smooth (Gaussian "
        "process that smooths their scatter), rbf (radial basis functions) or linear.",
        choices=("gp", "smooth", "rbf", "linear"),
        panel="The picture",
    )
    endpoint: str | Sequence[str] | None = setting(
        None,
        "Where the fits run: the name of an endpoint ('hfx endpoint list' lists them), or an endpoint file (TOML). Give the "
        "option several times to share the work between endpoints. Default: embedded, which means in this process.",
        panel="Where it runs",
    )
    threads: int | None = setting(
        None,
        "Number of CPU threads for the fits on this machine. Default: all cores that this process may use.",
        panel="Where it runs",
    )
    device: str = setting(
        "cpu", "Device that computes the fits: cpu, cuda (a GPU), or cuda:N (GPU number N).", panel="Where it runs"
    )
    xlabel: str | None = setting(
        None,
        "Title of the horizontal axis; it may contain LaTeX between $ signs (use single quotes). Default: made from --x.",
        panel="The picture",
    )
    ylabel: str | None = setting(
        None,
        "Title of the vertical axis; it may contain LaTeX between $ signs (use single quotes). Default: made from --y.",
        panel="The picture",
    )
    title: str | None = setting(None, "Title of the picture. Default: the name of the analysis.", panel="The picture")
    forbidden: str | None = setting(
        None,
        "Kinematically forbidden region of the picture, as a comparison of the axes x and y, for example 'y>x-125'. It is "
        "shaded, and contours end at it. Default: none.",
        panel="The picture",
    )
    theory_band: float | str | None = setting(
        None,
        "Relative uncertainty of the signal cross section: a number, for example 0.1 for 10 %, or a CSV file with the columns "
        "'name' (of the hypothesis) and 'uncertainty'. The scan is repeated with the signals scaled up and down by it. Default: "
        "none.",
        panel="The picture",
    )
    labels: tuple[str, ...] | None = setting(
        None,
        "If each patch is a file of its own: names for the numbers in its file name, separated by commas, for example "
        "msb,mn2,mn1. Default: x1,x2,...",
        panel="Which hypotheses",
    )
    verify: bool = setting(
        True, "Refuse a patch set that was made for another background, as its digest (checksum) shows.", panel="Which hypotheses"
    )
    label_titles: str | Path | None = setting(
        None,
        "File with names of labels in LaTeX and their units, for the picture: YAML or JSON, for example "
        "'mst: {latex: m_A, unit: GeV}'. Default: labels.yaml in the pallet, or PALLET.labels.yaml beside it.",
        panel="The picture",
    )

    def __post_init__(self) -> None:
        labels, endpoint = _as_tuple(self.labels), _as_tuple(self.endpoint)
        if isinstance(labels, str):
            labels = tuple(label.strip() for label in labels.split(","))
        if isinstance(endpoint, tuple):
            several = tuple(dict.fromkeys(endpoint))
            endpoint = several if len(several) > 1 else next(iter(several), None)
        object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "endpoint", endpoint)
        for name in ("theory_band", "label_titles"):
            if isinstance(path := getattr(self, name), Path):
                object.__setattr__(self, name, str(path))
        check_types(self, self.entries())
        object.__setattr__(self, "where", all_of(self.where))
        if str(self.output) == "":
            raise OptionError("--output '' is empty; give a folder")
        self._check_labels()
        self._check_choices()
        object.__setattr__(self, "theory_band", _number_or_file(self.theory_band))
        self._check_numbers()
        if not re.fullmatch(r"cpu|cuda(:\d+)?", self.device):
            raise OptionError(f"--device '{self.device}' is not known: cpu, cuda or cuda:N")
        for name in ("xlabel", "ylabel", "title"):
            picture_texts.check(flag(name), getattr(self, name))
        self._check_endpoints()

    @classmethod
    def of(cls, given: Mapping[str, object], question: str = DEFAULT) -> "ScanOptions":
        """From keyword arguments, those of the question among them; raises `OptionError` for an unknown name."""
        asked = kind(question)
        cls.check_names(asked.options_type())
        own, theirs = cls.names(), asked.options_type().names()
        known = [*own, *theirs]
        for name in given:
            if name not in known:
                raise OptionError(f"scan has no option called '{name}'; {_remedy(name, [*known, 'live'])}")
        make_options: Callable[..., JobOptions] = asked.options_type()
        make: Callable[..., ScanOptions] = cls
        options = make_options(**{name: value for name, value in given.items() if name in theirs})
        return make(question=asked(options), **{name: value for name, value in given.items() if name in own})

    @classmethod
    def check_names(cls, others: type[JobOptions]) -> None:
        """Raise `OptionError` where a question has an option that every question has."""
        if clash := set(cls.names()).intersection(others.names()):
            raise OptionError(
                f"{others.__module__}.{others.__name__} has an option '{min(clash)}', as every question has; give it another name"
            )

    @classmethod
    def entries(cls) -> tuple[OptionField, ...]:
        """The fields of the options that every question has."""
        return tuple(entry for entry in fields(cls) if entry.name != "question")

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The names of the options that every question has."""
        return tuple(entry.name for entry in cls.entries())

    def asking(self, **changed: object) -> "ScanOptions":
        """The same with other options of the question."""
        change: Callable[..., JobOptions] = replace
        return replace(self, question=type(self.question)(change(self.question.options, **changed)))

    @property
    def cores(self) -> int:
        """Threads to use."""
        return self.threads or usable_cores()

    @cached_property
    def endpoints(self) -> Endpoints:
        """The endpoints, their files read."""
        return Endpoints.of(self.endpoint)

    @property
    def workers(self) -> int:
        """Tasks that can be under way at a time, each on its worker."""
        return self.cores if self.endpoint is None else self.endpoints.workers(self.cores)

    def public(self) -> dict[str, JsonValue]:
        """All options by name, as they stand in run.json and scan.json."""
        content: dict[str, JsonValue] = {**self.question.options.content()}
        for name in self.names():
            value = getattr(self, name)
            content[name] = str(value) if isinstance(value, Path) else list(value) if isinstance(value, tuple) else value
        return content

    def command(self, source: str, folder: Path) -> str:
        """The command line of this scan into `folder`: run again, it goes on where the scan stopped."""
        return shlex.join(self.words(source, folder))

    def words(self, source: str, folder: Path, endpoint: str | None = None) -> list[str]:
        """The words of that command line; `endpoint`: another name for where it runs."""
        words = ["hfx", self.question.command(), source, "-o", str(folder)]
        entries = [*((e, self.question.options) for e in fields(self.question.options)), *((e, self) for e in fields(self))]
        for entry, owner in entries:
            value = endpoint if endpoint and entry.name == "endpoint" else getattr(owner, entry.name)
            if entry.name in ("question", "output") or value == entry.default:
                continue
            if isinstance(value, bool):
                words.append(flag(entry.name) if value else f"--no-{flag(entry.name)[2:]}")
                continue
            if entry.name == "labels":
                value = ",".join(value)
            for one in value if isinstance(value, tuple) else (value,):
                words += [flag(entry.name), str(one)]
        return words

    def _check_endpoints(self) -> None:
        for endpoint in self.endpoints:
            device = endpoint.settings.get("device", self.device)
            if self.device not in ("cpu", device):
                raise EndpointError(f"--device {self.device}: the workers of {endpoint} compute on {device}; leave --device out")

    def _check_labels(self) -> None:
        for label in self.labels or ():
            if not label or re.search(r"\s", label):
                given = ",".join(self.labels or ())
                raise OptionError(f"--labels '{given}': give names without spaces, separated by commas, for example msb,mn2,mn1")

    def _check_choices(self) -> None:
        for entry in fields(self):
            choices, value = entry.metadata.get("choices"), getattr(self, entry.name)
            if choices and value not in choices:
                raise OptionError(f"{flag(entry.name)} '{value}' is not one of {', '.join(map(str, choices))}")

    def _check_numbers(self) -> None:
        band = self.theory_band
        if not isinstance(band, str | None):
            if not math.isfinite(band):
                raise OptionError(f"--theory-band '{band}' is not a finite number")
            if not 0 < band < 1:
                raise OptionError(f"--theory-band {band:g}: give a fraction between 0 and 1, for example 0.1")
        if self.threads is not None and (not isinstance(self.threads, int) or self.threads < 1):
            raise OptionError(f"--threads '{self.threads}': give a whole number, 1 or more")


def _remedy(name: str, known: Sequence[str]) -> str:
    """The answer to an unknown option: its name here, if it is a word of other tools; else the nearest option of hfx, or all."""
    if foreign := foreign_words.of_option(name):
        return foreign
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else f"options: {', '.join(known)}"


def _as_tuple(value: object) -> object:
    """A list as a tuple, and paths, alone or in it, as text; anything else unchanged, to be checked by its type."""
    if isinstance(value, list | tuple):
        return tuple(str(one) if isinstance(one, Path) else one for one in value)
    return str(value) if isinstance(value, Path) else value


def _number_or_file(value: float | str | None) -> float | str | None:
    """A number as such, also where it came as text; anything else is the path of a table."""
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        return str(value)
