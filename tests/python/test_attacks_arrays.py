"""Arrays that no kernel should be handed, and callers that take theirs away."""

import array
import mmap
import threading
import warnings

import numpy as np
import pytest

import moonpool

pytest_plugins = ["attacks.fixtures"]
pytestmark = pytest.mark.timeout(60)

INC = "function(x) return x + 1 end"
PAIR = "function(x) return x + 1, x * 2 end"


@pytest.fixture(scope="module")
def pool(default_tier):
    with moonpool.Pool(2, timeout=10.0) as pool:
        yield pool


@pytest.fixture(autouse=True)
def usable_after(pool, assert_usable):
    yield
    assert_usable(pool)


# ---- outputs ---------------------------------------------------------------------


@pytest.mark.refused
def test_readonly_out(pool):
    frozen = np.zeros(8)
    frozen.flags.writeable = False
    for out in (frozen, bytes(8), memoryview(bytes(8))):
        with pytest.raises((ValueError, TypeError, BufferError), match="read-only|writ"):
            pool.map(INC, np.arange(8.0), out=out)
    with pytest.raises(moonpool.LuaError, match="read-only"):
        pool.run("function(i, a) a[i] = 1 end", 8, frozen)
    with pytest.raises(moonpool.LuaError, match="read-only"):
        pool.submit("function(a) a[1] = 1 end", memoryview(b"12345678")).result()
    assert not frozen.any()


@pytest.mark.parametrize("step", [1, 2, 63, 999])
@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize("dtype", ["f8", "i4", "u1"])
def test_shifted_overlap(pool, step, forward, dtype):
    """As NumPy does it: as if the input had been copied first."""
    whole = (np.arange(50_000) % 100).astype(dtype)
    a, b = (whole[:-step], whole[step:]) if forward else (whole[step:], whole[:-step])
    expected = a + 1
    assert pool.map(INC, a, out=b) is b
    assert (b == expected).all()


def test_other_overlaps(pool):
    square = np.arange(10_000.0).reshape(100, 100)
    expected = square.T.copy() + 1
    pool.map(INC, square.T, out=square)
    np.testing.assert_array_equal(square, expected)

    line = np.arange(10_000.0)
    pool.map(INC, line[::-1], out=line)
    np.testing.assert_array_equal(line, np.arange(10_000.0)[::-1] + 1)

    line = np.arange(1000.0)
    pool.map(INC, line, out=line)
    np.testing.assert_array_equal(line, np.arange(1, 1001))

    # A row for all rows of the output it is part of.
    table = np.arange(9.0).reshape(3, 3)
    pool.map(INC, table[0], out=table)
    assert table.tolist() == [[1, 2, 3]] * 3


def test_same_array_twice(pool):
    out = np.zeros(10)
    with pytest.raises(ValueError, match="share memory"):
        pool.map(PAIR, np.arange(10.0), out=(out, out))
    with pytest.raises(ValueError, match="share memory"):
        pool.map(PAIR, np.arange(9.0), out=(out[1:], out[:-1]))
    with pytest.raises(ValueError, match="share memory"):
        pool.map(PAIR, np.arange(10.0), out=(out, out[::-1]))
    assert not out.any()
    interleaved = np.zeros(20)
    pool.map(PAIR, np.arange(10.0), out=(interleaved[::2], interleaved[1::2]))
    assert interleaved[:4].tolist() == [1, 0, 2, 2]


def test_zero_stride_out(pool):
    cell = np.zeros(1)
    for shape in ((10,), (3, 10)):
        out = np.lib.stride_tricks.as_strided(cell, shape, (0,) * len(shape), writeable=True)
        with pytest.raises(ValueError, match="share memory"):
            pool.map(INC, np.arange(10.0).reshape(-1), out=out)
    window = np.lib.stride_tricks.as_strided(np.zeros(12), (10, 3), (8, 8), writeable=True)
    with pytest.raises(ValueError, match="share memory"):
        pool.map(INC, np.ones((10, 3)), out=window)
    assert not cell.any()


@pytest.mark.refused
def test_wrong_out(pool):
    x = np.arange(10.0)
    for out in (np.zeros(9), np.zeros(11), np.zeros((2, 10)), np.zeros(()), np.zeros((10, 1))):
        before = out.copy()
        if out.shape == (2, 10):
            pool.map(INC, x, out=out)
            continue
        with pytest.raises(ValueError, match="shape|broadcast|dimension"):
            pool.map(INC, x, out=out)
        assert (out == before).all()
    for no_array in ([0.0] * 10, 5, "text", object(), (np.zeros(10), 5)):
        with pytest.raises((TypeError, ValueError)):
            pool.map(INC, x, out=no_array)
    with pytest.raises(moonpool.LuaError, match="2"):
        pool.map(INC, x, out=(np.zeros(10), np.zeros(10)))


# ---- layouts ---------------------------------------------------------------------


def layouts():
    base = np.arange(24.0).reshape(2, 3, 4)
    padded = np.zeros(8 * 24 + 1, "u1")
    unaligned = padded[1:].view("f8").reshape(2, 3, 4)
    unaligned[...] = base
    record = np.zeros((2, 3, 4), [("a", "u1"), ("x", "f8")])
    record["x"] = base
    many = base.reshape((1,) * 20 + (2, 3, 4) + (1,) * 9)
    return {
        "plain": base,
        "reversed": base[::-1, ::-1, ::-1],
        "stepped": np.arange(96.0).reshape(4, 6, 4)[::2, ::-2, ::2],
        "fortran": np.asfortranarray(base),
        "transposed": base.transpose(1, 2, 0),
        "zero stride": np.broadcast_to(base[0, 0], (5, 4)),
        "all zero stride": np.broadcast_to(3.0, (4, 5, 6)),
        "unaligned": unaligned,
        "field": record["x"],
        "swapped": base.astype(">f8"),
        "swapped reversed": base.astype(">f8")[::-1],
        "0-d": np.array(5.0),
        "empty": np.zeros(0),
        "empty inside": np.zeros((3, 0, 4)),
        "32 dimensions": many,
        "one": base[:1, :1, :1],
    }


@pytest.mark.parametrize("name", layouts())
@pytest.mark.refused
def test_layouts(pool, name):
    x = layouts()[name]
    before = x.copy()
    got = pool.map(INC, x)
    assert got.shape == x.shape
    assert got.dtype == "f8"
    np.testing.assert_array_equal(got, x + 1)
    assert pool.reduce("function(a, x) return a + x end", x, init=0.0, combine="+") == x.sum()
    np.testing.assert_array_equal(x, before)
    if x.flags.writeable and x.size:
        pool.map("function(x) return -x end", x, out=x)
        np.testing.assert_array_equal(x, -before)
        element = "[1]" * max(x.ndim, 1)
        pool.submit(f"function(a) a{element} = 42 end", x).result()
        assert x[(0,) * x.ndim] == 42


def test_too_many_dimensions(pool):
    wide = np.zeros(1, "u1").reshape((1,) * 32)
    assert pool.map(INC, wide).shape == (1,) * 32
    deep = memoryview(bytes(1)).cast("B", (1,) * 64)
    assert pool.submit("function(a) return a:rank() end", deep).result() == 64


@pytest.mark.refused
def test_more_than_2_31_elements(pool):
    """A sparse file of bytes: index and extent need more than 32 bits."""
    size = (1 << 31) + 5
    with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as m:
        view = memoryview(m)
        body = """
            function(a, n)
                a[n] = 7
                a[1] = a[n] + 1
                return #a, a[n], a[1], a[n - 1], pcall(function() return a[n + 1] end)
            end"""
        count, last, first, before, ok, text = pool.submit(body, view, size).result()
        assert (count, last, first, before, ok) == (size, 7, 8, 0, False)
        assert "out of bounds" in text
        assert (m[size - 1], m[0]) == (7, 8)
        far = np.frombuffer(m, "u1")[:: (1 << 30)]
        assert pool.map(INC, far).tolist() == [9, 1, 1]
        del far
        view.release()
    # Broadcast to more elements than there is memory for.
    huge = np.broadcast_to(np.uint8(1), (1 << 20, 1 << 13))
    with pytest.raises(moonpool.KernelTimeout):
        pool.reduce("function(a, x) return a + x end", huge, init=0, combine="+", timeout=0.1)
    with pytest.raises(moonpool.LuaError, match="element .*stop here"):
        pool.reduce("function(a, x) error('stop here') end", huge, init=0, combine="+")


# ---- dtypes ----------------------------------------------------------------------


DTYPES = "? i1 u1 i2 u2 i4 u4 i8 u8 f2 f4 f8 >i2 >u4 >i8 >f2 >f4 >f8"


@pytest.mark.parametrize("dtype", DTYPES.split())
@pytest.mark.refused
def test_good_dtypes(pool, dtype):
    x = np.array([0, 1, 1, 0]).astype(dtype)
    got = pool.map("function(x) return x end", x, out=np.zeros(4, dtype))
    assert (got == x).all()
    assert got.dtype == x.dtype


@pytest.mark.parametrize(
    ("make", "advice"),
    [
        (lambda: np.array([1, "a", None], object), "astype"),
        (lambda: np.array(["a", "b"]), "astype|submit"),
        (lambda: np.array([b"a", b"b"]), "astype|submit"),
        (lambda: np.zeros(3, [("x", "f8"), ("y", "i4")]), "field|astype"),
        (lambda: np.zeros(3, "M8[s]"), "view\\('int64'\\)"),
        (lambda: np.zeros(3, "m8[ns]"), "view\\('int64'\\)"),
        (lambda: np.zeros(3, "c16"), "view|real|astype"),
        (lambda: np.zeros(3, "c8"), "view|real|astype"),
        (lambda: np.zeros(3, np.longdouble), "astype"),
        (lambda: np.zeros(3, "V8"), "pass bool, an integer"),
        (lambda: memoryview(bytes(8)).cast("c"), "pass bytes as uint8"),
    ],
)
def test_bad_dtypes(pool, make, advice):
    for call in (
        lambda x: pool.map(INC, x),
        lambda x: pool.run("function(i, a) end", 3, x),
        lambda x: pool.map(INC, np.zeros(x.shape), out=x),
        lambda x: pool.submit("function(a) end", x).result(),
        lambda x: pool.reduce("function(a, x) return a end", x, init=0),
    ):
        with pytest.raises(TypeError, match=advice):
            call(make())


def test_bool_that_is_2(pool):
    x = np.array([0, 1, 2, 255], "u1").view("?")
    assert pool.map("function(x) return x end", x).view("u1").tolist() == [0, 1, 1, 1]
    assert pool.map("function(x) return x and 1 or 0 end", x).tolist() == [0, 1, 1, 1]
    assert pool.submit("function(a) return a[3] == true end", x).result() is True
    got = pool.map("function(x) return 5 end", np.zeros(4), where=x)
    assert got.tolist() == [0, 5, 5, 5]


def test_uint64_that_does_not_fit(pool):
    x = np.array([1, 2**63 - 1, 2**63], "u8")
    assert pool.map("function(x) return x end", x[:2], out=x[:2]).tolist() == [1, 2**63 - 1]
    with pytest.raises(moonpool.LuaError, match="element 2.*int64"):
        pool.map("function(x) return x end", x, out=np.zeros(3, "u8"))


# ---- callers that take their array away ------------------------------------------

SLEEP = "local function nap(n) local x = 0 for i = 1, n do x = x + i % 7 end return x end "


def test_resize_meanwhile(pool):
    data = bytearray(1000)
    future = pool.run_async(SLEEP + "return function(i, a) nap(20000) a[i] = 1 end", 1000, data)
    refusals = 0
    while not future.done():
        try:
            data.extend(b"x" * 100_000)
        except BufferError:
            refusals += 1
        else:
            break
    assert future.result() is None
    assert refusals > 0
    assert data[:1000] == b"\1" * 1000
    data.extend(b"now it can be")
    del data[:500]


def test_close_mmap_meanwhile(pool):
    m = mmap.mmap(-1, 1 << 16)
    future = pool.run_async(SLEEP + "return function(i, a) nap(20000) a[i] = 1 end", 1000, m)
    with pytest.raises(BufferError):
        m.close()
    future.result()
    assert m[:1000] == b"\1" * 1000
    m.close()


@pytest.mark.parametrize(
    "end", ["function(i, a) while true do end end", "function(i, a) error('no') end"]
)
@pytest.mark.refused
def test_buffers_come_back_after_a_failure(pool, end):
    data, view = bytearray(100), array.array("d", [1.0] * 100)
    future = pool.run_async(end, 100, data, view, timeout=0.1)
    assert future.exception() is not None
    data.append(1)
    view.append(1.0)
    future = pool.run_async("function(i, a) while true do end end", 100, data, view)
    future.cancel()
    data.append(1)
    view.append(1.0)


def test_drop_meanwhile(pool):
    """The only reference to an array is the call's."""
    futures = [
        pool.map_async(SLEEP + "return function(x) nap(1000) return x end", np.full(1000, float(i)))
        for i in range(20)
    ]
    junk = [np.full(1000, -1.0) for _ in range(100)]
    for i, future in enumerate(futures):
        assert (future.result() == i).all()
    assert len(junk) == 100


def test_write_meanwhile(pool):
    """Another thread's writes are seen or not, and nothing else happens."""
    shared = np.zeros(100_000)
    stop = threading.Event()

    def write():
        while not stop.is_set():
            shared[:] = 1.0
            shared[:] = 0.0

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(5):
            got = pool.map("function(x) return x end", shared)
            assert set(np.unique(got)) <= {0.0, 1.0}
    finally:
        stop.set()
        thread.join()


def test_dtype_and_shape_changed_meanwhile(pool):
    x = np.arange(100_000.0)
    expected = x + 1
    future = pool.map_async(INC, x)
    with warnings.catch_warnings():
        # NumPy 2.5 would rather have it done by reshape(), which is another array.
        warnings.simplefilter("ignore", DeprecationWarning)
        x.shape = (100, 1000)
    np.testing.assert_array_equal(future.result(), expected)


# ---- shapes, counts, results -----------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [((3,), (4,)), ((3, 4), (4, 3)), ((2, 3), (2,)), ((0,), (2,))],
)
def test_shapes_that_do_not_broadcast(pool, one, other):
    add = "function(x, y) return x + y end"
    with pytest.raises(ValueError, match="broadcast"):
        pool.map(add, np.ones(one), np.ones(other))
    with pytest.raises(ValueError, match="broadcast"):
        pool.map_async(add, np.ones(one), np.ones(other)).result()
    with pytest.raises(ValueError, match="broadcast"):
        pool.reduce("function(a, x, y) return a end", np.ones(one), np.ones(other), init=0)
    with pytest.raises(ValueError, match="broadcast|shape"):
        pool.map(INC, np.ones(3), where=np.ones(5, "?"), out=np.zeros(3))


@pytest.mark.refused
def test_signature_mismatch(pool):
    dot = moonpool.kernel(
        "function(a, b) local s = 0.0 for i = 1, #a do s = s + a[i] * b[i] end return s end",
        signature="(n),(n)->()",
    )
    assert pool.map(dot, np.ones((4, 3)), np.ones(3)).tolist() == [3] * 4
    with pytest.raises(ValueError, match="dimension"):
        pool.map(dot, np.ones(3), np.ones(4))
    with pytest.raises(ValueError, match="dimension"):
        pool.map(dot, np.ones(()), np.ones(3))
    with pytest.raises((ValueError, TypeError), match="argument|input"):
        pool.map(dot, np.ones(3))
    for bad in ("(n", "n->n", "(n)->(", "()->()->()", "(n),->()", "(1x)->()", "->" * 1000):
        with pytest.raises(ValueError, match="signature"):
            moonpool.kernel(INC, signature=bad)


@pytest.mark.parametrize("n", [1, 10_000])
@pytest.mark.parametrize(
    ("body", "match"),
    [
        ("return nil", "nil"),
        ("", "0 values|nothing|no value"),
        ("return 'text'", "a string"),
        ("return {}", "a table"),
        ("return pcall", "a function"),
        ("return coroutine.create(pcall)", "a coroutine"),
        ("return 1, 2", "2 values"),
        ("return 1, nil", "2 values"),
        ("return table.unpack({}, 1, 1000)", "1000 values"),
        ("return x > 0", "boolean"),
    ],
)
@pytest.mark.refused
def test_bad_results(pool, n, body, match):
    out = np.full(n, -1.0)
    with pytest.raises(moonpool.LuaError, match=match) as caught:
        pool.map(f"function(x) {body} end", np.ones(n), out=out)
    assert caught.value.index is not None
    assert (out == -1).all()


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        ("3.5", "u1"), ("300", "u1"), ("-1", "u1"), ("128", "i1"), ("2^31", "i4"), ("0/0", "i8"),
        ("1/0", "i8"), ("2^63", "i8"), ("-1", "u8"), ("2.0^64", "u8"), ("true", "f8"), ("1", "?"),
        ("'1'", "f8"), ("'1'", "i8"),
    ],
)  # fmt: skip
@pytest.mark.refused
def test_values_that_do_not_fit(pool, value, dtype):
    out = np.zeros(100, dtype)
    good = "false" if dtype == "?" else "0"
    source = f"function(x) if x == 57 then return {value} end return {good} end"
    with pytest.raises(moonpool.LuaError) as caught:
        pool.map(source, np.arange(100), out=out)
    assert caught.value.index == 57
    assert not out.any()
    with pytest.raises(moonpool.LuaError):
        pool.submit(f"function(a) a[1] = {value} end", out).result()
    assert not out.any()


@pytest.mark.refused
def test_argument_counts(pool):
    with pytest.raises(moonpool.LuaError, match="takes 1 argument, 2 given"):
        pool.map(INC, np.ones(3), np.ones(3))
    with pytest.raises(moonpool.LuaError, match="nil"):
        pool.map("function(x, y) return x + y end", np.ones(3))
    for call in (lambda: pool.map(INC), lambda: pool.reduce(INC, init=0)):
        with pytest.raises((TypeError, ValueError, moonpool.LuaError)):
            call()
    with pytest.raises((TypeError, ValueError), match="argument"):
        pool.map("function(...) return 1 end", *[1.0] * 100)
    assert pool.map("function(...) return select('#', ...) end", *[np.ones(2)] * 60).tolist() == [
        60,
        60,
    ]
