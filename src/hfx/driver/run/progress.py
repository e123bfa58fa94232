"""The progress of a run, computed from its events: the counts of a step, the failures, the time left."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from hfx.driver.run.events import Event, Failed, Finished, Planned
from hfx.driver.run.records import LOCAL
from hfx.hf_core.reasons import WITHOUT_SIGNAL

__all__ = ["RunProgress", "StepProgress", "duration"]


def duration(seconds: float) -> str:
    """A time for readers, as "80 s", "3 min 05 s" or "2 h 10 min"."""
    whole = round(seconds)
    if whole < 100:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


@dataclass(frozen=True)
class StepProgress:
    """The counts of one step: `done` of `total` units of work, `kept` of which were done before it began, `failed` without a
    record, `without_signal` of them because there is nothing to fit.

    A unit is a hypothesis or, where `parts` is set, a part of the work on one. `round` is the number of the round among those of
    one step, `words` are those for readers in place of its name; `changed` counts new records; `start` and `now` are the times
    of its plan and of its last event, in seconds since the epoch.
    """

    step: str = "local"
    round: int = 0
    total: int = 0
    kept: int = 0
    done: int = 0
    failed: int = 0
    without_signal: int = 0
    changed: int = 0
    start: float = 0.0
    now: float = 0.0
    parts: bool = False
    words: str = ""

    def after(self, event: Event) -> "StepProgress":
        """The counts after an event."""
        match event:
            case Planned(kept=kept, units=units):
                total = (event.hypotheses if units is None else units) + kept
                return StepProgress(
                    step=event.step,
                    words=event.words,
                    round=event.round,
                    total=total,
                    kept=kept,
                    done=kept,
                    start=event.time,
                    now=event.time,
                    parts=event.parts,
                )
            case Finished(changed=changed):
                return replace(self, done=self.done + event.records, changed=self.changed + changed, now=event.time)
            case Failed(units=units, reason=reason):
                bare = self.without_signal + (units if reason in WITHOUT_SIGNAL else 0)
                return replace(self, done=self.done + units, failed=self.failed + units, without_signal=bare, now=event.time)
        return self

    @property
    def rate(self) -> float:
        """Units per second; 0 while it is unknown."""
        elapsed = self.now - self.start
        return (self.done - self.kept) / elapsed if elapsed > 0 else 0.0

    @property
    def pace(self) -> str:
        """The rate for readers: three figures, all of those before the point."""
        return f"{self.rate:.3g}" if self.rate < 999.5 else f"{self.rate:,.0f}"

    @property
    def remaining(self) -> float | None:
        """Seconds left; None while it is unknown."""
        return (self.total - self.done) / self.rate if self.rate > 0 else None

    @property
    def title(self) -> str:
        """The step for readers: "fitting", "exchange 2"; "" before there is a plan."""
        if not self.total:
            return ""
        if self.step == LOCAL:
            return "fitting"
        return f"{self.step} {self.round}" if self.round else self.step

    def __str__(self) -> str:
        name = self.words or self.step
        done = "fitted" if self.step == LOCAL else f"{name}, round {self.round}:" if self.round else f"{name}:"
        text = f"{done} {self.done - self.failed} of {self.total}{' parts' if self.parts else ''}"
        counts = {"failed": self.failed - self.without_signal, "without a signal": self.without_signal}
        text += "".join(f", {count} {what}" for what, count in counts.items() if count)
        if self.rate > 0:
            text += f", {self.pace} per second"
        if self.remaining and self.done < self.total:
            text += f", {duration(self.remaining)} left"
        return text


@dataclass
class RunProgress:
    """The progress of a run: of the step under way, and of the first one, which says how much of the work has been done.

    `failed` maps the hypotheses without a result to the reasons; `last_event` is a time in seconds since the epoch, `in_first`
    whether the first step is under way.
    """

    current: StepProgress = field(default_factory=StepProgress)
    first: StepProgress = field(default_factory=StepProgress)
    failed: dict[str, str] = field(default_factory=dict)
    last_event: float | None = None
    in_first: bool = True

    def apply(self, event: Event) -> None:
        """Update the counts by an event."""
        self.last_event = event.time
        self.current = self.current.after(event)
        if isinstance(event, Planned):
            self.in_first = event.begins
        if self.in_first:
            self.first = self.current
        match event:
            case Planned() if self.in_first:
                self.failed.clear()
            case Failed(name=name, reason=reason, final=final) if self.in_first or final:
                self.failed[name] = reason

    def __add__(self, other: "RunProgress") -> "RunProgress":
        """The sum over two folders, as of two regions; the step under way is that of the later event."""
        later = self if (self.last_event or 0.0) > (other.last_event or 0.0) else other
        one, two = self.first, other.first
        first = replace(one, done=one.done + two.done, total=one.total + two.total, failed=one.failed + two.failed)
        return RunProgress(later.current, first, {**self.failed, **other.failed}, later.last_event)

    def without(self, passed: Mapping[str, int]) -> "RunProgress":
        """The progress with failures counted as done: those of the named hypotheses, so many of each."""
        first = replace(self.first, failed=self.first.failed - sum(passed.values()))
        failed = {name: reason for name, reason in self.failed.items() if name not in passed}
        return replace(self, first=first, failed=failed)
