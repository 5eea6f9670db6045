/* Random numbers by Philox4x32-10. */
#include "core/random.h"

#include <math.h>

/* The third and fourth word of a counter keep the streams apart: the same
 * seed and index give unrelated numbers in each. */
enum {
    STREAM_UNIT = 0,   /* num.random */
    STREAM_NORMAL = 1, /* num.normal */
    STREAM_DRAW = 2,   /* math.random */
};

/* One round. `key` is that of the round. */
static mp_philox philox_round(mp_philox x, uint32_t key0, uint32_t key1)
{
    uint64_t a = (uint64_t)0xD2511F53u * x.word[0];
    uint64_t b = (uint64_t)0xCD9E8D57u * x.word[2];
    return (mp_philox){{(uint32_t)(b >> 32) ^ x.word[1] ^ key0, (uint32_t)b,
                        (uint32_t)(a >> 32) ^ x.word[3] ^ key1, (uint32_t)a}};
}

mp_philox mp_philox_block(const uint32_t counter[4], const uint32_t key[2])
{
    mp_philox x = {{counter[0], counter[1], counter[2], counter[3]}};
    uint32_t key0 = key[0], key1 = key[1];
    for (int i = 0; i < 10; i++) {
        x = philox_round(x, key0, key1);
        /* The golden ratio and the square root of 3, less 1. */
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    return x;
}

/* The block of a stream for a seed and an index; `draw` below 2^62. */
static mp_philox block_of(uint64_t seed, uint64_t index, uint64_t draw,
                          uint32_t stream)
{
    const uint32_t counter[4] = {(uint32_t)index, (uint32_t)(index >> 32),
                                 (uint32_t)draw,
                                 (uint32_t)(draw >> 32) | stream << 30};
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    return mp_philox_block(counter, key);
}

static uint64_t low_half(const mp_philox *block)
{
    return block->word[0] | (uint64_t)block->word[1] << 32;
}

static uint64_t high_half(const mp_philox *block)
{
    return block->word[2] | (uint64_t)block->word[3] << 32;
}

double mp_random_unit(uint64_t seed, uint64_t index)
{
    mp_philox block = block_of(seed, index, 0, STREAM_UNIT);
    return (double)(low_half(&block) >> 11) * 0x1p-53;
}

double mp_random_normal(uint64_t seed, uint64_t index)
{
    static const double two_pi = 6.283185307179586;
    mp_philox block = block_of(seed, index, 0, STREAM_NORMAL);
    /* In (0, 1], so that the logarithm is finite. */
    double u = (double)((low_half(&block) >> 11) + 1) * 0x1p-53;
    double v = (double)(high_half(&block) >> 11) * 0x1p-53;
    return sqrt(-2.0 * log(u)) * cos(two_pi * v);
}

uint64_t mp_random_next(mp_random *random)
{
    if (random->last != random->item) {
        random->last = random->item;
        random->seed = 0;
        random->draw = 0;
    }
    uint64_t draw = random->draw++;
    if (draw % 2 != 0)
        return random->spare;
    mp_philox block =
        block_of(random->seed, random->item, draw / 2, STREAM_DRAW);
    random->spare = high_half(&block);
    return low_half(&block);
}
