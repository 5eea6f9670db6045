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
    if (result.may == MP_MAY_NUMBER)
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
