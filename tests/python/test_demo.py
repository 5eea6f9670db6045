"""The demonstration's steps, on little data: each checks itself against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from demo import bilateral, fractal, hillshade, moments
from demo.step import Pools, label

import moonpool


@pytest.fixture(scope="module")
def pools():
    with (
        moonpool.Pool(2, native="off") as interpreted,
        moonpool.Pool(1, native="require") as one,
        moonpool.Pool(2, native="require") as two,
    ):
        yield Pools(interpreted, [one, two])


@pytest.fixture
def terrain():
    y, x = np.mgrid[0:12, 0:9]
    return hillshade.Terrain((100 + 7 * x + (y - 5) ** 2).astype(np.int16), 70.0, 90.0)


def test_hillshade(pools, terrain):
    step = hillshade.step(terrain, pools, repeat=1)
    assert step.result.shape == (10, 7)
    assert step.result.min() >= 0
    assert list(step.seconds) == ["NumPy", "interpreted", "1 worker", "2 workers"]


def test_flat_land_is_lit_by_the_height_of_the_sun(pools):
    flat = hillshade.Terrain(np.full((5, 6), 300, np.int16), 70.0, 90.0)
    step = hillshade.step(flat, pools, repeat=1)
    np.testing.assert_allclose(step.result, np.sin(hillshade.ALTITUDE), rtol=1e-6)


def test_bilateral_keeps_an_edge(pools):
    photo = np.zeros((9, 14, 3), np.uint8)
    photo[:, 7:] = 250
    photo[::2, ::3] += 4
    step = bilateral.step(photo, pools, repeat=1)
    assert step.result[:, :7].max() < 5
    assert step.result[:, 7:].min() > 249


def test_fractal(pools):
    step = fractal.step(pools, 12, 9, repeat=1)
    assert step.result.shape == (9, 12)


def test_moments(pools, terrain):
    found = moments.step(terrain.height, pools, repeat=1).result
    assert (found.low, found.high) == (terrain.height.min(), terrain.height.max())


def test_chart(pools, terrain, tmp_path):
    pytest.importorskip("matplotlib")
    from demo import chart

    photo = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    steps = {
        "hillshade": hillshade.step(terrain, pools, repeat=1),
        "bilateral": bilateral.step(photo, pools, repeat=1),
        "fractal": fractal.step(pools, 12, 9, repeat=1),
        "moments": moments.step(terrain.height, pools, repeat=1),
    }
    path = tmp_path / "demo.png"
    chart.draw(steps, terrain.height, photo, "footer", path)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_table_has_a_line_a_step(pools):
    pytest.importorskip("matplotlib")
    from demo.__main__ import native_calls, table, worker_counts

    step = fractal.step(pools, 4, 3, repeat=1)
    assert len(table([step, step]).splitlines()) == 3
    assert worker_counts(1) == [1]
    assert worker_counts(6) == [1, 2, 4, 6]
    assert label(1) == "1 worker"
    compiled, calls = native_calls(pools)
    assert compiled == calls > 0
