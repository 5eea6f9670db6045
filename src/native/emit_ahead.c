/* Fetching ahead: the lines that a row of vectors comes to are asked for some
 * vectors before.
 *
 * The machine does so by itself, but begins anew at each page and each row, and
 * fetches what is to be stored late. Of an array's rows that lie side by side,
 * as a stencil has them, only the last one is asked for: the others were that
 * some rows before.
 *
 * Packed elements in a long row need no more than the first lines of each page:
 * they have the machine begin with the page before it is needed. */
#include "native/abi.h"
#include "native/emit.h"

/* So many bytes before it is needed. */
#define AHEAD 1024

#define PAGE 4096
/* So many lines of a page, and so many bytes before it is needed. */
#define PAGE_LINES 2
#define PAGES_AHEAD 32768

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

/* The line `far` bytes behind an address, into the caches from `level` on. */
static void fetch(mp_emit *e, const char *address, int far, bool stored,
                  int level)
{
    const char *line =
        mp__emit_let(e, "getelementptr i8, ptr %s, i64 %d", address, far);
    mp__emit_declare(e, "declare void @llvm.prefetch.p0(ptr, i32, i32, i32)");
    mp__emit_line(e,
                  "call void @llvm.prefetch.p0(ptr %s, i32 %d, i32 %d, i32 1)",
                  line, stored, 4 - level);
}

void mp__emit_fetch_ahead(mp_emit *e, const mp_node *access, mp_dtype dtype,
                          const char *address)
{
    int size = e->lanes * mp_dtype_size(dtype);
    if (2 * size < MP_CACHE_LINE || !leads(e, access))
        return;
    for (int at = 0; at < size; at += MP_CACHE_LINE)
        fetch(e, address, AHEAD + at, access->op == MP_OP_STORE, 1);
}

/* ---- packed elements ---------------------------------------------------- */

static int distance(int bytes)
{
    return bytes > PAGES_AHEAD ? bytes : PAGES_AHEAD;
}

static bool is_packed(const mp_param *param)
{
    return param->kind == MP_PARAM_ELEMENT && param->layout == MP_LAYOUT_PACKED;
}

/* A row of fewer items, in strips of `length`, ends before what would be asked
 * for; 0: nothing is packed. */
static int least_items(const mp_spec *spec, int length)
{
    int least = 0;
    for (int k = 0; k < spec->nparams; k++) {
        const mp_param *p = &spec->params[k];
        if (!is_packed(p))
            continue;
        int size = mp_dtype_size(p->dtype);
        int items = length + distance(length * size) / size;
        if (items > least)
            least = items;
    }
    return least;
}

/* As many pages as a strip has, from so far behind its beginning on that none
 * of them is its own. */
static void fetch_pages(mp_emit *e, int operand, int size, int length)
{
    int bytes = length * size;
    const char *offset = mp__emit_let(e, "mul i64 %%start, %d", size);
    offset = mp__emit_let(e, "add i64 %s, %d", offset, distance(bytes));
    const char *from = mp__emit_let(e, "getelementptr i8, ptr %%at%d, i64 %s",
                                    operand, offset);
    mp__emit_declare(e, "declare ptr @llvm.ptrmask.p0.i64(ptr, i64)");
    from = mp__emit_let(e, "call ptr @llvm.ptrmask.p0.i64(ptr %s, i64 %d)",
                        from, -PAGE);
    for (int page = 0; page == 0 || page < bytes / PAGE; page++) {
        for (int line = 0; line < PAGE_LINES; line++)
            fetch(e, from, page * PAGE + line * MP_CACHE_LINE, false, 2);
    }
}

void mp__emit_fetch_pages(mp_emit *e, int length)
{
    int least = least_items(e->spec, length);
    if (least == 0 || mp__ir_has_loops(e->func))
        return; /* What goes round in loops waits for no memory. */
    const char *is_long = mp__emit_let(e, "icmp sge i64 %%count, %d", least);
    mp__emit_branch(e, is_long, "ahead", "fetched");
    mp__emit_label(e, "ahead");
    for (int k = 0; k < e->spec->nparams; k++) {
        const mp_param *p = &e->spec->params[k];
        if (is_packed(p))
            fetch_pages(e, mp__emit_operand(e, k), mp_dtype_size(p->dtype),
                        length);
    }
    mp__emit_jump(e, "fetched");
    mp__emit_label(e, "fetched");
}
