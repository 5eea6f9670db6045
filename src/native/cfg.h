/* Control-flow graphs: the basic blocks of a prototype, and its loops.
 *
 *     local s = 0                b0  pc 1-4 -> b1
 *     for i = 1, n do            b2  pc 5-5 -> b1
 *       s = s + i                b1  pc 6-6 -> b2 b3, a loop of b1 and b2
 *     end                            that writes registers 1, 2 and 5
 *     return s                   b3  pc 7-7
 *
 * A comparison or test and the JMP behind it are one branch, at the end of a
 * block. */
#ifndef MP_NATIVE_CFG_H
#define MP_NATIVE_CFG_H

#include <stdio.h>

#include "native/cells.h"
#include "native/registers.h"

typedef struct mp_cfg_block {
    int start, end; /* instructions from `start` to before `end` */
    int nnexts;
    int nexts[2]; /* a branch: where it jumps, then where it does not */
    int npreds;
    int *preds;
    int idom;   /* the block that dominates it at once; -1 for the first */
    bool loops; /* it is a loop's header */
    mp_registers assigned; /* anywhere in the loop; empty where it is none */
    mp_registers live;     /* may be read from its start on as they are then */
} mp_cfg_block;

/* In the unit's memory, fixed once made. */
typedef struct mp_cfg {
    const mp_proto *proto;
    int nblocks;          /* those that can be reached */
    mp_cfg_block *blocks; /* in reverse post-order; the first is the entry */
    mp_cells cells;
} mp_cfg;

/* Refuses loops that are entered in more than one place. */
mp_cfg *mp__cfg_make(mp_unit *unit, const mp_proto *proto);

/* Prints it, a line a block. */
void mp__cfg_print(const mp_cfg *cfg, FILE *to);

#endif
