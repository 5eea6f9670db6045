"""Traces: where the time went, for a viewer."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moonpool import _core


def _events(core: _core.Pool) -> list[dict[str, Any]]:
    pid = os.getpid()
    events: list[dict[str, Any]] = [
        {"name": "process_name", "ph": "M", "pid": pid, "args": {"name": "moonpool"}}
    ]
    for worker in range(core.workers + 1):
        who = {"pid": pid, "tid": worker + 1}
        spans = core.trace(worker)
        name = {"name": f"worker {worker + 1}"}
        if worker == core.workers:
            if not spans:
                break
            name = {"name": "callers"}
        events.append({"name": "thread_name", "ph": "M", **who, "args": name})
        for job, kernel, low, high, native, start, end in spans:
            events.append(
                {
                    "name": kernel or "kernel",
                    "cat": "chunk",
                    "ph": "X",
                    "ts": start * 1e6,
                    "dur": (end - start) * 1e6,
                    **who,
                    "args": {
                        "job": job,
                        "from": low,
                        "to": high,
                        "tier": "native" if native else "interpreted",
                    },
                }
            )
    return events


def write_trace(core: _core.Pool, path: str | os.PathLike[str]) -> None:
    """Write the last chunks of each worker in Chrome's trace event format.

    Times are microseconds of the monotonic clock, as the format wants; see
    "Trace Event Format" by the Chromium project.
    """
    trace = {"traceEvents": _events(core), "displayTimeUnit": "ms"}
    Path(path).write_text(json.dumps(trace), encoding="utf-8")
