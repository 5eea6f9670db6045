"""Kernels: options, identity, pickling, and what they refuse."""

import copy
import gc
import pickle
import subprocess
import sys
import threading
import weakref

import numpy as np
import pytest

import moonpool

SOURCE = "function(x) return x + 1 end"


@pytest.fixture(scope="module")
def pool(default_tier):
    with moonpool.Pool(2) as pool:
        yield pool


class TestAttributes:
    def test_defaults(self):
        kernel = moonpool.kernel(SOURCE)
        assert (kernel.source, kernel.name, kernel.signature) == (SOURCE, "kernel", None)
        assert (kernel.strict, kernel.fastmath) == (False, False)

    def test_given(self):
        kernel = moonpool.kernel(SOURCE, name="grün", signature="(n)->()", strict=True)
        assert (kernel.name, kernel.signature, kernel.strict) == ("grün", "(n)->()", True)
        assert "grün" in repr(kernel)
        assert "(n)->()" in repr(kernel)

    @pytest.mark.parametrize("name", ["source", "name", "signature", "strict", "other"])
    def test_immutable(self, name):
        with pytest.raises(AttributeError):
            setattr(moonpool.kernel(SOURCE), name, "x")

    def test_can_be_referred_to_weakly(self):
        kernel = moonpool.kernel(SOURCE)
        gone = weakref.ref(kernel)
        del kernel
        gc.collect()
        assert gone() is None


class TestIdentity:
    def test_equal_by_content(self):
        one, two = (moonpool.kernel(SOURCE, name="f") for _ in range(2))
        assert one == two
        assert hash(one) == hash(two)
        assert len({one, two}) == 1

    @pytest.mark.parametrize(
        "options",
        [{"name": "g"}, {"signature": "(n)->()"}, {"strict": True}, {"fastmath": True}],
    )
    def test_options_count(self, options):
        assert moonpool.kernel(SOURCE, **options) != moonpool.kernel(SOURCE)

    def test_not_equal_to_other_things(self):
        assert moonpool.kernel(SOURCE) != SOURCE

    @pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
    def test_pickle(self, pool, protocol):
        kernel = moonpool.kernel(SOURCE, name="f", strict=True)
        again = pickle.loads(pickle.dumps(kernel, protocol))
        assert again == kernel
        assert pool.map(again, 1) == 2

    def test_copy(self):
        kernel = moonpool.kernel(SOURCE, signature="()->()")
        assert copy.copy(kernel) == copy.deepcopy(kernel) == kernel


class TestSource:
    @pytest.mark.parametrize(
        "source",
        [
            "function(x) return x + 1 end",
            "  function (x)\n return x + 1\nend  ",
            "-- a comment\nfunction(x) return x + 1 end",
            "return function(x) return x + 1 end",
            "local one = 1\nreturn function(x) return x + one end",
            "local function f(x) return x + 1 end return f",
            "function one() return 1 end\nreturn function(x) return x + one() end",
        ],
    )
    def test_forms(self, pool, source):
        assert pool.map(source, np.arange(3)).tolist() == [1, 2, 3]

    @pytest.mark.parametrize(
        "source", ["function(x) return x +", "retrn 1", "}", "function(x) return 1 end end"]
    )
    def test_syntax(self, source):
        with pytest.raises(moonpool.LuaSyntaxError) as info:
            moonpool.kernel(source, name="f")
        assert info.value.kernel == "f"

    def test_line_of_a_syntax_error(self):
        with pytest.raises(moonpool.LuaSyntaxError) as info:
            moonpool.kernel("return function(x)\n  local y = = 1\nend")
        assert info.value.line == 2

    def test_bytecode(self):
        with pytest.raises(moonpool.LuaSyntaxError):
            moonpool.kernel("\x1bLua")

    @pytest.mark.parametrize("source", [b"return 1", None, 1, print])
    def test_not_a_str(self, source):
        with pytest.raises(TypeError, match="source"):
            moonpool.kernel(source)

    @pytest.mark.parametrize("source", ["return 1", "return", "return nil", "local x = 1"])
    @pytest.mark.refused
    def test_gives_no_function(self, pool, source):
        with pytest.raises(moonpool.LuaError, match="function"):
            pool.map(source, np.zeros(3))

    @pytest.mark.parametrize("signature", ["n->()", "(n", "(n)->", "", "(1x)->()"])
    def test_signature(self, signature):
        with pytest.raises(ValueError, match="signature"):
            moonpool.kernel(SOURCE, signature=signature)

    def test_contradiction(self):
        with pytest.raises(ValueError, match="contradict"):
            moonpool.kernel(SOURCE, strict=True, fastmath=True)
        with pytest.raises(ValueError, match="fastmath"):
            moonpool.Kernel(SOURCE, strict=True, fastmath=True)

    def test_kernels_do_not_see_each_other(self, pool):
        pool.broadcast("shared = 1\nreturn function() return shared end")
        assert pool.broadcast("function() return shared end") == [None, None]


class TestCall:
    def test_uses_the_default_pool(self):
        kernel = moonpool.kernel(SOURCE)
        assert kernel(np.arange(3)).tolist() == [1, 2, 3]
        assert kernel(1) == 2
        out = np.zeros(3)
        assert kernel([1, 2, 3], out=out) is out
        assert moonpool.default_pool() is moonpool.default_pool()
        assert moonpool.default_pool().stats()["items"] >= 6

    def test_default_pool_comes_back_when_closed(self):
        first = moonpool.default_pool()
        first.close()
        assert moonpool.kernel(SOURCE)(1) == 2
        assert moonpool.default_pool() is not first

    def test_default_pool_is_one_for_all_threads(self):
        found = []
        threads = [
            threading.Thread(target=lambda: found.append(moonpool.default_pool())) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(found)) == 1


class TestTiers:
    @pytest.mark.parametrize("native", ["auto", "off"])
    def test_optional(self, native):
        with moonpool.Pool(1, native=native) as pool:
            assert pool.map(SOURCE, 1) == 2


def test_reaches_another_process():
    kernel = moonpool.kernel(SOURCE, name="f")
    script = "import sys, pickle; print(pickle.load(sys.stdin.buffer)(41))"
    done = subprocess.run(
        [sys.executable, "-c", script], input=pickle.dumps(kernel), capture_output=True, check=True
    )
    assert done.stdout.strip() == b"42"
