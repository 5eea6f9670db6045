"""`python -m moonpool`, and the shape of the package."""

import io
import subprocess
import sys

import pytest

import moonpool
from moonpool import __main__ as command
from moonpool import _core, _native


def test_prints_what_is_there():
    done = subprocess.run(
        [sys.executable, "-m", "moonpool"], capture_output=True, text=True, check=True
    )
    rows = dict(line.split(None, 1) for line in done.stdout.splitlines() if line.split()[1:])
    assert rows["moonpool"] == moonpool.__version__
    assert rows["Lua"].startswith("Lua 5.3")
    assert rows["workers"].split()[0].isdigit()
    assert "(" in rows["workers"]
    assert {"Python", "NumPy", "SIMD", "native"} <= set(rows)
    assert f"{_core.isa}, " in rows["native"] or not _native.available()
    assert not done.stderr


def test_says_that_there_is_no_llvm(run_python):
    script = """
        import sys
        sys.modules["llvmlite"] = None
        import moonpool.__main__
        moonpool.__main__.main([])
    """
    assert "native tier       not available: llvmlite is not installed" in run_python(script)


class TestExplain:
    @pytest.fixture
    def file(self, tmp_path):
        path = tmp_path / "scale.lua"
        path.write_text("function(i, a, s)\n  a[i] = s * a[i]\nend\n")
        return str(path)

    def test_listing(self, file, capsys):
        assert command.main(["explain", file, "--types", "f8[:], float"]) == 0
        text = capsys.readouterr().out
        assert text.startswith("kernel 'scale' runs as native code")
        assert "store to a: one" in text

    def test_more_dimensions(self, tmp_path, capsys):
        path = tmp_path / "k.lua"
        path.write_text("function(i, j, a, n) a[i][j] = n end")
        arguments = ["explain", str(path), "--types", "i4[:, :],int", "--ndim", "2"]
        assert command.main(arguments) == 0
        assert "an array of int32, 2 dimensions" in capsys.readouterr().out

    def test_reductions(self, tmp_path, capsys):
        path = tmp_path / "k.lua"
        path.write_text("function(n, s, x) return n + 1, s + x end")
        arguments = ["explain", str(path), "--types", "f8", "--init", "0, 0.0"]
        assert command.main([*arguments, "--combine", "+"]) == 0
        text = capsys.readouterr().out
        assert "n: an accumulator, an integer" in text
        assert "s: an accumulator, a float" in text
        assert command.main([*arguments, "--pass", "infer"]) == 0
        assert "int = add" in capsys.readouterr().out

    @pytest.mark.parametrize("stage", ["bytecode", "build", "mask", "emit", "asm"])
    def test_passes(self, file, stage, capsys):
        if stage == "asm" and not _native.available():
            pytest.skip("there is no LLVM")
        arguments = ["explain", file, "--types", "f8[:],float", "--pass", stage]
        assert command.main([*arguments, "--isa", "scalar"]) == 0
        marks = {"bytecode": "SETTABLE", "emit": "@kernel", "asm": "ret"}
        assert marks.get(stage, "store") in capsys.readouterr().out

    def test_refusal(self, monkeypatch, capsys):
        source = "function(x)\n  return 'a' .. x\nend"
        for arguments in ([], ["--pass", "mask"]):
            monkeypatch.setattr(sys, "stdin", io.StringIO(source))
            assert command.main(["explain", "-", "--types", "f8", *arguments]) == 0
            assert (
                "\n    2 |   return 'a' .. x\n      |              ^\n" in capsys.readouterr().out
            )

    @pytest.mark.parametrize("types", ["c16", "f8[::]"])
    def test_no_type(self, file, types, capsys):
        assert command.main(["explain", file, "--types", types]) == 1
        assert "python -m moonpool: " in capsys.readouterr().err

    def test_no_kernel(self, tmp_path, capsys):
        path = tmp_path / "k.lua"
        path.write_text("function(")
        assert command.main(["explain", str(path)]) == 1
        assert command.main(["explain", str(tmp_path / "none.lua")]) == 1
        assert capsys.readouterr().err.count("python -m moonpool: ") == 2


def test_says_why_there_are_so_many_workers(run_python):
    script = """
        import os
        os.environ["MOONPOOL_WORKERS"] = "7"
        import moonpool.__main__
        moonpool.__main__.main([])
    """
    assert "7 (MOONPOOL_WORKERS" in run_python(script)


def test_every_public_name_has_a_docstring():
    for name in moonpool.__all__:
        value = getattr(moonpool, name)
        if name != "__version__":
            assert value.__doc__, name
        for attribute, member in vars(value).items() if isinstance(value, type) else ():
            if callable(member) and not attribute.startswith("_"):
                assert member.__doc__, f"{name}.{attribute}"


def test_import_is_light(run_python):
    script = "import sys, moonpool; print('numpy' in sys.modules, 'tqdm' in sys.modules)"
    assert run_python(script) == "False False\n"
