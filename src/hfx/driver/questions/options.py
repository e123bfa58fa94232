"""The options of a scan, checked: one frozen value for the command line and for Python."""

import difflib
import math
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from hfx import endpoints
from hfx.driver.process.cores import usable_cores
from hfx.driver.scan.plan import FitOptions
from hfx.errors import EndpointError, OptionError

__all__ = ["ScanOptions"]

_CHOICES: dict[str, tuple[Any, ...]] = {
    "test_stat": ("q", "qtilde"),
    "normsys": (1, 4),
    "histosys": ("0", "2", "4p"),
    "minima": ("admissible", "natural", "lowest"),
    "interpolation": ("gp", "rbf", "linear"),
}


def _number_or_file(value: Any) -> float | str | None:
    """A number as such, also where it came as text; what is none is the path of a table."""
    try:
        return value if value is None or isinstance(value, float) else float(value)
    except (TypeError, ValueError):
        return str(value)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


@dataclass(frozen=True)
class ScanOptions:
    """What ``hfx scan`` and `hfx.scan` take, with the same names, meanings and defaults.

    `output` None: ``hfx-runs/PALLET-REGION``. `threads` None: the cores that this process may use. `endpoint`: a name,
    the path of a TOML file, or several, which share the work; None: embedded, here. `theory_band`: a relative
    uncertainty of the cross section, or the path of a table of them by hypothesis (CSV: name,uncertainty).
    Raises `OptionError` for a value that cannot be used.
    """

    output: str | Path | None = None
    mu: float = 1.0
    signal_scale: float = 1.0
    test_stat: str = "qtilde"
    normsys: int = 4
    histosys: str = "4p"
    measurement: str | None = None
    region: str | None = None
    only: str | None = None
    where: str | None = None
    x: str | None = None
    y: str | None = None
    interpolation: str = "gp"
    minima: str = "admissible"
    starts: int | None = None
    endpoint: str | Sequence[str] | None = None
    threads: int | None = None
    device: str = "cpu"
    xlabel: str | None = None
    ylabel: str | None = None
    title: str | None = None
    forbidden: str | None = None
    theory_band: float | str | None = None
    labels: tuple[str, ...] | None = None
    verify: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "histosys", str(self.histosys))
        if isinstance(self.labels, str):
            object.__setattr__(self, "labels", tuple(label.strip() for label in self.labels.split(",")))
        if self.endpoint is not None and not isinstance(self.endpoint, str):
            several = tuple(dict.fromkeys(map(str, self.endpoint)))
            object.__setattr__(self, "endpoint", several if len(several) > 1 else next(iter(several), None))
        self._check_choices()
        object.__setattr__(self, "theory_band", _number_or_file(self.theory_band))
        self._check_numbers()
        if not re.fullmatch(r"cpu|cuda(:\d+)?", self.device):
            raise OptionError(f"--device '{self.device}' is not known: cpu, cuda or cuda:N")
        self._check_endpoints()

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "ScanOptions":
        """From keyword arguments; raises `OptionError` for an unknown name, with the nearest known one."""
        known = [field.name for field in fields(cls)]
        for name in given:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"options: {', '.join(known)}"
                raise OptionError(f"scan has no option called '{name}'; {hint}")
        return cls(**given)

    @property
    def fit(self) -> FitOptions:
        """The part that decides the numbers."""
        return FitOptions(**{field.name: getattr(self, field.name) for field in fields(FitOptions)})

    @property
    def cores(self) -> int:
        """Threads to use."""
        return self.threads or usable_cores()

    @property
    def places(self) -> str:
        """The endpoints' names, as they are told."""
        return " and ".join(endpoint.name for endpoint in endpoints.resolve_all(self.endpoint))

    @property
    def here(self) -> bool:
        """Whether the fits are done on this machine."""
        found = endpoints.resolve_all(self.endpoint)
        return all(endpoint.spec.on_this_machine for endpoint in found)

    @property
    def workers(self) -> int:
        """Tasks that can be under way at a time, each on its worker."""
        if self.endpoint is None:
            return self.cores
        return sum(endpoint.workers(self.cores) for endpoint in endpoints.resolve_all(self.endpoint))

    def public(self) -> dict[str, Any]:
        """As they stand in run.json and scan.json."""
        content = asdict(self)
        content["output"] = None if self.output is None else str(self.output)
        if isinstance(self.endpoint, tuple):
            content["endpoint"] = list(self.endpoint)
        content["labels"] = None if self.labels is None else list(self.labels)
        return content

    def command(self, source: str, folder: Path) -> str:
        """The command line of this scan into `folder`: run again, it goes on where the scan stopped."""
        return shlex.join(self.words(source, folder))

    def words(self, source: str, folder: Path, endpoint: str | None = None) -> list[str]:
        """The words of that command line; `endpoint`: another name for where it runs."""
        words = ["hfx", "scan", source, "-o", str(folder)]
        for field in fields(self):
            value = endpoint if endpoint and field.name == "endpoint" else getattr(self, field.name)
            if field.name in ("output", "verify") or value == field.default:
                continue
            if field.name == "labels":
                value = ",".join(value)
            for one in value if isinstance(value, tuple) else (value,):
                words += [_flag(field.name), str(one)]
        return words if self.verify else [*words, "--no-verify"]

    def _check_endpoints(self) -> None:
        for endpoint in endpoints.resolve_all(self.endpoint):
            device = endpoint.settings.get("device", self.device)
            if self.device not in ("cpu", device):
                raise EndpointError(f"--device {self.device}: the workers of {endpoint} compute on {device}; leave --device out")

    def _check_choices(self) -> None:
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                listed = ", ".join(map(str, choices))
                raise OptionError(f"{_flag(name)} '{value}' is not one of {listed}")

    def _check_numbers(self) -> None:
        for name in ("mu", "signal_scale") if isinstance(self.theory_band, str) else ("mu", "signal_scale", "theory_band"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, int | float) and math.isfinite(value)):
                raise OptionError(f"{_flag(name)} '{value}' is not a finite number")
        if self.mu <= 0:
            raise OptionError(f"--mu {self.mu:g} cannot be tested for exclusion: give a number above 0")
        if self.signal_scale <= 0:
            raise OptionError(f"--signal-scale {self.signal_scale:g}: give a number above 0")
        if not isinstance(self.theory_band, str | None) and not 0 < self.theory_band < 1:
            raise OptionError(f"--theory-band {self.theory_band:g}: give a fraction between 0 and 1, as 0.1")
        for name in ("starts", "threads"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < 1):
                raise OptionError(f"{_flag(name)} '{value}': give a whole number, 1 or more")
