"""How often each word occurs in documents: strings and tables."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

import moonpool
from bench.kernels.sizes import elements

if TYPE_CHECKING:
    from collections.abc import Iterable
    from multiprocessing.pool import Pool as Processes

    from bench.harness import Run
    from bench.threads import LuaThreads

    Data = list[str]

TITLE = "Word count"
LUA = """
return function(text)
  local count = {}
  for word in string.gmatch(text, "%a+") do
    count[word] = (count[word] or 0) + 1
  end
  return count
end"""

# A table of lupa's is read with the GIL; a string is not.
LUPA = """
return function(text)
  local count, out = {}, {}
  for word in string.gmatch(text, "%a+") do
    count[word] = (count[word] or 0) + 1
  end
  for word, n in pairs(count) do
    out[#out + 1] = word .. " " .. n
  end
  return table.concat(out, "\\n")
end"""


def what(scale: float) -> str:
    return f"32 documents of {elements(10_000, scale):,} words, one submit each"


def data(scale: float) -> Data:
    """Return texts of made-up words, few of which are frequent."""
    random = np.random.default_rng(8)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    sizes = random.integers(2, 11, 800)
    words = np.array(["".join(random.choice(letters, size)) for size in sizes])
    picks = np.minimum(random.zipf(1.3, (32, elements(10_000, scale))), words.size) - 1
    return [" ".join(words[row]) for row in picks]


def check(result: Any, expected: Any) -> None:
    assert result == expected


def _total(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return dict(total)


def with_numpy(data: Data) -> Run:
    def run() -> Any:
        words, counts = np.unique(" ".join(data).split(), return_counts=True)
        return dict(zip(words.tolist(), counts.tolist(), strict=True))

    return run


def with_lupa(data: Data, lua: LuaThreads) -> Run:
    def read(text: bytes) -> dict[str, int]:
        pairs = (line.split() for line in text.decode().splitlines())
        return {word: int(count) for word, count in pairs}

    return lambda: _total(map(read, lua.map(LUPA, ((text.encode(),) for text in data))))


with_luajit = with_lupa


def _count(text: str) -> Counter[str]:
    return Counter(text.split())


def with_processes(data: Data, processes: Processes) -> Run:
    return lambda: _total(processes.map(_count, data))


def with_moonpool(data: Data, pool: moonpool.Pool) -> Run:
    kernel = moonpool.kernel(LUA)

    def run() -> Any:
        futures = [pool.submit(kernel, text) for text in data]
        return _total(future.result() for future in futures)

    return run
