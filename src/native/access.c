/* Accesses and checks, in words.
 *
 * The emitter decides how an access is made by what is looked at here: whether
 * array and index are uniform, and whether the index is linear. */
#include "native/access.h"

/* ---- parameters --------------------------------------------------------- */

static const char *scalar_text(mp_kind kind)
{
    switch (kind) {
    case MP_KIND_NIL:
        return "nil";
    case MP_KIND_BOOL:
        return "a boolean";
    case MP_KIND_INT:
        return "an integer";
    case MP_KIND_FLOAT:
        return "a float";
    case MP_KIND_STRING:
        return "a string";
    }
    return "";
}

static const char *layout_text(mp_layout layout)
{
    switch (layout) {
    case MP_LAYOUT_PACKED:
        return "packed";
    case MP_LAYOUT_SAME:
        return "the same for all items of a row";
    case MP_LAYOUT_STRIDED:
        return "strided";
    }
    return "";
}

static const char *order_text(const mp_param *p)
{
    return p->swapped ? "in the other byte order, " : "";
}

static void write_array(const mp_param *p, mp_writer *to)
{
    mp__write(to, "an array of %s, %s%d dimension%s, %s%s",
              mp_dtype_name(p->dtype), order_text(p), p->rank,
              p->rank == 1 ? "" : "s", p->packed ? "packed" : "strided",
              p->readonly ? ", read-only" : "");
}

void mp__access_param(const mp_spec *spec, int param, mp_writer *to)
{
    const mp_param *p = &spec->params[param];
    switch (p->kind) {
    case MP_PARAM_ELEMENT:
        mp__write(to, "an element of %s, %s%s", mp_dtype_name(p->dtype),
                  order_text(p), layout_text(p->layout));
        break;
    case MP_PARAM_UNIFORM:
        mp__write(to, "%s, the same for all items", scalar_text(p->scalar));
        break;
    case MP_PARAM_ARRAY:
        write_array(p, to);
        break;
    case MP_PARAM_CORE:
        write_array(p, to);
        mp__write(to, ", %s",
                  p->layout == MP_LAYOUT_SAME ? layout_text(p->layout)
                                              : "another one for each item");
        break;
    case MP_PARAM_INDEX:
        mp__write(to, "index %d of %d, %s", p->dim + 1, spec->ndim,
                  p->dim == spec->ndim - 1 ? "another one for each item"
                                           : "the same for all items of a row");
        break;
    case MP_PARAM_ACC:
        mp__write(to, "an accumulator, %s%s", scalar_text(p->scalar),
                  p->mixed ? " or the integer that it begins as" : "");
        break;
    }
}

/* ---- checks ------------------------------------------------------------- */

static bool is_const(const mp_node *node)
{
    return node->op == MP_OP_CONST;
}

/* What is checked of a value that becomes an element, or NULL. */
static const char *fit_text(const mp_node *value, mp_dtype dtype)
{
    if (value->type != MP_TYPE_INT && value->type != MP_TYPE_FLOAT)
        return NULL;
    if (dtype >= MP_FLOAT16 ||
        (dtype == MP_INT64 && value->type == MP_TYPE_INT))
        return NULL;
    return value->type == MP_TYPE_INT ? "that it fits into"
                                      : "that it is an integer of";
}

static const char *builtin_check(const mp_node *node)
{
    if (!(mp__ir_node_effects(node) & MP_EFFECT_C))
        return NULL;
    return node->as.builtin == MP_BUILTIN_MATH_FMOD ? "a check of the divisor"
                                                    : "a check that it is an "
                                                      "integer in range";
}

/* Of what is no access, or NULL. */
static const char *check_text(const mp_node *node)
{
    switch ((int)node->op) {
    case MP_OP_TINDEX:
        return "a check that a table has the item";
    case MP_OP_TGROW:
        return "a check that a table has the item, or gets its next one";
    case MP_OP_F2I:
        return "a check that a float is an integer";
    case MP_OP_EXPECT:
        if (is_const(node->args[0]))
            return NULL;
        return node->tested ? "a check that there is no error"
                            : "a check that it is not nil";
    case MP_OP_IDIV:
    case MP_OP_MOD:
        return mp__ir_node_effects(node) & MP_EFFECT_C
                   ? "a check of the divisor"
                   : NULL;
    case MP_OP_SIZE:
        return is_const(node->args[1]) ? NULL : "a check of the dimension";
    case MP_OP_BUILTIN:
        return builtin_check(node);
    }
    return NULL;
}

static bool is_access(const mp_node *node)
{
    return node->op == MP_OP_LOAD || node->op == MP_OP_STORE ||
           node->op == MP_OP_ROW || node->op == MP_OP_ITEM;
}

bool mp__access_checks(const mp_spec *spec, const mp_node *node)
{
    if (node->op == MP_OP_RESULT && spec->form == MP_FORM_MAP)
        return !node->fits &&
               fit_text(node->args[0], spec->outputs[node->as.index].dtype) !=
                   NULL;
    return is_access(node) || check_text(node) != NULL;
}

/* ---- accesses ----------------------------------------------------------- */

typedef enum manner {
    MANNER_ONE,     /* the same element for all items */
    MANNER_RUN,     /* elements one behind the other */
    MANNER_STRIDED, /* elements at equal distances */
    MANNER_APART,   /* the same element of each item's array */
    MANNER_ANY,
} manner;

static manner manner_of(const mp_spec *spec, const mp_node *node)
{
    const mp_node *array = node->args[0], *index = node->args[1];
    bool alike = spec->lanes == 1 || array->shape == MP_SHAPE_UNIFORM;
    if (alike && (spec->lanes == 1 || index->shape == MP_SHAPE_UNIFORM))
        return MANNER_ONE;
    if (array->type == MP_TYPE_ARRAY && array->shape == MP_SHAPE_LINEAR &&
        index->shape == MP_SHAPE_UNIFORM)
        return spec->params[array->root].layout == MP_LAYOUT_PACKED
                   ? MANNER_RUN
                   : MANNER_APART;
    if (!alike || index->shape != MP_SHAPE_LINEAR)
        return MANNER_ANY;
    bool run = array->type == MP_TYPE_ARRAY && index->step == 1 &&
               spec->params[array->root].packed;
    return run ? MANNER_RUN : MANNER_STRIDED;
}

static const char *manner_text(manner how, bool store, int lanes)
{
    switch (how) {
    case MANNER_ONE:
        if (lanes == 1)
            return "one element";
        return store ? "a scatter to one element" : "one element for all items";
    case MANNER_RUN:
        return "one vector";
    case MANNER_STRIDED:
    case MANNER_APART:
        return store ? "a strided scatter" : "a strided gather";
    case MANNER_ANY:
        return store ? "a scatter" : "a gather";
    }
    return "";
}

/* Whether the emitter relies on a RANGE. */
static bool is_inside(const mp_node *node, manner how)
{
    bool one = how == MANNER_ONE && node->op != MP_OP_STORE;
    return node->inside && how != MANNER_RUN && !(one && node->mask != NULL);
}

static void describe_access(const mp_spec *spec, const mp_node *node,
                            const char *name, mp_writer *to)
{
    manner how = manner_of(spec, node);
    bool store = node->op == MP_OP_STORE;
    const char *text = manner_text(how, store, spec->lanes);
    if (node->op == MP_OP_ROW)
        mp__write(to, "row of %s", name);
    else if (node->op == MP_OP_ITEM)
        mp__write(to, "item of a table: %s", text);
    else
        mp__write(to, "%s %s: %s", store ? "store to" : "load of", name, text);
    if (is_inside(node, how))
        mp__write(to, ", one check of all rounds before the loop");
    else
        mp__write(to, how == MANNER_STRIDED || how == MANNER_ANY
                          ? ", a check of each index"
                          : ", one check of the index");
    if (node->op == MP_OP_LOAD &&
        spec->params[node->args[0]->root].dtype == MP_UINT64)
        mp__write(to, ", a check that it is below 2^63");
    if (!store || node->fits)
        return;
    mp_dtype dtype = spec->params[node->args[0]->root].dtype;
    const char *fit = fit_text(node->args[2], dtype);
    if (fit != NULL)
        mp__write(to, ", a check %s %s", fit, mp_dtype_name(dtype));
}

static void describe_item(const mp_spec *spec, const mp_node *node,
                          mp_writer *to)
{
    bool one = spec->lanes == 1;
    bool alike = one || node->args[1]->shape == MP_SHAPE_UNIFORM;
    const char *many = node->op == MP_OP_TLOAD ? "a gather" : "a scatter";
    mp__write(to, "%s a table's item: %s",
              node->op == MP_OP_TLOAD ? "load of" : "store to",
              one     ? "one element"
              : alike ? "one vector"
                      : many);
}

void mp__access_describe(const mp_spec *spec, const mp_node *node,
                         const char *name, mp_writer *to)
{
    if (node->op == MP_OP_TLOAD || node->op == MP_OP_TSTORE) {
        describe_item(spec, node, to);
    } else if (is_access(node)) {
        describe_access(spec, node, name, to);
    } else if (node->op == MP_OP_RESULT && spec->form == MP_FORM_MAP) {
        int index = node->as.index;
        mp_dtype dtype = spec->outputs[index].dtype;
        const char *fit = fit_text(node->args[0], dtype);
        if (fit != NULL && !node->fits)
            mp__write(to, "result %d: a check %s %s", index + 1, fit,
                      mp_dtype_name(dtype));
    } else if (check_text(node) != NULL) {
        mp__write(to, "%s", check_text(node));
    }
}
