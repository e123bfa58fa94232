"""The interface of a question: what can be asked of every hypothesis of a pallet.

A question says which units of work there are, in which rounds they are done, and how their answers are shown. The scheduler,
the run's folder, tables, pictures and views know questions through this interface alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, TypeVar

import msgspec

from hfx.functions.options import JobOptions
from hfx.json_types import JsonObject, JsonValue, LabelValue

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hfx.pallets import Hypothesis, Pallet

    Array = NDArray[np.float64]

__all__ = [
    "FEW",
    "MANY",
    "AnyQuestion",
    "Brief",
    "Column",
    "Context",
    "Question",
    "Records",
    "Round",
    "Surface",
    "Unit",
    "listed",
]

Result = TypeVar("Result")


class Unit(NamedTuple):
    """One piece of work: a hypothesis, or one shard of the work on it. In results.jsonl the last record of a key counts."""

    key: str
    hypothesis: str
    shard: int | None = None


@dataclass(frozen=True)
class Round:
    """Units that are worked on side by side; the next round begins when all have their records.

    ``step``: the round's name in results.jsonl and in events; ``number``: which of several rounds of one step, from 1; 0 where
    there is one; ``words``: words for readers in place of the step's name. The records of one step are found again when a run is
    resumed.
    ``inputs``: what a task holds besides its hypotheses and options, made when the task is submitted. ``again``: work on all
    units, also on those that have a record already. ``keep``: whether a new record is written down.
    """

    units: Sequence[Unit]
    step: str = "local"
    number: int = 0
    words: str = ""
    inputs: Callable[[Sequence[Unit]], JsonObject] | None = None
    again: bool = False
    keep: Callable[[JsonObject], bool] | None = None


class Records(Mapping[str, "JsonObject"], ABC):
    """The records after a round, by key: read from the disk when they are asked for."""

    new: frozenset[str]
    """The keys that got a record in this round."""

    @abstractmethod
    def resumable(self, key: str) -> bool:
        """Whether a record holds "solutions", from which other units can start; answered without reading it."""


@dataclass(frozen=True)
class Context:
    """The pallet and the hypotheses from which a question plans its rounds: those that are selected from it, and those of which
    the run's folder has records already."""

    pallet: Pallet
    selected: Sequence[Hypothesis]


@dataclass(frozen=True, kw_only=True, slots=True)
class Brief:
    """The part of a result that tables, pictures and views of a whole run need; kept in memory for every hypothesis.

    ``numbers``: the values of the question's surface, in the order of its ``curves``; None where one is not known. Of a
    combination of regions: ``region``, the one that the result is taken from; ``missing_in``, regions without a result for this
    hypothesis; ``by_region``: the numbers of each region that has a converged result. ``remarks``: sentences about this result.
    """

    name: str
    values: tuple[LabelValue, ...]
    status: str
    numbers: tuple[float | None, ...] = ()
    worker: str = ""
    seconds: float | None = None
    region: str | None = None
    missing_in: tuple[str, ...] = ()
    by_region: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    @property
    def converged(self) -> bool:
        """Whether the numbers may be used."""
        return self.status == "converged"

    @property
    def unfinished(self) -> bool:
        """Whether more records are needed for the result."""
        return self.status.startswith("unfinished")


@dataclass(frozen=True)
class Column(Generic[Result]):
    """A column of tables: ``name`` in CSV and records, ``title`` for readers, and where its value is found in a result."""

    name: str
    title: str
    value: Callable[[Result], str | float | int | None]


@dataclass(frozen=True)
class Surface:
    """The quantity that is drawn over the plane of two labels: the colours of points, and the contour at ``level``.

    ``curves`` names its values: the first is the observed one. ``median`` is the curve that regions are compared by and that is
    drawn dashed, ``bands`` the pairs of curves that bound a shaded band, the innermost first. A hypothesis is excluded where its
    value is below ``level``; without a level there is no contour. ``transform``, monotonic, gives the scale on which values are
    interpolated, such that what is excluded lies above ``transform(level)``, and ``inverse`` is the way back; ``scale`` names it
    in the plural, ``unit`` is its unit. ``statement`` names the criterion in a legend, ``criterion`` in a sentence; ``remark``: a
    further line of the legend.
    """

    name: str
    curves: tuple[str, ...]
    level: float | None = None
    median: str | None = None
    bands: tuple[tuple[str, str], ...] = ()
    transform: Callable[[Array], Array] | None = None
    inverse: Callable[[Array], Array] | None = None
    scale: str = "Values"
    unit: str = ""
    statement: str = ""
    criterion: str = ""
    remark: str = ""

    def excludes(self, value: float | None) -> bool:
        """Whether a value excludes its hypothesis."""
        return value is not None and self.level is not None and value < self.level

    def column(self, curve: str) -> int:
        """The position of a curve in `Brief.numbers`."""
        return self.curves.index(curve)


# Entries that a row of the summary table lists: by default, and with -v.
FEW, MANY = 2, 100


def listed(items: Sequence[str], most: int, separator: str = ", ") -> str:
    """The first items as text, and how many more there are."""
    more = f"{separator}and {len(items) - most} more" if len(items) > most else ""
    return separator.join(items[:most]) + more


class Question(ABC, Generic[Result]):
    """A question with its options. A sub-class is one file in this folder and one line in `hfx.driver.questions.catalogue`.

    ``name`` stands in run.json and scan.json; ``job`` is the job of `hfx.functions.catalogue` that answers its units.
    ``help``: the help text of its command. ``result``: the type of a result, a dataclass that is read from results.jsonl and
    scan.json.
    """

    name: ClassVar[str]
    job: ClassVar[str]
    help: ClassVar[str] = "Ask a question of all hypotheses of a pallet."
    references: ClassVar[tuple[str, ...]] = ()
    """The publications of its method, for the summary table."""
    result: type[Result]
    stored_as_result: ClassVar[bool] = False
    """Whether the record of a whole hypothesis, as it is stored, holds its result: `answer` only leaves entries out."""
    columns: Sequence[Column[Result]] = ()
    surface: Surface | None = None

    def __init__(self, options: JobOptions) -> None:
        self.options = options

    @classmethod
    def command(cls) -> str:
        """Its command, as in ``hfx scan``."""
        return cls.name.replace("_", "-")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Question) and type(self) is type(other) and self.options == other.options

    def __hash__(self) -> int:
        return hash((type(self), self.options))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.options!r})"

    @classmethod
    @abstractmethod
    def options_type(cls) -> type[JobOptions]:
        """The type of its options."""

    @abstractmethod
    def rounds(self, context: Context) -> Generator[Round, Records, JsonObject | None]:
        """The rounds of work. What ``yield`` gives are the records of all units so far. A pure function of context, options and
        records: a resumed run goes through the same rounds, and units that have their records are not worked on again. What it
        returns, if anything, is true of the whole run: scan.json has it as "conclusions"."""

    @abstractmethod
    def answer(self, records: Sequence[JsonObject]) -> JsonObject:
        """The result of one hypothesis, as it stands in scan.json, from the last record of each of its units, in the order of
        their shards. While a run goes on, views ask for it before all units have their records: the "status" of a result that is
        not yet what it will be begins with "unfinished"."""

    @abstractmethod
    def brief(self, result: Result) -> Brief:
        """The short form of a result, for tables, pictures and views."""

    def stored(self, record: JsonObject) -> JsonObject:
        """A worker's record as it is written into results.jsonl."""
        return record

    def by_region(self, brief: Brief) -> JsonObject:
        """The numbers of one region, as the results of a combination of regions hold them."""
        curves = () if self.surface is None else self.surface.curves
        return dict(zip(curves, brief.numbers, strict=True))

    def later_rounds(self) -> str:
        """The rounds after the first, in words, for ``--plan``; empty where there are none."""
        return ""

    def seconds(self, megabytes: float) -> float | None:
        """About how long one core works on a unit of the first round whose workspace has so many megabytes of JSON, in seconds.
        None: nobody knows."""
        return None

    def seconds_note(self) -> str:
        """A remark on such a time, for ``--plan``."""
        return ""

    def summary(self, results: Sequence[Brief], verbose: bool = False) -> list[tuple[str, str]]:
        """Rows of the summary table, name and text; a row without text is left out. `verbose`: with long lists."""
        return []

    def concluded(self, conclusions: JsonObject, hypotheses: int, verbose: bool = False) -> list[tuple[str, str]]:
        """Rows of the summary table about a run's conclusions, which `rounds` returned; for a combination of regions
        {"regions": those of each region by its name}. `hypotheses`: how many have a result."""
        return []

    def description(self) -> str:
        """The method and the options, as a sentence without its end, for tables that are published."""
        return ", ".join(f"{name} {value}" for name, value in self.options.content().items() if value is not None)

    def read(self, content: Mapping[str, JsonValue]) -> Result:
        """A result from its JSON content; raises `ValueError` for another content."""
        return msgspec.convert(content, self.result)

    def read_line(self, line: bytes) -> Result:
        """A result from a line of results.jsonl; what else stands there is passed over. Raises `ValueError`."""
        return msgspec.json.decode(line, type=self.result)

    def result_of(self, records: Sequence[JsonObject]) -> Result:
        """The result of one hypothesis from the last record of each of its units; raises `ValueError` where these are no records
        of this question."""
        try:
            return self.read(self.answer(records))
        except (LookupError, TypeError, AttributeError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from None

    def check_record(self, line: bytes) -> None:
        """Raise `ValueError` for a line of results.jsonl from which a run cannot go on, as a file that was edited may have. The
        name, the key and the step are checked in any case."""

    def row(self, result: Result) -> dict[str, JsonValue]:
        """The columns' values by name."""
        return {column.name: column.value(result) for column in self.columns}

    @property
    def level(self) -> float | None:
        """The value below which a result excludes its hypothesis; None where there is no such level."""
        return None if self.surface is None else self.surface.level


AnyQuestion = Question[Any]
"""A question whose type of results is not known here."""
