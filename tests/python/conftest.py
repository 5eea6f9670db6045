"""What the Python tests share.

All of them can be run with the tier that MOONPOOL_NATIVE says for pools that say
nothing themselves: "off", "on" or "require". Two marks say which tests that is
not meant for; see `default_tier`.
"""

import functools
import os
import signal
import subprocess
import sys
import textwrap

import pytest

import moonpool
from moonpool import _kernel

DEFAULT_TIER = os.environ.get("MOONPOOL_NATIVE")

# A shell that starts a job in the background makes it deaf to Ctrl-C, and all
# its children with it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def run_python():
    """Return a function that runs a script in a new interpreter.

    It fails where the script does, or writes to stderr, and returns what the
    script printed.
    """

    def run(source, *, timeout=60, code=0, quiet=True):
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(source)],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        if quiet:
            assert not done.stderr, done.stderr
        return done.stdout

    return run


# ---- tiers -------------------------------------------------------------------


def tier_of(item):
    """Return what MOONPOOL_NATIVE is to be for a test.

    One that is about the interpreter is marked so, and runs as without it. One
    whose kernels are not all compiled, and cannot be, is marked as refused, and
    compiles what it can where all is required.
    """
    if item.get_closest_marker("interpreted"):
        return "auto"
    if item.get_closest_marker("refused") and DEFAULT_TIER == "require":
        return "on"
    return DEFAULT_TIER


def pytest_generate_tests(metafunc):
    if DEFAULT_TIER:
        tier = tier_of(metafunc.definition)
        metafunc.parametrize("default_tier", [tier], indirect=True, scope="module")


@pytest.fixture(scope="module", autouse=True)
def default_tier(request):
    """Say to pools what tier is meant; pools of a module ask for it."""
    tier = getattr(request, "param", None)
    if tier is None:
        yield
        return
    os.environ["MOONPOOL_NATIVE"] = tier
    # What was made, and compiled, for other tests.
    moonpool.default_pool().close()
    _kernel._from_source.cache_clear()
    yield
    os.environ["MOONPOOL_NATIVE"] = str(DEFAULT_TIER)


class Ran:
    """How many items ran, and how many of them compiled, on pools that were closed."""

    items = native = 0


def pytest_configure():
    close = moonpool.Pool.close

    @functools.wraps(close)
    def counting(pool, cancel=False):
        if not pool.closed and DEFAULT_TIER:
            stats = pool.stats()
            Ran.items += stats["items"]
            Ran.native += stats["native"]
        return close(pool, cancel)

    if DEFAULT_TIER:
        moonpool.Pool.close = counting  # type: ignore[assignment, method-assign]


def pytest_terminal_summary(terminalreporter):
    if DEFAULT_TIER:
        terminalreporter.write_line(
            f"MOONPOOL_NATIVE={DEFAULT_TIER}: {Ran.native:,} of {Ran.items:,} items were compiled"
        )


@pytest.fixture(scope="session", autouse=True)
def cache_of_its_own(tmp_path_factory):
    """Keep the tests' object code apart from the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "MOONPOOL_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield
