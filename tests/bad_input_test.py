"""Bad input ends with one clear line, the right exit status, at once, and leaves nothing behind."""

import os
import resource
import unittest

from vmsim_command import REPOSITORY, SMALL, CommandTest

TRACE = os.path.join(REPOSITORY, "scenarios/traces/lackey-cc1-compile.vpt.zst")
MAX_RESIDENT_KIB = 700 << 10  # Generous: sanitizers double everything.


def replay(trace):
    return 'memory { pages: 2000 }\nprocesses { name: "p" steps { trace { file: "%s" } } }\n' % trace


def changed(old, new):
    assert old in SMALL, old
    return SMALL.replace(old, new)


# Name, scenario, exit status, what the line must contain.
SCENARIOS = [
    ("malformed", "memory { pages: 1000", 65, ["s.txtpb:1:21: ", "close the brace"]),
    ("not a scenario at all", "\x00\x01\x02", 65, ["s.txtpb:1:"]),
    ("unknown field", changed("refs: 20000", "ref: 20000"), 65,
     ["s.txtpb:8:", '"ref"', 'did you mean "refs"?']),
    ("wrong type", changed("pages: 1000", 'pages: "lots"'), 65,
     ["s.txtpb:2:17: pages: Expected integer"]),
    ("negative size", changed("pages: 1200", "pages: -1200"), 65,
     ["s.txtpb:7:", "processes[0].steps[0].map.pages: -1200 is outside"]),
    ("2^60 pages of memory", changed("pages: 1000", "pages: 1152921504606846976"), 65,
     ["s.txtpb:2:10: memory.pages: 1152921504606846976", "use less"]),
    ("2^60 pages in a map", changed("pages: 1200", "pages: 1152921504606846976"), 65,
     ["map.pages: 1152921504606846976", "use fewer"]),
    ("2^60 pages of swap", changed('disk: "d0"', 'disk: "d0" size_pages: 1152921504606846976'), 65,
     ["swap[0].size_pages: 1152921504606846976"]),
    ("2^60 references", changed("refs: 20000", "refs: 1152921504606846976"), 65,
     ["limits.max_references"]),
    ("more than 64 bits", changed("pages: 1000", "pages: 100000000000000000000"), 65,
     ["Integer out of range"]),
    ("memory below the workable minimum", changed("pages: 1000", "pages: 999"), 65,
     ["memory.pages: 999 is below FreeBSD's workable minimum", "use 1000 or more"]),
    ("unknown policy", 'policy: "lru2"\n' + SMALL, 65,
     ['s.txtpb:1:1: policy: there is no policy "lru2"', "freebsd"]),
    ("unknown disk", changed('swap { disk: "d0" }', 'swap { disk: "d1" }'), 65,
     ["swap[0].disk", 'did you mean "d0"?']),
    ("unknown counter", SMALL + 'expectations { counter: "v_swappgsinn" ge: 0 }\n', 65,
     ["expectations[0].counter", 'did you mean "v_swappgsin"?']),
    ("a name with an escape sequence", changed('name: "small"', 'name: "\\033[2Jx"'), 65,
     ['name: "\\x1b[2Jx" has a character']),
    ("100,000 nested messages", 'processes { name: "p" ' + "steps{repeat{times:1 " * 50000, 65,
     ["too deep"]),
    ("100,000 closed nested messages",
     'processes { name: "p" ' + "steps{repeat{times:1 " * 50000 + "}}" * 50000 + "}", 65,
     ["too deep"]),
    ("a repeat for ever", changed("steps { generate",
                                  "steps { repeat { times: 1099511627776 steps { sleep {} } } }\n"
                                  "  steps { generate"), 65, ["more than 1000000000 steps"]),
    ("too large a file", "# " + "x" * (4 << 20), 65, ["larger than the 4194304 bytes"]),
    ("a missing trace", replay("none.vpt"), 66, ["none.vpt", "no such file"]),
    ("an absolute trace", replay("/etc/hostname"), 65, ["is an absolute path"]),
    ("a trace above", replay("../x.vpt"), 65, ["leaves the scenario's folder"]),
    ("a trace that is a folder", replay("."), 65, ["."]),
    ("a trace that is text", replay("s.txtpb"), 65, ["s.txtpb", "VPT1"]),
]


class RefusalTest(CommandTest):
    def check_refused(self, done, status, parts):
        self.assertEqual(done.status, status, done.err)
        self.assertEqual(done.out, "")
        self.assertEqual(done.err.count("\n"), 1, done.err)
        self.assertTrue(done.err.startswith("vmsim: "), done.err)
        self.assertLess(len(done.err), 700)
        for part in parts:
            self.assertIn(part, done.err)
        self.assertTrue(all(c == "\n" or c.isprintable() for c in done.err), repr(done.err))
        self.assertLess(done.seconds, 10)
        self.assertLess(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, MAX_RESIDENT_KIB)


class BadScenarioTest(RefusalTest):
    def check_scenario(self, status, parts, name="s.txtpb"):
        before = sorted(os.listdir(self.folder))
        self.check_refused(self.vmsim("run", name, "--json", "out.json"), status, parts)
        self.assertEqual(sorted(os.listdir(self.folder)), before, "something was left behind")

    def test_table(self):
        for name, scenario, status, parts in SCENARIOS:
            with self.subTest(name):
                self.write("s.txtpb", scenario)
                self.check_scenario(status, parts)

    def test_the_tables_scenario_is_good_itself(self):
        self.write("s.txtpb", SMALL)
        self.assertEqual(self.vmsim("run", "s.txtpb").status, 0)

    def test_missing_file(self):
        self.check_scenario(66, ["none.txtpb: there is no such file"], "none.txtpb")

    def test_folder(self):
        os.mkdir(os.path.join(self.folder, "d"))
        self.check_scenario(65, ["d: is a folder"], "d")

    def test_named_pipe(self):
        os.mkfifo(os.path.join(self.folder, "pipe"))
        self.check_scenario(65, ["pipe: is not a regular file"], "pipe")

    def test_nested_binary(self):
        # Field 21 processes > field 5 steps > (field 8 repeat > field 2 steps) ...: from inside out.
        message = b""

        def field(number, content):
            size, length = len(content), b""
            while size >= 0x80:
                length += bytes([size & 0x7F | 0x80])
                size >>= 7
            tag = number << 3 | 2
            tag = bytes([tag]) if tag < 0x80 else bytes([tag & 0x7F | 0x80, tag >> 7])
            return tag + length + bytes([size]) + content

        for _ in range(1000):
            message = field(8, field(2, message))
        self.write("s.binpb", field(21, field(5, message)))
        self.check_scenario(65, ["s.binpb: is not a binary scenario", "nested"], "s.binpb")

    def test_half_a_trace(self):
        with open(TRACE, "rb") as file:
            whole = file.read()
        self.write("half.vpt.zst", whole[: len(whole) // 2])
        self.write("s.txtpb", replay("half.vpt.zst"))
        self.check_scenario(65, ["half.vpt.zst: byte ", "cut short"])

    def test_corrupt_zstd_frame(self):
        with open(TRACE, "rb") as file:
            data = bytearray(file.read())
        for i in range(len(data) // 2, len(data) // 2 + 64):
            data[i] ^= 0x5A
        self.write("bad.vpt.zst", bytes(data))
        self.write("s.txtpb", replay("bad.vpt.zst"))
        self.check_scenario(65, ["bad.vpt.zst: ", " byte ", "corrupt"])

    def test_half_a_plain_trace(self):
        plain = os.path.join(self.folder, "plain.vpt")
        self.assertEqual(self.vmsim("import", TRACE, "--out", plain, "--quiet").status, 0)
        whole = self.read("plain.vpt")
        self.write("half.vpt", whole[: len(whole) // 2])
        self.write("s.txtpb", replay("half.vpt"))
        self.check_scenario(65, ["half.vpt: byte "])

    def test_a_trace_that_claims_too_much(self):
        # A header for 2^60 records, and nothing behind it.
        header = b"VPT1" + bytes([1, 0, 12, 0]) + (1 << 60).to_bytes(8, "little") * 2
        self.write("claim.vpt", header + (1).to_bytes(8, "little") * 2 + b"x".ljust(24, b"\0"))
        self.write("s.txtpb", replay("claim.vpt"))
        done = self.vmsim("run", "s.txtpb")
        self.assertIn(done.status, (65, 75))
        self.check_refused(done, done.status, ["claim.vpt"])

    def test_set(self):
        self.write("s.txtpb", SMALL)
        for value, part in [
            ("memory.pages=10", "s.txtpb: --set memory.pages=10: memory.pages: 10 is below"),
            ("memory.page=10", 'did you mean "pages"?'),
            ("memory.pages", "is not path=value"),
            ("processes[7].count=1", "7 is not one of them"),
        ]:
            with self.subTest(value):
                self.check_refused(self.vmsim("run", "s.txtpb", "--set", value), 65, [part])


class BadImportTest(RefusalTest):
    def check_import(self, name, status, parts):
        before = sorted(os.listdir(self.folder))
        self.check_refused(self.vmsim("import", name, "--out", "out.vpt.zst"), status, parts)
        self.assertEqual(sorted(os.listdir(self.folder)), before, "something was left behind")

    def test_missing(self):
        self.check_import("none.log", 66, ["none.log"])

    def test_not_a_trace(self):
        self.check_import(self.write("t.log", "hello\n"), 65, ["t.log"])

    def test_broken_line(self):
        self.check_import(self.write("t.log", "I  04001090,3\n L 04xy,4\n"), 65, ["t.log", "2"])

    def test_half_zstd(self):
        with open(TRACE, "rb") as file:
            whole = file.read()
        self.check_import(self.write("t.vpt.zst", whole[: len(whole) // 2]), 65, ["t.vpt.zst: byte "])

    def test_output_that_cannot_be(self):
        self.write("t.log", "I  04001090,3\n")
        self.check_refused(self.vmsim("import", "t.log", "--out", "no/such/folder.vpt"), 73,
                           ["no/such/folder.vpt"])


if __name__ == "__main__":
    unittest.main()
