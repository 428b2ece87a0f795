"""vmsim: a deterministic simulator of virtual-memory paging.

    import vmsim

    result = vmsim.run("scenarios/quickstart.txtpb")
    print(result.counters["v_swappgsin"], result.digest)

One scenario and one seed give one trajectory, byte for byte, here and in the `vmsim` command.
"""

from vmsim._errors import (
    InvariantViolation,
    LimitExceeded,
    MissingInput,
    ScenarioError,
    VmsimError,
)
from vmsim._result import Result
from vmsim._run import run, run_text

__all__ = [
    "InvariantViolation",
    "LimitExceeded",
    "MissingInput",
    "Result",
    "ScenarioError",
    "VmsimError",
    "run",
    "run_text",
]

for _name in __all__:  # Tracebacks and documentation show where users find them.
    globals()[_name].__module__ = "vmsim"
del _name
