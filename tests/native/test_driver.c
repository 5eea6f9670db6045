/* The driver: stages, budgets, and what the host has set up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fenv.h>
#include <locale.h>

#include "native/driver.h"

/* ---- running it --------------------------------------------------------- */

typedef struct drive {
    mp_unit unit;
    mp_driven out;
    mp_status status;
    mp_error err;
    char *text;
} drive;

static mp_kernel *make_kernel(const char *source)
{
    mp_kernel *kernel;
    mp_error err;
    if (mp_kernel_new(source, strlen(source), NULL, &kernel, &err) != MP_OK)
        fail_msg("%s", err.message);
    return kernel;
}

/* A map over packed float64 arrays, whose outputs are to be inferred. */
static mp_spec make_spec(int nparams)
{
    mp_spec spec = {.form = MP_FORM_MAP,
                    .nparams = nparams,
                    .noutputs = -1,
                    .widest = MP_FLOAT64,
                    .isa = MP_ISA_SSE2,
                    .lanes = 4};
    for (int k = 0; k < nparams; k++)
        spec.params[k] =
            (mp_param){.kind = MP_PARAM_ELEMENT, .dtype = MP_FLOAT64};
    return spec;
}

static void begin(drive *d, const char *source, const char *setup, int nparams,
                  mp_stage last)
{
    mp_kernel *kernel = make_kernel(source);
    mp_kernel *before = setup != NULL ? make_kernel(setup) : NULL;
    mp_spec spec = make_spec(nparams);
    size_t size;
    FILE *to = open_memstream(&d->text, &size);
    assert_non_null(to);
    d->status = mp__driver_run(&d->unit, kernel, before, &spec, last, to,
                               &d->out, &d->err);
    fclose(to);
    mp_kernel_release(kernel);
    mp_kernel_release(before);
}

static void end(drive *d)
{
    mp__unit_destroy(&d->unit);
    free(d->text);
}

static void assert_in(const drive *d, const char *part)
{
    if (strstr(d->text, part) == NULL)
        fail_msg("\"%s\" is not in:\n%s", part, d->text);
}

static void refuses(const char *source, int nparams, int line, const char *what)
{
    drive d;
    begin(&d, source, NULL, nparams, MP_STAGE_EMIT);
    assert_int_equal(d.status, MP_VALUE);
    if (strstr(d.unit.refusal.what, what) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", what, d.unit.refusal.what);
    assert_int_equal(d.unit.refusal.line, line);
    end(&d);
}

/* ---- stages ------------------------------------------------------------- */

static void every_stage_can_be_looked_at(void **data)
{
    static const char *const marks[] = {
        [MP_STAGE_BYTECODE] = "RETURN",  [MP_STAGE_BUILD] = "any = mul",
        [MP_STAGE_SCALAR] = "any = mul", [MP_STAGE_INFER] = "float = mul",
        [MP_STAGE_FOLD] = "float = mul", [MP_STAGE_DIVERGE] = "varying",
        [MP_STAGE_MASK] = "varying",     [MP_STAGE_EMIT] = "@kernel",
    };
    for (int stage = 0; stage <= MP_STAGE_EMIT; stage++) {
        drive d;
        begin(&d,
              "function(x, y) if x < y then return x * y end return 0.5 end",
              NULL, 2, (mp_stage)stage);
        if (d.status != MP_OK)
            fail_msg("%s: %s", mp_stage_name((mp_stage)stage),
                     d.unit.refusal.what);
        assert_in(&d, marks[stage]);
        assert_true(stage == MP_STAGE_BYTECODE || d.out.func != NULL);
        assert_true((stage == MP_STAGE_EMIT) == (d.out.ir != NULL));
        end(&d);
    }
    (void)data;
}

static void inference_says_what_comes_out(void **data)
{
    drive d;
    begin(&d, "function(x) return x > 1, 7 // 2, x end", NULL, 1,
          MP_STAGE_INFER);
    assert_int_equal(d.status, MP_OK);
    assert_int_equal(d.out.spec.noutputs, 3);
    assert_int_equal(d.out.spec.outputs[0].dtype, MP_BOOL);
    assert_int_equal(d.out.spec.outputs[1].dtype, MP_INT64);
    assert_int_equal(d.out.spec.outputs[2].dtype, MP_FLOAT64);
    end(&d);
    (void)data;
}

static void a_setup_comes_first(void **data)
{
    drive d;
    begin(&d,
          "if scale ~= 2.5 then error('no') end\n"
          "return function(x) return 2 * x end",
          "scale = 2.5", 1, MP_STAGE_FOLD);
    assert_int_equal(d.status, MP_OK);
    end(&d);
    begin(&d, "function(x) return x end", "error('no')", 1, MP_STAGE_FOLD);
    assert_int_equal(d.status, MP_VALUE);
    end(&d);
    refuses("function(x) return scale * x end", 1, 1, "nil");
    (void)data;
}

/* ---- refusals ----------------------------------------------------------- */

static void refusals_have_a_line(void **data)
{
    refuses("function(x)\n  local t = x('a')\n  return x end", 1, 2, "");
    refuses("local function f(x)\n  return f(x) end\nreturn f", 1, 2, "");
    (void)data;
}

static void size_is_limited(void **data)
{
    enum { LINES = 6000 };
    static const char line[] = "x = x * y + (x - y) / (x * x + 1)\n";
    char *source = malloc(sizeof line * LINES + 100);
    char *at = source + sprintf(source, "function(x, y)\n");
    for (int i = 0; i < LINES; i++)
        at += sprintf(at, "%s", line);
    sprintf(at, "return x end");
    drive d;
    begin(&d, source, NULL, 2, MP_STAGE_EMIT);
    assert_int_equal(d.status, MP_VALUE);
    assert_non_null(strstr(d.unit.refusal.what, "too large"));
    end(&d);
    free(source);
    (void)data;
}

/* ---- the host ----------------------------------------------------------- */

/* A comma in numbers and another rounding: neither may be seen. */
static void the_host_does_not_matter(void **data)
{
    static const char source[] = "function(x) return x + 1 / 3 + 0.1 end";
    drive plain, other;
    begin(&plain, source, NULL, 1, MP_STAGE_EMIT);
    assert_int_equal(plain.status, MP_OK);
    setlocale(LC_ALL, "de_DE.UTF-8");
    fesetround(FE_UPWARD);
    begin(&other, source, NULL, 1, MP_STAGE_EMIT);
    assert_int_equal(fegetround(), FE_UPWARD);
    fesetround(FE_TONEAREST);
    setlocale(LC_ALL, "C");
    assert_int_equal(other.status, MP_OK);
    assert_string_equal(plain.text, other.text);
    assert_int_equal(plain.out.size, other.out.size);
    assert_int_equal(plain.out.ir[plain.out.size], '\0');
    end(&plain);
    end(&other);
    (void)data;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_stage_can_be_looked_at),
        cmocka_unit_test(inference_says_what_comes_out),
        cmocka_unit_test(a_setup_comes_first),
        cmocka_unit_test(refusals_have_a_line),
        cmocka_unit_test(size_is_limited),
        cmocka_unit_test(the_host_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
