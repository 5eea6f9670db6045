"""fork(), multiprocessing, threads that are not there any more."""

import multiprocessing
import os

import pytest

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork()"),
    # AddressSanitizer's allocator has locks that a fork may find taken.
    pytest.mark.slow_asan,
]

# Newer Pythons warn of what is tested here.
QUIET = "import warnings; warnings.simplefilter('ignore', DeprecationWarning)\n"


@pytest.fixture
def in_child(run_python):
    """Return a function that runs `before`, forks, and runs `child` in the child."""

    def run(before, child, after="pass"):
        def indent(text):
            return "\n".join("    " + line for line in text.splitlines())

        script = f"""{QUIET}
import os, sys, time, threading, moonpool
DOUBLE = "function(x) return x * 2 end"
FOREVER = "function() while true do end end"
pool = moonpool.Pool(2)
{before}
pid = os.fork()
if pid == 0:
    code = 1
    try:
{indent(indent(child))}
        code = 0
    except BaseException as error:
        import traceback
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)
else:
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
{indent(after)}
    assert pool.map(DOUBLE, 4) == 8
    pool.close(cancel=True)
"""
        run_python(script)

    return run


@pytest.mark.parametrize(
    "before",
    [
        "pass",
        "pool.map(DOUBLE, 1)",
        "future = pool.submit(FOREVER); time.sleep(0.05)",
        "pool.submit(DOUBLE, 1).result()",
        "futures = [pool.map_async(DOUBLE, bytearray(1000)) for _ in range(50)]",
        "other = threading.Thread(target=lambda: [pool.map(DOUBLE, i) for i in range(2000)])\n"
        "other.start()",
        "moonpool.default_pool().map(DOUBLE, 1)",
    ],
)
def test_pool_is_rebuilt(in_child, before):
    in_child(
        before,
        "assert pool.workers == 2\n"
        "assert pool.map(DOUBLE, 3) == 6\n"
        "assert pool.submit(DOUBLE, 3).result(10) == 6\n"
        "assert moonpool.kernel(DOUBLE)(5) == 10\n"
        "pool.close()",
        "if 'other' in globals(): other.join()",
    )


def test_setup_runs_again(in_child):
    in_child(
        "pool.close(); pool = moonpool.Pool(1, setup='unit = 7')",
        "assert pool.submit('function() return unit end').result(10) == 7",
    )


@pytest.mark.refused
def test_futures_fail(in_child):
    in_child(
        "future = pool.submit(FOREVER)\n"
        "memory = bytearray(8)\n"
        "other = pool.map_async('function(x) while true do end end', memory)",
        "for one in (future, other):\n"
        "    assert 'forked' in str(one.exception(5))\n"
        "    assert one.done() and not one.cancel()\n"
        "memory.extend(b'more')",
        "assert not future.done() and future.cancel() and other.cancel()",
    )


def test_closed_stays_closed(in_child):
    in_child(
        "other = moonpool.Pool(1); other.close()",
        "assert other.closed\n"
        "try:\n"
        "    other.map(DOUBLE, 1)\n"
        "except RuntimeError as error:\n"
        "    assert 'closed' in str(error)\n"
        "else:\n"
        "    raise AssertionError",
    )


def test_close_without_use(in_child):
    in_child(
        "pass",
        "pool.close()\npool.close()\nassert pool.closed\n"
        "try:\n"
        "    pool.map(DOUBLE, 1)\n"
        "except RuntimeError as error:\n"
        "    assert 'closed' in str(error)\n"
        "else:\n"
        "    raise AssertionError",
    )


def test_drop_without_use(in_child):
    in_child("pool.map(DOUBLE, 1)", "global_pool = pool\ndel pool, global_pool")


def test_twice(in_child):
    in_child(
        "pass",
        "assert pool.map(DOUBLE, 1) == 2\n"
        "grandchild = os.fork()\n"
        "if grandchild == 0:\n"
        "    os._exit(0 if pool.map(DOUBLE, 2) == 4 else 1)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(grandchild, 0)[1]) == 0\n"
        "assert pool.map(DOUBLE, 3) == 6",
    )


def test_fork_in_a_signal_handler_during_a_call(run_python):
    run_python(
        QUIET
        + """
import os, signal, moonpool
pool = moonpool.Pool(1)
pids, data = [], bytearray(4)

def handler(number, frame):
    pids.append(os.fork())

signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.05)
try:
    # However fast it is compiled and run: the signal comes during the call.
    pool.map("function(x) while x == 0 do end return x end", data, out=data, timeout=0.5)
except moonpool.KernelTimeout:
    forked = False
except RuntimeError as error:
    forked = "forked" in str(error)
if pids[0] == 0:
    os._exit(0 if forked and pool.map("function(x) return x + 1 end", 1) == 2 else 1)
assert not forked
assert os.waitstatus_to_exitcode(os.waitpid(pids[0], 0)[1]) == 0
"""
    )


def test_fork_in_a_signal_handler_while_a_kernel_is_compiled(run_python):
    pytest.importorskip("llvmlite")
    run_python(
        QUIET
        + """
import faulthandler, os, signal, time, moonpool
from moonpool import _llvm
faulthandler.dump_traceback_later(30, exit=True)
os.environ["MOONPOOL_CACHE"] = "0"
compile_ir = _llvm.compile_ir

def slowly(ir, isa):
    time.sleep(0.3)
    return compile_ir(ir, isa)

_llvm.compile_ir = slowly
pids = []
signal.signal(signal.SIGALRM, lambda *_: pids.append(os.fork()))
signal.setitimer(signal.ITIMER_REAL, 0.1)
pool = moonpool.Pool(1, native="require")
try:
    answer = pool.map("function(x) return x + 1 end", 1)
except RuntimeError as error:
    answer = str(error)
if pids[0] == 0:
    again = pool.map("function(x) return x + 1 end", 1)
    os._exit(0 if "forked" in str(answer) and again == 2 else 1)
assert answer == 2
assert os.waitstatus_to_exitcode(os.waitpid(pids[0], 0)[1]) == 0
"""
    )


def test_exit_of_the_child(run_python):
    assert (
        run_python(
            QUIET
            + """
import os, sys, moonpool
pool = moonpool.Pool(2)
pool.submit("function() return 1 end").result()
pid = os.fork()
pool.submit("function() while true do end end")
if pid:
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    print("parent")
else:
    sys.exit(7)
"""
        )
        == "parent\n"
    )


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_with_a_kernel(method, tmp_path, run_python):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip("not on this system")
    script = tmp_path / "script.py"
    script.write_text(
        QUIET
        + f"""
import multiprocessing, moonpool

def work(kernel):
    return kernel(20)

if __name__ == "__main__":
    kernel = moonpool.kernel("function(x) return x + 1 end")
    assert kernel(1) == 2
    with multiprocessing.get_context({method!r}).Pool(2) as processes:
        print(processes.map(work, [kernel] * 4))
"""
    )
    launch = f"import os, sys; os.execv(sys.executable, [sys.executable, {str(script)!r}])"
    assert run_python(launch) == "[21, 21, 21, 21]\n"
