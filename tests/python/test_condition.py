"""What Ctrl-C must not leave locked."""

import contextlib
import random

from tests.python import alarms

from moonpool._condition import Thread


def test_a_thread_starts_under_interrupts():
    """With `threading.Thread` one of some hundred hangs before its first line."""
    chance = random.Random(1)
    threads = []

    def start():
        thread = Thread(target=int, daemon=True)
        threads.append(thread)
        thread.start()
        thread.join()
        del threads[-1]

    with alarms.interrupting():
        for _ in range(1000):
            with contextlib.suppress(KeyboardInterrupt, RuntimeError):
                alarms.repeat(start, chance.uniform(1e-5, 1e-3), again=0.2)
    for thread in threads:
        if thread.ident is not None:
            thread.join(10)
            assert not thread.is_alive()
