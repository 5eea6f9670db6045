/* Bytecode to SSA: parameters, the kernel's own function, results.
 *
 *     function(x, y)              %0: any = param 0
 *       local t = x + y           %1: any = param 1
 *       return t * t              %2: any = add %0 %1
 *     end                         %3: any = mul %2 %2
 *                                 result 0 %3
 *
 * Numbers have no types yet. */
#include "native/build.h"

#include "native/passes.h"

/* ---- parameters --------------------------------------------------------- */

static mp_node *make_param(mp_builder *b, int index)
{
    const mp_param *param = &b->spec->params[index];
    if (param->kind == MP_PARAM_UNIFORM && param->scalar == MP_KIND_NIL)
        return mp__build_nil(b);
    mp_node *node = mp__ir_add(b->func, b->at, MP_OP_PARAM, 0, 0);
    node->as.index = index;
    b->last_interned = node;
    if (param->kind == MP_PARAM_ARRAY || param->kind == MP_PARAM_CORE) {
        node->type = MP_TYPE_ARRAY;
        node->rank = param->rank;
        node->root = index;
    }
    return node;
}

static mp_node **make_params(mp_builder *b, const mp_proto *proto)
{
    int count = b->spec->nparams;
    mp_node **params = mp__unit_alloc(b->unit, (size_t)count * sizeof *params);
    if (!proto->vararg && proto->nparams < count)
        mp__unit_refuse(b->unit, proto->line, NULL,
                        "the kernel takes %d argument%s, %d given: that "
                        "raises an error",
                        proto->nparams, proto->nparams == 1 ? "" : "s", count);
    for (int k = 0; k < count; k++)
        params[k] = make_param(b, k);
    return params;
}

/* ---- results ------------------------------------------------------------ */

static int count_accumulators(const mp_spec *spec)
{
    int count = 0;
    for (int k = 0; k < spec->nparams; k++)
        count += spec->params[k].kind == MP_PARAM_ACC;
    return count;
}

static void check_count(mp_builder *b, int count, int wanted)
{
    if (count != wanted)
        mp__unit_refuse(b->unit, b->line, NULL,
                        "the kernel returns %d value%s, %d wanted: that "
                        "raises an error",
                        count, count == 1 ? "" : "s", wanted);
}

/* As many outputs as there are results, where nobody has said. */
static void open_outputs(mp_builder *b, int count)
{
    if (count == 0)
        mp__unit_refuse(b->unit, b->line, "return a number or boolean",
                        "the kernel returns nothing");
    if (count > MP_MAX_ARGS)
        mp__unit_refuse(b->unit, b->line, NULL,
                        "the kernel returns %d values: at most %d can be "
                        "taken",
                        count, MP_MAX_ARGS);
    b->spec->noutputs = count;
    for (int k = 0; k < count; k++)
        b->spec->outputs[k] = (mp_output){.open = true};
}

static void add_result(mp_builder *b, int index, mp_node *value)
{
    if (mp__build_is_string(value) && mp__build_text(value) == NULL)
        mp__build_expect_value(b, value, "");
    if (value->type == MP_TYPE_NIL || value->type == MP_TYPE_REF ||
        value->type == MP_TYPE_ARRAY)
        mp__unit_refuse(b->unit, b->line, "return a number or boolean",
                        "result %d of the kernel is %s", index + 1,
                        mp__build_what(value));
    mp_node *node = mp__ir_add(b->func, b->at, MP_OP_RESULT, b->line, 1, value);
    node->as.index = index;
}

static void add_results(mp_builder *b, int count, mp_node **results)
{
    switch (b->spec->form) {
    case MP_FORM_RUN:
        return;
    case MP_FORM_REDUCE:
        check_count(b, count, count_accumulators(b->spec));
        break;
    case MP_FORM_MAP:
        if (b->spec->noutputs < 0)
            open_outputs(b, count);
        check_count(b, count, b->spec->noutputs);
        break;
    }
    for (int k = 0; k < count; k++)
        add_result(b, k, results[k]);
}

/* ---- loops that never end ----------------------------------------------- */

/* Later passes want the exit to be within reach of each block. */
static void check_exit(mp_func *func)
{
    mp_block **todo = NULL;
    int count = 0;
    MP_UNIT_PUSH(func->unit, todo, count, func->exit);
    func->exit->mark = true;
    while (count > 0) {
        const mp_block *block = todo[--count];
        for (int k = 0; k < block->npreds; k++) {
            if (block->preds[k]->mark)
                continue;
            block->preds[k]->mark = true;
            MP_UNIT_PUSH(func->unit, todo, count, block->preds[k]);
        }
    }
    for (int k = 0; k < func->norder; k++) {
        if (!func->order[k]->mark)
            mp__unit_refuse(func->unit, func->order[k]->line, NULL,
                            "a loop never ends");
        func->order[k]->mark = false;
    }
}

/* ------------------------------------------------------------------------- */

static void make_methods(mp_builder *b)
{
    static const char *const names[] = {
        [MP_METHOD_SIZE] = "size",
        [MP_METHOD_RANK] = "rank",
        [MP_METHOD_DTYPE] = "dtype",
    };
    b->methods = mp__unit_alloc(b->unit, MP_NMETHODS * sizeof *b->methods);
    for (int k = 0; k < MP_NMETHODS; k++) {
        b->methods[k].kind = MP_CONST_OPAQUE;
        b->methods[k].name = names[k];
    }
}

mp_func *mp__build_run(mp_unit *unit, const mp_closure *kernel, mp_spec *spec)
{
    mp_builder b = {
        .unit = unit,
        .func = mp__ir_func(unit, spec),
        .spec = spec,
        .line = kernel->proto->line,
    };
    make_methods(&b);
    if (kernel->setup != NULL)
        mp__build_learn_shared(&b, kernel->setup);
    b.at = b.func->entry = mp__ir_block(b.func, kernel->proto->line);
    mp_node **params = make_params(&b, kernel->proto);
    int count;
    mp_node **results =
        mp__build_inline(&b, NULL, kernel, NULL, spec->nparams, params,
                         spec->form == MP_FORM_RUN ? 0 : MP_BUILD_OPEN, &count);
    if (b.dead)
        mp__unit_refuse(unit, kernel->proto->line,
                        "it runs interpreted, and raises there",
                        "the kernel always raises an error");
    add_results(&b, count, results);
    mp__ir_return(b.func, b.at);
    mp__build_cut(&b);
    mp__ir_order(b.func);
    mp__build_check_doubts(&b);
    check_exit(b.func);
    mp__build_prune(b.func);
    return b.func;
}
