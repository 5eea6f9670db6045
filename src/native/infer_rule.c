/* Rules of inference: the fact of a node from those of its arguments. */
#include <math.h>

#include "native/builtin_type.h"
#include "native/infer.h"

static mp_fact arg_fact(const mp_infer *infer, const mp_node *node, int k)
{
    return mp__infer_fact(infer, node->args[k]);
}

/* ---- what comes from outside -------------------------------------------- */

static mp_fact scalar_fact(mp_kind kind)
{
    switch (kind) {
    case MP_KIND_NIL:
        return mp__fact_of(MP_MAY_NIL);
    case MP_KIND_BOOL:
        return mp__fact_of(MP_MAY_BOOL);
    case MP_KIND_INT:
        return mp__fact_of(MP_MAY_INT);
    case MP_KIND_FLOAT:
        return mp__fact_of(MP_MAY_FLOAT);
    case MP_KIND_STRING:
        break;
    }
    return mp__fact_of(MP_MAY_REF);
}

int mp__infer_acc(const mp_spec *spec, int param)
{
    int acc = 0;
    if (spec->params[param].kind != MP_PARAM_ACC)
        return -1;
    for (int k = 0; k < param; k++)
        acc += spec->params[k].kind == MP_PARAM_ACC;
    return acc;
}

static mp_fact acc_fact(const mp_infer *infer, int index)
{
    const mp_spec *spec = infer->func->spec;
    mp_fact first = scalar_fact(spec->params[index].scalar);
    first.exact |= spec->params[index].exact;
    return mp__fact_join(first, infer->accs[mp__infer_acc(spec, index)]);
}

static mp_fact param_fact(const mp_infer *infer, int index)
{
    const mp_spec *spec = infer->func->spec;
    const mp_param *param = &spec->params[index];
    switch (param->kind) {
    case MP_PARAM_ELEMENT:
        return mp__fact_dtype(param->dtype);
    case MP_PARAM_UNIFORM:
        return scalar_fact(param->scalar);
    case MP_PARAM_ARRAY:
    case MP_PARAM_CORE:
        return mp__fact_of(MP_MAY_ARRAY);
    case MP_PARAM_INDEX:
        return mp__fact_ints(1, MP_NATIVE_EXTENT);
    case MP_PARAM_ACC:
        return acc_fact(infer, index);
    }
    return mp__fact_none();
}

static mp_fact constant_fact(const mp_constant *constant)
{
    switch (constant->kind) {
    case MP_CONST_NIL:
        return mp__fact_of(MP_MAY_NIL);
    case MP_CONST_BOOL:
        return mp__fact_bool(constant->as.b);
    case MP_CONST_INT:
        return mp__fact_ints(constant->as.i, constant->as.i);
    case MP_CONST_FLOAT:
        return mp__fact_of(MP_MAY_FLOAT);
    case MP_CONST_STRING:
    case MP_CONST_BUILTIN:
    case MP_CONST_CLOSURE:
    case MP_CONST_TABLE:
    case MP_CONST_OWN:
    case MP_CONST_MADE:
    case MP_CONST_OPAQUE:
        break;
    }
    return mp__fact_of(MP_MAY_REF);
}

static mp_fact const_fact(const mp_node *node)
{
    switch (node->type) {
    case MP_TYPE_NIL:
        return mp__fact_of(MP_MAY_NIL);
    case MP_TYPE_BOOL:
        return mp__fact_bool(node->as.b);
    case MP_TYPE_INT:
        return mp__fact_ints(node->as.i, node->as.i);
    case MP_TYPE_FLOAT:
        return mp__fact_of(MP_MAY_FLOAT);
    case MP_TYPE_NONE:
    case MP_TYPE_ANY:
    case MP_TYPE_ARRAY:
    case MP_TYPE_REF:
        break;
    }
    return mp__fact_none();
}

static mp_fact load_fact(const mp_infer *infer, const mp_node *node)
{
    const mp_node *array = node->args[0];
    if (arg_fact(infer, node, 1).may == 0)
        return mp__fact_none();
    return mp__fact_dtype(infer->func->spec->params[array->root].dtype);
}

/* An item that is not there ends native code, so that it is never nil. */
static mp_fact item_fact(const mp_infer *infer, const mp_node *node)
{
    const mp_node *ref = node->args[0];
    mp_fact fact = mp__fact_none();
    if (arg_fact(infer, node, 1).may == 0)
        return fact;
    const mp_table *table = ref->as.constant->as.table;
    for (int k = 0; k < table->nitems; k++)
        fact = mp__fact_join(fact, constant_fact(table->items[k]));
    return fact;
}

/* ---- arithmetic --------------------------------------------------------- */

/* The integers of an operation on integers. */
static mp_fact int_fact(const mp_node *node, mp_fact a, mp_fact b)
{
    switch ((int)node->op) {
    case MP_OP_ADD:
        return mp__fact_add(a, b);
    case MP_OP_SUB:
        return mp__fact_sub(a, b);
    case MP_OP_MUL:
        return mp__fact_mul(a, b);
    case MP_OP_IDIV:
        return mp__fact_idiv(a, b);
    case MP_OP_MOD:
        return mp__fact_mod(a, b);
    case MP_OP_BAND:
        return mp__fact_band(a, b);
    case MP_OP_SHR:
        return mp__fact_shr(a, b);
    case MP_OP_BUILTIN:
        if (node->as.builtin == MP_BUILTIN_MATH_FMOD)
            return mp__fact_fmod(a, b);
        break;
    }
    return mp__fact_of(MP_MAY_INT);
}

/* Integers of two integers; a float as soon as one is a float. */
static mp_fact number_fact(const mp_node *node, mp_fact a, mp_fact b)
{
    mp_fact fact = mp__fact_none();
    if (a.may & MP_MAY_INT && b.may & MP_MAY_INT)
        fact = int_fact(node, a, b);
    if (a.may & MP_MAY_NUMBER && b.may & MP_MAY_NUMBER &&
        (a.may | b.may) & MP_MAY_FLOAT)
        fact.may |= MP_MAY_FLOAT;
    return fact;
}

static mp_fact equal_fact(mp_fact a, mp_fact b)
{
    unsigned may = 0;
    if (a.may == 0 || b.may == 0)
        return mp__fact_none();
    if (a.may & MP_MAY_NUMBER && b.may & MP_MAY_NUMBER) {
        if ((a.may | b.may) & MP_MAY_FLOAT)
            return mp__fact_of(MP_MAY_BOOL);
        may |= mp__fact_same(a, b);
    }
    unsigned kinds = a.may & b.may & ~(unsigned)MP_MAY_NUMBER;
    if (kinds & (MP_MAY_ARRAY | MP_MAY_REF))
        return mp__fact_of(MP_MAY_BOOL);
    if (kinds != 0)
        may |= MP_MAY_TRUE;
    /* One thing on both sides is equal; anything else may not be. */
    bool alone = a.may == b.may && (a.may & (a.may - 1)) == 0;
    if (!alone)
        may |= MP_MAY_FALSE;
    return mp__fact_of(may);
}

static mp_fact less_fact(mp_fact a, mp_fact b, bool or_equal)
{
    if (mp__fact_only(a, MP_MAY_INT) && mp__fact_only(b, MP_MAY_INT))
        return mp__fact_of(mp__fact_less(a, b, or_equal));
    if (a.may == 0 || b.may == 0)
        return mp__fact_none();
    return mp__fact_of(MP_MAY_BOOL);
}

/* ---- truth -------------------------------------------------------------- */

/* Of which kinds a value is asked to be. */
static unsigned kinds_of(mp_op op)
{
    const unsigned falsy = MP_MAY_NIL | MP_MAY_FALSE;
    if (op == MP_OP_IS_INT)
        return MP_MAY_INT;
    if (op == MP_OP_IS_FLOAT)
        return MP_MAY_FLOAT;
    return op == MP_OP_NOT ? falsy : ~falsy;
}

static mp_fact question_fact(mp_op op, mp_fact fact)
{
    unsigned kinds = kinds_of(op), may = 0;
    if (fact.may & kinds)
        may |= MP_MAY_TRUE;
    if (fact.may & ~kinds)
        may |= MP_MAY_FALSE;
    return mp__fact_of(may);
}

static mp_fact select_fact(const mp_infer *infer, const mp_node *node)
{
    unsigned truth = question_fact(MP_OP_TRUTH, arg_fact(infer, node, 0)).may;
    mp_fact fact = mp__fact_none();
    if (truth & MP_MAY_TRUE)
        fact = mp__fact_join(fact, arg_fact(infer, node, 1));
    if (truth & MP_MAY_FALSE)
        fact = mp__fact_join(fact, arg_fact(infer, node, 2));
    return fact;
}

/* ---- builtins ----------------------------------------------------------- */

/* The integers that floats are rounded to are the values of floats. */
static mp_fact round_fact(mp_fact a)
{
    if (!(a.may & MP_MAY_FLOAT))
        return a;
    mp_fact rounded = mp__fact_of(MP_MAY_INT);
    rounded.exact = !(a.may & MP_MAY_INT) || a.exact;
    return rounded;
}

static mp_fact same_fact(const mp_infer *infer, const mp_node *node)
{
    mp_fact a = arg_fact(infer, node, 0);
    if (node->nargs == 2)
        return number_fact(node, a, arg_fact(infer, node, 1));
    mp_fact fact = mp__fact_none();
    if (a.may & MP_MAY_INT)
        fact = node->as.builtin == MP_BUILTIN_NUM_SIGN ? mp__fact_ints(-1, 1)
                                                       : mp__fact_abs(a);
    fact.may |= a.may & MP_MAY_FLOAT;
    return fact;
}

static mp_fact choice_fact(const mp_infer *infer, const mp_node *node)
{
    mp_fact fact = mp__fact_none();
    for (int k = 0; k < node->nargs; k++)
        fact = mp__fact_join(fact, arg_fact(infer, node, k));
    return fact;
}

static mp_fact builtin_fact(const mp_infer *infer, const mp_node *node)
{
    for (int k = 0; k < node->nargs; k++) {
        if (arg_fact(infer, node, k).may == 0)
            return mp__fact_none();
    }
    switch (mp__builtin_type(node->as.builtin)) {
    case MP_BUILTIN_REAL:
    case MP_BUILTIN_RANDOM:
        return mp__fact_of(MP_MAY_FLOAT);
    case MP_BUILTIN_TEST:
    case MP_BUILTIN_UNSIGNED:
        return mp__fact_of(MP_MAY_BOOL);
    case MP_BUILTIN_SAME:
        return same_fact(infer, node);
    case MP_BUILTIN_CHOICE:
        return choice_fact(infer, node);
    case MP_BUILTIN_ROUND:
    case MP_BUILTIN_CONVERT:
        return round_fact(arg_fact(infer, node, 0));
    }
    return mp__fact_none();
}

/* ---- numeric for -------------------------------------------------------- */

int64_t mp__infer_clip(double limit, bool down, bool *stop)
{
    double rounded = down ? ceil(limit) : floor(limit);
    *stop = false;
    if (rounded >= -0x1p63 && rounded < 0x1p63)
        return (int64_t)rounded;
    if (limit > 0) {
        *stop = down;
        return INT64_MAX;
    }
    *stop = !down;
    return INT64_MIN;
}

/* The integers that a limit becomes. */
static mp_fact limit_ints(const mp_node *limit, mp_fact fact, mp_fact step)
{
    bool stop;
    if (!(fact.may & MP_MAY_FLOAT))
        return fact;
    bool known = step.low >= 0 || step.high < 0;
    if (limit->op != MP_OP_CONST || !known)
        return mp__fact_of(MP_MAY_INT);
    int64_t value = mp__infer_clip(limit->as.f, step.high < 0, &stop);
    return mp__fact_ints(value, value);
}

/* The start or the limit. */
static mp_fact range_fact(const mp_node *node, mp_fact init, mp_fact limit,
                          mp_fact step)
{
    mp_fact fact = mp__fact_none();
    if (init.may & MP_MAY_INT && step.may & MP_MAY_INT) {
        /* A float that is out of range makes it start at 0, and end. */
        if (limit.may & MP_MAY_FLOAT)
            init = mp__fact_join(init, mp__fact_ints(0, 0));
        fact = node->op == MP_OP_FOR_START
                   ? mp__fact_sub(init, step)
                   : limit_ints(node->args[1], limit, step);
        fact.may = MP_MAY_INT;
    }
    if ((init.may | step.may) & MP_MAY_FLOAT)
        fact.may |= MP_MAY_FLOAT;
    return fact;
}

static mp_fact test_fact(mp_fact index, mp_fact limit, mp_fact step)
{
    if (mp__fact_only(step, MP_MAY_INT) && step.low > 0)
        return less_fact(index, limit, true);
    if (mp__fact_only(step, MP_MAY_INT) && step.high <= 0)
        return less_fact(limit, index, true);
    return mp__fact_of(MP_MAY_BOOL);
}

static mp_fact for_fact(const mp_infer *infer, const mp_node *node)
{
    mp_fact first = arg_fact(infer, node, 0);
    mp_fact limit = arg_fact(infer, node, 1);
    mp_fact step = arg_fact(infer, node, 2);
    if (first.may == 0 || limit.may == 0 || step.may == 0)
        return mp__fact_none();
    if (node->op == MP_OP_FOR_TEST)
        return test_fact(first, limit, step);
    return range_fact(node, first, limit, step);
}

/* ---- all ---------------------------------------------------------------- */

/* A value that is there as soon as its arguments are. */
static mp_fact made_of(const mp_infer *infer, const mp_node *node, mp_fact fact)
{
    for (int k = 0; k < node->nargs; k++) {
        if (arg_fact(infer, node, k).may == 0)
            return mp__fact_none();
    }
    return fact;
}

static mp_fact bits_fact(const mp_infer *infer, const mp_node *node)
{
    mp_fact a = arg_fact(infer, node, 0), b = arg_fact(infer, node, 1);
    if ((a.may | b.may) & MP_MAY_FLOAT)
        return made_of(infer, node, mp__fact_of(MP_MAY_INT));
    return made_of(infer, node, int_fact(node, a, b));
}

static mp_fact compare_fact(const mp_infer *infer, const mp_node *node)
{
    mp_fact a = arg_fact(infer, node, 0), b = arg_fact(infer, node, 1);
    if (node->op == MP_OP_EQ)
        return equal_fact(a, b);
    return less_fact(a, b, node->op == MP_OP_LE);
}

static mp_fact item_at_key(const mp_infer *infer, const mp_node *node)
{
    return arg_fact(infer, node, 1).may == 0 ? mp__fact_none()
                                             : mp__infer_items(infer, node);
}

static mp_fact minus_fact(mp_fact a)
{
    mp_fact fact = mp__fact_sub(mp__fact_ints(0, 0), a);
    fact.may |= a.may & MP_MAY_FLOAT;
    return fact;
}

mp_fact mp__infer_rule(const mp_infer *infer, const mp_node *node)
{
    switch (node->op) {
    case MP_OP_CONST:
        return const_fact(node);
    case MP_OP_REF:
        return constant_fact(node->as.constant);
    case MP_OP_PARAM:
        return param_fact(infer, node->as.index);
    case MP_OP_I2F:
    case MP_OP_DIV:
    case MP_OP_POW:
        return made_of(infer, node, mp__fact_of(MP_MAY_FLOAT));
    case MP_OP_F2I:
    case MP_OP_BOR:
    case MP_OP_BXOR:
    case MP_OP_SHL:
    case MP_OP_BNOT:
        return made_of(infer, node, mp__fact_of(MP_MAY_INT));
    case MP_OP_BAND:
    case MP_OP_SHR:
        return bits_fact(infer, node);
    case MP_OP_ADD:
    case MP_OP_SUB:
    case MP_OP_MUL:
    case MP_OP_IDIV:
    case MP_OP_MOD:
        return number_fact(node, arg_fact(infer, node, 0),
                           arg_fact(infer, node, 1));
    case MP_OP_UNM:
        return minus_fact(arg_fact(infer, node, 0));
    case MP_OP_EQ:
    case MP_OP_LT:
    case MP_OP_LE:
        return compare_fact(infer, node);
    case MP_OP_NOT:
    case MP_OP_TRUTH:
    case MP_OP_IS_INT:
    case MP_OP_IS_FLOAT:
        return question_fact(node->op, arg_fact(infer, node, 0));
    case MP_OP_SELECT:
        return select_fact(infer, node);
    case MP_OP_BUILTIN:
        return builtin_fact(infer, node);
    case MP_OP_LEN:
    case MP_OP_SIZE:
        return made_of(infer, node, mp__fact_ints(0, MP_NATIVE_EXTENT));
    case MP_OP_ROW:
        return made_of(infer, node, mp__fact_of(MP_MAY_ARRAY));
    case MP_OP_LOAD:
        return load_fact(infer, node);
    case MP_OP_ITEM:
        return item_fact(infer, node);
    case MP_OP_TLOAD:
        return item_at_key(infer, node);
    case MP_OP_TINDEX:
    case MP_OP_TGROW:
        return mp__infer_index(infer, node);
    case MP_OP_FOR_START:
    case MP_OP_FOR_LIMIT:
    case MP_OP_FOR_TEST:
        return for_fact(infer, node);
    case MP_OP_RANGE:
    case MP_OP_ENTRY_MASK:
    case MP_OP_ANY:
    case MP_OP_AND:
    case MP_OP_OR:
    case MP_OP_ANDN:
        return made_of(infer, node, mp__fact_of(MP_MAY_BOOL));
    case MP_OP_PHI:
    case MP_OP_STORE:
    case MP_OP_TSTORE:
    case MP_OP_TLEN:
    case MP_OP_TROW:
    case MP_OP_RESULT:
    case MP_OP_EXPECT:
    case MP_OP_POLL:
    case MP_NOPS:
        break;
    }
    return mp__fact_none();
}
