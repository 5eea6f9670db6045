/* How long code takes at worst, about: so that a stop is seen in time. */
#ifndef MP_NATIVE_COST_H
#define MP_NATIVE_COST_H

#include "native/ir.h"

/* In about ns, for all lanes. */
int64_t mp__cost_of_node(const mp_func *func, const mp_node *node);

/* One round of the loop that `header` heads, without the loops inside of it;
 * NULL: what is in no loop. */
int64_t mp__cost_of_round(const mp_func *func, const mp_block *header);

/* How many of the rounds that one poll is good for a round of that cost counts
 * for: 1 where it is short. */
int64_t mp__cost_weight(int64_t cost);

#endif
