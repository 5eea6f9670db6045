"""The benchmarks, on little data: every peer makes the same result."""

from __future__ import annotations

import numpy as np
import pytest
from bench import figures, peers, report, soak, stocklua
from bench.harness import PEERS, Time, measure
from bench.host import Host, machine
from bench.kernels import ALL

# numba and processes take seconds to start; `make bench` runs them.
QUICK = ("NumPy", "numexpr", "lupa", "lupa LuaJIT", "moonpool 1", "moonpool N")


@pytest.fixture(scope="module")
def host():
    with Host(2) as host:
        yield host


@pytest.mark.parametrize("kernel", ALL, ids=lambda kernel: kernel.TITLE)
def test_peers_agree(kernel, host):
    times = measure(kernel, host, scale=0.01, rounds=1, names=QUICK)
    assert {"NumPy", "moonpool 1", "moonpool N"} <= set(times)
    assert all(time.best > 0 for time in times.values())


@pytest.mark.parametrize("kernel", ALL, ids=lambda kernel: kernel.TITLE)
def test_kernels_have_no_peer_but_those(kernel):
    functions = {name for name in vars(kernel) if name.startswith("with_")}
    assert functions <= {function for function, _ in PEERS.values()}


def test_tables():
    results = {"Triad": {"NumPy": Time(0.5, [0.002, 0.001]), "lupa": Time(1.0, [0.25])}}
    head, _, row = peers.steady(results).splitlines()
    assert len(head) == len(row)
    assert "1 (1)" in row
    assert "250 (250)" in row
    assert "1.00" in peers.first(results)
    assert "Measured on: here." in peers.text(results, "here")


def test_machine_says_versions():
    assert f"numpy {np.__version__}" in machine(2)


def test_report_replaces_a_section(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- begin x -->\nold\n<!-- end x -->\nb\n", encoding="utf-8")
    report.write("x", "new", page)
    assert page.read_text(encoding="utf-8") == "a\n<!-- begin x -->\nnew\n<!-- end x -->\nb\n"
    with pytest.raises(ValueError, match="no section y"):
        report.write("y", "new", page)


def test_figures_know_their_limits():
    assert figures.at_most("x", 1.2, 1.3, " x").kept
    assert not figures.at_most("x", 1.4, 1.3, " x").kept
    assert figures.at_least("x", 1.9, 1.9, " x").kept
    assert not figures.at_least("x", 1.8, 1.9, " x").kept


def test_figures_of_workers():
    found = [
        *figures.speedup(rounds=1, steps=100),
        *figures.counting(seconds=0.01, rounds=1),
    ]
    assert len(found) == 3


def test_core_figures_need_the_programs(tmp_path):
    assert list(figures.core(tmp_path)) == []


def test_soak_leaves_no_thread():
    assert soak.jobs(1000)["threads"] == 0
    assert soak.stopped(100)["threads"] == 0
    assert soak.pools(10)["threads"] == 0


def test_soak_interrupt():
    assert soak.interrupt(1)["seconds"] < 10


def test_stock_lua_is_the_same_language():
    lupa = pytest.importorskip("lupa.lua53")
    function = stocklua.StockLua(stocklua.LOOP)
    assert function(100) == lupa.LuaRuntime().execute(stocklua.LOOP)(100) > 0
    function.close()
    with pytest.raises(ValueError, match="not a chunk"):
        stocklua.StockLua("return 1 +")
