"""`python -m moonpool`, and the shape of the package."""

import subprocess
import sys

import moonpool


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
    assert not done.stderr


def test_says_why_there_are_so_many_workers(run_python):
    script = """
        import os
        os.environ["MOONPOOL_WORKERS"] = "7"
        import moonpool.__main__
        moonpool.__main__.main()
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
