"""The Python package as its users see it.

Runs against the build (as a test of Bazel) and against what pip installed
(tools/python_install_test). The environment says where the tree and the vmsim command are.
"""

import ast
import concurrent.futures
import json
import multiprocessing
import os
import pathlib
import pickle
import signal
import string
import subprocess
import sys
import threading
import time

import numpy
import pytest

import vmsim
from vmsim import _core

ROOT = pathlib.Path(os.environ.get("VMSIM_ROOT", ".")).resolve()
COMMAND = pathlib.Path(os.environ.get("VMSIM_COMMAND", "tools/vmsim_bin")).resolve()
QUICKSTART = ROOT / "scenarios" / "quickstart.txtpb"

# 1500 pages of memory on a machine of 1200, filled once and read once: it has to swap.
SMALL = """
name: "small"
memory { pages: 1200 }
disks { name: "d" fixed {} }
swap { disk: "d" size_pages: 4096 }
processes {
  name: "p"
  steps { map { name: "m" pages: 1500 } }
  steps { touch { map: "m" write: true } }
  steps { generate { map: "m" kind: SEQUENTIAL } }
}
expectations { counter: "v_swappgsout" ge: 300 }
"""

# The same without an end in sight.
ENDLESS = SMALL.replace(
    'steps { generate { map: "m" kind: SEQUENTIAL } }',
    'steps { repeat { times: 1000000 steps { generate { map: "m" kind: SEQUENTIAL } } } }',
)


def command_json(path, *arguments):
    """Returns what `vmsim run ARGUMENTS --json PATH` writes to PATH."""
    subprocess.run(
        [COMMAND, "run", *map(str, arguments), "--json", path],
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return path.read_text()


def test_is_the_installed_package():
    if "VMSIM_INSTALLED" in os.environ:
        assert pathlib.Path(vmsim.__file__).is_relative_to(sys.prefix)
        assert (pathlib.Path(vmsim.__file__).parent / "py.typed").exists()


def test_quickstart_as_in_the_command(monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    result = vmsim.run("scenarios/quickstart.txtpb")
    assert result.counters["v_swappgsin"] > 0
    assert set(result.digest) <= set(string.hexdigits) and len(result.digest) >= 16
    assert result.passed

    theirs = command_json(tmp_path / "theirs.json", QUICKSTART)
    assert result.digest == json.loads(theirs)["digest"]
    assert result.to_json() == theirs


@pytest.mark.parametrize("sets", [{"memory.pages": 1250}, ["memory.pages=1250"]])
def test_seed_and_sets(sets, tmp_path):
    path = tmp_path / "small.txtpb"
    path.write_text(SMALL)
    result = vmsim.run(path, seed=2**64 - 1, sets=sets)
    assert result.seed == 2**64 - 1
    assert result.counters["v_page_count"] == 1250
    assert result.digest != vmsim.run(path).digest
    out = tmp_path / "theirs.json"
    assert result.to_json() == command_json(
        out, path, "--seed", 2**64 - 1, "--set", "memory.pages=1250"
    )


def test_result_says_what_came():
    result = vmsim.run_text(SMALL)
    assert result.scenario == "small"
    assert result.seed == 0
    assert result.sim_time_ns > 0
    assert [process["name"] for process in result.processes] == ["p"]
    # Each page is zero-filled once, and at least 300 have to come back.
    assert result.counters["v_zfod"] == 1500
    assert result.processes[0]["references"] == 3000
    assert result.processes[0]["majflt"] >= 1
    assert result.histograms["fault_hard_ns"]["count"] == result.processes[0]["majflt"]
    assert result.passed
    assert [e["passed"] for e in result.expectations] == [True]
    assert repr(result).startswith(f"<vmsim.Result 'small' seed=0 digest={result.digest} ")


def test_variants_of_a_comparison():
    text = SMALL + """
comparison {
  variants { name: "small" }
  variants { name: "large" set: "memory.pages=4000" }
  figures { counter: "v_swappgsout" }
}
"""
    text = text.replace("expectations {", 'expectations { variant: "small"')
    result = vmsim.run_text(text)
    assert list(result.variants) == ["small", "large"]
    assert result.variants["small"] == vmsim.run_text(SMALL)
    assert result.variants["large"] == vmsim.run_text(text, variant="large")
    assert result.figures["v_swappgsout"]["small"] >= 300
    assert result.figures["v_swappgsout"]["large"] == 0
    assert [e["text"] for e in result.expectations] == ["[small] v_swappgsout >= 300"]
    assert result.passed
    assert not vmsim.run_text(SMALL).variants
    with pytest.raises(vmsim.ScenarioError, match='no variant "medium"'):
        vmsim.run_text(text, variant="medium")


def test_checking_invariants_changes_nothing():
    results = [vmsim.run_text(SMALL, check=level) for level in ("off", "cheap", "full")]
    results.append(vmsim.run_text(SMALL, check="full", check_interval_events=10))
    assert all(result == results[0] for result in results)


def test_failed_expectation_is_a_result():
    result = vmsim.run_text(SMALL.replace("ge: 300", "lt: 300"))
    assert not result.passed
    assert result.expectations[0]["got"] == result.counters["v_swappgsout"]


def test_results_are_read_only():
    result = vmsim.run_text(SMALL)
    with pytest.raises(TypeError):
        result.counters["v_zfod"] = 0
    with pytest.raises(TypeError):
        result.series["time_ns"] = None
    with pytest.raises(ValueError):
        result.series["time_ns"][0] = 1
    with pytest.raises(AttributeError):
        result.digest = ""


def test_series_are_columns_without_copies():
    result = vmsim.run_text(SMALL, sets={"sample_interval_ns": 1_000_000})
    series = result.series
    rows = len(series["time_ns"])
    assert rows >= 3
    assert numpy.all(numpy.diff(series["time_ns"]) > 0)
    for name, column in series.items():
        assert column.dtype == numpy.int64, name
        assert column.shape == (rows,), name
        assert not column.flags.owndata, name
        assert not column.flags.writeable, name
    assert series["v_vm_faults"][-1] <= result.counters["v_vm_faults"]
    # A column keeps the memory that it shows.
    column = series["v_vm_faults"]
    expected = column.copy()
    del result, series
    vmsim.run_text(SMALL)
    assert numpy.array_equal(column, expected)


def test_series_of_the_json_are_the_same():
    result = vmsim.run_text(SMALL)
    series = result.to_dict()["series"]
    assert series["time_ns"] == result.series["time_ns"].tolist()


def test_results_pickle_and_compare():
    result = vmsim.run_text(SMALL)
    copy = pickle.loads(pickle.dumps(result))
    assert copy == result
    assert hash(copy) == hash(result)
    assert copy.to_json() == result.to_json()
    assert numpy.array_equal(copy.series["time_ns"], result.series["time_ns"])
    assert result != vmsim.run_text(SMALL, seed=1)
    assert result != result.digest


def test_unknown_pickles_are_refused():
    rebuild, (version, data) = vmsim.run_text(SMALL).__reduce__()
    with pytest.raises(ValueError, match="format"):
        rebuild(version + 1, data)
    with pytest.raises(ValueError, match="not a result"):
        rebuild(version, b"\xff\xff\xff")


def test_threads_do_not_disturb_each_other():
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        results = list(pool.map(vmsim.run_text, [SMALL] * 8))
    assert {result.digest for result in results} == {vmsim.run_text(SMALL).digest}


def test_processes_return_results_and_errors():
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        good = pool.submit(vmsim.run_text, SMALL)
        bad = pool.submit(vmsim.run, "/no/such/file.txtpb")
        assert good.result() == vmsim.run_text(SMALL)
        with pytest.raises(vmsim.MissingInput, match="/no/such/file.txtpb"):
            bad.result()


def with_set(path, value):
    """Returns the arguments of run_text that set one field of SMALL."""
    return (SMALL, {"sets": {path: value}})


SCENARIO_ERRORS = {
    # name: (arguments of run_text, what the message contains)
    "malformed": (("memory {", {}), "<text>:1:"),
    "unknown field": ((SMALL + "colour: 1", {}), "colour"),
    "nested": (("processes { " + "steps { repeat { " * 100_000, {}), "<text>:"),
    "too small": (with_set("memory.pages", 999), "memory.pages"),
    "negative": (with_set("memory.pages", -1), "memory.pages"),
    "absurd size": (with_set("memory.pages", 2**60), "memory.pages"),
    "unknown policy": (with_set("policy", "clairvoyant"), "clairvoyant"),
    "unknown path in sets": (with_set("no.such", 1), "no"),
    "no value in sets": ((SMALL, {"sets": ["memory.pages"]}), "memory.pages"),
    "negative seed": ((SMALL, {"seed": -1}), "seed"),
    "absurd seed": ((SMALL, {"seed": 2**64}), "seed"),
    "no time": ((SMALL, {"max_wall_time": 0}), "max_wall_time"),
    "not a time": ((SMALL, {"max_wall_time": float("nan")}), "max_wall_time"),
    "no events": ((SMALL, {"max_events": 0}), "max_events"),
    "no such level": ((SMALL, {"check": "some"}), "check"),
    "no interval": ((SMALL, {"check": "full", "check_interval_events": 0}), "check_interval_events"),
}
LIMITS = {
    "events": ((ENDLESS, {"max_events": 10_000}), "10000"),
    "host time": ((ENDLESS, {"max_wall_time": 0.2}), "200 ms"),
}
MISSING = {
    "trace": (
        (SMALL.replace('generate { map: "m" kind: SEQUENTIAL }', 'trace { file: "no.vpt" }'), {}),
        "no.vpt",
    ),
}
ERRORS = (
    [(vmsim.ScenarioError, "INVALID_ARGUMENT", *row) for row in SCENARIO_ERRORS.values()]
    + [(vmsim.LimitExceeded, "RESOURCE_EXHAUSTED", *row) for row in LIMITS.values()]
    + [(vmsim.MissingInput, "NOT_FOUND", *row) for row in MISSING.values()]
)


@pytest.mark.parametrize(
    ("exception", "code", "arguments", "contained"),
    ERRORS,
    ids=[*SCENARIO_ERRORS, *LIMITS, *MISSING],
)
def test_errors(exception, code, arguments, contained):
    text, keywords = arguments
    with pytest.raises(exception) as caught:
        vmsim.run_text(text, **keywords)
    error = caught.value
    assert type(error) is exception
    assert isinstance(error, vmsim.VmsimError)
    assert error.code == code
    assert contained in error.message
    assert str(error) == error.message
    assert "\n" not in error.message
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), copy.code, copy.message) == (exception, code, error.message)


def test_errors_are_also_python_s_own():
    with pytest.raises(ValueError):
        vmsim.run_text("nonsense")
    with pytest.raises(OSError):
        vmsim.run("no such file")


@pytest.mark.parametrize(
    "call",
    [
        lambda: vmsim.run(None),
        lambda: vmsim.run_text(b"bytes"),
        lambda: vmsim.run_text(SMALL, sets="memory.pages=2000"),
        lambda: vmsim.run_text(SMALL, seed="1"),
        lambda: vmsim.run_text(SMALL, base_dir=3),
    ],
)
def test_wrong_types(call):
    with pytest.raises(TypeError):
        call()


def test_null_byte_in_path():
    with pytest.raises(ValueError, match="null byte"):
        vmsim.run("scenarios\0")


def test_broken_invariant_is_an_exception_and_the_next_run_works():
    before = vmsim.run_text(SMALL)
    for _ in range(3):
        with pytest.raises(vmsim.InvariantViolation, match="broken on request") as caught:
            _core.break_invariant()
        assert caught.value.code == "INTERNAL"
    assert vmsim.run_text(SMALL) == before


def test_other_threads_run_meanwhile():
    outcome = []

    def simulate():
        try:
            vmsim.run_text(ENDLESS, max_wall_time=0.5)
        except vmsim.LimitExceeded as error:
            outcome.append(error)

    worker = threading.Thread(target=simulate)
    worker.start()
    turns = 0
    while worker.is_alive():
        time.sleep(0.01)
        turns += 1
    worker.join()
    assert outcome
    assert turns >= 10


CTRL_C = f"""
import signal
import vmsim

# Whoever starts tests in the background has them ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)
print("running", flush=True)
vmsim.run_text({ENDLESS!r}, max_wall_time=60)
"""


def test_ctrl_c_ends_a_run():
    child = subprocess.Popen(
        [sys.executable, "-c", CTRL_C], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout.readline() == "running\n"
        time.sleep(0.3)
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=30)
    finally:
        child.kill()
        child.wait()
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert child.returncode == -signal.SIGINT


def test_stub_names_what_the_extension_has():
    stub = ast.parse((pathlib.Path(vmsim.__file__).parent / "_core.pyi").read_text())

    def names(body):
        return {node.name for node in body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}

    def public(thing):
        return {name for name in vars(thing) if not name.startswith("_")}

    assert names(stub.body) == public(_core)
    for node in stub.body:
        if isinstance(node, ast.ClassDef):
            assert names(node.body) == public(getattr(_core, node.name))


if __name__ == "__main__":
    sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", __file__]))
