"""What can go wrong, as one hierarchy. Every message says what to do and holds no patient's data.

    PipelineError
    ├── ConfigurationError        hospitals.yaml, an environment variable: someone has to edit something
    ├── SourceError               a hospital's database
    │   ├── SourceUnreachable     transient: network, restart, timeout
    │   │   └── SourceBusy        a previous check of the hospital is still running
    │   ├── SourceRefused         permanent: an account that can write, a missing grant, not an OpenMRS
    │   └── HospitalNotActive     permanent: someone paused or retired it, or the pipeline stopped it
    ├── PassportError             MongoDB
    │   ├── PassportUnreachable   transient
    │   │   └── WindowBusy        another run is working on the same window
    │   ├── PassportRefused       permanent: missing rights, validators cannot be set
    │   └── WindowTakenOver       permanent: another run has taken the window over
    ├── BatchError                raw batches: a full disk, an unreadable file
    │   └── BatchUnreachable      transient: an object store that does not answer
    ├── WorkerDied                transient: a process that ran windows was killed, perhaps for lack of memory
    └── WindowHeldBack            permanent: what a load would do to a window is not plausible; someone has to decide

What belongs here: exception classes, and the text for any other exception. What does not: which driver error becomes
which of these (known_errors).
"""

import traceback


def unexpected(error: BaseException) -> str:
    """The type of an unforeseen error and where it was raised, without its text: drivers and pandas quote values in
    theirs.
    """
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in reversed(frames))
    return f"{type(error).__name__} (its text may hold a patient's data and is not shown) at {where}"


def described(error: BaseException) -> str:
    """What may be printed of an error: the message of a PipelineError, of any other what `unexpected` gives."""
    return str(error) if isinstance(error, PipelineError) else unexpected(error)


class PipelineError(Exception):
    """Something that an operator can act on. `transient` ones are retried, the others are not.

    `exit_code` is what the command line exits with: 2 for configuration, 3 for a hospital, 4 for the
    passport, 5 for raw batches.
    """

    transient: bool = False
    exit_code: int = 1


class ConfigurationError(PipelineError):
    """hospitals.yaml or an environment variable is wrong; the message lists every fault."""

    exit_code = 2


class SourceError(PipelineError):
    """A hospital's database could not be read."""

    exit_code = 3


class SourceUnreachable(SourceError):  # noqa: N818 - reads as a state, like the errors of httpx
    """The hospital's server did not answer, or stopped answering; trying again may help."""

    transient = True


class SourceBusy(SourceUnreachable):
    """A previous check of the hospital is still running; it has one connection, and no more."""


class SourceRefused(SourceError):  # noqa: N818
    """The hospital's database must not or cannot be read as it is set up; trying again does not help."""


class HospitalNotActive(SourceError):  # noqa: N818
    """The hospital is paused, stopped or retired; the message says since when, why, and what brings it back."""


class PassportError(PipelineError):
    """The passport's MongoDB could not be used."""

    exit_code = 4


class PassportUnreachable(PassportError):  # noqa: N818
    """MongoDB did not answer, or has no primary at the moment; trying again may help."""

    transient = True


class PassportRefused(PassportError):  # noqa: N818
    """MongoDB is not set up as the pipeline needs it; trying again does not help."""


class WindowBusy(PassportUnreachable):
    """Another run is still working on the same window after the longest wait; trying again helps."""


class WindowTakenOver(PassportError):  # noqa: N818
    """Another run has taken the window over from this one, whose lease had ended, and does its work."""


class BatchError(PipelineError):
    """A raw batch could not be written or read."""

    exit_code = 5


class BatchUnreachable(BatchError):  # noqa: N818
    """The storage of the raw batches did not answer, or stopped answering; trying again may help."""

    transient = True


class WorkerDied(PipelineError):  # noqa: N818
    """A process that ran windows ended before it was done; trying again may help."""

    transient = True


class WindowHeldBack(PipelineError):  # noqa: N818
    """What a load would do to a window is not plausible; the message says why, and how to let it through."""


class HospitalHeldBack(WindowHeldBack):
    """What a hospital as a whole would lose is not plausible; all of its windows have the same message."""
