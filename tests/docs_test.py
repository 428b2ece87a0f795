"""The documentation says what is true: counters, links, scenarios."""

import glob
import json
import os
import re
import textwrap
import unittest

from vmsim_command import REPOSITORY, CommandTest

PAGES = ["README.md"] + sorted(
    os.path.relpath(page, REPOSITORY)
    for page in glob.glob(os.path.join(REPOSITORY, "docs", "**", "*.md"), recursive=True)
)


def read_page(page):
    with open(os.path.join(REPOSITORY, page), encoding="utf-8") as file:
        return file.read()


def code_blocks(text):
    """Yields the blocks of code, fenced or indented by four, without fence and indentation."""
    fence = None
    block = []
    for line in text.splitlines() + [""]:
        if line.startswith("```"):
            if fence:
                yield "\n".join(block) + "\n"
            fence, block = not fence, []
        elif fence or line.startswith("    ") or (block and not line.strip()):
            block.append(line)
        elif block:
            yield textwrap.dedent("\n".join(block)).rstrip() + "\n"
            block = []
    if block and not fence:
        yield textwrap.dedent("\n".join(block)).rstrip() + "\n"


class LinksTest(unittest.TestCase):
    def test_there_are_pages(self):
        self.assertGreaterEqual(len(PAGES), 10, PAGES)

    def test_relative_links_lead_somewhere(self):
        links = 0
        for page in PAGES:
            for target in re.findall(r"\]\(([^)\s]+)\)", read_page(page)):
                if re.match(r"[a-z]+:", target):
                    continue
                path = target.split("#")[0]
                links += 1
                with self.subTest(page=page, link=target):
                    full = os.path.join(REPOSITORY, os.path.dirname(page), path)
                    self.assertTrue(os.path.exists(full), "%s: no such file: %s" % (page, target))
        self.assertGreaterEqual(links, 20)


class CountersTest(CommandTest):
    PAGE = "docs/counters.md"
    # A machine whose disk, connection and pool are called as they are in the page.
    SCENARIO = ('memory { pages: 1000 }\ndisks { name: "NAME" }\nconnections { name: "NAME" }\n'
                'file_systems { name: "fs" disk: "NAME" }\nfiles { name: "f" size_bytes: 4096 }\n'
                'processes { name: "p"\n'
                '  steps { mpool_open { pool: "NAME" file: "f" pagesize_bytes: 512 } } }\n')

    def test_every_counter_has_its_row_and_every_row_a_counter(self):
        listed = json.loads(self.vmsim("counters", "--json").out)["counters"]
        expected = {
            "| `%(name)s` | %(unit)s | %(kind)s | %(help)s |" % counter for counter in listed
        }
        rows = re.findall(r"^\| `(?!disk\.|connection\.|mpool\.)[^`]+` \| .*\|$",
                          read_page(self.PAGE), re.MULTILINE)
        for wrong in sorted(expected.symmetric_difference(rows)):
            with self.subTest(wrong):
                self.fail("%s %s:\n%s" % (self.PAGE, "lacks" if wrong in expected else
                                          "has what `vmsim counters` does not say", wrong))
        self.assertEqual(len(rows), len(set(rows)), "a row is there twice")

    def test_counters_of_disks_connections_and_pools(self):
        self.write("s.txtpb", self.SCENARIO)
        counters = json.loads(self.vmsim("run", "s.txtpb", "--json", "-").out)["counters"]
        for kind in ("disk", "connection", "mpool"):
            expected = sorted(name for name in counters if name.startswith(kind + ".NAME."))
            self.assertGreater(len(expected), 0)
            rows = re.findall(r"^\| `(%s\.NAME\.[^`]+)` \|" % kind, read_page(self.PAGE),
                              re.MULTILINE)
            self.assertEqual(sorted(rows), expected)


class InvariantsTest(CommandTest):
    PAGE = "docs/invariants.md"

    def test_every_invariant_has_its_row_and_every_row_an_invariant(self):
        listed = json.loads(self.vmsim("invariants", "--json").out)["invariants"]
        expected = ["| `%(name)s` | %(level)s | %(help)s |" % invariant for invariant in listed]
        rows = re.findall(r"^\| `[^`]+` \| (?:cheap|full) \| .*\|$", read_page(self.PAGE), re.MULTILINE)
        for wrong in sorted(set(expected).symmetric_difference(rows)):
            with self.subTest(wrong):
                self.fail("%s %s:\n%s" % (self.PAGE, "lacks" if wrong in expected else
                                          "has what `vmsim invariants` does not say", wrong))
        self.assertEqual(len(rows), len(expected), "a row is there twice")


class ScenariosTest(CommandTest):
    PAGES = ["docs/comparing.md", "docs/files.md", "docs/mail-relay.md", "docs/mpool.md",
             "docs/scenarios.md", "docs/system-calls.md"]

    def test_snippets_run(self):
        os.symlink(os.path.join(REPOSITORY, "scenarios", "traces"),
                   os.path.join(self.folder, "traces"))
        snippets = [block for page in self.PAGES for block in code_blocks(read_page(page))
                    if block.startswith("# scenario\n")]
        self.assertGreaterEqual(len(snippets), 6)
        for number, snippet in enumerate(snippets, 1):
            with self.subTest(number=number):
                done = self.vmsim("run", self.write("snippet.txtpb", snippet))
                self.assertEqual((done.status, done.err), (0, ""), snippet)


class CodeBlocksTest(unittest.TestCase):
    def test_fenced_and_indented(self):
        text = "a\n\n    one {\n\n      1\n    }\n\nb\n```\ntwo\n  2\n```\nc\n\n    three\n"
        self.assertEqual(list(code_blocks(text)), ["one {\n\n  1\n}\n", "two\n  2\n", "three\n"])


if __name__ == "__main__":
    unittest.main()
