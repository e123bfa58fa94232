"""The progress of a run, computed from its events: the counts of a step, the failures, the time left."""

from dataclasses import dataclass, field, replace

from hfx.driver.run.events import Event, Failed, Finished, Planned

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
    """The counts of one step: `done` of `total` hypotheses, `kept` of which were done before it began.

    `round` is the number of the round among those of one step; `changed` counts new results; `start` and `now` are the times
    of its plan and of its last event, in seconds since the epoch.
    """

    step: str = "local"
    round: int = 0
    total: int = 0
    kept: int = 0
    done: int = 0
    changed: int = 0
    start: float = 0.0
    now: float = 0.0

    def after(self, event: Event) -> "StepProgress":
        """The counts after an event."""
        match event:
            case Planned(step=step, round=number, hypotheses=hypotheses, kept=kept):
                return StepProgress(step, number, hypotheses + kept, kept, kept, 0, event.time, event.time)
            case Finished(names=names, changed=changed):
                done, changed = self.done + len(names), self.changed + changed
                return StepProgress(self.step, self.round, self.total, self.kept, done, changed, self.start, event.time)
            case Failed():
                return replace(self, done=self.done + 1, now=event.time)
        return self

    @property
    def rate(self) -> float:
        """Hypotheses per second; 0 while it is unknown."""
        elapsed = self.now - self.start
        return (self.done - self.kept) / elapsed if elapsed > 0 else 0.0

    @property
    def remaining(self) -> float | None:
        """Seconds left; None while it is unknown."""
        return (self.total - self.done) / self.rate if self.rate > 0 else None

    @property
    def title(self) -> str:
        """The step for readers: "fitting", "exchange 2"; "" before there is a plan."""
        if not self.total:
            return ""
        return "fitting" if self.step == "local" else f"{self.step} {self.round}"

    def __str__(self) -> str:
        done = "fitted" if self.step == "local" else f"{self.step}, round {self.round}:"
        text = f"{done} {self.done}/{self.total}"
        if self.rate > 0:
            text += f", {self.rate:.3g} per second"
        if self.remaining and self.done < self.total:
            text += f", {duration(self.remaining)} left"
        return text


@dataclass
class RunProgress:
    """The progress of a run: of the step under way, and of the local step, which says how many hypotheses have a result.

    `failed` maps the hypotheses that failed in the local step to the reasons; `last_event` is a time in seconds since the epoch.
    """

    current: StepProgress = field(default_factory=StepProgress)
    local: StepProgress = field(default_factory=StepProgress)
    failed: dict[str, str] = field(default_factory=dict)
    last_event: float | None = None

    def apply(self, event: Event) -> None:
        """Update the counts by an event."""
        self.last_event = event.time
        self.current = self.current.after(event)
        if self.current.step != "local":
            return
        self.local = self.current
        match event:
            case Planned():
                self.failed.clear()
            case Failed(name=name, reason=reason):
                self.failed[name] = reason

    def __add__(self, other: "RunProgress") -> "RunProgress":
        """The sum over two folders, as of two regions; the step under way is that of the later event."""
        later = self if (self.last_event or 0.0) > (other.last_event or 0.0) else other
        local = replace(self.local, done=self.local.done + other.local.done, total=self.local.total + other.local.total)
        return RunProgress(later.current, local, {**self.failed, **other.failed}, later.last_event)
