/* Functions of C's library on vectors: glibc's vector functions, or a call for
 * each lane. */
#include <stdlib.h>
#include <string.h>

#if defined(__GLIBC__)
#include <gnu/libc-version.h>
#endif

#include "native/emit_writing.h"

#define PURE "nounwind readnone willreturn"

/* Vector functions of glibc's libmvec, and the minor version of glibc that
 * brought them. */
static const struct {
    const char *name;
    int since;
} vector_functions[] = {
    {"acos", 35},  {"acosh", 35}, {"asin", 35},  {"asinh", 35}, {"atan", 35},
    {"atan2", 35}, {"atanh", 35}, {"cbrt", 35},  {"cos", 22},   {"cosh", 35},
    {"erf", 35},   {"erfc", 35},  {"exp", 22},   {"exp2", 35},  {"expm1", 35},
    {"hypot", 35}, {"log", 22},   {"log10", 35}, {"log1p", 35}, {"log2", 35},
    {"pow", 22},   {"sin", 22},   {"sinh", 35},  {"tan", 35},   {"tanh", 35},
};

static int glibc_minor(void)
{
#if defined(__GLIBC__) && defined(__x86_64__)
    const char *version = gnu_get_libc_version();
    return strncmp(version, "2.", 2) == 0 ? atoi(version + 2) : 0;
#else
    return 0;
#endif
}

bool mp__emit_approximates(mp_emit *e, const char *name)
{
    size_t count = sizeof vector_functions / sizeof vector_functions[0];
    if (e->spec->strict || e->lanes == 1 || e->spec->isa == MP_ISA_SCALAR)
        return false;
    for (size_t k = 0; k < count; k++) {
        if (strcmp(vector_functions[k].name, name) == 0)
            return glibc_minor() >= vector_functions[k].since;
    }
    return false;
}

static const char *doubles(mp_emit *e, int lanes)
{
    return mp__write_text(e->unit, "<%d x double>", lanes);
}

/* Joins vectors %r0, %r1, ... of `width` lanes, count a power of two. */
static void write_join(mp_emit *e, int count, int width)
{
    mp_writer *to = &e->text;
    const char *from = "r";
    for (; count > 1; count /= 2, width *= 2) {
        const char *joined = mp__write_text(e->unit, "%sj", from);
        const char *type = doubles(e, width);
        for (int k = 0; k < count / 2; k++) {
            mp__write(to, "  %%%s%d = shufflevector %s %%%s%d, %s %%%s%d, ",
                      joined, k, type, from, 2 * k, type, from, 2 * k + 1);
            mp__emit_range(to, 0, 2 * width);
            mp__write(to, "\n");
        }
        from = joined;
    }
    mp__write(to, "  ret %s %%%s0\n}\n", doubles(e, width), from);
}

static void write_vector_calls(mp_emit *e, const char *name, int nargs)
{
    mp_writer *to = &e->text;
    int width = mp__emit_native_lanes(e), pieces = e->lanes / width;
    const char *type = doubles(e, width), *whole = doubles(e, e->lanes);
    const char *symbol =
        mp__write_text(e->unit, "@_ZGV%cN%dv%s_%s",
                       width == 2 ? 'b' : (width == 4 ? 'd' : 'e'), width,
                       nargs == 2 ? "v" : "", name);
    mp__emit_declare(e,
                     mp__write_text(e->unit, "declare %s %s(%s%s%s) " PURE,
                                    type, symbol, type, nargs == 2 ? ", " : "",
                                    nargs == 2 ? type : ""));
    for (int k = 0; k < pieces; k++) {
        for (int n = 0; n < nargs; n++) {
            mp__write(to, "  %%p%d.%d = shufflevector %s %%x%d, %s poison, ", k,
                      n, whole, n, whole);
            mp__emit_range(to, k * width, width);
            mp__write(to, "\n");
        }
        mp__write(to, "  %%r%d = call %s %s(%s %%p%d.0", k, type, symbol, type,
                  k);
        if (nargs == 2)
            mp__write(to, ", %s %%p%d.1", type, k);
        mp__write(to, ")\n");
    }
    write_join(e, pieces, width);
}

static void write_scalar_calls(mp_emit *e, const char *name, int nargs)
{
    mp_writer *to = &e->text;
    const char *whole = doubles(e, e->lanes), *so_far = "poison";
    const char *function = mp__emit_helper(
        e, mp__write_text(e->unit, "call.%d.%s", nargs, name), false);
    for (int k = 0; k < e->lanes; k++) {
        for (int n = 0; n < nargs; n++)
            mp__write(to, "  %%p%d.%d = extractelement %s %%x%d, i64 %d\n", k,
                      n, whole, n, k);
        mp__write(to, "  %%c%d = call double %s(double %%p%d.0", k, function,
                  k);
        if (nargs == 2)
            mp__write(to, ", double %%p%d.1", k);
        mp__write(to,
                  ")\n  %%r%d = insertelement %s %s, double %%c%d, i64 %d\n", k,
                  whole, so_far, k, k);
        so_far = mp__write_text(e->unit, "%%r%d", k);
    }
    mp__write(to, "  ret %s %s\n}\n", whole, so_far);
}

void mp__emit_write_call(mp_emit *e, const char *name)
{
    int nargs = name[0] - '0';
    const char *type = doubles(e, e->lanes);
    bool approximate = mp__emit_approximates(e, name + 2);
    mp__write(&e->text, "define internal %s @call.%s.v(%s %%x0", type, name,
              type);
    if (nargs == 2)
        mp__write(&e->text, ", %s %%x1", type);
    mp__write(&e->text, ") %s " PURE " {\n",
              approximate ? "alwaysinline" : "noinline");
    if (approximate)
        write_vector_calls(e, name + 2, nargs);
    else
        write_scalar_calls(e, name + 2, nargs);
}
