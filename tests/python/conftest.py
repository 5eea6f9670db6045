"""What the Python tests share."""

import signal
import subprocess
import sys
import textwrap

import pytest

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
