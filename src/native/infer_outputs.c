/* Outputs and accumulators: what is returned decides what they are. */
#include "native/infer.h"

/* Open outputs get a dtype: that of the one kind of value that is returned,
 * and for integers here and floats there the dtype of floats. */
static mp_dtype dtype_for(const mp_spec *spec, mp_fact fact)
{
    if (mp__fact_only(fact, MP_MAY_BOOL))
        return MP_BOOL;
    return mp__fact_only(fact, MP_MAY_INT) ? MP_INT64 : spec->widest;
}

/* The line of what is returned, 0 where unknown. */
static int result_line(const mp_func *func, int index)
{
    for (const mp_node *n = func->exit->first; n != NULL; n = n->next) {
        if (n->op == MP_OP_RESULT && n->as.index == index)
            return n->line;
    }
    return 0;
}

/* Whether a value is a float, or the accumulator as it was before. */
static bool is_kept(const mp_infer *infer, const mp_node *node, int acc,
                    bool *seen)
{
    if (!(mp__infer_fact(infer, node).may & MP_MAY_INT) || seen[node->id])
        return true;
    seen[node->id] = true;
    if (node->op == MP_OP_PARAM)
        return mp__infer_acc(infer->func->spec, node->as.index) == acc;
    if (node->op != MP_OP_PHI && node->op != MP_OP_SELECT)
        return false;
    for (int k = node->op == MP_OP_SELECT; k < node->nargs; k++) {
        if (!is_kept(infer, node->args[k], acc, seen))
            return false;
    }
    return true;
}

/* Whether an accumulator that begins as an integer is this very integer until
 * it is a float, as in `math.max(acc, x)`: so that its value tells whether it
 * still is. */
static bool keeps_first(const mp_infer *infer, const mp_param *param, int acc)
{
    const mp_func *func = infer->func;
    bool *seen = mp__unit_alloc(infer->unit, (size_t)func->nnodes);
    if (!param->exact)
        return false;
    for (const mp_node *n = func->exit->first; n != NULL; n = n->next) {
        if (n->op == MP_OP_RESULT && n->as.index == acc &&
            !is_kept(infer, n->args[0], acc, seen))
            return false;
    }
    return true;
}

/* An accumulator is a float where floats are returned for it. It may begin as
 * an integer: what is done with it must not tell. */
static void settle_acc(mp_infer *infer, mp_param *param, int acc)
{
    mp_fact result = infer->results[acc];
    int line = result_line(infer->func, acc);
    bool was_number =
        param->scalar == MP_KIND_INT || param->scalar == MP_KIND_FLOAT;
    if (result.may == 0)
        return;
    if (was_number != mp__fact_only(result, MP_MAY_NUMBER) ||
        (!was_number && param->scalar != MP_KIND_BOOL))
        mp__unit_refuse(infer->unit, line, "return what init is",
                        "an accumulator becomes another kind of value");
    if (!was_number)
        return;
    param->mixed =
        result.may == MP_MAY_NUMBER && keeps_first(infer, param, acc);
    if (result.may == MP_MAY_NUMBER && !param->mixed)
        mp__unit_refuse(infer->unit, line,
                        param->scalar == MP_KIND_FLOAT
                            ? "give an integer for init, or return floats only"
                            : "give a float for init, 0.0 for 0, and return "
                              "floats only",
                        "an accumulator is an integer here and a float there");
    if (result.may == MP_MAY_INT && param->scalar == MP_KIND_FLOAT)
        mp__unit_refuse(infer->unit, line, "give an integer for init",
                        "an accumulator begins as a float and becomes an "
                        "integer");
    param->scalar = result.may == MP_MAY_INT ? MP_KIND_INT : MP_KIND_FLOAT;
}

void mp__infer_outputs(mp_infer *infer)
{
    mp_spec *spec = infer->func->spec;
    for (int k = 0; spec->form == MP_FORM_MAP && k < spec->noutputs; k++) {
        if (spec->outputs[k].open)
            spec->outputs[k].dtype = dtype_for(spec, infer->results[k]);
    }
    for (int k = 0; spec->form == MP_FORM_REDUCE && k < spec->nparams; k++) {
        int acc = mp__infer_acc(spec, k);
        if (acc >= 0)
            settle_acc(infer, &spec->params[k], acc);
    }
}
