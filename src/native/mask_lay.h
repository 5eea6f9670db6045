/* Laying out: how `mask` takes the graph apart and puts it together again.
 *
 * Blocks keep their nodes and lose their edges. Each is then opened, in
 * topological order, when all edges into it but those around a loop have
 * arrived: real edges, from the end of a block, or masked ones, which are but
 * a set of lanes. PHIs become a value of one edge, stay what they are (real
 * edges), or become SELECTs (masked ones). Where blocks are masked they stand
 * one behind the other. */
#ifndef MP_NATIVE_MASK_LAY_H
#define MP_NATIVE_MASK_LAY_H

#include "native/mask_level.h"
#include "native/mask_values.h"

/* An edge into a block. */
typedef struct mp_arrival {
    mp_block *from;   /* real */
    mp_node *mask;    /* masked: lanes that take it; NULL: entry mask */
    int part;         /* masked: of the level, where it comes from, */
    int slot;         /* and which of its edges it is */
    mp_node **values; /* for the PHIs of the block */
} mp_arrival;

typedef struct mp_arrivals {
    int count;
    mp_arrival *all;
} mp_arrivals;

/* A block as it was, and what happens to it. */
typedef struct mp_laid {
    mp_end end;
    mp_node *cond;
    mp_block *next[2];
    int npreds;
    int nphis;
    mp_node **phis;
    mp_node ***args; /* of each PHI */
    mp_arrivals arrivals;
    mp_block *via; /* real edges go there instead, or NULL */
    mp_var *left;  /* lanes that have left loops for this block, or NULL */
} mp_laid;

typedef struct mp_lay {
    mp_func *func;
    mp_levels *levels;
    mp_values *values;
    mp_laid *laid; /* of the blocks that there were at first, by id */
    int nby;
    mp_node **by; /* what PHIs that are gone have become, by id */
    mp_node *entry_mask;
    int nsure; /* masks of which a lane is known to be set here */
    mp_node **sure;
} mp_lay;

/* A way out of a loop whose ways meet behind it. */
typedef struct mp_way {
    const mp_out *out;
    mp_block *via;  /* where its real edges go */
    mp_laid before; /* for mp__mask_release() */
    mp_node *mask;  /* lanes that take it; NULL: entry mask */
    mp_node **values;
} mp_way;

typedef struct mp_ways {
    int count;
    mp_way *all;
    mp_block *after; /* NULL: they do not meet, edges are real */
} mp_ways;

/* ---- mask_leave.c ------------------------------------------------------- */

void mp__mask_take_along(mp_levels *levels);

/* ---- mask_edge.c -------------------------------------------------------- */

mp_node *mp__mask_resolve(const mp_lay *lay, mp_node *node);
mp_node *mp__mask_node(mp_lay *lay, mp_node *mask); /* never NULL */
mp_node *mp__mask_add(mp_lay *lay, mp_block *block, mp_op op, mp_node *a,
                      mp_node *b);

/* What an edge brings the PHIs of the block that it leads to. */
mp_node **mp__mask_values(const mp_lay *lay, const mp_out *out);
void mp__mask_arrive(mp_lay *lay, const mp_block *to, mp_arrival arrival);
/* Begins a list of arrivals of its own for a block, with real edges going to
 * another; returns the list so far, for mp__mask_release() to bring back. */
mp_laid mp__mask_catch(mp_lay *lay, const mp_block *to, mp_block *via);
mp_arrivals mp__mask_release(mp_lay *lay, const mp_block *to,
                             const mp_laid *before);

/* Real edges: an edge to where `to` is now, with values for it; all edges of
 * a block; opening a block; the values of caught edges where they meet. */
void mp__mask_link(mp_lay *lay, mp_block *from, mp_block *to, mp_node **values);
void mp__mask_link_all(mp_lay *lay, const mp_part *part);
void mp__mask_open(mp_lay *lay, mp_block *block);
mp_node **mp__mask_join(mp_lay *lay, const mp_block *to, mp_block *via,
                        const mp_arrivals *caught);

/* Masked edges: the lanes of a part, computed in `at`; the values of its
 * PHIs, computed at the end of `at` or before its node `before`. */
mp_node *mp__mask_lanes(mp_lay *lay, mp_level *level, int part, mp_block *at);
mp_node **mp__mask_blend(mp_lay *lay, mp_level *level, int part, mp_block *at,
                         mp_node *before);
void mp__mask_become(mp_lay *lay, const mp_block *block, mp_node **values);

/* Sets the mask of a block and of what has effects in it. */
void mp__mask_set(mp_block *block, mp_node *mask);

/* ---- mask_loop.c -------------------------------------------------------- */

/* Lays out a loop, whose header's only edge so far has arrived and is real by
 * now. `meet`: its ways out shall meet, whatever it is. */
mp_ways mp__mask_loop(mp_lay *lay, mp_level *level, int part, mp_node *mask,
                      bool meet);
/* Lanes leave the loop of a level, at the end of a block that runs for the
 * lanes `mask`. */
void mp__mask_leave(mp_lay *lay, const mp_level *level, mp_block *at,
                    mp_node *mask, mp_node *leave, const mp_block *to,
                    mp_node **values);

/* ---- mask_region.c ------------------------------------------------------ */

/* Lays out a region; `at` is where its head ends, `ways` what leads out of it
 * if it is a loop. */
void mp__mask_region(mp_lay *lay, mp_level *level, const mp_region *region,
                     mp_block *at, const mp_ways *ways);
bool mp__mask_sure(const mp_lay *lay, const mp_node *mask);
void mp__mask_push_sure(mp_lay *lay, mp_node *mask);

/* ---- mask.c ------------------------------------------------------------- */

/* Lays out what no region is around; the first part is open already. */
void mp__mask_lay(mp_lay *lay, mp_level *level, const mp_plan *plan,
                  mp_node *mask);

#endif
