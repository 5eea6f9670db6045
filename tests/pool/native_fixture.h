/* What the tests of compiled jobs share: functions in C in place of compiled
 * code. The passes are left out, which is done by defining what the library
 * does not look for then, and the compiler returns what a test wants. To be
 * included by one source of a program. */
#ifndef MP_TESTS_POOL_NATIVE_FIXTURE_H
#define MP_TESTS_POOL_NATIVE_FIXTURE_H

#include "fixture.h"

#include <stdatomic.h>

#include "native/abi.h"
#include "native/driver.h"

/* ---- passes that do nothing --------------------------------------------- */

void mp__unit_init(mp_unit *unit, size_t limit)
{
    *unit = (mp_unit){.limit = limit};
}

void mp__unit_destroy(mp_unit *unit)
{
    (void)unit;
}

mp_status mp__driver_run(mp_unit *unit, const mp_kernel *kernel,
                         const mp_kernel *setup, const mp_spec *spec,
                         mp_stage last, FILE *print, mp_driven *out,
                         mp_error *err)
{
    (void)setup;
    (void)print;
    (void)err;
    mp__unit_init(unit, 0);
    size_t size;
    if (strstr(mp_kernel_source(kernel, &size), "refuse") != NULL) {
        unit->refusal = (mp_refusal){.line = 7, .what = "it is refused"};
        return MP_VALUE;
    }
    bool loops = strstr(mp_kernel_source(kernel, &size), "while") != NULL;
    bool dear = strstr(mp_kernel_source(kernel, &size), "dear") != NULL;
    *out = (mp_driven){
        .spec = *spec, .loops = loops, .worst = dear ? 30000 : 1, .ir = ""};
    if (strstr(mp_kernel_source(kernel, &size), "math.max(a") != NULL &&
        spec->params[0].exact) {
        out->spec.params[0].scalar = MP_KIND_FLOAT;
        out->spec.params[0].mixed = true;
    }
    if (last == MP_STAGE_INFER && spec->form == MP_FORM_MAP) {
        out->spec.noutputs = 1;
        out->spec.outputs[0].dtype = spec->widest;
    }
    return MP_OK;
}

/* ---- a compiler --------------------------------------------------------- */

/* What the compiler is to return, and what happened to it. */
typedef struct fake {
    mp_native_code code;
    mp_status status;
    int compiled;
    _Atomic int released;
    mp_isa isa;
} fake;

static inline mp_status fake_compile(void *ud, const char *ir, size_t size,
                                     mp_isa isa, mp_code *out, mp_error *err)
{
    fake *f = ud;
    assert_int_equal(ir[size], '\0');
    f->compiled++;
    f->isa = isa;
    if (f->status != MP_OK)
        return mp_error_set(err, f->status, "no executable pages");
    *out = (mp_code){.address = (uintptr_t)f->code, .handle = f};
    return MP_OK;
}

static inline void fake_release(void *handle)
{
    fake *f = handle;
    f->released++;
}

static inline void begin_fake(fake *f, mp_compiler *compiler,
                              mp_native_options *native, mp_native_code code)
{
    *f = (fake){.code = code};
    *compiler = (mp_compiler){fake_compile, fake_release, f};
    mp_native_options_init(native, compiler);
    native->isa = MP_ISA_SCALAR;
    native->lanes = 4;
}

#endif
