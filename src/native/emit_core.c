/* Arrays that move with the item: the core dimensions of a map by signature.
 *
 * All of them have one shape, so that they differ in where they begin. Of a
 * parameter %data is where the first lane's begins, and %apart are the
 * distances of the others from it, 0 for lanes without an item. A row that is
 * at the same index for all lanes is told by its offset from %data, as in other
 * arrays; its vector has %apart added. So an element at the same index for all
 * lanes is gathered from a scalar address; where the arrays begin one element
 * behind the other, it is even one vector. */
#include "native/emit.h"

static const mp_param *param_of(const mp_emit *e, const mp_node *array)
{
    return &e->spec->params[array->root];
}

/* ---- where they are ----------------------------------------------------- */

void mp__emit_core_base(mp_emit *e, int param, const char *empty)
{
    const mp_param *p = &e->spec->params[param];
    int operand = mp__emit_operand(e, param);
    if (p->layout == MP_LAYOUT_SAME) {
        mp__emit_line(e, "%%data%d = select i1 %s, ptr %%frame, ptr %%at%d",
                      param, empty, operand);
        return;
    }
    mp__emit_line(e, "%%base%d = select i1 %s, ptr %%frame, ptr %%at%d", param,
                  empty, operand);
    mp__emit_line(e, "%%pace%d = select i1 %s, i64 0, i64 %%step%d", param,
                  empty, operand);
    if (e->lanes == 1)
        return;
    const char *type = mp__emit_type(e, MP_TYPE_INT, true);
    const char *pace =
        mp__emit_splat(e, "i64", mp__write_text(e->unit, "%%pace%d", param));
    mp__emit_line(e, "%%paces%d = mul %s %s, %s", param, type, mp__emit_iota(e),
                  pace);
}

void mp__emit_core_param(mp_emit *e, int param)
{
    const char *from = mp__emit_let(e, "mul i64 %%i, %%pace%d", param);
    mp__emit_line(e, "%%data%d = getelementptr i8, ptr %%base%d, i64 %s", param,
                  param, from);
    if (e->lanes == 1)
        return;
    const char *type = mp__emit_type(e, MP_TYPE_INT, true);
    mp__emit_line(e, "%%apart%d = select %s %s, %s %%paces%d, %s %s", param,
                  mp__emit_vector_of(e, "i1"), mp__emit_to_bits(e, "%lanes"),
                  type, param, type, "zeroinitializer");
}

const char *mp__emit_apart(mp_emit *e, const mp_node *array)
{
    return mp__write_text(e->unit, "%%apart%d", array->root);
}

bool mp__emit_moves(const mp_emit *e, const mp_node *node)
{
    return e->lanes > 1 && node->args[0]->shape == MP_SHAPE_LINEAR &&
           node->args[1]->shape == MP_SHAPE_UNIFORM;
}

static bool is_packed(const mp_emit *e, const mp_node *node)
{
    return param_of(e, node->args[0])->layout == MP_LAYOUT_PACKED;
}

/* ---- elements ----------------------------------------------------------- */

/* Where fewer items are left than there are lanes, a vector would reach past
 * the last one's. */
static const char *load_packed(mp_emit *e, const mp_node *node,
                               const char *from, mp_dtype dtype)
{
    const char *type = mp__emit_raw_type(e, dtype, true);
    const char *fast = mp__emit_new_label(e), *slow = mp__emit_new_label(e);
    const char *done = mp__emit_new_label(e);
    mp__emit_likely(e, "%whole", fast, slow);
    mp__emit_label(e, fast);
    const char *a = mp__emit_let(e, "load %s, ptr %s, align 1", type, from);
    mp__emit_jump(e, done);
    mp__emit_label(e, slow);
    const char *b = mp__emit_gather(e, node, "cold.", from,
                                    mp__emit_apart(e, node->args[0]),
                                    mp__emit_raw_type(e, dtype, false));
    mp__emit_jump(e, done);
    mp__emit_label(e, done);
    return mp__emit_let(e, "phi %s [ %s, %%%s ], [ %s, %%%s ]", type, a, fast,
                        b, slow);
}

const char *mp__emit_core_load(mp_emit *e, const mp_node *node,
                               const char *from)
{
    mp_dtype dtype = param_of(e, node->args[0])->dtype;
    if (is_packed(e, node))
        return load_packed(e, node, from, dtype);
    return mp__emit_gather(e, node, "", from, mp__emit_apart(e, node->args[0]),
                           mp__emit_raw_type(e, dtype, false));
}

void mp__emit_core_store(mp_emit *e, const mp_node *node, const char *to,
                         const char *raw)
{
    mp_dtype dtype = param_of(e, node->args[0])->dtype;
    if (!is_packed(e, node)) {
        mp__emit_scatter(e, "", to, mp__emit_apart(e, node->args[0]),
                         mp__emit_raw_type(e, dtype, false),
                         mp__emit_access_bits(e, node), raw);
        return;
    }
    const char *whole = mp__emit_new_label(e), *part = mp__emit_new_label(e);
    const char *done = mp__emit_new_label(e);
    mp__emit_likely(e, mp__emit_is_full(e, node), whole, part);
    mp__emit_label(e, whole);
    mp__emit_line(e, "store %s %s, ptr %s, align 1",
                  mp__emit_raw_type(e, dtype, true), raw, to);
    mp__emit_jump(e, done);
    mp__emit_label(e, part);
    const char *mask = mp__emit_mask(e, node);
    mp__emit_masked_store(e, raw, dtype, to, mask == NULL ? e->on : mask);
    mp__emit_jump(e, done);
    mp__emit_label(e, done);
}
