/* Values that are an integer on one way and a float on another.
 *
 *     local s = 0                    -- an integer
 *     for i = 1, #a do
 *         s = s + a[i]               -- a float
 *     end
 *
 * All that is done with `s` converts integers to floats anyway, so that it may
 * be a float from the beginning. That is allowed where nothing can tell the
 * difference. What could:
 *
 * - an integer past 2^53 is rounded when it becomes a float: where it is
 *   compared, or rounded once more to a float32, that may show. Facts with
 *   `exact` set are safe from it.
 * - integers have no -0: -s, and s * -1, are 0 for the integer 0.
 * - integer arithmetic wraps, and raises where the divisor is 0. */
#include <math.h>

#include "native/builtin_type.h"
#include "native/infer.h"

#define EXACT (INT64_C(1) << 53)

static bool is_mixed(mp_fact fact)
{
    return fact.may == MP_MAY_NUMBER;
}

static mp_fact arg_fact(const mp_infer *infer, const mp_node *node, int k)
{
    return mp__infer_fact(infer, node->args[k]);
}

/* ---- refusing ----------------------------------------------------------- */

/* The local variable that a value is or is made of, or NULL. */
static const char *name_of(const mp_infer *infer, const mp_node *node)
{
    if (node->name != NULL)
        return node->name;
    for (int k = 0; node->op != MP_OP_PHI && k < node->nargs; k++) {
        if (is_mixed(arg_fact(infer, node, k)) && node->args[k]->name != NULL)
            return node->args[k]->name;
    }
    return NULL;
}

_Noreturn static void refuse_mixed(const mp_infer *infer, const mp_node *node,
                                   const mp_node *user)
{
    int line = user->line > 0 ? user->line : node->line;
    const char *name = name_of(infer, node);
    if (line == 0)
        line = node->block->line;
    if (name != NULL)
        mp__unit_refuse(infer->unit, line,
                        "write its numbers as floats, 0.0 for 0",
                        "'%s' is an integer here and a float there", name);
    mp__unit_refuse(infer->unit, line, "write numbers as floats, 0.0 for 0",
                    "a value is an integer here and a float there");
}

static const char *kinds_text(unsigned may)
{
    if (may & (MP_MAY_ARRAY | MP_MAY_REF))
        return "something that is no number";
    return may & MP_MAY_NIL ? "nil" : "a boolean";
}

_Noreturn static void refuse_kinds(const mp_infer *infer, const mp_node *node)
{
    unsigned odd = mp__infer_fact(infer, node).may & ~(unsigned)MP_MAY_NUMBER;
    int line = node->line > 0 ? node->line : node->block->line;
    if (node->name != NULL)
        mp__unit_refuse(infer->unit, line, "give it one type on all ways",
                        "'%s' is %s here and something else there", node->name,
                        kinds_text(odd));
    mp__unit_refuse(infer->unit, line, "give it one type on all ways",
                    "a value is %s here and something else there",
                    kinds_text(odd));
}

/* ---- whether making it a float tells ------------------------------------ */

static bool has_zero(mp_fact fact)
{
    return fact.low <= 0 && fact.high >= 0;
}

/* Whether one may be 0 while the other is negative: a -0 as floats. */
static bool makes_minus_zero(mp_fact a, mp_fact b)
{
    return has_zero(a) && b.low < 0;
}

/* Whether an operation on floats gives the value of the one on integers, for
 * all integers that its arguments may be. */
static bool same_in_floats(const mp_infer *infer, const mp_node *node)
{
    mp_fact fact = mp__infer_fact(infer, node);
    mp_fact a = arg_fact(infer, node, 0);
    mp_fact b = node->nargs > 1 ? arg_fact(infer, node, 1) : a;
    if (!fact.exact || !a.exact || !b.exact)
        return false;
    switch ((int)node->op) {
    case MP_OP_ADD:
    case MP_OP_SUB:
        return true;
    case MP_OP_MUL:
        return !makes_minus_zero(a, b) && !makes_minus_zero(b, a);
    case MP_OP_IDIV:
        return !has_zero(b) && !makes_minus_zero(a, b);
    case MP_OP_MOD:
        return !has_zero(b) && a.low >= 0;
    case MP_OP_UNM:
        return !has_zero(a);
    }
    return false;
}

static bool same_builtin(const mp_infer *infer, const mp_node *node)
{
    mp_fact a = arg_fact(infer, node, 0);
    switch ((int)node->as.builtin) {
    case MP_BUILTIN_MATH_ABS:
        return a.low > INT64_MIN;
    case MP_BUILTIN_MATH_FMOD: {
        mp_fact b = arg_fact(infer, node, 1);
        return a.exact && b.exact && !has_zero(b) && a.low >= 0;
    }
    }
    return true;
}

/* Whether a mixed value can be made as a float. */
static bool can_be_float(const mp_infer *infer, const mp_node *node)
{
    switch ((int)node->op) {
    case MP_OP_PHI:
    case MP_OP_SELECT:
    case MP_OP_PARAM:
    case MP_OP_ITEM:
    case MP_OP_TLOAD:
        return true;
    case MP_OP_BUILTIN:
        return same_builtin(infer, node);
    }
    return same_in_floats(infer, node);
}

/* ---- whether a use tells ------------------------------------------------ */

/* Whether comparing any integer, and the float that it is rounded to, with
 * this value gives the same. */
static bool is_small(const mp_infer *infer, const mp_node *node)
{
    if (node->op == MP_OP_CONST && node->type == MP_TYPE_FLOAT)
        return fabs(node->as.f) < EXACT || isnan(node->as.f);
    mp_fact fact = mp__infer_fact(infer, node);
    return mp__fact_only(fact, MP_MAY_INT) &&
           mp__fact_within(fact, 1 - EXACT, EXACT - 1);
}

/* Whether storing it as a float rounds a second time: to a float64 it does
 * not, and to a float16 all integers that were rounded are infinite. */
static bool rounds_twice(mp_dtype dtype)
{
    return dtype != MP_FLOAT64 && dtype != MP_FLOAT16;
}

static bool builtin_tells(const mp_node *user)
{
    switch (mp__builtin_type(user->as.builtin)) {
    case MP_BUILTIN_REAL:
    case MP_BUILTIN_TEST:
    case MP_BUILTIN_SAME:
    case MP_BUILTIN_CHOICE:
        return false;
    case MP_BUILTIN_ROUND:
    case MP_BUILTIN_CONVERT:
    case MP_BUILTIN_RANDOM:
    case MP_BUILTIN_UNSIGNED:
        break;
    }
    return true;
}

/* Whether rounding argument k of `user` to a float shows. */
static bool rounding_tells(const mp_infer *infer, const mp_node *user, int k)
{
    const mp_spec *spec = infer->func->spec;
    switch ((int)user->op) {
    case MP_OP_F2I:
        return true;
    case MP_OP_EQ:
    case MP_OP_LT:
    case MP_OP_LE:
        return !is_small(infer, user->args[1 - k]);
    case MP_OP_STORE:
        return k == 2 && rounds_twice(spec->params[user->args[0]->root].dtype);
    case MP_OP_RESULT:
        return spec->form != MP_FORM_MAP ||
               rounds_twice(spec->outputs[user->as.index].dtype);
    case MP_OP_BUILTIN:
        return builtin_tells(user);
    }
    return false;
}

static void check_uses(const mp_infer *infer, const mp_node *user)
{
    for (int k = 0; k < user->nargs; k++) {
        const mp_node *node = user->args[k];
        mp_fact fact = mp__infer_fact(infer, node);
        if (is_mixed(fact) && !fact.exact && rounding_tells(infer, user, k))
            refuse_mixed(infer, node, user);
    }
}

/* ---- all ---------------------------------------------------------------- */

/* Whether a value has one type, or two types of numbers. */
static bool has_type(unsigned may)
{
    const unsigned one[] = {MP_MAY_NIL, MP_MAY_BOOL, MP_MAY_NUMBER,
                            MP_MAY_ARRAY, MP_MAY_REF};
    for (size_t k = 0; k < sizeof one / sizeof one[0]; k++) {
        if ((may & ~one[k]) == 0)
            return true;
    }
    return false;
}

static void check_node(const mp_infer *infer, const mp_node *node)
{
    mp_fact fact = mp__infer_fact(infer, node);
    if (!has_type(fact.may))
        refuse_kinds(infer, node);
    if (is_mixed(fact) && !can_be_float(infer, node))
        refuse_mixed(infer, node, node);
    check_uses(infer, node);
}

void mp__infer_widen(mp_infer *infer)
{
    const mp_func *func = infer->func;
    for (int k = 0; k < func->norder; k++) {
        for (const mp_node *n = func->order[k]->first; n != NULL; n = n->next)
            check_node(infer, n);
    }
    for (int id = 0; id < infer->nfacts; id++) {
        if (is_mixed(infer->facts[id]))
            infer->facts[id] = mp__fact_of(MP_MAY_FLOAT);
    }
    for (int k = 0; k < func->nowns; k++) {
        if (is_mixed(infer->tables[k]))
            infer->tables[k] = mp__fact_of(MP_MAY_FLOAT);
    }
}
