"""The kernels that peers are compared on, a module each.

Each has a TITLE; `what(scale)`, a line about it; `data(scale)`, which makes the
inputs; `check(result, expected)`; and a function a peer, `with_<peer>(data,
...)`, which prepares what it can and returns the function to be timed. A peer
that is missing cannot express the kernel. All make the same result: NumPy's is
what the others are checked against. Where peers that may contract or reassociate
can be told by their result, `check_free` is for them.
"""

from bench.kernels import (
    bilateral,
    black_scholes,
    blend,
    collatz,
    crc64,
    haversine,
    julia,
    kmeans,
    lorenz,
    mandelbrot,
    mandelbrot_map,
    nbody,
    newton,
    sobel,
    softmax,
    sparse,
    stencil,
    stencil_cells,
    sum_squares,
    triad,
    word_count,
)

# At a size that an interpreter takes some tens of milliseconds for.
INTERPRETED = (
    triad,
    black_scholes,
    mandelbrot,
    sum_squares,
    stencil,
    nbody,
    softmax,
    word_count,
)

# With the scale at which machine code takes about as long.
NATIVE = {
    triad: 10,  # 10 million
    black_scholes: 20,  # 4 million
    mandelbrot_map: 1,
    sum_squares: 10,  # 10 million
    stencil_cells: 25,  # 2000 x 2000
    nbody: (4096 / 500) ** 2,
    softmax: 10,
    julia: 1,
    newton: 1,
    haversine: 1,
    collatz: 1,
    crc64: 1,
    lorenz: 1,
    kmeans: 1,
    sparse: 1,
    bilateral: 1,
    sobel: 1,
    blend: 1,
}
