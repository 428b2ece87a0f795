"""Counts the tests in Bazel's build event files.

    tools/count_tests.py EVENTS.json...

Prints "PASSED FAILED" over all files. A test that did not get as far as running, because it or
something it needs does not build, has failed.
"""

import json
import sys


def count(path):
    """Returns (passed, failed) of one run of `bazel test --build_event_json_file=path`."""
    expected, passed = set(), set()
    with open(path, encoding="utf-8") as events:
        for line in events:
            event = json.loads(line)
            if "configured" in event:
                if event["configured"].get("targetKind", "").endswith("_test rule"):
                    expected.add(event["id"]["targetConfigured"]["label"])
            elif "testSummary" in event:
                label = event["id"]["testSummary"]["label"]
                expected.add(label)
                if event["testSummary"].get("overallStatus") == "PASSED":
                    passed.add(label)
    return len(passed), len(expected - passed)


def main(paths):
    counts = [count(path) for path in paths]
    print(sum(passed for passed, _ in counts), sum(failed for _, failed in counts))


if __name__ == "__main__":
    main(sys.argv[1:])
