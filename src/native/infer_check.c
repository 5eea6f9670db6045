/* What would raise an error, or is not compiled, wherever it is reached. */
#include "native/builtin_type.h"
#include "native/infer.h"

/* What Lua calls a value of the kind, the worst first. */
static const char *kind_text(unsigned may)
{
    if (may & MP_MAY_REF)
        return "a string, function or table";
    if (may & MP_MAY_ARRAY)
        return "an array";
    if (may & MP_MAY_NIL)
        return "nil";
    if (may & MP_MAY_BOOL)
        return "a boolean";
    return "a number";
}

/* ---- numbers ------------------------------------------------------------ */

/* `what`: "arithmetic on", "a comparison with". */
static void expect_number(const mp_infer *infer, const mp_node *node, int k,
                          const char *what)
{
    const mp_node *arg = node->args[k];
    unsigned may = mp__infer_fact(infer, arg).may;
    unsigned odd = may & ~(unsigned)MP_MAY_NUMBER;
    if (odd == 0 || mp__infer_is_maybe(infer, arg))
        return;
    if (odd == may)
        mp__unit_refuse(infer->unit, node->line,
                        "it runs interpreted, and raises there", "%s %s", what,
                        kind_text(odd));
    if (arg->name != NULL)
        mp__unit_refuse(
            infer->unit, node->line, "give it a number on every way here",
            "%s '%s', which may be %s", what, arg->name, kind_text(odd));
    mp__unit_refuse(infer->unit, node->line,
                    "give it a number on every way here",
                    "%s a value that may be %s", what, kind_text(odd));
}

static void expect_numbers(const mp_infer *infer, const mp_node *node,
                           const char *what)
{
    for (int k = 0; k < node->nargs; k++)
        expect_number(infer, node, k, what);
}

static void check_equal(const mp_infer *infer, const mp_node *node)
{
    unsigned a = mp__infer_fact(infer, node->args[0]).may;
    unsigned b = mp__infer_fact(infer, node->args[1]).may;
    if (a & b & (MP_MAY_ARRAY | MP_MAY_REF))
        mp__unit_refuse(infer->unit, node->line, NULL,
                        "whether %s equals another is not compiled",
                        kind_text(a & b));
}

/* ---- arrays ------------------------------------------------------------- */

static void check_array(const mp_infer *infer, const mp_node *node)
{
    const mp_node *array = node->args[0];
    if (array->type != MP_TYPE_ARRAY)
        mp__unit_refuse(infer->unit, node->line,
                        "index the one in one branch and the other in another",
                        "which array it is depends on the item");
    for (int k = 1; k < node->nargs && k < 2; k++)
        expect_number(infer, node, k, "an array's index is");
}

/* Whether a dtype can hold a value at all. */
static bool holds(mp_dtype dtype, unsigned may)
{
    return dtype == MP_BOOL ? (may & MP_MAY_BOOL) != 0
                            : (may & MP_MAY_NUMBER) != 0;
}

static void refuse_store(const mp_infer *infer, const mp_node *node,
                         mp_dtype dtype, unsigned may)
{
    mp__unit_refuse(infer->unit, node->line,
                    dtype == MP_BOOL ? "store true or false"
                                     : "store a number, as in x and 1 or 0",
                    "%s cannot be stored in %s", kind_text(may),
                    mp_dtype_name(dtype));
}

/* What can be stored, and what cannot on some ways only. */
static void check_fit(const mp_infer *infer, const mp_node *node,
                      mp_dtype dtype, const mp_node *value)
{
    mp_fact fact = mp__infer_fact(infer, value);
    unsigned fits = dtype == MP_BOOL ? MP_MAY_BOOL : MP_MAY_NUMBER;
    if (dtype != MP_BOOL && mp__infer_is_maybe(infer, value))
        return;
    if (!holds(dtype, fact.may) || fact.may & ~fits)
        refuse_store(infer, node, dtype, fact.may & ~fits);
}

static void check_store(const mp_infer *infer, const mp_node *node)
{
    check_array(infer, node);
    const mp_node *array = node->args[0];
    const mp_param *param = &infer->func->spec->params[array->root];
    if (param->readonly)
        mp__unit_refuse(infer->unit, node->line,
                        "it runs interpreted, and raises there",
                        "an array that is read-only is written to");
    check_fit(infer, node, param->dtype, node->args[2]);
}

/* ---- results ------------------------------------------------------------ */

static void check_result(const mp_infer *infer, const mp_node *node)
{
    const mp_spec *spec = infer->func->spec;
    mp_fact fact = mp__infer_fact(infer, node->args[0]);
    if (spec->form == MP_FORM_MAP && !spec->outputs[node->as.index].open) {
        check_fit(infer, node, spec->outputs[node->as.index].dtype,
                  node->args[0]);
        return;
    }
    if (mp__fact_only(fact, MP_MAY_BOOL) ||
        mp__fact_only(fact, MP_MAY_NUMBER) ||
        mp__infer_is_maybe(infer, node->args[0]))
        return;
    unsigned odd = fact.may & ~(unsigned)MP_MAY_NUMBER;
    if (odd == fact.may && odd != 0 && !(odd & MP_MAY_BOOL))
        mp__unit_refuse(infer->unit, node->line, "return a number or a boolean",
                        "a result is %s", kind_text(odd));
    mp__unit_refuse(
        infer->unit, node->line, "return a number on every way, or a boolean",
        "a result is %s here and something else there", kind_text(odd));
}

/* ---- all ---------------------------------------------------------------- */

static void check_builtin(const mp_infer *infer, const mp_node *node)
{
    for (int k = 0; k < node->nargs; k++) {
        unsigned may = mp__infer_fact(infer, node->args[k]).may;
        if (may & ~(unsigned)MP_MAY_NUMBER &&
            !mp__infer_is_maybe(infer, node->args[k]))
            mp__unit_refuse(infer->unit, node->line,
                            "give it a number on every way here", "%s of %s",
                            mp__builtin_name(node->as.builtin),
                            kind_text(may & ~(unsigned)MP_MAY_NUMBER));
    }
}

/* A case for each operation makes it long. */
static void check_node(const mp_infer *infer, const mp_node *node)
{
    switch (node->op) {
    case MP_OP_ADD:
    case MP_OP_SUB:
    case MP_OP_MUL:
    case MP_OP_DIV:
    case MP_OP_POW:
    case MP_OP_IDIV:
    case MP_OP_MOD:
    case MP_OP_UNM:
        expect_numbers(infer, node, "arithmetic on");
        break;
    case MP_OP_BAND:
    case MP_OP_BOR:
    case MP_OP_BXOR:
    case MP_OP_SHL:
    case MP_OP_SHR:
    case MP_OP_BNOT:
        expect_numbers(infer, node, "a bitwise operation on");
        break;
    case MP_OP_LT:
    case MP_OP_LE:
        expect_numbers(infer, node, "an order that involves");
        break;
    case MP_OP_FOR_START:
    case MP_OP_FOR_LIMIT:
    case MP_OP_FOR_TEST:
        expect_numbers(infer, node, "a loop that counts with");
        break;
    case MP_OP_EQ:
        check_equal(infer, node);
        break;
    case MP_OP_BUILTIN:
        check_builtin(infer, node);
        break;
    case MP_OP_LEN:
    case MP_OP_SIZE:
    case MP_OP_ROW:
    case MP_OP_LOAD:
        check_array(infer, node);
        break;
    case MP_OP_ITEM:
    case MP_OP_TGROW:
        expect_number(infer, node, 1, "a table's index is");
        break;
    case MP_OP_TINDEX:
        expect_number(infer, node, 0, "a table's index is");
        break;
    case MP_OP_STORE:
        check_store(infer, node);
        break;
    case MP_OP_RESULT:
        check_result(infer, node);
        break;
    case MP_OP_CONST:
    case MP_OP_REF:
    case MP_OP_PARAM:
    case MP_OP_PHI:
    case MP_OP_I2F:
    case MP_OP_F2I:
    case MP_OP_NOT:
    case MP_OP_TRUTH:
    case MP_OP_IS_INT:
    case MP_OP_IS_FLOAT:
    case MP_OP_SELECT:
    case MP_OP_TLOAD:
    case MP_OP_TSTORE:
    case MP_OP_TLEN:
    case MP_OP_TROW:
    case MP_OP_EXPECT:
    case MP_OP_POLL:
    case MP_OP_RANGE:
    case MP_OP_ENTRY_MASK:
    case MP_OP_ANY:
    case MP_OP_AND:
    case MP_OP_OR:
    case MP_OP_ANDN:
    case MP_NOPS:
        break;
    }
}

void mp__infer_check(mp_infer *infer)
{
    for (int k = 0; k < infer->func->norder; k++) {
        const mp_block *block = infer->func->order[k];
        for (const mp_node *n = block->first; n != NULL; n = n->next)
            check_node(infer, n);
    }
}
