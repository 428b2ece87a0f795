"""The compiled half of vmsim. Not for direct use: what it takes and gives may change."""

import numpy

class Result:
    @staticmethod
    def parse(data: bytes) -> Result: ...
    def serialize(self) -> bytes: ...
    def variant(self, index: int) -> Result: ...
    def series(self) -> dict[str, numpy.ndarray]: ...
    def to_json(self) -> str: ...

def break_invariant() -> None: ...
def run(
    path: bytes | None,
    text: str | None,
    base_dir: bytes | None,
    seed: int | None,
    sets: list[str],
    max_events: int | None,
    max_wall_ms: int | None,
    check: str,
    check_interval_events: int | None,
    variant: str,
) -> Result: ...
