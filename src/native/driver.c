/* The driver: takes a kernel through the passes. */
#include "native/driver.h"

#include <fenv.h>
#include <locale.h>

#include "native/cost.h"
#include "native/expense.h"
#include "native/explain.h"
#include "native/passes.h"
#include "native/proto_print.h"
#include "native/reader.h"

/* Memory of all passes together, in bytes. */
#define MOST_MEMORY ((size_t)64 * 1024 * 1024)

/* Nodes of the representation: with more of them LLVM would take seconds. */
#define MOST_NODES 20000

const char *mp_stage_name(mp_stage stage)
{
    static const char *const names[] = {
#define NAME(name, text) text,
        MP_STAGE_TABLE(NAME)
#undef NAME
    };
    return names[stage];
}

/* What LLVM may have to do: it takes two seconds or three for as much. */
#define MOST_EXPENSE 25000

typedef struct driving {
    const mp_kernel *kernel;
    const mp_kernel *setup;
    mp_stage last;
    FILE *print;
    mp_driven *out;
    mp_explain *explain; /* NULL: nothing is to be explained */
} driving;

/* Checks what a pass has left; whether to go on. */
static bool go_on(const driving *d, mp_stage stage)
{
    const mp_func *func = d->out->func;
#ifndef NDEBUG
    mp__ir_verify(func);
#endif
    if (func->nnodes > MOST_NODES)
        mp__unit_refuse(func->unit, 0, "split it into several kernels",
                        "the kernel is too large to be compiled");
    if (d->explain != NULL && stage == MP_STAGE_INFER)
        mp__explain_inferred(d->explain, func);
    if (d->explain != NULL && stage == MP_STAGE_DIVERGE)
        mp__explain_diverged(d->explain, func);
    if (stage < d->last)
        return true;
    if (d->print != NULL)
        mp__ir_print(func, d->print);
    return false;
}

static void emit(const driving *d)
{
    mp_driven *out = d->out;
    out->ir = mp__emit_run(out->func, &out->size);
    if (out->size > MP_MOST_IR)
        mp__unit_refuse(out->func->unit, 0, "split it into several kernels",
                        "the kernel is too large to be compiled");
    out->expense =
        mp__expense_of(out->func->unit, out->ir, out->size, &out->spec);
    if (out->expense > MOST_EXPENSE)
        mp__unit_refuse(out->func->unit, 0, "split it into several kernels",
                        "the kernel takes too long to be compiled");
    if (d->print != NULL && d->last == MP_STAGE_EMIT)
        fputs(out->ir, d->print);
}

/* Each lane has its own tables. */
static int64_t size_of_tables(const mp_func *func)
{
    int64_t size = 0;
    for (int k = 0; k < func->nowns; k++)
        size += func->owns[k]->size * (int64_t)sizeof(double);
    return size * func->spec->lanes;
}

static void run(mp_unit *unit, void *ud)
{
    driving *d = ud;
    mp_driven *out = d->out;
    const mp_closure *closure = mp__reader_run(unit, d->kernel, d->setup);
    if (d->last == MP_STAGE_EXPLAIN)
        d->explain = mp__explain_new(unit, d->kernel, closure);
    if (d->last == MP_STAGE_BYTECODE) {
        if (d->print != NULL)
            mp__proto_print(closure->proto, d->print);
        return;
    }
    out->func = mp__build_run(unit, closure, &out->spec);
    if (!go_on(d, MP_STAGE_BUILD))
        return;
    mp__scalar_run(out->func);
    if (!go_on(d, MP_STAGE_SCALAR))
        return;
    mp__infer_run(out->func);
    if (!go_on(d, MP_STAGE_INFER))
        return;
    mp__fold_run(out->func);
    if (!go_on(d, MP_STAGE_FOLD))
        return;
    mp__diverge_run(out->func);
    mp__lanes_run(out->func);
    if (!go_on(d, MP_STAGE_DIVERGE))
        return;
    mp__mask_run(out->func);
    mp__ir_order(out->func);
    mp__ir_sweep(out->func);
    out->loops = mp__ir_has_loops(out->func);
    out->stack = size_of_tables(out->func);
    out->worst = 1 + mp__cost_of_round(out->func, NULL) / out->spec.lanes;
    mp__narrow_run(out->func);
    mp__single_run(out->func);
    if (!go_on(d, MP_STAGE_MASK))
        return;
    emit(d);
    if (d->explain != NULL && d->print != NULL)
        mp__explain_print(d->explain, out->func, d->print);
}

mp_status mp__driver_run(mp_unit *unit, const mp_kernel *kernel,
                         const mp_kernel *setup, const mp_spec *spec,
                         mp_stage last, FILE *print, mp_driven *out,
                         mp_error *err)
{
    driving d = {.kernel = kernel,
                 .setup = setup,
                 .last = last,
                 .print = print,
                 .out = out};
    *out = (mp_driven){.spec = *spec};
    mp__unit_init(unit, MOST_MEMORY);
    /* Numbers are read, folded and written as in C, whatever the rest of the
     * process does. */
    locale_t locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (locale == (locale_t)0)
        return mp_error_set(err, MP_NO_MEMORY, "no memory for a locale");
    locale_t before = uselocale(locale);
    fenv_t env;
    fegetenv(&env);
    fesetenv(FE_DFL_ENV);
    mp_status status = mp__unit_run(unit, run, &d);
    fesetenv(&env);
    uselocale(before);
    freelocale(locale);
    if (status == MP_NO_MEMORY)
        return mp_error_set(err, status, "no memory to compile a kernel");
    return status;
}
