"""The benchmarks, on little data: every peer makes the same result."""

from __future__ import annotations

import functools
import hashlib
import lzma
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from bench import compiling, creference, figures, native, peers, report, soak, stocklua, turns
from bench.harness import PEERS, Time, measure
from bench.host import Host, machine
from bench.kernels import INTERPRETED, NATIVE, crc64, triad

from moonpool import _core

# numba and processes take seconds to start; `make bench` runs them.
QUICK = ("NumPy", "numexpr", "lupa", "lupa LuaJIT", "moonpool 1", "moonpool N")
QUICK_NATIVE = ("NumPy", "numexpr", "C", "SIMD", "moonpool 1", "moonpool N", "moonpool fastmath")

needs_native = pytest.mark.skipif(native.missing() is not None, reason="no native tier")
needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc")


@pytest.fixture(scope="module")
def host():
    with Host(2, native="off") as host:
        yield host


@pytest.fixture(scope="module")
def c():
    c = creference.CReference(2, "-ffast-math")
    yield c
    c.close()


@pytest.mark.parametrize("kernel", INTERPRETED, ids=lambda kernel: kernel.TITLE)
def test_peers_agree(kernel, host):
    times = measure(kernel, host, QUICK, scale=0.01, rounds=1)
    assert {"NumPy", "moonpool 1", "moonpool N"} <= set(times)
    assert all(time.best > 0 for time in times.values())


@pytest.mark.parametrize("kernel", NATIVE, ids=lambda kernel: kernel.TITLE)
def test_native_kernels_run_interpreted_too(kernel, host):
    times = measure(kernel, host, QUICK_NATIVE, scale=NATIVE[kernel] / 1000, rounds=1)
    assert {"NumPy", "moonpool 1", "moonpool N"} <= set(times)
    assert "C" in times or shutil.which("gcc") is None


@pytest.mark.parametrize(
    "kernel", dict.fromkeys((*INTERPRETED, *NATIVE)), ids=lambda kernel: kernel.__name__
)
def test_kernels_have_no_peer_but_those(kernel):
    functions = {name for name in vars(kernel) if name.startswith("with_")}
    assert functions <= {function for function, _ in PEERS.values()}


def test_titles_are_unique():
    for kernels in (INTERPRETED, NATIVE):
        assert len({kernel.TITLE for kernel in kernels}) == len(kernels)
    assert set(native.GOALS) <= set(NATIVE)
    assert set(native.COMPUTE_BOUND) <= set(NATIVE)


def test_sizes_are_those_promised():
    sizes = {kernel.TITLE: kernel.what(scale) for kernel, scale in NATIVE.items()}
    assert "10,000,000" in sizes["Triad"]
    assert "4,000,000" in sizes["Black-Scholes"]
    assert "1024 x 1024" in sizes["Mandelbrot"]
    assert "10,000,000" in sizes["Sum of squares"]
    assert "2000 x 2000" in sizes["Heat stencil"]
    assert "4,096" in sizes["n-body force"]


def test_a_wrong_result_is_found(host, monkeypatch):
    monkeypatch.setattr(triad, "with_moonpool", lambda data, pool: lambda: data.b)
    with pytest.raises(AssertionError):
        measure(triad, host, ("NumPy", "moonpool 1"), scale=1e-5, rounds=1)


def test_a_peer_that_cannot_is_left_out(host, monkeypatch, capsys):
    def refuse(data, pool):
        raise RuntimeError("no")

    monkeypatch.setattr(triad, "with_moonpool", refuse)
    times = measure(triad, host, ("NumPy", "moonpool 1"), scale=1e-5, rounds=1)
    assert set(times) == {"NumPy"}
    assert "Triad: moonpool 1 is left out: no" in capsys.readouterr().err


def test_crc_is_that_of_xz():
    number = np.array([0x123456789ABCDEF])
    stream = lzma.compress(number.astype("<i8").tobytes(), check=lzma.CHECK_CRC64)
    index = (int.from_bytes(stream[-8:-4], "little") + 1) * 4
    check = int.from_bytes(stream[-12 - index - 8 : -12 - index], "little")
    assert crc64.with_numpy(number)().view(np.uint64) == check


# ---- C -------------------------------------------------------------------------


@needs_gcc
def test_c_is_called_with_arrays_and_numbers(c):
    source = """
        void scale(double *out, const double *in, double by, int64_t count)
        {
            #pragma omp parallel for
            for (int64_t i = 0; i < count; i++)
                out[i] = by * in[i];
        }"""
    out = np.zeros(5)
    c.bind(source, "scale", out, np.arange(5.0), 2.5, 5)()
    np.testing.assert_array_equal(out, 2.5 * np.arange(5))
    c.bind(source, "scale", out, np.ones(5), 3.0, 4)()
    np.testing.assert_array_equal(out, [3, 3, 3, 3, 10])
    with pytest.raises(ValueError, match="contiguous"):
        c.bind(source, "scale", out, np.arange(10.0)[::2], 2.5, 5)


@needs_gcc
def test_c_leaves_denormals_alone(c):
    c.bind("void nothing(void) {}", "nothing")()
    assert np.nextafter(0.0, 1.0) * np.ones(1) > 0


@needs_gcc
def test_c_that_is_wrong_says_so(c):
    with pytest.raises(creference.NoCompilerError, match="gcc does not take it"):
        c.bind("void f(void) { return 1 }", "f")


def test_c_needs_gcc(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(creference.NoCompilerError, match="not installed"):
        creference.CReference(1)


# ---- the native comparison -----------------------------------------------------


@pytest.fixture
def results():
    return {
        "Triad": {
            "numba parallel": Time(0.5, [0.003, 0.002]),
            "C": Time(0.1, [0.001]),
            "moonpool N": Time(0.1, [0.001, 0.0005]),
        },
        "Julia set": {
            "numba parallel": Time(0.5, [0.004]),
            "moonpool N": Time(0.1, [0.002]),
        },
    }


def test_native_table_has_ratios_to_the_best(results):
    head, _, triad_, julia = native.steady(results).splitlines()
    columns = [cell.strip() for cell in head.split("|")[2:-1]]
    assert columns == ["numba parallel", "C", "moonpool N"]
    assert "2 (2.00)" in triad_
    assert "1 (1.00)" in triad_
    assert "0.5 (0.50)" in triad_
    assert "-" in julia


def test_native_goals(results):
    found = {figure.what: figure for figure in native.goals(results)}
    assert found["Triad, moonpool N against the best peer"].kept
    mean = found["geometric mean of speeds, numba parallel being 1"]
    assert mean.measured == "2.83 x"
    assert mean.kept
    del results["Triad"]["moonpool N"]
    refused = next(native.goals(results))
    assert refused.measured == "refused"
    assert not refused.kept


def test_native_float32_is_compared_with_fastmath(results):
    results["Sobel, float32"] = {
        "numba parallel": Time(0.5, [0.002]),
        "moonpool N": Time(0.1, [0.005]),
        "moonpool fastmath": Time(0.1, [0.001]),
    }
    found = {figure.what: figure for figure in native.goals(results)}
    slowest = found["the slowest of these, Julia set"]
    assert slowest.measured == "2.00 x"
    results["Sobel, float32"]["moonpool fastmath"] = Time(0.1, [0.004])
    found = {figure.what: figure for figure in native.goals(results)}
    assert not found["the slowest of these, Sobel, float32 with fastmath"].kept


def test_native_compile_figures():
    times = {
        "numba parallel": {"Triad": 500.0, "Julia set": 700.0},
        "moonpool N": {"Triad": 10.0, "Julia set": 20.0},
        "from disk": {"Triad": 1.0, "Julia set": 3.5},
    }
    assert [figure.kept for figure in native.compile_figures(times)] == [True, False, True]
    assert "500.0" in native.compile_table(times)
    figures_ = list(native.compile_figures(times))
    assert "Measured on: here." in native.text({}, times, figures_, "here")


@pytest.mark.skipif(native.missing() is None, reason="there is a native tier")
def test_native_needs_the_tier(monkeypatch):
    monkeypatch.setattr("sys.argv", ["native", "--quick"])
    with pytest.raises(SystemExit, match="there is none here: kernel 'probe'"):
        native.main()


def test_native_writes_nothing_quick(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["native", "--quick", "--write"])
    with pytest.raises(SystemExit):
        native.main()
    assert "say nothing" in capsys.readouterr().err


# Kernels that run interpreted.
MAY_BE_REFUSED: set[str] = set()


@needs_native
def test_native_kernels_agree():
    results, _, _ = native.compare(native.QUICK, 2, ("NumPy", "moonpool 1", "moonpool N"))
    refused = {title for title, times in results.items() if "moonpool N" not in times}
    assert refused <= MAY_BE_REFUSED


@needs_native
def test_native_parts():
    found = compiling.milliseconds(compiling.MOONPOOL, 2)
    assert found
    assert all(ms >= 0 for ms in found.values())
    compute_bound = {kernel.TITLE for kernel in native.COMPUTE_BOUND}
    gains = len(list(native.speedup(native.QUICK)))
    assert gains >= len(compute_bound - MAY_BE_REFUSED)
    assert len(list(native.dispatch(1, calls=2))) in (0, 4)
    (bits,) = native.same_bits(native.QUICK.scale)
    assert bits.measured in ("1 different", "refused")


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
    assert f" ({_core.isa}), " in machine(2)


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


def test_figures_are_told_apart():
    found = [figures.at_most("x", 1.2, 1.3, " x"), figures.at_most("y", 2, 1.3, " x")]
    _, _, kept, missed = figures.table(found).splitlines()
    assert kept.endswith("|     ok |")
    assert missed.endswith("| NOT OK |")


def test_figures_of_workers():
    found = [
        *figures.speedup(rounds=1, steps=100),
        *figures.counting(seconds=0.01, rounds=1),
    ]
    assert len(found) == 3


def test_core_figures_need_the_programs(tmp_path):
    assert list(figures.core(tmp_path)) == []


@pytest.mark.parametrize(
    ("bare", "tries"), [([1.95], 1), ([1.5, 1.7, 1.9], 3), ([1.0] * 9, turns.TRIES)]
)
def test_gains_go_on_until_the_machine_is_free(monkeypatch, bare, tries):
    """Bare threads come first; of two kernels one gains 1.5 at once, one in the last round."""
    rounds: list[float] = []

    def least(bodies, count):
        assert len(bodies) == 12
        assert count == 40
        gain = bare[len(rounds)]
        rounds.append(gain)
        late = 2.0 if len(rounds) == tries else 1.0
        # Each runs twice in a row, of which the first is the slower time.
        return [9.0, 1.0, 9.0, 1 / gain, 3.0, 3.0, 2.0, 7.0, 1.0, 1.0, 1 / late, 1.0]

    monkeypatch.setattr(turns, "least", least)
    found = turns.gains([(int, int)] * 3, 40)
    assert rounds == bare[:tries]
    assert found == pytest.approx([max(rounds), 1.5, 2.0])


def test_each_body_runs_twice_in_a_row():
    ran: list[int] = []
    body = turns.each_twice([functools.partial(ran.append, k) for k in range(3)])
    for _ in range(8):
        body()
    assert ran == [0, 0, 1, 1, 2, 2, 0, 0]


def test_bare_threads_do_the_same_work(monkeypatch):
    hashed = []
    monkeypatch.setattr(hashlib, "pbkdf2_hmac", lambda *args: hashed.append(args))
    with ThreadPoolExecutor(1) as threads:
        for body in turns.bare_threads(threads):
            body()
    assert len(hashed) == 4
    assert len(set(hashed)) == 1


def test_soak_stops_compiled_loops():
    pytest.importorskip("llvmlite")
    assert set(soak.stops(1)) == {"seconds", *soak.LOOPS}


def test_soak_leaves_no_thread():
    assert soak.jobs(1000)["threads"] == 0
    assert soak.stopped(100)["threads"] == 0
    assert soak.pools(10)["threads"] == 0


@pytest.mark.slow_asan
def test_soak_gives_code_back(monkeypatch):
    """Six hundred kernels: a page of code that stayed of each would show."""
    pytest.importorskip("llvmlite")
    monkeypatch.setenv("MOONPOOL_CACHE", "0")
    found = soak.kernels(600)
    assert found["threads"] == 0
    assert found["mib"] < 4


def test_soak_interrupt():
    assert soak.interrupt(1)["seconds"] < 10


def test_stock_lua_is_the_same_language():
    lupa = pytest.importorskip("lupa.lua53")
    function = stocklua.StockLua(stocklua.LOOP)
    assert function(100) == lupa.LuaRuntime().execute(stocklua.LOOP)(100) > 0
    function.close()
    with pytest.raises(ValueError, match="not a chunk"):
        stocklua.StockLua("return 1 +")
