/* Levels: what the body of a loop, or of the function, looks like when each
 * loop inside it is one thing; and the plan of where lanes go together in it
 * and where they do not. Shared by `diverge` and `mask`, which must agree.
 *
 * A level has no cycles: edges back to its header and edges out of its loop
 * lead to its end. Its parts are in topological order, the header first. */
#ifndef MP_NATIVE_MASK_LEVEL_H
#define MP_NATIVE_MASK_LEVEL_H

#include "native/ir.h"

typedef struct mp_level mp_level;
typedef struct mp_plan mp_plan;

/* An edge out of a part. */
typedef struct mp_out {
    mp_block *from, *to;
    int pred; /* which of the predecessors of `to` it is */
    int part; /* of the level; its nparts: the end */
} mp_out;

typedef struct mp_part {
    mp_block *block; /* or the header of the loop that it is */
    mp_level *inner; /* of that loop, or NULL */
    int nouts;
    mp_out *outs; /* in the order of block->next */
    int idom, ipdom;
    struct {
        int first, last; /* of the numbers of those below in the tree */
    } dom, pdom;
    bool varying; /* lanes may leave it by different edges */
    /* Scratch of mask_plan.c: */
    int plan;   /* the one that was made last with it in */
    int region; /* that it is inside of, or -1 */
    int heads;  /* region that it heads, or -1 */
    int ways;   /* into it, in a region */
    int stamp;
    bool taken;
    mp_node *mask; /* by `mask`: of the lanes that run it; NULL: entry mask */
} mp_part;

struct mp_level {
    mp_block *header; /* NULL: the function */
    mp_level *parent;
    int index; /* its part in there */
    int nparts;
    mp_part *parts;
    int stamp, plans; /* scratch of mask_plan.c */
    mp_plan *plan;
    bool divergent; /* lanes may leave the loop in different iterations */
    /* By `mask`: */
    mp_block *before; /* from where the loop is entered */
    mp_block *after;  /* where all ways out of it meet, if they do */
    mp_block *rest;   /* where lanes go that take no other way out */
};

typedef struct mp_levels {
    mp_func *func;
    int count;
    mp_level **all; /* outer ones first; the function's is the first */
    struct {
        mp_level *level;
        int part;
    } * places;   /* of each block, by id */
    bool *blends; /* blocks, by id: see mp__mask_plan() */
} mp_levels;

/* What a region that is laid out block after block consists of. */
typedef struct mp_step {
    int part;
    /* The part's uniform branch stays one: the plan of what is between it and
     * its post-dominator, itself first. Or NULL. */
    mp_plan *island;
} mp_step;

/* Where lanes part and where they meet again: all paths from `head` come to
 * `stop`, and what is between them is entered by `head` only. */
typedef struct mp_region {
    int head, stop;
    int nsteps;
    mp_step *steps; /* between the two, in their order */
} mp_region;

/* Items that all lanes run which run the first, or none of them; branches in
 * it are uniform unless they head a region. */
struct mp_plan {
    int count;
    int *parts;
    mp_region **regions; /* that a part heads, or NULL */
};

/* Brings a function into the form that levels need. Constants stand at its
 * beginning; a loop is entered by one edge and has one edge back; the block
 * after an edge out of a loop is entered from that very loop only. */
void mp__mask_simplify(mp_func *func);

/* The levels of a simplified function, without plans. Refuses loops that have
 * no end. */
mp_levels *mp__mask_levels(mp_func *func);

/* Plans all levels for the shapes that conditions have now. Sets `varying`,
 * `divergent`, and `blends` of the blocks where lanes meet that came different
 * ways. */
void mp__mask_plan(mp_levels *levels);

/* Whether a divergent loop has `from` inside and `to` outside. */
bool mp__mask_leaves(const mp_levels *levels, const mp_block *from,
                     const mp_block *to);
bool mp__mask_dominates(const mp_level *level, int a, int b);
bool mp__mask_postdominates(const mp_level *level, int a, int b);

#endif
