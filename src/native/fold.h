/* What the parts of folding share. */
#ifndef MP_NATIVE_FOLD_H
#define MP_NATIVE_FOLD_H

#include "native/ir.h"

/* ---- fold.c ------------------------------------------------------------- */

/* Constants, in the entry block. */
mp_node *mp__fold_int(mp_func *func, int64_t value);
mp_node *mp__fold_float(mp_func *func, double value);
mp_node *mp__fold_bool(mp_func *func, bool value);

/* A node before another one, of which it is a part. */
mp_node *mp__fold_make(mp_node *before, mp_func *func, mp_op op, mp_type type,
                       int nargs, ...);

bool mp__fold_is_int(const mp_node *node, int64_t value);
bool mp__fold_is_float(const mp_node *node, double value); /* the bits */

/* ---- parts: what a node may become, or NULL ----------------------------- */

mp_node *mp__fold_identity(mp_func *func, mp_node *node);
mp_node *mp__fold_power(mp_func *func, mp_node *node);

/* ---- parts: whole functions; whether something has changed -------------- */

/* Nodes that are computed already where they stand. */
bool mp__fold_number(mp_func *func);
/* Branches that values, or other branches, do as well. */
bool mp__fold_branch(mp_func *func);
/* Blocks that always follow one another become one. */
bool mp__fold_merge(mp_func *func);
/* Checks and loads that are the same in each round move out of their loop. */
bool mp__fold_hoist(mp_func *func);
/* Indices that count with a loop are checked before it. */
bool mp__fold_bounds(mp_func *func);

#endif
