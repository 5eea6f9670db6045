"""The pool that kernels use when they are called by themselves."""

from __future__ import annotations

import os
import threading

from moonpool._pool import Pool


class _Default:
    """Holds the one default pool of the process."""

    def __init__(self) -> None:
        self.renew()
        self._pool: Pool | None = None

    def renew(self) -> None:
        """Make the lock anew: after a fork nobody may be left to release it."""
        self._lock = threading.Lock()

    def get(self) -> Pool:
        """Return the pool; made when first asked for, and again when closed."""
        pool = self._pool
        if pool is None or pool.closed:
            with self._lock:
                pool = self._pool
                if pool is None or pool.closed:
                    pool = self._pool = Pool()
        return pool


_default = _Default()
os.register_at_fork(after_in_child=_default.renew)


def default_pool() -> Pool:
    """Return the pool that a kernel uses when it is called: ``k(x, y)``.

    It is made when first asked for, with all defaults, and lasts until the
    interpreter exits. Who closes it gets a new one.

    Returns
    -------
    Pool
    """
    return _default.get()
