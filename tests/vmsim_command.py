"""Runs the vmsim command for tests, in a folder of its own."""

import os
import subprocess
import sys
import tempfile
import time
import unittest

# The command's path is the test's first argument; the rest is unittest's.
VMSIM = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else ""
REPOSITORY = os.getcwd()  # Bazel starts a test in the root of its files.

SMALL = """\
name: "small"
memory { pages: 1000 }
disks { name: "d0" size_bytes: 8388608 }
swap { disk: "d0" }
processes {
  name: "p"
  steps { map { name: "m" pages: 1200 } }
  steps { generate { map: "m" kind: UNIFORM refs: 20000 write_pct: 50 } }
}
"""


class Done:
    """What a command came to."""

    def __init__(self, process, seconds):
        self.status = process.returncode
        self.out = process.stdout.decode(errors="replace")
        self.err = process.stderr.decode(errors="replace")
        self.seconds = seconds


class CommandTest(unittest.TestCase):
    """A test whose folder is self.folder, empty at first."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, name, content):
        mode = "wb" if isinstance(content, bytes) else "w"
        with open(os.path.join(self.folder, name), mode) as out:
            out.write(content)
        return name

    def read(self, name):
        with open(os.path.join(self.folder, name), "rb") as file:
            return file.read()

    def vmsim(self, *arguments, stdin=b"", env=None, stdout=subprocess.PIPE):
        begun = time.monotonic()
        process = subprocess.run(
            [VMSIM, *arguments],
            cwd=self.folder,
            input=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            env=dict(os.environ, **(env or {})),
            timeout=60,
        )
        if process.stdout is None:
            process.stdout = b""
        return Done(process, time.monotonic() - begun)
