/* Floats of 32 bits, where `single` has found that a kernel allows them. */
#include "native/emit.h"

static const char *floats(mp_emit *e)
{
    return mp__emit_vector_of(e, "float");
}

static const char *cut(mp_emit *e, const char *from, const char *value,
                       const char *to)
{
    return mp__emit_let(e, "fptrunc %s %s to %s", from, value, to);
}

/* What is the same in all lanes. */
static const char *of_shared(mp_emit *e, const mp_node *node)
{
    const char *value;
    if (node->op == MP_OP_CONST)
        value = mp__emit_float(e, node->type == MP_TYPE_INT ? (double)node->as.i
                                                            : node->as.f);
    else
        value = cut(e, "double", mp__emit_real(e, node, false), "float");
    return mp__emit_splat(e, "float", value);
}

const char *mp__emit_have_single(const mp_emit *e, const mp_node *node)
{
    if (!mp__emit_is_wide(e, node) || node->type != MP_TYPE_FLOAT)
        return NULL;
    if (e->singles[node->id] != NULL || e->raw[node->id] == NULL)
        return e->singles[node->id];
    int param = node->op == MP_OP_PARAM ? node->as.index : node->args[0]->root;
    bool same = e->spec->params[param].dtype == MP_FLOAT32;
    return same ? e->raw[node->id] : NULL;
}

const char *mp__emit_single(mp_emit *e, const mp_node *node)
{
    if (node->shape == MP_SHAPE_UNIFORM)
        return of_shared(e, node);
    const char *value = mp__emit_have_single(e, node);
    if (value != NULL)
        return value;
    if (node->type == MP_TYPE_INT && node->small)
        return mp__emit_let(e, "%s %s %s to %s",
                            mp__emit_has_sign(e, node) ? "sitofp" : "uitofp",
                            mp__emit_words(e), mp__emit_small(e, node),
                            floats(e));
    return cut(e, mp__emit_type(e, MP_TYPE_FLOAT, true),
               mp__emit_real(e, node, true), floats(e));
}

static const char *two(mp_emit *e, const char *name, const char *a,
                       const char *b)
{
    return mp__emit_let(e, "%s%s %s %s, %s", name,
                        e->spec->fastmath ? " reassoc nsz contract" : "",
                        floats(e), a, b);
}

static const char *intrinsic(mp_emit *e, const char *name, const char *x)
{
    const char *type = floats(e);
    const char *function =
        mp__write_text(e->unit, "@llvm.%s.v%df32", name, e->lanes);
    mp__emit_declare(
        e, mp__write_text(e->unit, "declare %s %s(%s)", type, function, type));
    return mp__emit_let(e, "call %s %s(%s %s)", type, function, type, x);
}

static const char *choose(mp_emit *e, const mp_node *node)
{
    const mp_node *cond = node->args[0];
    bool wide = mp__emit_is_wide(e, cond);
    const char *bits = mp__emit_bits(e, cond, wide);
    const char *then = mp__emit_single(e, node->args[1]);
    const char *other = mp__emit_single(e, node->args[2]);
    return mp__emit_let(e, "select %s %s, %s %s, %s %s",
                        wide ? mp__emit_vector_of(e, "i1") : "i1", bits,
                        floats(e), then, floats(e), other);
}

static const char *power(mp_emit *e, const mp_node *node, const char *x)
{
    const mp_node *by = node->args[1];
    double n = by->type == MP_TYPE_FLOAT ? by->as.f : (double)by->as.i;
    const char *square = two(e, "fmul", x, x);
    if (n == 2)
        return square;
    return two(e, "fmul", square, n == 3 ? x : square);
}

static const char *value_of(mp_emit *e, const mp_node *node)
{
    if (node->op == MP_OP_SELECT)
        return choose(e, node);
    const char *x = mp__emit_single(e, node->args[0]);
    switch ((int)node->op) {
    case MP_OP_ADD:
        return two(e, "fadd", x, mp__emit_single(e, node->args[1]));
    case MP_OP_SUB:
        return two(e, "fsub", x, mp__emit_single(e, node->args[1]));
    case MP_OP_MUL:
        return two(e, "fmul", x, mp__emit_single(e, node->args[1]));
    case MP_OP_DIV:
        return two(e, "fdiv", x, mp__emit_single(e, node->args[1]));
    case MP_OP_POW:
        return power(e, node, x);
    case MP_OP_UNM:
        return mp__emit_let(e, "fneg %s %s", floats(e), x);
    case MP_OP_BUILTIN:
        return intrinsic(
            e, node->as.builtin == MP_BUILTIN_MATH_ABS ? "fabs" : "sqrt", x);
    }
    return x; /* I2F */
}

/* Whoever wants 64 bits has them too; LLVM drops what nobody does. */
void mp__emit_single_op(mp_emit *e, const mp_node *node)
{
    const char *value = value_of(e, node);
    e->singles[node->id] = value;
    mp__emit_set(e, node,
                 mp__emit_let(e, "fpext %s %s to %s", floats(e), value,
                              mp__emit_type(e, MP_TYPE_FLOAT, true)),
                 true);
}

const char *mp__emit_single_compare(mp_emit *e, const mp_node *node)
{
    const char *name = "oeq";
    if (node->op != MP_OP_EQ)
        name = node->op == MP_OP_LT ? "olt" : "ole";
    const char *a = mp__emit_single(e, node->args[0]);
    const char *b = mp__emit_single(e, node->args[1]);
    return mp__emit_let(e, "fcmp %s %s %s, %s", name, floats(e), a, b);
}
