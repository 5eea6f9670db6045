/* Fetching ahead: the lines that a row of vectors comes to are asked for some
 * vectors before.
 *
 * The machine does so by itself, but begins anew at each page and each row, and
 * fetches what is to be stored late. Of an array's rows that lie side by side,
 * as a stencil has them, only the last one is asked for: the others were that
 * some rows before. */
#include "native/abi.h"
#include "native/emit.h"

/* So many bytes before it is needed. */
#define AHEAD 1024

typedef enum order {
    ORDER_BEFORE,
    ORDER_SAME,
    ORDER_BEHIND,
    ORDER_NONE, /* nothing is known */
} order;

/* An index as a sum of a node, NULL for none, and a number. */
typedef struct sum {
    const mp_node *base;
    int64_t number;
} sum;

static sum sum_of(const mp_node *index)
{
    if (mp__ir_is_const_int(index))
        return (sum){NULL, index->as.i};
    if (index->op == MP_OP_ADD && mp__ir_is_const_int(index->args[1]))
        return (sum){index->args[0], index->args[1]->as.i};
    return (sum){index, 0};
}

static order order_of_indices(const mp_node *a, const mp_node *b)
{
    sum one = sum_of(a), other = sum_of(b);
    if (one.base != other.base)
        return ORDER_NONE;
    if (one.number == other.number)
        return ORDER_SAME;
    return one.number < other.number ? ORDER_BEFORE : ORDER_BEHIND;
}

/* How a row lies to another one of the same array and rank. */
static order order_of_rows(const mp_node *a, const mp_node *b)
{
    if (a == b)
        return ORDER_SAME;
    if (a->op != MP_OP_ROW || b->op != MP_OP_ROW)
        return ORDER_NONE;
    order outer = order_of_rows(a->args[0], b->args[0]);
    return outer == ORDER_SAME ? order_of_indices(a->args[1], b->args[1])
                               : outer;
}

/* Whether no other access asks for the same lines, now or some rows before. */
static bool leads(const mp_emit *e, const mp_node *access)
{
    bool after = false;
    for (const mp_node *n = access->block->first; n != NULL; n = n->next) {
        if (n == access)
            after = true;
        if (n == access || (n->op != MP_OP_LOAD && n->op != MP_OP_STORE) ||
            n->args[0]->root != access->args[0]->root || !mp__emit_is_run(e, n))
            continue;
        order lies = order_of_rows(n->args[0], access->args[0]);
        if (lies == ORDER_BEHIND || (lies == ORDER_SAME && !after))
            return false;
    }
    return true;
}

void mp__emit_fetch_ahead(mp_emit *e, const mp_node *access, mp_dtype dtype,
                          const char *address)
{
    int size = e->lanes * mp_dtype_size(dtype);
    if (2 * size < MP_CACHE_LINE || !leads(e, access))
        return;
    mp__emit_declare(e, "declare void @llvm.prefetch.p0(ptr, i32, i32, i32)");
    for (int at = 0; at < size; at += MP_CACHE_LINE) {
        const char *line = mp__emit_let(e, "getelementptr i8, ptr %s, i64 %d",
                                        address, AHEAD + at);
        mp__emit_line(e,
                      "call void @llvm.prefetch.p0(ptr %s, i32 %d, i32 3, "
                      "i32 1)",
                      line, access->op == MP_OP_STORE);
    }
}
