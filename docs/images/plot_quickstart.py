#!/usr/bin/python3
"""Draws docs/images/quickstart.svg, the README's picture, from the quickstart's result.

Needs matplotlib, which nothing else here does (Debian: python3-matplotlib). In the tree's root:

    tools/vmsim run scenarios/quickstart.txtpb --quiet --json quickstart.json
    /usr/bin/python3 docs/images/plot_quickstart.py quickstart.json docs/images/quickstart.svg

The same result gives the same picture, byte for byte with one version of matplotlib. A change of
the quickstart's digest is the time to draw it again.
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
from matplotlib.ticker import ScalarFormatter  # noqa: E402

# Of Okabe and Ito's palette, which the colour-blind tell apart.
FREE, OUT, IN, WAIT = "#0072b2", "#d55e00", "#009e73", "#e6e6e6"
# Samples that one step of a rate sums up.
BIN = 4


def column(result, name):
    return result["series"]["columns"][name]["values"]


def rates(times, counted):
    """Returns the edges of bins in seconds, and what was counted in each, a second."""
    last = len(times) - 1
    ends = list(range(BIN - 1, last, BIN)) + [last]
    edges, values, before = [0.0], [], 0
    for end in ends:
        values.append((counted[end] - before) / (times[end] - edges[-1]))
        edges.append(times[end])
        before = counted[end]
    return edges, values


def shade_waits(axes, times, blocked):
    """Shades the samples in which the process was asleep for memory or a disk."""
    begin, before = None, 0.0
    for time, count in zip(times + times[-1:], blocked + [0]):
        if count and begin is None:
            begin = before
        elif not count and begin is not None:
            axes.axvspan(begin, before, color=WAIT, linewidth=0)
            begin = None
        before = time


def label_right(axes, y, text, color):
    axes.annotate(
        text,
        (1.0, y),
        xycoords=("axes fraction", "data"),
        xytext=(6, 0),
        textcoords="offset points",
        color=color,
        va="center",
    )


def draw_free(axes, result, times):
    counters = result["counters"]
    axes.plot(
        [0.0] + times,
        [result["memory_pages"]] + column(result, "v_free_count"),
        color=FREE,
        linewidth=1.4,
        solid_joinstyle="round",
    )
    target, severe = counters["v_free_target"], counters["v_free_severe"]
    axes.axhline(target, color="black", linewidth=0.9, linestyle=(0, (6, 3)))
    axes.axhline(severe, color="black", linewidth=0.9, linestyle=(0, (1.5, 2)))
    label_right(axes, target * 1.1, f"v_free_target, {target}:\nthe page daemon's aim", "black")
    label_right(axes, severe * 0.8, f"v_free_severe, {severe}:\nfaults wait below it", "black")
    axes.set_yscale("log")
    axes.set_ylim(28, 1500)
    axes.set_yticks([30, 50, 100, 200, 500, 1000])
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.minorticks_off()
    axes.set_ylabel("free pages (log scale)")


def draw_rates(axes, result, times):
    for name, text, color, style in [
        ("v_swappgsout", "swapped out", OUT, "-"),
        ("v_swappgsin", "swapped in", IN, (0, (4, 1.5))),
    ]:
        edges, values = rates(times, column(result, name))
        axes.stairs(
            values, edges, baseline=None, color=color, linewidth=1.6, linestyle=style, label=text
        )
    axes.set_ylim(bottom=0)
    axes.set_ylabel("pages per second")
    axes.set_xlabel("simulated time (s)")
    axes.legend(
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
        frameon=False,
        borderaxespad=0.2,
        handlelength=1.8,
    )


def main(source, target):
    with open(source, encoding="utf-8") as file:
        result = json.load(file)
    times = [ns / 1e9 for ns in result["series"]["time_ns"]]
    figure, (top, bottom) = pyplot.subplots(
        2, 1, sharex=True, figsize=(9, 4.8), gridspec_kw={"height_ratios": [3, 2], "hspace": 0.1}
    )
    for axes in (top, bottom):
        shade_waits(axes, times, column(result, "threads_blocked"))
        axes.grid(axis="y", color="#cccccc", linewidth=0.5)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    draw_free(top, result, times)
    draw_rates(bottom, result, times)
    top.set_xlim(0, times[-1])
    mebibytes = result["memory_pages"] * 4096 / 2**20
    top.set_title(
        f"cc1 on {result['memory_pages']:,} pages ({mebibytes:.1f} MiB), swapping to an SSD; "
        "grey: it waits for memory or the disk",
        loc="left",
        fontsize=10.5,
    )
    figure.subplots_adjust(left=0.085, right=0.79, top=0.93, bottom=0.11)
    figure.savefig(target, metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
