"""The picture of the demonstration: four results and a chart of their times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap, PowerNorm
from matplotlib.gridspec import GridSpec

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from demo.step import Step

INK = "#22303c"
MUTED = "#6b7a86"
ACCENT = "#d1603d"
NUMPY = "#b4bec6"
LUA = "#e3c9a8"
WORKERS = ("#8fbcd4", "#2f7ea8", "#1a567a", "#0d3650")

LAND = LinearSegmentedColormap.from_list(
    "land", ["#3f6f55", "#84a56a", "#cfc48a", "#b98f5e", "#8d6650", "#e9e3dc"]
)
NIGHT = LinearSegmentedColormap.from_list(
    "night", ["#04091c", "#123a6b", "#3f8fb5", "#e8f0da", "#f2b84b", "#8c3a1d", "#1a0b14"]
)

STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.titlesize": 11,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
}


def draw(
    steps: dict[str, Step],
    height: NDArray[np.int16],
    photo: NDArray[np.uint8],
    footer: str,
    path: Path,
) -> None:
    """Write the picture.

    Parameters
    ----------
    steps : dict
        By "hillshade", "bilateral", "fractal" and "moments".
    height, photo
        The inputs, to be shown with what was made of them.
    footer : str
        Versions and machine.
    path : Path
        Of the PNG.
    """
    with plt.rc_context(STYLE):
        figure = plt.figure(figsize=(13.2, 8.2), dpi=110, facecolor="white")
        grid = GridSpec(
            2,
            12,
            height_ratios=(1.15, 1),
            left=0.035,
            right=0.985,
            top=0.945,
            bottom=0.1,
            hspace=0.3,
            wspace=0.9,
        )
        _relief(figure.add_subplot(grid[0, 0:4]), steps["hillshade"], height)
        _photograph(figure.add_subplot(grid[0, 4:8]), steps["bilateral"], photo)
        _fractal(figure.add_subplot(grid[0, 8:12]), steps["fractal"])
        _histogram(figure.add_subplot(grid[1, 0:4]), steps["moments"], height)
        _times(figure.add_subplot(grid[1, 5:12]), list(steps.values()))
        figure.text(0.035, 0.018, footer, color=MUTED, fontsize=8)
        figure.savefig(path, facecolor="white")
        plt.close(figure)


def _picture(axes: Any, image: NDArray[np.generic], step: Step, **options: Any) -> None:
    shape = axes.get_window_extent()
    image = _crop(image, shape.width / shape.height)
    axes.imshow(image, interpolation="antialiased", aspect="auto", **options)
    axes.set_title(step.title)
    _caption(axes, step, -0.03)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _crop(image: Any, ratio: float) -> Any:
    """Return the middle of an image, of the given width by height."""
    height, width = image.shape[:2]
    columns = min(width, round(height * ratio))
    rows = min(height, round(width / ratio))
    top, left = (height - rows) // 2, (width - columns) // 2
    return image[top : top + rows, left : left + columns]


def _caption(axes: Any, step: Step, below: float) -> None:
    call, _, rest = step.caption.partition(", ")
    text = f"{call}: {rest}"
    axes.text(0, below, text, transform=axes.transAxes, va="top", color=MUTED, fontsize=7.5)


def _relief(axes: Any, step: Step, height: NDArray[np.int16]) -> None:
    """Draw the land's colours in the light that the kernel found."""
    inner = height[1:-1, 1:-1].astype(float)
    land = LAND((inner - inner.min()) / np.ptp(inner))[..., :3]
    light = (0.25 + 1.05 * step.result)[..., None]
    _picture(axes, np.clip(land * light, 0, 1), step)


def _photograph(axes: Any, step: Step, photo: NDArray[np.uint8]) -> None:
    """Draw the filtered half beside the half as it was."""
    both = photo.copy()
    half = photo.shape[1] // 2
    both[:, half:] = np.rint(step.result[:, half:]).astype(np.uint8)
    _picture(axes, both, step)
    axes.plot([0.5, 0.5], [0, 1], transform=axes.transAxes, color="white", linewidth=1.2)
    for x, text, side in ((0.48, "before", "right"), (0.52, "after", "left")):
        place = {"transform": axes.transAxes, "ha": side, "va": "center"}
        axes.text(x, 0.95, text, color="white", weight="bold", **place)


def _fractal(axes: Any, step: Step) -> None:
    count = np.ma.masked_equal(step.result, 0)
    colours = NIGHT.with_extremes(bad="#04060c")
    _picture(axes, count, step, cmap=colours, norm=PowerNorm(0.38))


def _histogram(axes: Any, step: Step, height: NDArray[np.int16]) -> None:
    """Draw the heights, with the numbers that the reduction found."""
    moments = step.result
    deviation = moments.variance**0.5
    counts, _, _ = axes.hist(height.ravel(), bins=70, color=WORKERS[0])
    top = counts.max() * 1.18
    within = moments.mean - deviation, moments.mean + deviation
    axes.axvspan(*within, color=ACCENT, alpha=0.13, linewidth=0, zorder=0)
    axes.axvline(moments.mean, color=ACCENT, linewidth=1.6)
    text = f"mean {moments.mean:.1f} m\ndeviation {deviation:.1f} m"
    axes.text(moments.mean + 12, top * 0.97, text, color=ACCENT, va="top")
    for value, name in ((moments.low, "lowest"), (moments.high, "highest")):
        axes.annotate(
            f"{name}\n{value:.0f} m",
            (value, 0),
            (value, top * 0.36),
            ha="center",
            color=INK,
            fontsize=8,
            arrowprops={"arrowstyle": "-", "color": MUTED, "linewidth": 0.8},
        )
    axes.set_ylim(0, top)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_title(step.title)
    axes.xaxis.set_major_formatter("{x:.0f} m")
    _caption(axes, step, -0.115)


def _times(axes: Any, steps: Sequence[Step]) -> None:
    """Draw a group of bars for each step."""
    names = list(steps[0].seconds)
    thick = 0.8 / len(names)
    for k, name in enumerate(names):
        colour = (NUMPY, LUA, *WORKERS)[min(k, len(WORKERS) + 1)]
        at = [row + (k - (len(names) - 1) / 2) * thick for row in range(len(steps))]
        milliseconds = [step.seconds[name] * 1e3 for step in steps]
        bars = axes.barh(at, milliseconds, thick * 0.9, color=colour, label=name)
        axes.bar_label(bars, [_milliseconds(ms) for ms in milliseconds], padding=3, fontsize=7.5)
    axes.set_yticks(range(len(steps)), [step.title for step in steps], color=INK)
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.set_xlim(low, high * 1.6)
    axes.xaxis.set_major_formatter(lambda ms, _: _milliseconds(ms))
    axes.set_title("Time of compiled Lua beside NumPy (logarithmic: less is better)")
    axes.legend(frameon=False, loc="lower right", fontsize=8.5)
    axes.grid(axis="x", color=MUTED, alpha=0.18, linewidth=0.6)
    axes.set_axisbelow(True)


def _milliseconds(value: float) -> str:
    if value >= 1000:
        return f"{value / 1000:.3g} s"
    return f"{value:.0f} ms" if value >= 10 else f"{value:.2g} ms"
