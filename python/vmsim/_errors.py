"""What can go wrong, as exceptions.

All of them pickle, so that they cross process pools.
"""


class VmsimError(Exception):
    """The base of all errors of a simulation.

    Attributes
    ----------
    code : str
        The status in Abseil's words: "INVALID_ARGUMENT", "NOT_FOUND", ...
    message : str
        What is wrong, where, and how to mend it.
    """

    def __init__(self, message, code="UNKNOWN"):
        super().__init__(message)
        self.message = message
        self.code = code

    def __reduce__(self):
        return type(self), (self.message, self.code)


class ScenarioError(VmsimError, ValueError):
    """The scenario, a trace or an argument is wrong."""


class MissingInput(VmsimError, OSError):
    """A file is not there or cannot be read."""

    def __new__(cls, message, code="UNKNOWN"):
        # OSError would take two arguments for an errno and its text.
        return super().__new__(cls, message)


class LimitExceeded(VmsimError):
    """The run reached a limit: events, simulated time or host time."""


class InvariantViolation(VmsimError):
    """The simulator found itself broken: a bug in vmsim, whatever the input was."""


_BY_CODE = {
    "INVALID_ARGUMENT": ScenarioError,
    "OUT_OF_RANGE": ScenarioError,
    "FAILED_PRECONDITION": ScenarioError,
    "DATA_LOSS": ScenarioError,
    "UNIMPLEMENTED": ScenarioError,
    "NOT_FOUND": MissingInput,
    "PERMISSION_DENIED": MissingInput,
    "RESOURCE_EXHAUSTED": LimitExceeded,
    "DEADLINE_EXCEEDED": LimitExceeded,
    "INTERNAL": InvariantViolation,
}


def from_status(code, message):
    """Returns the exception for a status that is not OK."""
    return _BY_CODE.get(code, VmsimError)(message, code)
