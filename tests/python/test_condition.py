"""What Ctrl-C must not leave locked."""

import random
import signal

import pytest

from moonpool._condition import Thread


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_thread_starts_under_interrupts():
    """With `threading.Thread` one of some hundred hangs before its first line."""
    chance = random.Random(1)
    threads = []

    def start_until_interrupted():
        while True:
            thread = Thread(target=int, daemon=True)
            threads.append(thread)
            thread.start()
            thread.join()
            del threads[-1]

    previous = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        for _ in range(1000):
            try:
                # Once more, since Python drops what is raised in a destructor.
                signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-5, 1e-3), 0.2)
                start_until_interrupted()
            except (KeyboardInterrupt, RuntimeError):
                pass
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        signal.signal(signal.SIGALRM, previous)
    for thread in threads:
        if thread.ident is not None:
            thread.join(10)
            assert not thread.is_alive()
