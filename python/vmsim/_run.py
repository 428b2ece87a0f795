"""Running scenarios."""

import os
from collections.abc import Mapping

from vmsim import _core, _errors
from vmsim._result import Result

_CHECK_LEVELS = ("off", "cheap", "full")


def run(
    scenario,
    *,
    seed=None,
    sets=None,
    base_dir=None,
    max_events=None,
    max_wall_time=None,
    check="cheap",
    check_interval_events=None,
    variant=None,
):
    """Simulate a scenario file and return what it came to.

    Other Python threads run meanwhile, and Ctrl-C ends it.

    Parameters
    ----------
    scenario : str or os.PathLike
        The file: text (.txtpb) or binary (.binpb).
    seed : int, optional
        Used instead of the scenario's, 0 to 2**64 - 1.
    sets : mapping or iterable of str, optional
        Fields to replace, by path: {"memory.pages": 2000}, or ["memory.pages=2000"].
    base_dir : str or os.PathLike, optional
        The folder that traces are relative to. Default: the scenario's.
    max_events : int, optional
        Events to run at most, used instead of the scenario's limit.
    max_wall_time : float, optional
        Seconds of host time after which the run ends with LimitExceeded. Default: no limit.
    check : {"off", "cheap", "full"}
        Which invariants of the simulated memory to check during the run. The result is the same.
    check_interval_events : int, optional
        With "full": check each time so many events have run. Default: by the size of memory.
    variant : str, optional
        Of a scenario with a comparison: run only this variant. Default: all.

    Returns
    -------
    Result

    Raises
    ------
    ScenarioError
        The scenario, a trace or an argument is wrong. The message names file, field and fix.
    MissingInput
        The scenario or a trace is not there.
    LimitExceeded
        The run reached one of its limits.
    InvariantViolation
        A bug in vmsim.

    Examples
    --------
    >>> result = vmsim.run("scenarios/quickstart.txtpb")
    >>> result.counters["v_swappgsin"]
    """
    path = _path(scenario)
    if path == b"-":  # A file of that name; only the command takes it for standard input.
        path = b"./-"
    return _run(
        path, None, seed, sets, base_dir, max_events, max_wall_time, check,
        check_interval_events, variant,
    )


def run_text(
    text,
    *,
    seed=None,
    sets=None,
    base_dir=None,
    max_events=None,
    max_wall_time=None,
    check="cheap",
    check_interval_events=None,
    variant=None,
):
    """Simulate a scenario that is given as the text of a .txtpb file.

    The parameters, the result and the errors are those of `run`. `base_dir` defaults to the working
    directory.
    """
    if not isinstance(text, str):
        raise TypeError(f"text is a str, not {type(text).__name__}")
    return _run(
        None, text, seed, sets, base_dir, max_events, max_wall_time, check,
        check_interval_events, variant,
    )


def _run(
    path, text, seed, sets, base_dir, max_events, max_wall_time, check,
    check_interval_events, variant,
):
    if seed is not None and not 0 <= seed < 2**64:
        raise _errors.ScenarioError(f"seed: {seed} is not in 0 to 2**64 - 1", "INVALID_ARGUMENT")
    if max_events is not None and not 0 < max_events < 2**63:
        raise _errors.ScenarioError(
            f"max_events: {max_events} is not a number of events, 1 or more", "INVALID_ARGUMENT"
        )
    if max_wall_time is not None and not 0 < max_wall_time < 2**32:
        raise _errors.ScenarioError(
            f"max_wall_time: {max_wall_time} is not a time in seconds, above 0", "INVALID_ARGUMENT"
        )
    if check not in _CHECK_LEVELS:
        raise _errors.ScenarioError(
            f"check: {check!r} is not one of {', '.join(_CHECK_LEVELS)}", "INVALID_ARGUMENT"
        )
    if check_interval_events is not None and not 0 < check_interval_events < 2**63:
        raise _errors.ScenarioError(
            f"check_interval_events: {check_interval_events} is not a number of events, 1 or more",
            "INVALID_ARGUMENT",
        )
    core = _core.run(
        path=path,
        text=text,
        base_dir=None if base_dir is None else _path(base_dir),
        seed=seed,
        sets=_assignments(sets),
        max_events=max_events,
        max_wall_ms=None if max_wall_time is None else max(1, round(max_wall_time * 1000)),
        check=check,
        check_interval_events=check_interval_events,
        variant="" if variant is None else str(variant),
    )
    return Result(core)


def _path(path):
    """Returns the bytes that name `path` to the system."""
    encoded = os.fsencode(path)
    if b"\0" in encoded:
        raise ValueError("embedded null byte")
    return encoded


def _assignments(sets):
    """Returns `sets` as a list of "path=value"."""
    if sets is None:
        return []
    if isinstance(sets, str):
        raise TypeError("sets is a mapping or a list of 'path=value', not a str")
    if isinstance(sets, Mapping):
        return [f"{path}={_value(value)}" for path, value in sets.items()]
    return [str(assignment) for assignment in sets]


def _value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
