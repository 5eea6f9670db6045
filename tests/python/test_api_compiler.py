"""Compiled code and its compiler: how long they live, when they begin and end."""

import gc

import numpy as np
import pytest

import moonpool
from moonpool import _native

pytestmark = pytest.mark.skipif(not _native.available(), reason="there is no llvmlite")

SOURCE = "function(x, y) if x > y then return x * y end return x - y end"


@pytest.fixture
def pool():
    with moonpool.Pool(2, native="require") as pool:
        yield pool


def test_code_goes_with_its_kernel(run_python):
    """Though workers keep a kernel that they have interpreted."""
    run_python(
        """
        import gc
        import numpy as np
        import moonpool

        def executable():
            size = 0
            with open("/proc/self/maps") as maps:
                for line in maps:
                    place, rights, _, _, inode, *name = line.split()
                    if "x" in rights and inode == "0" and not name:
                        first, last = place.split("-")
                        size += int(last, 16) - int(first, 16)
            return size

        with moonpool.Pool(2, native="require") as pool:
            pool.map("function(x) return x end", 1)
            before = executable()
            for i in range(20):
                kernel = moonpool.kernel(f"function(x) return math.floor(x) + {i} end")
                # Infinity has no floor that is an integer: it is interpreted.
                assert pool.map(kernel, [1.0, np.inf])[0] == 1 + i
                assert executable() > before
                del kernel
                gc.collect()
                # A worker may still be on its way out of the job.
                assert executable() <= before + 3 * 8192
        """
    )


def test_code_that_llvm_links_goes_with_its_kernel(pool, monkeypatch):
    alive = []

    class Counted:
        def __init__(self, code):
            self.code = code
            alive.append(1)

        def __del__(self):
            alive.pop()

    files = []
    compile_ir, link = _native.compile_ir, _native.link

    def hidden(ir, isa):
        files.append(compile_ir(ir, isa))
        return b"not for the extension"

    def counting(code):
        assert code == b"not for the extension"
        address, code = link(files.pop())
        return address, Counted(code)

    monkeypatch.setattr(_native, "compile_ir", hidden)
    monkeypatch.setattr(_native, "link", counting)
    for i in range(20):
        kernel = moonpool.kernel(f"function(x) return x + {i} end")
        assert pool.map(kernel, np.ones(2))[0] == 1 + i
        del kernel
        gc.collect()
        assert len(alive) <= 3


@pytest.mark.interpreted
def test_import_does_not_import_llvm(run_python):
    run_python(
        """
        import sys
        import moonpool
        assert moonpool.Pool(1).map("function(x) return x end", 1) == 1
        assert not [name for name in sys.modules if name.startswith("llvmlite")]
        """
    )


@pytest.mark.interpreted
def test_without_llvmlite(run_python):
    run_python(
        """
        import sys
        import warnings
        sys.modules["llvmlite"] = None
        import moonpool
        kernel = moonpool.kernel("function(x) return x + 1 end")
        assert not kernel.native("f8")
        assert "llvmlite is not installed" in kernel.explain("f8")
        with moonpool.Pool(1) as pool, warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            out = pool.map(kernel, memoryview(bytearray(200_000)))
            assert out[5] == 1
        assert "llvmlite is not installed" in str(caught[0].message)
        """
    )


def test_at_exit_code_is_left_alone(run_python):
    run_python(
        """
        import moonpool
        pool = moonpool.Pool(2, native="require")
        kernel = moonpool.kernel("function(x) return x + 1 end")
        assert pool.map(kernel, 1) == 2
        future = pool.map_async("function(x) return x + 2 end", 1)
        """
    )


def large(count, text="x = x * y + 3\n"):
    return "function(x, y)\n" + text * count + "return x end"


def test_what_takes_llvm_too_long_is_not_compiled():
    """A random number is more than a hundred instructions, with AVX-512 half of them."""
    kernel = moonpool.kernel(large(1300, "x = num.random(x, y) * 100 // 1 | 0\n"))
    text = kernel.explain("i8", "i8", isa="avx2")
    assert "the kernel takes too long to be compiled" in text
    with pytest.raises(RuntimeError, match="the kernel takes too long to be compiled"):
        kernel.inspect_llvm("i8", "i8", isa="avx2")


def test_a_large_kernel_is_compiled_when_more_has_been_asked_for():
    """Not to let the caller of a small map wait for LLVM."""
    kernel = moonpool.kernel(large(700))
    x = np.arange(3000)
    with moonpool.Pool(1, native="auto") as pool:
        pool.map(kernel, x, 1)
        assert pool.stats()["native"] == 0
        for _ in range(5):
            pool.map(kernel, x, 1)
        assert pool.stats()["native"] > 0
    with moonpool.Pool(1, native="require") as pool:
        pool.map(moonpool.kernel(large(700), name="other"), x[:2], 1)


@pytest.mark.parametrize("seconds", [0.1, 0.2, 0.4])
def test_an_exit_while_llvm_is_at_work(run_python, seconds):
    """After Ctrl-C the compiler is alone, and the process ends when it has."""
    run_python(
        f"""
        import os, signal
        import numpy  # which an interrupt would break
        import moonpool
        os.environ["MOONPOOL_CACHE"] = "0"
        kernel = moonpool.kernel({large(300, "if x > y then x = x - 1.5 else y = y * x end ")!r})
        pool = moonpool.Pool(1, native="require")
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        try:
            signal.setitimer(signal.ITIMER_REAL, {seconds})
            pool.map(kernel, [1.0, 2.0], 1.0)
            signal.signal(signal.SIGALRM, signal.SIG_IGN)
        except KeyboardInterrupt:
            pass
        """,
        # Python says so where it drops an interrupt in a destructor.
        quiet=False,
    )


def test_an_exit_after_ctrl_c_before_llvm_begins(run_python):
    """Nobody waits for a compiler that never began."""
    said = run_python(
        f"""
        import atexit, time

        @atexit.register
        def check():
            if time.monotonic() - start > 5:
                print("the exit took long")

        import moonpool
        from moonpool import _native

        def interrupted(*args):
            raise KeyboardInterrupt

        kernel = moonpool.kernel({SOURCE!r})
        pool = moonpool.Pool(1, native="require")
        before, _native._thread.start_new_thread = _native._thread.start_new_thread, interrupted
        try:
            pool.map(kernel, [1.0, 2.0], 1.0)
        except KeyboardInterrupt:
            pass
        else:
            print("nothing was raised")
        _native._thread.start_new_thread = before
        start = time.monotonic()
        """
    )
    assert said == ""
