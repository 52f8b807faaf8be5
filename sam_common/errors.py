"""Errors of the suite, in one tree.

Every error that the suite raises on purpose derives from `SuiteError`, so that a script can catch
one class and the command lines can print one line instead of a traceback:

```
SuiteError
├── InputError            a file or an array cannot be used
│   ├── PromptError           a prompt is malformed or makes no sense for this image
│   └── GeometryError         a window, a frame or an affine is impossible
├── OutputError           a result cannot be written to its place
│   └── DiskError             the disk is full or read-only: another try is of no use
│       └── StorageError          an object storage refuses access, or is not reached
├── ModelError            a network cannot be built or run as asked
│   ├── UnknownModelError     no such name in the registry
│   ├── CheckpointError       a checkpoint does not fit its architecture
│   └── CapabilityError       the checkpoint was not trained for this kind of prompt
├── WeightsError          a file of the registry cannot be fetched
│   └── IntegrityError        a file is not the published one
├── MissingExtraError     a library of an extra is not installed; an ImportError too
├── NotFoundError         a server holds nothing of this name
└── ConflictError         a request does not fit the state of the server
```

Messages carry the offending value and say what to do next.
"""


class SuiteError(Exception):
    """Base of every error that the suite raises on purpose."""


class InputError(SuiteError):
    """A file or an array cannot be used as input."""


class PromptError(InputError):
    """A prompt is malformed or makes no sense for this image."""


class GeometryError(InputError):
    """A window, a frame or an affine is impossible."""


class OutputError(SuiteError):
    """A result cannot be written to its place."""


class DiskError(OutputError):
    """The disk is full, over a quota or read-only, so that another try is of no use."""


class StorageError(DiskError):
    """A storage of objects, or a shared folder, refuses access, is full or is not reached."""


class ModelError(SuiteError):
    """A network cannot be built or run as asked."""


class UnknownModelError(ModelError):
    """No model of this name is in the registry."""


class CheckpointError(ModelError):
    """A checkpoint does not fit its architecture."""


class CapabilityError(ModelError):
    """The checkpoint was not trained for this kind of prompt."""


class WeightsError(SuiteError):
    """A file of the registry of checkpoints or samples cannot be fetched."""


class IntegrityError(WeightsError):
    """A file exists but its content is not the published one."""


class MissingExtraError(SuiteError, ModuleNotFoundError):
    """A library that an extra of the suite brings is not installed; `name` is its module."""


class NotFoundError(SuiteError):
    """A server holds no session, object, job or upload of this name."""


class ConflictError(SuiteError):
    """A request of a client cannot be fulfilled in the present state of the server."""


def one_line(error: BaseException) -> str:
    r"""The message of an error on one line; its class where it has no message.

    >>> one_line(RuntimeError("failed at core.cpp:132:\nstd::bad_alloc\n"))
    'failed at core.cpp:132: std::bad_alloc'
    >>> one_line(MemoryError())
    'not enough memory'
    """
    told = " ".join(str(error).split())
    if isinstance(error, MemoryError):
        return f"not enough memory: {told}" if told else "not enough memory"
    return told or type(error).__name__
