"""Progress bars, by tqdm or whatever looks like it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moonpool import _core


class Bar:
    """Shows how much of a call is done.

    Parameters
    ----------
    progress : bool or callable
        True for `tqdm.auto.tqdm`, or a class to be used in its place: called
        with ``total``, ``desc`` and ``unit``, it makes an object with
        ``total``, ``update(n)``, ``refresh()`` and ``close()``.
    name : str
        The kernel's name.
    unit : str
        What is counted.
    """

    def __init__(self, progress: Any, name: str, unit: str) -> None:
        if progress is True:
            try:
                from tqdm import tqdm
            except ImportError as error:
                raise ImportError(
                    "progress=True needs tqdm: pip install tqdm, or pass a class like it"
                ) from error
            progress = tqdm
        if not callable(progress):
            raise TypeError(f"progress must be a bool or a class like tqdm, not {progress!r}")
        self._bar = progress(total=0, desc=name, unit=unit)
        self._shown = 0

    def show(self, job: _core.Job) -> None:
        """Bring the bar to where a job is."""
        done, total = job.progress()
        if total > (self._bar.total or 0):
            self._bar.total = total
        if done > self._shown:
            self._bar.update(done - self._shown)
            self._shown = done

    def close(self) -> None:
        """Finish the bar."""
        self._bar.refresh()
        self._bar.close()


def open_bar(progress: Any, name: str, unit: str = "item") -> Bar | None:
    """Return a bar, or None where none is wanted."""
    return None if progress is False or progress is None else Bar(progress, name, unit)
