"""Tables in the docs: the commands that print them also write them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGE = DOCS / "benchmarks.md"
README = ROOT / "README.md"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows, the first of which is the head, as a Markdown table.

    Columns are aligned, so that it reads well on a terminal too.
    """
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]

    def line(cells: Sequence[str]) -> str:
        first, *rest = cells
        padded = [first.ljust(widths[0])]
        padded += [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
        return f"| {' | '.join(padded)} |"

    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([line(rows[0]), line(rule), *map(line, rows[1:])])


def digits(number: float) -> str:
    """Return two or three significant digits, without an exponent."""
    return f"{number:.0f}" if number >= 10 else f"{number:.2g}"


def write(section: str, text: str, page: Path = PAGE) -> None:
    """Put text between a page's two marks of a section."""
    begin, end = f"<!-- begin {section} -->", f"<!-- end {section} -->"
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"{page} has no section {section}")
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")
