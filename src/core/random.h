/* Random numbers: the counter-based Philox4x32-10 generator of Salmon,
 * Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC11).
 * A number depends on its seed and index alone, so a run gives the same
 * numbers for any number of workers. */
#ifndef MP_CORE_RANDOM_H
#define MP_CORE_RANDOM_H

#include <stdint.h>

typedef struct mp_philox {
    uint32_t word[4];
} mp_philox;

/* The block of four words for a counter and a key. */
mp_philox mp_philox_block(const uint32_t counter[4], const uint32_t key[2]);

/* The uniform double in [0, 1), a multiple of 2^-53, for seed and index. */
double mp_random_unit(uint64_t seed, uint64_t index);

/* The standard normal double for seed and index, by the transform of Box and
 * Muller; independent of mp_random_unit(). */
double mp_random_normal(uint64_t seed, uint64_t index);

/* The stream behind math.random: one per item, so that it too is the same
 * for any number of workers. */
typedef struct mp_random {
    uint64_t seed;  /* worker thread only; 0, or what math.randomseed set */
    uint64_t item;  /* worker thread only; the item that the kernel works on */
    uint64_t last;  /* worker thread only; the item of the last draw */
    uint64_t draw;  /* worker thread only; draws made for it */
    uint64_t spare; /* worker thread only; the next draw if `draw` is odd */
} mp_random;

/* The next 64 random bits of the current item. Worker thread only. */
uint64_t mp_random_next(mp_random *random);

#endif
