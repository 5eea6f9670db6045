/* Values with more than one definition, or with one that no longer dominates
 * all uses: finds what each use gets and makes the PHIs for it. */
#ifndef MP_NATIVE_MASK_VALUES_H
#define MP_NATIVE_MASK_VALUES_H

#include "native/ir.h"

typedef struct mp_place mp_place;

/* A variable. A node stands for it where it is used. */
typedef struct mp_var {
    mp_node *name;
    mp_shape_kind shape; /* of PHIs that are made for it */
    int64_t step;
    int ndefs;
    mp_node **defs; /* each is its value from there on */
    /* At the end of this block, and of those that dominate it, it is zero, or
     * false. NULL: where its only definition has still to come. */
    mp_block *unset;
    mp_place *places;
} mp_var;

typedef struct mp_values {
    mp_func *func;
    int nids;
    mp_var **of; /* by the name's id; NULL: none */
    int count;
    mp_var **vars;
    int nzeros;
    mp_node **zeros;
    /* While one variable is looked at, by block: */
    const mp_var **stamps;
    mp_node **starts; /* what it is at the beginning of a block */
    int depth;
} mp_values;

mp_values *mp__values_new(mp_func *func);

/* The variable that a node stands for, or NULL. */
mp_var *mp__values_find(const mp_values *values, const mp_node *name);
mp_var *mp__values_add(mp_values *values, mp_node *name);
void mp__values_define(mp_values *values, mp_var *var, mp_node *def);

/* `*place` uses the variable, before a node of a block or at its end. */
void mp__values_use(mp_values *values, mp_var *var, mp_node **place,
                    mp_block *block, mp_node *before);

/* Sets all those places; blocks must be in order. */
void mp__values_rebuild(mp_values *values);

/* Calls `visit(ud, place, block, before)` for each use of a value in the
 * function, that of a PHI at the end of its predecessor. What `visit` inserts
 * before a use is not visited. */
void mp__values_each(mp_func *func,
                     void (*visit)(void *ud, mp_node **place, mp_block *block,
                                   mp_node *before),
                     void *ud);

/* A copy of a ROW before a node of a block, or at its end. */
mp_node *mp__values_copy_row(mp_func *func, const mp_node *row, mp_block *block,
                             mp_node *before);

#endif
