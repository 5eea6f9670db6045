/* Specialisations: kernels compiled for the types of a call. */
#include "native/native.h"

#include <stdlib.h>
#include <string.h>

#include "core/text.h"

void mp_native_options_init(mp_native_options *options,
                            const mp_compiler *compiler)
{
    *options = (mp_native_options){.compiler = compiler, .isa = mp_isa_host()};
}

void mp_native_fit(mp_spec *spec, const mp_native_options *options)
{
    static const int lanes[] = {
#define LANES(name, text, count) count,
        MP_ISA_TABLE(LANES)
#undef LANES
    };
    spec->isa = options->isa;
    /* The lanes of a reduction are what its results depend on. */
    spec->any_lanes = spec->form != MP_FORM_REDUCE && options->lanes <= 0;
    if (spec->form != MP_FORM_REDUCE)
        spec->lanes = options->lanes > 0 ? options->lanes
                      : spec->alone      ? 1
                                         : lanes[spec->isa];
}

mp_native_result mp_native_call(const mp_native *native, mp_frame *frame)
{
    return mp__rest_run(&native->rest, native->lanes, native->code, frame);
}

mp_native *mp_native_retain(mp_native *native)
{
    /* Relaxed: who retains holds a reference already. */
    atomic_fetch_add_explicit(&native->references, 1, memory_order_relaxed);
    return native;
}

void mp_native_release(mp_native *native)
{
    /* Release, then acquire: the last one sees what the others did. */
    if (native == NULL || atomic_fetch_sub_explicit(&native->references, 1,
                                                    memory_order_acq_rel) != 1)
        return;
    if (native->release != NULL)
        native->release(native->handle);
    free(native);
}

mp_status mp_native_new(mp_native **out, mp_error *err)
{
    mp_native *native = calloc(1, sizeof *native);
    if (native == NULL)
        return mp_error_set(err, MP_NO_MEMORY, "no memory for native code");
    atomic_init(&native->references, 1);
    native->noutputs = -1;
    *out = native;
    return MP_OK;
}

mp_status mp_native_refused(int line, const char *what, const char *hint,
                            mp_native **out, mp_error *err)
{
    mp_status status = mp_native_new(out, err);
    if (status != MP_OK)
        return status;
    mp_refusal *refusal = &(*out)->refusal;
    refusal->line = line;
    mp_text_copy(refusal->what, sizeof refusal->what, what, strlen(what));
    mp_text_copy(refusal->hint, sizeof refusal->hint, hint, strlen(hint));
    return MP_OK;
}
