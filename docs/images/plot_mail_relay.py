#!/usr/bin/env python3
"""Draws docs/images/mail_relay.svg, the picture of docs/mail-relay.md, from the catalog's mail relay.

Needs matplotlib, which nothing else here does (Debian: python3-matplotlib). In the tree's root:

    for pages in $(seq 8192 1024 24576); do
      tools/vmsim run scenarios/catalog/mail_relay.txtpb --set memory.pages=$pages --quiet \\
          --json mail_relay.$pages.json
    done
    /usr/bin/python3 docs/images/plot_mail_relay.py docs/images/mail_relay.svg mail_relay.*.json

What the scenario expects holds with its own 16,384 pages; with others the command says so and exits
with 1. The same results give the same picture, byte for byte with one version of matplotlib. A change
of the scenario's digest is the time to draw it again.
"""

import json
import sys

import matplotlib

matplotlib.use("svg")
# Ids of SVG elements are hashed with this instead of at random.
matplotlib.rcParams.update(
    {"svg.hashsalt": "vmsim", "font.family": "DejaVu Sans", "font.size": 10.5}
)

from matplotlib import pyplot  # noqa: E402  (after the backend is chosen)

# Of Okabe and Ito's palette, which the colour-blind tell apart.
STYLES = {
    "off": ("off: sends at once", "#d55e00", "s", "-"),
    "always": ("always: pulls\neach body", "#0072b2", "^", (0, (4, 1.5))),
    "hook": ("hook: pulls what\nis not in core", "#009e73", "o", "-"),
}
CATALOG_MIB = 64
P99_TICKS = {1: "1 ms", 10: "10 ms", 100: "100 ms", 1000: "1 s", 10000: "10 s", 100000: "100 s"}


def mebibytes(pages):
    return pages * 4096 / 2**20


def read_points(paths):
    """Returns for each variant its (memory in MiB, p99 of "fast" in ms, stall in s), ascending."""
    points = {name: [] for name in STYLES}
    for path in paths:
        with open(path, encoding="utf-8") as file:
            variants = json.load(file)["variants"]
        for name, result in variants.items():
            p99 = result["histograms"]["mail_delivery_ns[fast]"]["p99"]
            stall = result["counters"]["mail.stall_ns"]
            points[name].append((mebibytes(result["memory_pages"]), p99 / 1e6, stall / 1e9))
    return {name: sorted(rows) for name, rows in points.items()}


def draw(axes, points, column):
    axes.axvline(CATALOG_MIB, color="#888888", linewidth=0.9, linestyle=(0, (1.5, 2)))
    for name, (text, color, marker, style) in STYLES.items():
        axes.plot(
            [row[0] for row in points[name]],
            [row[column] for row in points[name]],
            color=color,
            marker=marker,
            markersize=4.5,
            linestyle=style,
            linewidth=1.5,
            label=text,
        )
    axes.grid(axis="y", color="#cccccc", linewidth=0.5)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def main(target, *sources):
    points = read_points(sources)
    figure, (top, bottom) = pyplot.subplots(
        2, 1, sharex=True, figsize=(9, 5.2), gridspec_kw={"hspace": 0.12}
    )
    draw(top, points, 1)
    top.set_yscale("log")
    top.set_ylim(1, 100000)
    top.set_yticks(list(P99_TICKS), list(P99_TICKS.values()))
    top.minorticks_off()
    top.set_ylabel("delivery to “fast”, p99")
    draw(bottom, points, 2)
    bottom.set_ylim(-1.5, 60)
    bottom.annotate(
        "as in the catalog",
        (CATALOG_MIB, 60),
        xytext=(5, -3),
        textcoords="offset points",
        color="#555555",
        va="top",
    )
    bottom.set_ylabel("loop stands still (s)")
    bottom.set_xlabel("memory (MiB)")
    bottom.set_xticks(range(32, 97, 8))
    top.legend(
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
        frameon=False,
        borderaxespad=0.2,
        handlelength=2.2,
        labelspacing=0.9,
    )
    top.set_title(
        "A mail relay with 70 MB of waiting mail, and memory from too little to plenty",
        loc="left",
        fontsize=10.5,
    )
    figure.align_ylabels()
    figure.subplots_adjust(left=0.105, right=0.79, top=0.94, bottom=0.1)
    figure.savefig(target, metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
