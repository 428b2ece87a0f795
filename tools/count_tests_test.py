"""Tests of tools/count_tests.py, on events as Bazel 4.2 writes them."""

import json
import sys
import tempfile
import unittest

from tools import count_tests


def configured(label, kind):
    return {
        "id": {"targetConfigured": {"label": label}},
        "configured": {"targetKind": kind},
    }


def summary(label, status):
    return {
        "id": {"testSummary": {"label": label, "configuration": {"id": "c"}}},
        "testSummary": {"overallStatus": status},
    }


class CountTest(unittest.TestCase):
    def count(self, *events):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.writelines(json.dumps(event) + "\n" for event in events)
            file.flush()
            return count_tests.count(file.name)

    def test_nothing_ran(self):
        self.assertEqual(self.count({"id": {"started": {}}, "started": {}}), (0, 0))

    def test_a_test_passes_by_its_summary_alone(self):
        rows = [("PASSED", (1, 0)), ("FAILED", (0, 1)), ("TIMEOUT", (0, 1)), ("FLAKY", (0, 1))]
        for status, expected in rows:
            with self.subTest(status):
                events = [configured("//a:t", "cc_test rule"), summary("//a:t", status)]
                self.assertEqual(self.count(*events), expected)

    def test_what_does_not_build_has_failed(self):
        self.assertEqual(
            self.count(
                configured("//a:t", "cc_test rule"),
                configured("//a:u", "py_test rule"),
                summary("//a:u", "PASSED"),
            ),
            (1, 1),
        )

    def test_libraries_do_not_count(self):
        self.assertEqual(self.count(configured("//a:l", "cc_library rule")), (0, 0))

    def test_a_target_counts_once_a_file(self):
        again = [summary("//a:t", "PASSED"), summary("//a:t", "PASSED")]
        self.assertEqual(self.count(configured("//a:t", "cc_test rule"), *again), (1, 0))


if __name__ == "__main__":
    sys.exit(unittest.main())
