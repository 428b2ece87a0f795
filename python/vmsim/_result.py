"""What a run came to."""

import functools
import json
from types import MappingProxyType

from vmsim import _core

_PICKLE_FORMAT = 1


class Result:
    """What a run came to. Two runs of one scenario with one seed give equal results.

    Times are simulated nanoseconds. Everything is read-only: mappings and arrays refuse changes.
    Results compare equal if everything in them is equal, and pickle.
    """

    def __init__(self, core):
        self._core = core

    @functools.cached_property
    def _fields(self):
        return json.loads(self._core.to_json())

    @property
    def scenario(self):
        """str: The scenario's name."""
        return self._fields["scenario"]

    @property
    def seed(self):
        """int: The seed that was used."""
        return self._fields["seed"]

    @property
    def digest(self):
        """str: Of the trajectory, in hexadecimal. Equal digests: equal runs."""
        return self._fields["digest"]

    @property
    def sim_time_ns(self):
        """int: When the run ended."""
        return self._fields["sim_time_ns"]

    @functools.cached_property
    def counters(self):
        """Mapping of str to int: Counters, levels and targets under their sysctl names."""
        return MappingProxyType(self._fields["counters"])

    @property
    def processes(self):
        """tuple of dict: Each process: name, faults, references, times, how it ended."""
        return tuple(self._fields["processes"])

    @functools.cached_property
    def histograms(self):
        """Mapping of str to dict: Count, min, max, mean, percentiles and buckets, by name."""
        return MappingProxyType(self._fields["histograms"])

    @property
    def calls(self):
        """tuple of dict: Each system call with a label: process, times, failures, last error, time."""
        return tuple(self._fields["calls"])

    @functools.cached_property
    def variants(self):
        """Mapping of str to Result: Of a scenario with a comparison, each variant's own result.

        What this result itself has is then the sum of times, events and references, a digest of all
        digests, and the expectations of all.
        """
        names = [] if "variants" not in self._fields else list(self._fields["variants"])
        return MappingProxyType(
            {name: Result(self._core.variant(i)) for i, name in enumerate(names)}
        )

    @property
    def figures(self):
        """Mapping of str to dict: Of a comparison, each figure's value by variant."""
        rows = self._fields.get("figures", [])
        return MappingProxyType({row["text"]: dict(row["values"]) for row in rows})

    @property
    def expectations(self):
        """tuple of dict: Each expectation's text, what came, and whether it passed."""
        return tuple(self._fields["expectations"])

    @property
    def passed(self):
        """bool: Whether every expectation holds."""
        return all(expectation["passed"] for expectation in self.expectations)

    @functools.cached_property
    def series(self):
        """Mapping of str to numpy.ndarray: Samples over time, one column each, as int64.

        "time_ns" says when each row was taken; columns of counters are cumulative. The arrays share
        the result's memory and are read-only. Needs numpy.
        """
        return MappingProxyType(self._core.series())

    def to_json(self):
        """Return all of it as JSON, the very text that `vmsim run --json` writes."""
        return self._core.to_json()

    def to_dict(self):
        """Return all of it as a dict of plain values, which the caller may change."""
        return json.loads(self._core.to_json())

    def __eq__(self, other):
        if not isinstance(other, Result):
            return NotImplemented
        return self._core.to_json() == other._core.to_json()

    def __hash__(self):
        return hash(self._core.to_json())

    def __repr__(self):
        return (
            f"<vmsim.Result {self.scenario!r} seed={self.seed} digest={self.digest} "
            f"sim_time_ns={self.sim_time_ns} passed={self.passed}>"
        )

    def __reduce__(self):
        return _unpickle, (_PICKLE_FORMAT, self._core.serialize())


def _unpickle(version, data):
    if version != _PICKLE_FORMAT:
        raise ValueError(
            f"this result was pickled in format {version}; this vmsim reads format {_PICKLE_FORMAT}"
        )
    return Result(_core.Result.parse(data))
