"""The vmsim command: help, streams, exit statuses, output files."""

import json
import os
import subprocess
import unittest

from vmsim_command import SMALL, VMSIM, CommandTest

COMMANDS = ["run", "import", "counters", "invariants", "policies"]

# What a machine needs to have all that can be counted.
FILES = """
disks { name: "files0" size_bytes: 33554432 ssd {} }
file_systems { name: "fs" disk: "files0" }
sf_bufs { nsfbufs: 16 }
mail_relay { messages: 1 remotes { name: "r" } }
"""


class HelpTest(CommandTest):
    def test_every_way_to_ask(self):
        for arguments in [[], ["help"], ["-h"], ["--help"], ["help", "help"]]:
            with self.subTest(arguments):
                done = self.vmsim(*arguments)
                self.assertEqual((done.status, done.err), (0, ""))
                for command in COMMANDS:
                    self.assertIn("\n  " + command, done.out)

    def test_every_command_explains_itself(self):
        for command in COMMANDS:
            asked = [self.vmsim(*a) for a in
                     (["help", command], [command, "-h"], [command, "--help"], ["--help", command])]
            for done in asked:
                self.assertEqual((done.status, done.err), (0, ""), command)
                self.assertEqual(done.out, asked[0].out)
            self.assertIn("Examples:", asked[0].out)
            self.assertIn("vmsim " + command, asked[0].out)


class UsageTest(CommandTest):
    def check_usage(self, arguments, part):
        done = self.vmsim(*arguments)
        self.assertEqual(done.status, 64, done.err)
        self.assertEqual(done.out, "")
        self.assertEqual(done.err.count("\n"), 1, done.err)
        self.assertIn(part, done.err)

    def test_table(self):
        for arguments, part in [
            (["rnu"], 'unknown command "rnu"; did you mean "run"?'),
            (["--hlep"], 'unknown option "--hlep"'),
            (["help", "conters"], 'did you mean "counters"?'),
            (["\x1b[2J"], '"\\x1b[2J"'),
            (["run"], "SCENARIO"),
            (["run", "s.txtpb", "--sede", "1"], 'unknown option "--sede"; did you mean --seed?'),
            (["run", "s.txtpb", "--seed", "x"], "--seed"),
            (["run", "s.txtpb", "--seed", "-1"], "--seed"),
            (["run", "s.txtpb", "--max-events", "0"], "--max-events"),
            (["run", "s.txtpb", "--max-wall-time", "-3"], "--max-wall-time"),
            (["run", "s.txtpb", "--output", "xml"], "--output"),
            (["run", "s.txtpb", "--color", "pink"], "--color"),
            (["run", "s.txtpb", "--check", "some"], "--check"),
            (["run", "s.txtpb", "--check-interval-events", "0"], "--check-interval-events"),
            (["run", "s.txtpb", "--output", "json", "--json", "f"], "exclude each other"),
            (["import", "t.log"], "--out"),
            (["import", "t.log", "--out", "-"], "--out"),
            (["import", "t.log", "--out", "f", "--fold", "0"], "--fold"),
            (["import", "a", "b", "--out", "f"], '"b"'),
            (["counters", "extra"], "extra"),
            (["invariants", "extra"], "extra"),
        ]:
            with self.subTest(arguments):
                self.check_usage(arguments, part)
                self.assertEqual(os.listdir(self.folder), [])


class RunTest(CommandTest):
    def setUp(self):
        super().setUp()
        self.write("s.txtpb", SMALL)

    def test_report(self):
        done = self.vmsim("run", "s.txtpb")
        self.assertEqual((done.status, done.err), (0, ""))
        self.assertTrue(done.out.startswith("small: policy freebsd, R15, 1,000 pages"), done.out)
        for part in ["v_vm_faults", "Fault latency", "efficiency", "digest "]:
            self.assertIn(part, done.out)
        self.assertNotIn("\x1b", done.out)

    def test_json_on_stdout_is_all_there_is(self):
        for arguments in [["--json", "-"], ["--output", "json"], ["--output=json", "--quiet"]]:
            done = self.vmsim("run", "s.txtpb", *arguments)
            self.assertEqual((done.status, done.err), (0, ""))
            result = json.loads(done.out)
            self.assertEqual(result["schema_version"], 1)
            self.assertEqual(result["scenario"], "small")
            self.assertEqual(result["processes"][0]["references"], 20000)
            self.assertGreater(result["counters"]["v_vm_faults"], 0)
            self.assertEqual(list(result["counters"]), sorted(result["counters"]))

    def test_json_file_beside_the_report(self):
        self.write("out.json", "old")
        done = self.vmsim("run", "s.txtpb", "--json", "out.json")
        self.assertEqual((done.status, done.err), (0, ""))
        self.assertIn("digest ", done.out)
        digest = json.loads(self.read("out.json"))["digest"]
        self.assertIn("digest " + digest + "\n", done.out)
        self.assertEqual(sorted(os.listdir(self.folder)), ["out.json", "s.txtpb"])

    def test_quiet(self):
        done = self.vmsim("run", "s.txtpb", "--quiet")
        self.assertEqual((done.status, done.out, done.err), (0, "", ""))

    def test_color(self):
        self.assertIn("\x1b[", self.vmsim("run", "s.txtpb", "--color", "always").out)
        self.assertNotIn("\x1b[", self.vmsim("run", "s.txtpb", "--color", "never").out)

    def result(self, *arguments):
        done = self.vmsim("run", *arguments, "--json", "-")
        self.assertEqual(done.status, 0, done.err)
        return json.loads(done.out)

    def test_seed_and_set(self):
        plain = self.result("s.txtpb")
        self.assertEqual(plain, self.result("s.txtpb"))
        self.assertEqual(plain["seed"], 0)
        seeded = self.result("s.txtpb", "--seed", "18446744073709551615")
        self.assertEqual(seeded["seed"], (1 << 64) - 1)
        self.assertNotEqual(seeded["digest"], plain["digest"])
        same = self.result("s.txtpb", "--set", "seed=18446744073709551615")
        self.assertEqual(same, seeded)
        larger = self.result("s.txtpb", "--set", "memory.pages=4000",
                             "--set", "processes[p].steps[1].generate.refs=10")
        self.assertEqual(larger["memory_pages"], 4000)
        self.assertEqual(larger["references"], 10)

    def test_checking_invariants_changes_nothing(self):
        plain = self.result("s.txtpb")
        for arguments in [["--check=off"], ["--check", "cheap"], ["--check=full"],
                          ["--check=full", "--check-interval-events", "1"]]:
            with self.subTest(arguments):
                self.assertEqual(self.result("s.txtpb", *arguments), plain)

    def test_stdin(self):
        done = self.vmsim("run", "-", "--json", "-", stdin=SMALL.encode())
        self.assertEqual(done.status, 0, done.err)
        self.assertEqual(json.loads(done.out), self.result("s.txtpb"))

    def test_expectations(self):
        self.write("e.txtpb", SMALL + 'expectations { counter: "oom_kills" eq: 0 }\n'
                   'expectations { counter: "v_swappgsin" lt: 0 }\n')
        done = self.vmsim("run", "e.txtpb", "--seed", "3", "--json", "out.json")
        self.assertEqual(done.status, 1)
        swapped = json.loads(self.read("out.json"))["counters"]["v_swappgsin"]
        self.assertEqual(done.err, "vmsim: e.txtpb: expected v_swappgsin < 0, got %d; to see it again: "
                         "vmsim run e.txtpb --seed 3\n" % swapped)
        self.assertIn("passed  oom_kills == 0", done.out)
        self.assertIn("FAILED  v_swappgsin < 0", done.out)
        outcomes = json.loads(self.read("out.json"))["expectations"]
        self.assertEqual([outcome["passed"] for outcome in outcomes], [True, False])

    def test_several_scenarios(self):
        self.write("e.txtpb", SMALL + 'expectations { counter: "oom_kills" eq: 1 }\n')
        done = self.vmsim("run", "s.txtpb", "e.txtpb", "s.txtpb", "--json", "-")
        self.assertEqual(done.status, 1)
        results = [json.loads(line) for line in done.out.splitlines()]
        self.assertEqual(results[0], results[2])
        # One that cannot run: the others are shown, but no file is written.
        done = self.vmsim("run", "s.txtpb", "none.txtpb", "--json", "out.json")
        self.assertEqual(done.status, 66)
        self.assertIn("digest ", done.out)
        self.assertIn("out.json: not written", done.err)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "out.json")))

    def test_limits(self):
        self.write("l.txtpb", SMALL.replace("refs: 20000", "refs: 5000000"))
        for arguments, part in [
            (["--max-events", "10"], "limits.max_events"),
            (["--set", "limits.max_sim_time_ns=1000"], "limits.max_sim_time_ns"),
            (["--max-wall-time", "0.001"], "--max-wall-time"),
        ]:
            with self.subTest(arguments):
                done = self.vmsim("run", "l.txtpb", *arguments, "--json", "out.json")
                self.assertEqual(done.status, 75, done.err)
                self.assertEqual(done.out, "")
                self.assertEqual(done.err.count("\n"), 1)
                self.assertIn("vmsim: l.txtpb: stopped", done.err)
                self.assertIn(part, done.err)
                self.assertFalse(os.path.exists(os.path.join(self.folder, "out.json")))

    def test_output_that_cannot_be_created(self):
        for path in ["no/such/folder.json", "/dev/full", "."]:
            with self.subTest(path):
                done = self.vmsim("run", "s.txtpb", "--json", path)
                self.assertEqual((done.status, done.out), (73, ""))
                self.assertIn(path, done.err)

    def test_a_full_device(self):
        with open("/dev/full", "wb") as full:
            done = self.vmsim("run", "s.txtpb", stdout=full)
        self.assertEqual(done.status, 74)
        self.assertIn("standard output cannot be written", done.err)

    def test_a_reader_that_goes_away(self):
        read_end, write_end = os.pipe()
        os.close(read_end)
        with os.fdopen(write_end, "wb") as pipe:
            done = self.vmsim("run", "s.txtpb", stdout=pipe)
        self.assertEqual((done.status, done.err), (0, ""))

    def test_no_progress_unless_on_a_terminal(self):
        self.write("l.txtpb", SMALL.replace("refs: 20000", "refs: 2000000"))
        self.assertEqual(self.vmsim("run", "l.txtpb").err, "")

    def progress_on_a_terminal(self, term):
        """What stderr, as a terminal, is told during a run of about a second."""
        self.write("l.txtpb", SMALL.replace("pages: 1200", "pages: 500")
                   .replace("refs: 20000", "refs: 300000000"))
        controller, terminal = os.openpty()
        process = subprocess.Popen([VMSIM, "run", "l.txtpb", "--max-wall-time", "1"], cwd=self.folder,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=terminal, env=dict(os.environ, TERM=term))
        os.close(terminal)
        told = b""
        while True:
            try:
                piece = os.read(controller, 4096)
            except OSError:  # The terminal is gone.
                break
            if not piece:
                break
            told += piece
        process.wait(timeout=60)
        os.close(controller)
        return told.decode()

    def test_progress_on_a_terminal(self):
        told = self.progress_on_a_terminal("xterm")
        self.assertRegex(told, r"\r\x1b\[Ksmall: [0-9.]+ s simulated, [0-9.]+ M references/s, [0-9]+ %")
        # The line is taken away before anything else is said.
        self.assertIn("\r\x1b[K", told.split("references/s")[-1])

    def test_no_progress_on_a_dumb_terminal(self):
        self.assertNotIn("\r\x1b", self.progress_on_a_terminal("dumb"))


class ImportTest(CommandTest):
    LACKEY = "==1== lackey\nI  04001090,3\nI  04001093,3\n L 1ffefee7e,8\n S 1ffefff00,8\n M 0421c7cc,4\n"

    def test_lackey(self):
        self.write("ls.log", self.LACKEY)
        done = self.vmsim("import", "ls.log", "--out", "ls.vpt")
        self.assertEqual((done.status, done.err), (0, ""))
        self.assertEqual(done.out, "ls.vpt: 5 references in 4 records, 4 pages\n")
        self.assertEqual(self.read("ls.vpt")[:4], b"VPT1")
        done = self.vmsim("import", "ls.log", "--out", "ls.vpt", "--drop-fetches", "--json")
        self.assertEqual(json.loads(done.out)["references"], 3)
        self.assertEqual(json.loads(done.out)["fetches_dropped"], True)
        self.assertEqual(sorted(os.listdir(self.folder)), ["ls.log", "ls.vpt"])

    def test_what_was_imported_runs(self):
        self.write("ls.log", self.LACKEY)
        self.assertEqual(self.vmsim("import", "ls.log", "--out", "ls.vpt.zst", "-q").status, 0)
        self.write("s.txtpb", 'memory { pages: 1000 }\nprocesses { name: "ls" steps { trace { file: '
                   '"ls.vpt.zst" repeat: 3 } } }\n')
        result = json.loads(self.vmsim("run", "s.txtpb", "--json", "-").out)
        self.assertEqual(result["references"], 15)
        self.assertEqual(result["counters"]["v_vm_faults"], 4)

    def test_stdin_and_again(self):
        done = self.vmsim("import", "-", "--out", "a.vpt", stdin=self.LACKEY.encode())
        self.assertEqual(done.status, 0, done.err)
        self.assertEqual(self.vmsim("import", "a.vpt", "--out", "b.vpt").status, 0)
        self.assertEqual(self.read("a.vpt"), self.read("b.vpt"))
        done = self.vmsim("import", "a.vpt", "--out", "c.vpt", "--fold", "8")
        self.assertEqual(done.status, 64)


class ListsTest(CommandTest):
    def test_counters(self):
        done = self.vmsim("counters")
        self.assertEqual((done.status, done.err), (0, ""))
        listed = json.loads(self.vmsim("counters", "--json").out)
        self.assertEqual(listed["schema_version"], 1)
        names = [counter["name"] for counter in listed["counters"]]
        self.assertEqual(names, sorted(names))
        for name in ["v_vm_faults", "v_swappgsin", "v_free_target", "oom_kills"]:
            self.assertIn(name, names)
            self.assertIn("\n  " + name + " ", done.out)
        for counter in listed["counters"]:
            self.assertIn(counter["kind"], ["counter", "level", "target"])
            self.assertTrue(counter["help"] and counter["unit"], counter)
        self.assertEqual(self.vmsim("counters", "--json", "c.json").out, "")
        self.assertEqual(json.loads(self.read("c.json")), listed)

    def test_a_machine_has_the_counters_that_are_listed(self):
        self.write("s.txtpb", SMALL + FILES)
        listed = json.loads(self.vmsim("counters", "--json").out)["counters"]
        got = json.loads(self.vmsim("run", "s.txtpb", "--json", "-").out)["counters"]
        self.assertEqual({counter["name"] for counter in listed} - set(got), set())

    def test_invariants(self):
        done = self.vmsim("invariants")
        self.assertEqual((done.status, done.err), (0, ""))
        listed = json.loads(self.vmsim("invariants", "--json").out)
        self.assertEqual(listed["schema_version"], 1)
        levels = {invariant["name"]: invariant["level"] for invariant in listed["invariants"]}
        self.assertEqual(len(levels), len(listed["invariants"]))
        self.assertEqual(levels["free-count"], "cheap")
        self.assertEqual(levels["free-page-is-clean"], "full")
        for invariant in listed["invariants"]:
            self.assertIn("\n  " + invariant["name"] + " ", done.out)
            self.assertIn(invariant["level"], ["cheap", "full"])
            self.assertTrue(invariant["help"] and invariant["source"], invariant)

    def test_policies(self):
        listed = json.loads(self.vmsim("policies", "--json").out)["policies"]
        self.assertEqual([policy["name"] for policy in listed], ["freebsd"])
        self.assertIn("freebsd", self.vmsim("policies").out)


if __name__ == "__main__":
    unittest.main()
