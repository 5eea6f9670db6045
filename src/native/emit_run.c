/* Runs: elements one behind the other, one for each lane, that are loaded and
 * stored as a vector. */
#include "native/abi.h"
#include "native/emit.h"

bool mp__emit_is_run(const mp_emit *e, const mp_node *node)
{
    const mp_node *index = node->args[1];
    return e->lanes > 1 && node->args[0]->shape == MP_SHAPE_UNIFORM &&
           index->shape == MP_SHAPE_LINEAR && index->step == 1 &&
           e->spec->params[node->args[0]->root].packed;
}

/* Which element, from 0, the first lane has. */
static const char *first_element(mp_emit *e, const mp_node *node)
{
    return mp__emit_let(e, "sub i64 %s, 1",
                        mp__emit_use(e, node->args[1], false));
}

/* Whether all lanes' elements are within bounds: an i1. */
static const char *is_inside(mp_emit *e, const mp_node *node, const char *first)
{
    return mp__emit_let(e, "icmp ult i64 %s, %%limit%d", first,
                        node->args[0]->root);
}

/* "f64" of "double". */
static const char *mangled(const char *element)
{
    if (element[0] == 'd')
        return "f64";
    return element[0] == 'f' ? "f32" : element;
}

/* Elements one behind the other in the lanes of a mask, and 0 in others. */
static const char *masked_load(mp_emit *e, mp_dtype dtype, const char *from,
                               const char *bits)
{
    const char *type = mp__emit_raw_type(e, dtype, true);
    const char *name = mangled(mp__emit_raw_type(e, dtype, false));
    const char *mask = mp__emit_vector_of(e, "i1");
    mp__emit_declare(
        e, mp__write_text(e->unit,
                          "declare %s @llvm.masked.load.v%d%s.p0(ptr, i32, %s, "
                          "%s)",
                          type, e->lanes, name, mask, type));
    return mp__emit_let(e,
                        "call %s @llvm.masked.load.v%d%s.p0(ptr %s, i32 1, "
                        "%s %s, %s zeroinitializer)",
                        type, e->lanes, name, from, mask, bits, type);
}

void mp__emit_masked_store(mp_emit *e, const char *raw, mp_dtype dtype,
                           const char *to, const char *mask)
{
    const char *type = mp__emit_raw_type(e, dtype, true);
    const char *element = mp__emit_raw_type(e, dtype, false);
    int size = mp_dtype_size(dtype);
    const char *bits = mp__emit_to_bits(e, mask);
    if (size < 4 && !e->bits) {
        const char *offsets = mp__emit_let(
            e, "mul %s %s, %s", mp__emit_type(e, MP_TYPE_INT, true),
            mp__emit_iota(e), mp__emit_splat(e, "i64", mp__emit_int(e, size)));
        mp__emit_scatter(e, "cold.", to, offsets, element, bits, raw);
        return;
    }
    const char *name = mangled(element);
    mp__emit_declare(
        e, mp__write_text(e->unit,
                          "declare void @llvm.masked.store.v%d%s.p0(%s, ptr, "
                          "i32, %s)",
                          e->lanes, name, type, mp__emit_vector_of(e, "i1")));
    mp__emit_line(e,
                  "call void @llvm.masked.store.v%d%s.p0(%s %s, ptr %s, "
                  "i32 1, %s %s)",
                  e->lanes, name, type, raw, to, mp__emit_vector_of(e, "i1"),
                  bits);
}

/* Whether all lanes of a vector store: an i1. */
const char *mp__emit_is_full(mp_emit *e, const mp_node *node)
{
    if (node->mask == NULL)
        return e->full;
    return mp__emit_all(e, mp__emit_use(e, node->mask, true));
}

/* Whether an index is a sum of the item's and of what is the same for all
 * vectors. */
static bool is_sum(const mp_emit *e, const mp_node *node)
{
    if (e->once[node->id] || node->op == MP_OP_PARAM)
        return true;
    return (node->op == MP_OP_ADD || node->op == MP_OP_SUB) &&
           is_sum(e, node->args[0]) && is_sum(e, node->args[1]);
}

static const char *at_item_0(mp_emit *e, const mp_node *node)
{
    if (e->once[node->id])
        return mp__emit_use(e, node, false);
    if (node->op == MP_OP_PARAM)
        return mp__write_text(e->unit, "%%index%d",
                              e->spec->params[node->as.index].dim);
    const char *a = at_item_0(e, node->args[0]);
    const char *b = at_item_0(e, node->args[1]);
    return mp__emit_let(e, "%s i64 %s, %s",
                        node->op == MP_OP_ADD ? "add" : "sub", a, b);
}

const char *mp__emit_run_start(mp_emit *e, const mp_node *node)
{
    if (!is_sum(e, node->args[1]))
        return NULL;
    return mp__emit_let(e, "sub i64 %s, 1", at_item_0(e, node->args[1]));
}

const char *mp__emit_run_from(mp_emit *e, const mp_node *node,
                              const char *start)
{
    const mp_node *array = node->args[0];
    const char *offset =
        mp__emit_let(e, "mul i64 %s, %s", start, mp__emit_stride(e, array));
    offset = mp__emit_let(e, "add i64 %s, %s", offset,
                          mp__emit_use(e, array, false));
    return mp__emit_let(e, "getelementptr i8, ptr %s, i64 %s",
                        mp__emit_data(e, array), offset);
}

const char *mp__emit_run_inside(mp_emit *e, const mp_node *node)
{
    return is_inside(e, node, first_element(e, node));
}

/* Where the first lane's element of a run is. */
static const char *run_address(mp_emit *e, const mp_node *node)
{
    return mp__emit_run_from(e, node, first_element(e, node));
}

/* A run in the lanes that are on, after all checks. */
static const char *load_checked(mp_emit *e, const mp_node *node, mp_dtype dtype)
{
    const char *element = mp__emit_raw_type(e, dtype, false);
    const char *offsets = mp__emit_offset(e, node, true);
    if (mp_dtype_size(dtype) < 4 || e->spec->isa < MP_ISA_AVX2)
        return mp__emit_gather(e, node, "cold.",
                               mp__emit_data(e, node->args[0]), offsets,
                               element);
    return masked_load(e, dtype, run_address(e, node),
                       mp__emit_access_bits(e, node));
}

static const char *load_either(mp_emit *e, const mp_node *node, mp_dtype dtype)
{
    const char *type = mp__emit_raw_type(e, dtype, true);
    const char *element = mp__emit_raw_type(e, dtype, false);
    const char *data = mp__emit_data(e, node->args[0]);
    const char *fast = mp__emit_new_label(e), *slow = mp__emit_new_label(e);
    const char *done = mp__emit_new_label(e);
    const char *first = first_element(e, node);
    mp__emit_likely(e, is_inside(e, node, first), fast, slow);
    mp__emit_label(e, fast);
    const char *from = mp__emit_run_from(e, node, first);
    const char *a = mp__emit_let(e, "load %s, ptr %s, align 1", type, from);
    mp__emit_jump(e, done);
    mp__emit_label(e, slow);
    const char *offsets = mp__emit_offset(e, node, true);
    const char *b = mp__emit_gather(e, node, "cold.", data, offsets, element);
    const char *end = e->label;
    mp__emit_jump(e, done);
    mp__emit_label(e, done);
    return mp__emit_let(e, "phi %s [ %s, %%%s ], [ %s, %%%s ]", type, a, fast,
                        b, end);
}

static const char *load_inside(mp_emit *e, const mp_node *node, mp_dtype dtype)
{
    const char *from = run_address(e, node);
    mp__emit_fetch_ahead(e, node, dtype, from);
    return mp__emit_let(e, "load %s, ptr %s, align 1",
                        mp__emit_raw_type(e, dtype, true), from);
}

const char *mp__emit_load_run(mp_emit *e, const mp_node *node, mp_dtype dtype)
{
    switch (e->way) {
    case MP_WAY_INSIDE:
        return load_inside(e, node, dtype);
    case MP_WAY_CHECKED:
        return load_checked(e, node, dtype);
    case MP_WAY_EITHER:
        break;
    }
    return load_either(e, node, dtype);
}

/* Whether lines of the array may go past the caches: each is one store, and
 * nothing reads them. */
static bool may_bypass(const mp_emit *e, const mp_node *store, int size)
{
    if (e->spec->isa != MP_ISA_AVX512 || size < MP_CACHE_LINE)
        return false;
    for (const mp_node *n = store->block->first; n != NULL; n = n->next) {
        if (n->op == MP_OP_LOAD && n->args[0]->root == store->args[0]->root)
            return false;
    }
    return true;
}

/* The way past the caches, for what begins a line; else goes on to `near`. */
static void store_past(mp_emit *e, const char *type, const char *raw,
                       const char *to, const char *near, const char *done)
{
    const char *past = mp__emit_new_label(e), *begins = mp__emit_new_label(e);
    mp__emit_branch(e, "%bypass", past, near);
    mp__emit_label(e, past);
    const char *at = mp__emit_let(e, "ptrtoint ptr %s to i64", to);
    at = mp__emit_let(e, "and i64 %s, %d", at, MP_CACHE_LINE - 1);
    mp__emit_branch(e, mp__emit_let(e, "icmp eq i64 %s, 0", at), begins, near);
    mp__emit_label(e, begins);
    mp__emit_line(e, "store %s %s, ptr %s, align %d, !nontemporal !2", type,
                  raw, to, MP_CACHE_LINE);
    mp__emit_jump(e, done);
    mp__emit_label(e, near);
}

static void store_inside(mp_emit *e, const mp_node *node, const char *raw,
                         mp_dtype dtype)
{
    const char *to = run_address(e, node), *done = NULL;
    const char *type = mp__emit_raw_type(e, dtype, true);
    if (may_bypass(e, node, e->lanes * mp_dtype_size(dtype))) {
        done = mp__emit_new_label(e);
        store_past(e, type, raw, to, mp__emit_new_label(e), done);
    }
    mp__emit_fetch_ahead(e, node, dtype, to);
    mp__emit_line(e, "store %s %s, ptr %s, align 1", type, raw, to);
    if (done != NULL) {
        mp__emit_jump(e, done);
        mp__emit_label(e, done);
    }
}

static void store_either(mp_emit *e, const mp_node *node, const char *raw,
                         mp_dtype dtype)
{
    const char *type = mp__emit_raw_type(e, dtype, true);
    const char *data = mp__emit_data(e, node->args[0]);
    const char *fast = mp__emit_new_label(e), *slow = mp__emit_new_label(e);
    const char *part = mp__emit_new_label(e), *done = mp__emit_new_label(e);
    const char *far = mp__emit_new_label(e);
    const char *first = first_element(e, node);
    mp__emit_likely(e, is_inside(e, node, first), far, slow);
    mp__emit_label(e, far);
    const char *to = mp__emit_run_from(e, node, first);
    mp__emit_likely(e, mp__emit_is_full(e, node), fast, part);
    mp__emit_label(e, fast);
    mp__emit_line(e, "store %s %s, ptr %s, align 1", type, raw, to);
    mp__emit_jump(e, done);
    mp__emit_label(e, part);
    const char *mask = mp__emit_mask(e, node);
    mp__emit_masked_store(e, raw, dtype, to, mask == NULL ? e->on : mask);
    mp__emit_jump(e, done);
    mp__emit_label(e, slow);
    const char *offsets = mp__emit_offset(e, node, true);
    const char *bits = mp__emit_access_bits(e, node);
    mp__emit_scatter(e, "cold.", data, offsets,
                     mp__emit_raw_type(e, dtype, false), bits, raw);
    mp__emit_jump(e, done);
    mp__emit_label(e, done);
}

void mp__emit_store_run(mp_emit *e, const mp_node *node, const char *raw,
                        mp_dtype dtype)
{
    switch (e->way) {
    case MP_WAY_INSIDE:
        store_inside(e, node, raw, dtype);
        break;
    case MP_WAY_CHECKED:
        mp__emit_offset(e, node, true);
        mp__emit_masked_store(e, raw, dtype, run_address(e, node), e->on);
        break;
    case MP_WAY_EITHER:
        store_either(e, node, raw, dtype);
        break;
    }
}
