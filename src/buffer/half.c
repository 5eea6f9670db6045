/* float16: 1 sign bit, 5 exponent bits biased by 15, 10 bits of fraction. */
#include "buffer/half.h"

#include <string.h>

/* The fraction of a double is this much longer, and its bias this much
 * larger, than those of a float16. */
#define FRACTION_GAP (52 - 10)
#define BIAS_GAP (1023 - 15)

static double double_of_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

double mp_half_to_double(uint16_t half)
{
    uint64_t sign = (uint64_t)(half >> 15) << 63;
    uint64_t exponent = (half >> 10) & 0x1f;
    uint64_t fraction = half & 0x3ff;
    if (exponent == 0) {
        double size = (double)fraction * 0x1p-24;
        return sign ? -size : size;
    }
    exponent = exponent == 0x1f ? 0x7ff : exponent + BIAS_GAP;
    return double_of_bits(sign | exponent << 52 | fraction << FRACTION_GAP);
}

/* Drops the lowest `count` bits, 1 to 63, and rounds to even on a tie. */
static uint64_t shift_round(uint64_t bits, int count)
{
    uint64_t tie = (uint64_t)1 << (count - 1);
    uint64_t odd = (bits >> count) & 1;
    return (bits + tie - 1 + odd) >> count;
}

/* The float16 of a size from 0 to infinity, given as the bits of a double. */
static uint64_t half_of_size(uint64_t bits)
{
    const uint64_t overflow = (uint64_t)(1023 + 16) << 52;  /* 2^16 */
    const uint64_t normal = (uint64_t)(1023 - 14) << 52;    /* 2^-14 */
    const uint64_t underflow = (uint64_t)(1023 - 25) << 52; /* 2^-25 */
    if (bits >= overflow)
        return 0x7c00;
    if (bits >= normal) {
        /* A carry out of the fraction moves on to the exponent, and from the
         * largest exponent to infinity, as it should. */
        uint64_t rebased = bits - ((uint64_t)BIAS_GAP << 52);
        return shift_round(rebased, FRACTION_GAP);
    }
    if (bits < underflow)
        return 0;
    uint64_t fraction = (bits & (((uint64_t)1 << 52) - 1)) | (uint64_t)1 << 52;
    int exponent = (int)(bits >> 52);
    return shift_round(fraction, 1023 - 14 + FRACTION_GAP - exponent);
}

uint16_t mp_half_from_double(double value)
{
    const uint64_t infinity = (uint64_t)0x7ff << 52;
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint64_t sign = bits >> 63 << 15;
    uint64_t size = bits & ~((uint64_t)1 << 63);
    if (size > infinity)
        return (uint16_t)(sign | 0x7e00 | ((size >> FRACTION_GAP) & 0x3ff));
    return (uint16_t)(sign | half_of_size(size));
}
