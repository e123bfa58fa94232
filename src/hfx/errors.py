"""The errors of hfx: the one module that every room may import.

::

    HfxError                      everything that hfx raises on purpose
    ├── InputError                the user's input cannot be used (exit code 2)
    │   ├── PalletError           source, archive, layout, digest
    │   │   └── PatchError        a JSON patch that does not apply
    │   ├── SpecificationError    a workspace that is not a valid HistFactory model
    │   ├── OptionError           an option, expression or name
    │   └── EndpointError         an endpoint that cannot be used
    │       └── LoginError        its service knows no login of ours, or another than it wants
    ├── TooLargeError             a task or its answer does not fit through the endpoint's service
    ├── WorkerLostError           a worker died with its task
    │   └── NodeLostError         its node or job went: no fault of the task
    └── RunFolderError            the run's folder cannot be used or is in use (exit code 2)

Every message names the file, channel, sample, modifier, patch or endpoint, and says what to do.
"""

__all__ = [
    "EndpointError",
    "HfxError",
    "InputError",
    "LoginError",
    "NodeLostError",
    "OptionError",
    "PalletError",
    "PatchError",
    "RunFolderError",
    "SpecificationError",
    "TooLargeError",
    "WorkerLostError",
]


class HfxError(Exception):
    """Base of all errors that hfx raises on purpose; its text is one line that says what to do."""


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
    """A login is missing, has ended, or is not the one that is wanted; a person must type something."""


class TooLargeError(HfxError):
    """A task, or its answer, is larger than what the endpoint's service takes; the task is tried again in halves."""


class WorkerLostError(HfxError):
    """A worker died with its task; the task is tried again, alone."""


class NodeLostError(WorkerLostError):
    """A worker's node, job or connection went away; not counted against the task."""


class RunFolderError(HfxError):
    """A run's folder is locked, belongs to another scan, or cannot be written."""
