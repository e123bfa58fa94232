"""The errors of hfx, which every room may import.

::

    HfxError                      the base of all errors that hfx raises on purpose
    ├── InputError                the user's input cannot be used (exit code 2)
    │   ├── PalletError           source, archive, layout, digest
    │   │   └── PatchError        a JSON patch that does not apply
    │   ├── SpecificationError    a workspace that is not a valid HistFactory model
    │   ├── OptionError           an option, expression or name
    │   └── EndpointError         an endpoint that cannot be used
    │       └── LoginError        no login to its service, or not the one that it requires
    ├── OutputError               standard output cannot be written (exit code 2)
    ├── RunFolderError            the run's folder cannot be used or is in use (exit code 2)
    ├── TooLargeError             a task or its answer does not fit through the endpoint's service
    └── WorkerLostError           a worker died with its task
        └── NodeLostError         its node, job or connection ended: not counted against the task

The text of an error is one line, whatever names and messages of others it quotes. It names what is at fault (the file, option,
hypothesis, channel, sample, modifier, patch or endpoint) and says what to do. `TooLargeError` and `WorkerLostError` do not end
a scan: the task is split or tried again, and a hypothesis that still fails is reported as failed. Other errors are Python's
own: a scan that is stopped raises `KeyboardInterrupt`, one that is cancelled `concurrent.futures.CancelledError`, and names
that a result does not have raise `KeyError` or `AttributeError`.
"""

from hfx.printable import printable

__all__ = [
    "EndpointError",
    "HfxError",
    "InputError",
    "LoginError",
    "NodeLostError",
    "OptionError",
    "OutputError",
    "PalletError",
    "PatchError",
    "RunFolderError",
    "SpecificationError",
    "TooLargeError",
    "WorkerLostError",
]


class HfxError(Exception):
    """Base of all errors that hfx raises on purpose; its text is one printable line."""

    def __str__(self) -> str:
        return printable(super().__str__())


class InputError(HfxError):
    """The input cannot be used as it is."""


class PalletError(InputError):
    """A pallet, its source, archive, layout or digest cannot be used."""


class PatchError(PalletError):
    """A JSON patch does not apply to the background workspace."""


class SpecificationError(InputError):
    """A workspace is not a valid HistFactory model; names channel, sample and modifier."""


class OptionError(InputError):
    """An option, an expression or a name given by the user cannot be used."""


class EndpointError(InputError):
    """An endpoint is unknown, misspelt or cannot be used."""


class LoginError(EndpointError):
    """A login is missing, has expired, or is not the one that the endpoint requires; the user must log in."""


class TooLargeError(HfxError):
    """A task, or its answer, is larger than the endpoint's service accepts; the task is split in two and tried again."""


class WorkerLostError(HfxError):
    """A worker died with its task; the task is tried again, alone."""


class NodeLostError(WorkerLostError):
    """A worker's node, job or connection ended; not counted against the task."""


class OutputError(HfxError):
    """Standard output cannot be written."""


class RunFolderError(HfxError):
    """A run's folder is locked, belongs to another scan, or cannot be written."""
