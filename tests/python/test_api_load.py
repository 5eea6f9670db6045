"""moonpool.load: Lua files as modules."""

import pickle

import numpy as np
import pytest

import moonpool

HEAT = """-- heat.lua
local scale = 2

local function helper(x)
    return x * scale
end

return {
    step = function(x) return helper(x) end,
    fail = function(x)
        return x.field.more
    end,
    version = "1.0",
    ["odd-name"] = function(x) return -x end,
}
-- the end"""


@pytest.fixture
def write(tmp_path):
    def write(text, name="heat.lua"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.fixture(scope="module")
def pool(default_tier):
    with moonpool.Pool(1) as pool:
        yield pool


def test_functions_are_kernels(write, pool):
    heat = moonpool.load(write(HEAT))
    assert isinstance(heat.step, moonpool.Kernel)
    assert heat.step.name == "heat.step"
    assert pool.map(heat.step, np.arange(3)).tolist() == [0, 2, 4]
    assert pool.map(heat["odd-name"], 3) == -3
    assert sorted(heat) == ["fail", "odd-name", "step"]
    assert len(heat) == 3
    assert "step" in dir(heat)
    assert "step" in repr(heat)


def test_str_path(write, pool):
    assert pool.map(moonpool.load(str(write(HEAT))).step, 2) == 4


@pytest.mark.refused
def test_lines_are_those_of_the_file(write, pool):
    heat = moonpool.load(write(HEAT))
    with pytest.raises(moonpool.LuaError) as info:
        pool.map(heat.fail, np.zeros(2))
    assert info.value.line == 11


@pytest.mark.parametrize(
    "text",
    [
        "local M = {} function M.f(x) return x end return M",
        "#!/usr/bin/lua5.3\nreturn {f = function(x) return x end}",
        b"\xef\xbb\xbfreturn {f = function(x) return x end}",
        "return {f = function(x) return x end} -- no newline",
        "return {f = math.abs}",
    ],
)
@pytest.mark.refused
def test_styles(write, pool, text):
    module = moonpool.load(write(text))
    assert list(module) == ["f"]
    assert pool.map(module.f, 5) == 5


def test_unknown_name(write):
    heat = moonpool.load(write(HEAT))
    with pytest.raises(AttributeError, match=r"'heat'.*no function 'stepp'.*fail.*step"):
        _ = heat.stepp
    assert not hasattr(heat, "__wrapped__")


def test_pickle(write, pool):
    heat = pickle.loads(pickle.dumps(moonpool.load(write(HEAT))))
    assert pool.map(heat.step, 1) == 2


def test_kernels_outlive_the_file(write, pool):
    path = write(HEAT)
    heat = moonpool.load(path)
    path.unlink()
    assert pool.map(heat.step, 1) == 2


@pytest.mark.parametrize(
    ("text", "error", "match"),
    [
        ("return {f = function(x) retrn x end}", moonpool.LuaSyntaxError, "line 1"),
        ("\n\nlocal x = = 1", moonpool.LuaSyntaxError, "line 3"),
        ("return {f = function(x) return x }", moonpool.LuaSyntaxError, "end"),
        ("return 5", moonpool.LuaError, r"^kernel 'heat': the module returns number, not a table"),
        ("local x = 1", moonpool.LuaError, "nil, not a table"),
        ("\nerror('no')", moonpool.LuaError, "line 2.*no"),
        ("\x1bLua", moonpool.LuaSyntaxError, "heat"),
    ],
)
def test_errors(write, text, error, match):
    with pytest.raises(error, match=match) as info:
        moonpool.load(write(text))
    assert info.value.kernel == "heat"


def test_endless_module(write, monkeypatch):
    monkeypatch.setattr("moonpool._load._SECONDS", 0.05)
    with pytest.raises(moonpool.KernelTimeout):
        moonpool.load(write("while true do end"))


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        moonpool.load(tmp_path / "none.lua")


def test_no_functions(write):
    module = moonpool.load(write("return {}"))
    assert len(module) == 0
    with pytest.raises(AttributeError, match="none"):
        _ = module.f
