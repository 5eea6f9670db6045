/* Cells: locals that a function within them assigns.
 *
 *     local n = 0
 *     local function add(x) n = n + x end
 *
 * As long as it is in scope, such a local is not just in its register, as far
 * as its own function can tell. */
#ifndef MP_NATIVE_CELLS_H
#define MP_NATIVE_CELLS_H

#include "native/proto.h"

typedef struct mp_cell {
    int reg;
    int start, end; /* in scope from pc `start` to before `end` */
    const char *name;
} mp_cell;

typedef struct mp_cells {
    int count;
    mp_cell *cells; /* in the unit's memory */
} mp_cells;

/* Those of a prototype, whatever is assigned how deep within. */
mp_cells mp__cells_find(mp_unit *unit, const mp_proto *proto);

#endif
