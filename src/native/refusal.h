/* Refusals as text: the reason, the line of the source with a caret, and what
 * to change. */
#ifndef MP_NATIVE_REFUSAL_H
#define MP_NATIVE_REFUSAL_H

#include <stdio.h>

#include "moonpool.h"

/* "strings are not compiled\n   2 |   return 'a' .. x\n     |              ^",
 * and the hint. The caret is below what the refusal names, where the line has
 * it, and else below the first word: bytecode knows lines only. */
void mp__refusal_print(const mp_refusal *refusal, const mp_kernel *kernel,
                       FILE *to);

#endif
