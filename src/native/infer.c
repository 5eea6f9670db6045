/* Inference: a type for every value, and with it the meaning of every
 * operation.
 *
 *     %2: any = param 0          %2: float = param 0
 *     %3: int = const 1          %5: float = const 1
 *     %4: any = add %2 %3        %4: float = add %2 %5
 *
 * Lua's values have types when it runs; here one is found that a value has in
 * any case, or the kernel is refused. See infer.h for the parts. */
#include "native/infer.h"

#include "native/passes.h"
#include "native/prune.h"

/* Drops what never runs, by the facts. */
static void prune(mp_infer *infer)
{
    mp_func *func = infer->func;
    const unsigned falsy = MP_MAY_NIL | MP_MAY_FALSE;
    for (int k = 0; k < func->norder; k++) {
        mp_block *block = func->order[k];
        if (!infer->reached[block->id] || block->end != MP_END_BRANCH)
            continue;
        unsigned may = mp__infer_fact(infer, block->cond).may;
        if ((may & ~falsy) == 0)
            mp__prune_branch(block, 1);
        else if ((may & falsy) == 0)
            mp__prune_branch(block, 0);
    }
    mp__prune_finish(func);
}

void mp__infer_run(mp_func *func)
{
    mp_infer infer = {.func = func, .unit = func->unit};
    mp__infer_choice(func);
    mp__infer_solve(&infer);
    mp__infer_tested(&infer);
    prune(&infer);
    mp__infer_check_tables(&infer);
    mp__infer_check(&infer);
    mp__infer_table(&infer);
    mp__infer_maybe(&infer);
    mp__infer_round(&infer);
    mp__infer_integers(&infer);
    mp__infer_truth(&infer);
    mp__infer_for(&infer);
    mp__infer_outputs(&infer);
    mp__infer_widen(&infer);
    mp__infer_late(&infer);
    mp__infer_convert(&infer);
}
