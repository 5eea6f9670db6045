"""The picture of the comparison with peers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt

if TYPE_CHECKING:
    from pathlib import Path

    from bench.harness import Time

INK, MUTED = "#22303c", "#6b7a86"
COLOURS = {
    "NumPy": "#b4bec6",
    "numexpr": "#c9b458",
    "numba": "#9fc38a",
    "numba parallel": "#5f9a52",
    "lupa": "#d9a8c4",
    "lupa LuaJIT": "#b0689a",
    "multiprocessing": "#e0a07a",
    "numba fastmath": "#3f7536",
    "C": "#c3a18a",
    "C fast": "#9a7355",
    "SIMD": "#6f4c33",
    "moonpool 1": "#8fbcd4",
    "moonpool N": "#2f7ea8",
    "moonpool fastmath": "#1d5a7a",
}
COLUMNS = 4
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.titlesize": 11,
    "xtick.color": MUTED,
    "xtick.labelsize": 7.5,
}


def draw(
    results: dict[str, dict[str, Time]], what: dict[str, str], footer: str, path: Path
) -> None:
    """Write a chart with a panel a kernel: milliseconds, logarithmic."""
    rows = -(-len(results) // COLUMNS)
    with plt.rc_context(STYLE):
        size = 15, 3.8 * rows
        figure, panels = plt.subplots(rows, COLUMNS, figsize=size, dpi=100, facecolor="white")
        for axes in panels.flat[len(results) :]:
            axes.set_axis_off()
        for axes, (title, times) in zip(panels.flat, results.items(), strict=False):
            _panel(axes, title, what[title], times)
        figure.suptitle(
            "Time to the same result (milliseconds, logarithmic: less is better)",
            x=0.012,
            ha="left",
            fontsize=12,
        )
        figure.text(0.012, 0.015, footer, color=MUTED, fontsize=8)
        figure.tight_layout(rect=(0, 0.035, 1, 0.975), w_pad=2, h_pad=2.5)
        figure.savefig(path, facecolor="white")
        plt.close(figure)


def _panel(axes: Any, title: str, what: str, times: dict[str, Time]) -> None:
    milliseconds = [time.best * 1e3 for time in times.values()]
    bars = axes.barh(range(len(times)), milliseconds, 0.78, color=[COLOURS[name] for name in times])
    axes.bar_label(bars, [f"{ms:.3g}" for ms in milliseconds], padding=3, fontsize=7.5)
    axes.set_yticks(range(len(times)), list(times))
    axes.tick_params(axis="y", length=0)
    for name in axes.get_yticklabels():
        if name.get_text().startswith("moonpool"):
            name.set_fontweight("bold")
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlim(min(milliseconds) / 5, max(milliseconds) * 5)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("")
    axes.grid(axis="x", color=MUTED, alpha=0.18, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_title(title, pad=18)
    axes.text(0, 1.025, what, transform=axes.transAxes, color=MUTED, fontsize=7.5)
