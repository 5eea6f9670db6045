/* Pruning: branches that always go one way, and what that leaves behind. */
#ifndef MP_NATIVE_PRUNE_H
#define MP_NATIVE_PRUNE_H

#include "native/ir.h"

/* Makes a branch that always goes to next[way] a jump. */
void mp__prune_branch(mp_block *block, int way);

/* Brings the order up to date after that, and replaces PHIs that have no
 * choice any more. Refuses loops that nothing leaves. */
void mp__prune_finish(mp_func *func);

/* Replaces PHIs that have one value on all ways, but for their own; whether
 * there was one. The order has to be up to date. */
bool mp__prune_phis(mp_func *func);

#endif
