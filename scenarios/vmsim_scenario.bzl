"""Scenarios as tests."""

def vmsim_scenario_test(name, scenario, data = [], digests = "//scenarios:digests.txt", **kwargs):
    """Runs a scenario as a test.

    Two processes run it, one of which checks every invariant (`--check full`). Both must end well
    (every expectation in the file holds), print the same result byte for byte, and reach the digest
    that is recorded for the file in `digests`.
    tools/update_digests records it.

    Args:
      name: of the target.
      scenario: the .txtpb file.
      data: what else the scenario reads: traces.
      digests: lines "path digest"; None: no digest is recorded, compare the two runs only.
      **kwargs: of py_test: size, tags, ...
    """
    recorded = [digests] if digests else []
    kwargs.setdefault("size", "small")
    native.py_test(
        name = name,
        srcs = ["//scenarios:scenario_test.py"],
        main = "//scenarios:scenario_test.py",
        args = [
            "$(rootpath //tools:vmsim_bin)",
            "$(rootpath %s)" % scenario,
        ] + ["$(rootpath %s)" % file for file in recorded],
        data = ["//tools:vmsim_bin", scenario] + recorded + data,
        python_version = "PY3",
        **kwargs
    )
