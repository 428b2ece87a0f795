"""One scenario as a test: see vmsim_scenario.bzl.

Usage: scenario_test.py VMSIM SCENARIO [DIGESTS]
"""

import json
import subprocess
import sys


def run(vmsim, scenario, check):
    """Returns the result's JSON text; ends the test if the run does not go well."""
    done = subprocess.run(
        [vmsim, "run", scenario, "--check", check, "--json", "-"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    if done.returncode != 0:
        sys.exit(
            "%s: exit status %d\n%s" % (scenario, done.returncode, done.stderr.decode(errors="replace"))
        )
    return done.stdout


def first_difference(one, other):
    for number, (a, b) in enumerate(zip(one.splitlines(), other.splitlines()), 1):
        if a != b:
            return "line %d:\n  %.200r\n  %.200r" % (number, a, b)
    return "one is longer than the other"


def recorded_digest(path, scenario):
    """The digest in the file of lines "path digest", or None."""
    with open(path, encoding="ascii") as lines:
        for line in lines:
            if line.startswith("#") or not line.strip():
                continue
            name, digest = line.split()
            if name == scenario:
                return digest
    return None


def main(vmsim, scenario, digests=None):
    # Whether invariants are checked must not matter either.
    one = run(vmsim, scenario, "full")
    other = run(vmsim, scenario, "off")
    if one != other:
        sys.exit("%s: two runs differ, first in %s" % (scenario, first_difference(one, other)))
    digest = json.loads(one)["digest"]
    if digests is None:
        return
    recorded = recorded_digest(digests, scenario)
    if recorded is None:
        sys.exit("%s: no digest in %s; run tools/update_digests" % (scenario, digests))
    if recorded != digest:
        sys.exit(
            "%s: digest %s, recorded is %s. If the change of behaviour is meant, run "
            "tools/update_digests and say why in the change." % (scenario, digest, recorded)
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
