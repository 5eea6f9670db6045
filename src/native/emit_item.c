/* Items of tables of constants. */
#include <inttypes.h>

#include "native/emit.h"

static const char *spread(mp_emit *e, const char *value, bool wide)
{
    return wide ? mp__emit_splat(e, "i64", value) : value;
}

/* Writes an item as a constant of `type`. */
static void write_item(mp_emit *e, const mp_constant *item, mp_type type)
{
    mp_writer *to = &e->tables;
    if (type == MP_TYPE_BOOL)
        mp__write(to, "i8 %d", item->as.b ? 1 : 0);
    else if (type == MP_TYPE_INT)
        mp__write(to, "i64 %" PRId64, item->as.i);
    else
        mp__write(to, "double %s",
                  mp__emit_float(e, item->kind == MP_CONST_INT
                                        ? (double)item->as.i
                                        : item->as.f));
}

static const char *write_table(mp_emit *e, const mp_table *table, mp_type type,
                               const char *element)
{
    const char *name = mp__write_text(e->unit, "@table%d", e->ntables++);
    int count = table->nitems > 0 ? table->nitems : 1;
    mp__write(&e->tables, "%s = private constant [%d x %s] [", name, count,
              element);
    if (table->nitems == 0)
        mp__write(&e->tables, "%s zeroinitializer", element);
    for (int k = 0; k < table->nitems; k++) {
        mp__write(&e->tables, "%s", k == 0 ? "" : ", ");
        write_item(e, table->items[k], type);
    }
    mp__write(&e->tables, "]\n");
    return name;
}

void mp__emit_item(mp_emit *e, const mp_node *node)
{
    const mp_table *table = node->args[0]->as.constant->as.table;
    bool wide = e->lanes > 1 && node->args[1]->shape != MP_SHAPE_UNIFORM;
    const char *element = "i64";
    if (node->type != MP_TYPE_INT)
        element = node->type == MP_TYPE_FLOAT ? "double" : "i8";
    int size = node->type == MP_TYPE_BOOL ? 1 : 8;
    const char *type = mp__emit_type(e, MP_TYPE_INT, wide);
    const char *base = write_table(e, table, node->type, element);
    const char *from0 = mp__emit_let(e, "sub %s %s, %s", type,
                                     mp__emit_use(e, node->args[1], wide),
                                     spread(e, "1", wide));
    const char *count = mp__emit_int(e, table->nitems);
    const char *bad = mp__emit_let(e, "icmp uge %s %s, %s", type, from0,
                                   spread(e, count, wide));
    mp__emit_check(e, node, bad, wide);
    if (!wide)
        from0 = mp__emit_let(e, "select i1 %s, i64 0, i64 %s", bad, from0);
    const char *offset = mp__emit_let(e, "mul %s %s, %s", type, from0,
                                      spread(e, mp__emit_int(e, size), wide));
    const char *raw;
    if (wide) {
        raw = mp__emit_gather(e, node, "", base, offset, element);
    } else {
        const char *from =
            mp__emit_let(e, "getelementptr i8, ptr %s, i64 %s", base, offset);
        raw = mp__emit_let(e, "load %s, ptr %s, align 1", element, from);
    }
    if (node->type == MP_TYPE_BOOL)
        raw = mp__emit_widen(e, node, raw, MP_BOOL, wide);
    mp__emit_set(e, node, raw, wide);
}
