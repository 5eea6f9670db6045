"""Every example in the README and under docs/ runs."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import moonpool
from moonpool import _core, _native

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ISAS = ["scalar", "sse2", "avx2", "avx512"]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[tuple[int, str]]:
    """Return the line and the text of each block in a language."""
    text = page.read_text(encoding="utf-8")
    return [
        (text.count("\n", 0, match.start(2)), match[2])
        for match in BLOCK.finditer(text)
        if match[1] == language
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
@pytest.mark.refused
def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of a page run one after the other, in one namespace."""
    pytest.importorskip("numpy")
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": "example"}
    for line, text in blocks(page, "python"):
        # The line numbers of an error are those of the page.
        exec(compile("\n" * line + text, str(page), "exec"), namespace)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_lua_blocks_are_kernels(page: Path) -> None:
    for _, text in blocks(page, "lua"):
        moonpool.kernel(text)


def test_c_example_is_the_one_that_ctest_runs() -> None:
    [(_, text)] = blocks(ROOT / "docs" / "architecture.md", "c")
    assert text == (ROOT / "docs" / "example.c").read_text(encoding="utf-8")


def load_dumps() -> Any:
    """Return tools/dumps.py as a module."""
    spec = importlib.util.spec_from_file_location("dumps", ROOT / "tools" / "dumps.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["dumps"] = module
    spec.loader.exec_module(module)
    return module


DUMPS = load_dumps()


def mnemonics(assembly: str) -> set[str]:
    return {line.split()[0] for line in assembly.splitlines() if line.startswith("\t")}


@pytest.mark.parametrize(
    "dump",
    DUMPS.dumps(DUMPS.PAGE.read_text(encoding="utf-8")),
    ids=lambda dump: "".join(re.findall(r"--pass (\w+)", dump.command)) or "explain",
)
def test_dumps_are_true(dump: Any) -> None:
    """`python tools/dumps.py` writes them anew."""
    if dump.isa is not None and ISAS.index(dump.isa) > ISAS.index(_core.isa):
        pytest.skip(f"this machine has no {dump.isa}")
    if not dump.is_assembly:
        assert DUMPS.run(dump.command) == dump.text
        return
    if not _native.available():
        pytest.skip("there is no LLVM")
    # Which registers it takes, and in which order, is up to LLVM's version.
    arithmetic = {"vmulpd", "vaddpd", "vsubpd"}
    assert mnemonics(DUMPS.run(dump.command)) >= arithmetic
    assert mnemonics(dump.text) >= arithmetic


def test_native_page_is_about_the_kernel_in_the_file() -> None:
    text = (ROOT / "docs" / "mandelbrot.lua").read_text(encoding="utf-8")
    page = ROOT / "docs" / "native.md"
    assert text in [block for _, block in blocks(page, "lua")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_are_targets_of_the_makefile(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    text = page.read_text(encoding="utf-8")
    for command in re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE):
        assert re.search(rf"^{command}:", makefile, re.MULTILINE), command
