/* float16, IEEE 754 binary16: C11 has no type for it, so its bits travel in a
 * uint16_t and are converted here, with integer arithmetic only. */
#ifndef MP_BUFFER_HALF_H
#define MP_BUFFER_HALF_H

#include <stdint.h>

/* Exact: every float16 is a double. A NaN keeps sign and payload. */
double mp_half_to_double(uint16_t half);

/* Rounds once, to nearest and to even on a tie; what is too large becomes
 * infinite. A NaN stays one and becomes quiet. */
uint16_t mp_half_from_double(double value);

#endif
