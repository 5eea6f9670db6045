"""Dumps in the documentation: the commands of a page, and what they print.

A block of `sh` with a block of `text` right behind it is a command and its
output. `python tools/dumps.py` runs the commands of docs/native.md and writes
what they print into the page; a test checks that the page is as it would be.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "native.md"
_DUMP = re.compile(r"^```sh\n(.*?)^```\n\n```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Dump(NamedTuple):
    """A command of a page, and what the page says that it prints."""

    command: str
    text: str

    @property
    def isa(self) -> str | None:
        """The instructions that it asks for, if it does."""
        found = re.search(r"--isa (\w+)", self.command)
        return found[1] if found else None

    @property
    def is_assembly(self) -> bool:
        """Whether LLVM's version and the CPU matter to the text."""
        return "--pass asm" in self.command


def dumps(page: str) -> list[Dump]:
    """Return the dumps of a page."""
    return [Dump(match[1], match[2]) for match in _DUMP.finditer(page)]


def run(command: str) -> str:
    """Return what a command prints, in the root of the project."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "utf-8"}
    script = f'python() {{ "{sys.executable}" "$@"; }}\n{command}'
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=ROOT,
        env=environment,
        check=True,
        capture_output=True,
        encoding="utf-8",
    )
    if done.stderr:
        raise RuntimeError(f"{command}{done.stderr}")
    return done.stdout


def render(page: str) -> str:
    """Return a page with what its commands print now."""
    return _DUMP.sub(lambda match: f"```sh\n{match[1]}```\n\n```text\n{run(match[1])}```", page)


if __name__ == "__main__":
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
