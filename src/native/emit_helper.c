/* Functions of the emitted text's own: those that templates describe, and
 * those that depend on the number of lanes. */
#include <stdlib.h>
#include <string.h>

#if defined(__GLIBC__)
#include <gnu/libc-version.h>
#endif

#include "native/emit.h"
#include "native/emit_template.h"

#define PURE "nounwind readnone willreturn"

/* ---- asking ------------------------------------------------------------- */

void mp__emit_declare(mp_emit *e, const char *declaration)
{
    for (int k = 0; k < e->ndeclared; k++) {
        if (strcmp(e->declared[k], declaration) == 0)
            return;
    }
    MP_UNIT_PUSH(e->unit, e->declared, e->ndeclared, declaration);
}

/* The rest of `text` behind `prefix`, or NULL where it begins otherwise. */
static const char *after(const char *text, const char *prefix)
{
    size_t size = strlen(prefix);
    return strncmp(text, prefix, size) == 0 ? text + size : NULL;
}

/* "1.exp" is a function of C's library. */
static const char *library_function(mp_emit *e, const char *name)
{
    const char *function = name + 2;
    if (strncmp(function, "mp.", 3) == 0)
        return mp__emit_helper(e, function, false);
    mp__emit_declare(
        e,
        mp__write_text(e->unit, "declare double @%s(double%s) nobuiltin " PURE,
                       function, name[0] == '2' ? ", double" : ""));
    return mp__write_text(e->unit, "@%s", function);
}

const char *mp__emit_helper(mp_emit *e, const char *name, bool wide)
{
    wide = wide && e->lanes > 1;
    const char *call = after(name, "call.");
    if (call != NULL && !wide)
        return library_function(e, call);
    int k = 0;
    while (k < e->nhelpers && (e->helpers[k].wide != wide ||
                               strcmp(e->helpers[k].name, name) != 0))
        k++;
    if (k == e->nhelpers) {
        mp_helper helper = {name, wide};
        MP_UNIT_PUSH(e->unit, e->helpers, e->nhelpers, helper);
    }
    return mp__write_text(e->unit, "@%s.%s", name, wide ? "v" : "s");
}

/* ---- functions of C's library ------------------------------------------- */

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
    const char *version = after(gnu_get_libc_version(), "2.");
    return version == NULL ? 0 : atoi(version);
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

/* The lanes that the machine's vectors have. */
static int native_lanes(const mp_emit *e)
{
    int lanes = 2;
    if (e->spec->isa == MP_ISA_AVX2)
        lanes = 4;
    else if (e->spec->isa == MP_ISA_AVX512)
        lanes = 8;
    return lanes < e->lanes ? lanes : e->lanes;
}

static const char *doubles(mp_emit *e, int lanes)
{
    return mp__write_text(e->unit, "<%d x double>", lanes);
}

/* Writes "<n x i32> <i32 first, i32 first + 1, ...>". */
static void write_range(mp_writer *to, int first, int count)
{
    mp__write(to, "<%d x i32> ", count);
    for (int k = 0; k < count; k++)
        mp__write(to, "%si32 %d", k == 0 ? "<" : ", ", first + k);
    mp__write(to, ">");
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
            write_range(to, 0, 2 * width);
            mp__write(to, "\n");
        }
        from = joined;
    }
    mp__write(to, "  ret %s %%%s0\n}\n", doubles(e, width), from);
}

static void write_vector_calls(mp_emit *e, const char *name, int nargs)
{
    mp_writer *to = &e->text;
    int width = native_lanes(e), pieces = e->lanes / width;
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
            write_range(to, k * width, width);
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

/* "1.exp": a vector of arguments. */
static void write_call(mp_emit *e, const char *name)
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

/* ---- any ---------------------------------------------------------------- */

/* ORs halves until a machine's vector is left: its sign bits are one
 * instruction away. */
static void write_any(mp_emit *e)
{
    mp_writer *to = &e->text;
    int lanes = e->lanes;
    const char *value = "%x";
    mp__write(to,
              "define internal i1 @mp.any.v(%s %%x) alwaysinline " PURE " {\n",
              mp__emit_type(e, MP_TYPE_BOOL, true));
    for (; !e->bits && lanes > native_lanes(e); lanes /= 2) {
        const char *type = mp__write_text(e->unit, "<%d x i64>", lanes);
        for (int half = 0; half < 2; half++) {
            mp__write(to, "  %%h%d.%d = shufflevector %s %s, %s poison, ",
                      lanes, half, type, value, type);
            write_range(to, half * lanes / 2, lanes / 2);
            mp__write(to, "\n");
        }
        mp__write(to, "  %%o%d = or <%d x i64> %%h%d.0, %%h%d.1\n", lanes,
                  lanes / 2, lanes, lanes);
        value = mp__write_text(e->unit, "%%o%d", lanes);
    }
    if (!e->bits) {
        mp__write(to, "  %%s = icmp slt <%d x i64> %s, zeroinitializer\n",
                  lanes, value);
        value = "%s";
    }
    mp__write(to,
              "  %%i = bitcast <%d x i1> %s to i%d\n"
              "  %%v = icmp ne i%d %%i, 0\n"
              "  ret i1 %%v\n}\n",
              lanes, value, lanes, lanes);
}

/* The same of bits. */
static void write_some(mp_emit *e, bool wide)
{
    mp_writer *to = &e->text;
    if (!wide) {
        mp__write(to, "define internal i1 @mp.some.s(i1 %%x) alwaysinline " PURE
                      " {\n  ret i1 %%x\n}\n");
        return;
    }
    const char *bits = mp__emit_vector_of(e, "i1");
    const char *mask = mp__emit_type(e, MP_TYPE_BOOL, true);
    mp__write(to,
              "define internal i1 @mp.some.v(%s %%x) alwaysinline " PURE " {\n",
              bits);
    if (!e->bits)
        mp__write(to, "  %%m = sext %s %%x to %s\n", bits, mask);
    mp__write(to, "  %%v = call i1 %s(%s %s)\n  ret i1 %%v\n}\n",
              mp__emit_helper(e, "mp.any", true), mask, e->bits ? "%x" : "%m");
}

/* ---- gather and scatter ------------------------------------------------- */

/* "f64" of "double". */
static const char *mangled(const char *element)
{
    if (element[0] == 'd')
        return "f64";
    return element[0] == 'f' ? "f32" : element;
}

static const char *all_bits(mp_emit *e)
{
    mp_writer text = {.unit = e->unit};
    for (int lane = 0; lane < e->lanes; lane++)
        mp__write(&text, "%si1 true", lane == 0 ? "<" : ", ");
    mp__write(&text, ">");
    return text.text;
}

/* Where the machine has no masks, lanes that are off read the first element:
 * a branch for each lane would take longer. */
static void write_gather(mp_emit *e, const char *name, bool cold)
{
    mp_writer *to = &e->text;
    int n = e->lanes;
    const char *element = name + (cold ? 5 : 0);
    const char *type = mp__emit_vector_of(e, element);
    const char *intrinsic = mp__write_text(
        e->unit, "@llvm.masked.gather.v%d%s.v%dp0", n, mangled(element), n);
    mp__emit_declare(
        e,
        mp__write_text(e->unit, "declare %s %s(<%d x ptr>, i32, <%d x i1>, %s)",
                       type, intrinsic, n, n, type));
    mp__write(to,
              "define internal %s @gather.%s.v(ptr %%p, <%d x i64> %%o, "
              "<%d x i1> %%m) %s nounwind {\n",
              type, name, n, n, cold ? "noinline cold" : "alwaysinline");
    mp__write(to,
              "  %%s = select <%d x i1> %%m, <%d x i64> %%o, <%d x i64> "
              "zeroinitializer\n"
              "  %%a = getelementptr i8, ptr %%p, <%d x i64> %%s\n",
              n, n, n, n);
    mp__write(to,
              "  %%v = call %s %s(<%d x ptr> %%a, i32 1, <%d x i1> %s, %s %s)\n"
              "  ret %s %%v\n}\n",
              type, intrinsic, n, n, e->bits ? "%m" : all_bits(e), type,
              e->bits ? "zeroinitializer" : "poison", type);
}

/* Where the machine has no masks, lanes that are off write to a place that
 * nobody reads. */
static void write_scatter(mp_emit *e, const char *name, bool cold)
{
    mp_writer *to = &e->text;
    int n = e->lanes;
    const char *element = name + (cold ? 5 : 0);
    const char *type = mp__emit_vector_of(e, element);
    const char *intrinsic = mp__write_text(
        e->unit, "@llvm.masked.scatter.v%d%s.v%dp0", n, mangled(element), n);
    mp__emit_declare(
        e, mp__write_text(e->unit,
                          "declare void %s(%s, <%d x ptr>, i32, <%d x i1>)",
                          intrinsic, type, n, n));
    mp__write(to,
              "define internal void @scatter.%s.v(ptr %%p, <%d x i64> %%o, "
              "<%d x i1> %%m, %s %%x) %s nounwind {\n"
              "  %%a = getelementptr i8, ptr %%p, <%d x i64> %%o\n",
              name, n, n, type, cold ? "noinline cold" : "alwaysinline", n);
    if (!e->bits)
        mp__write(
            to,
            "  %%hole = alloca i64\n"
            "  %%h1 = insertelement <%d x ptr> poison, ptr %%hole, i64 0\n"
            "  %%h = shufflevector <%d x ptr> %%h1, <%d x ptr> poison, "
            "<%d x i32> zeroinitializer\n"
            "  %%b = select <%d x i1> %%m, <%d x ptr> %%a, "
            "<%d x ptr> %%h\n",
            n, n, n, n, n, n, n);
    mp__write(to,
              "  call void %s(%s %%x, <%d x ptr> %s, i32 1, <%d x i1> %s)\n"
              "  ret void\n}\n",
              intrinsic, type, n, e->bits ? "%a" : "%b", n,
              e->bits ? "%m" : all_bits(e));
}

/* ---- random numbers ----------------------------------------------------- */

/* One 32-bit word of `type`'s lanes times a constant: the high and the low
 * half of the product. */
static void write_product(mp_emit *e, const char *type, int round, char name,
                          const char *word, const char *factor,
                          const char *low_bits, const char *half)
{
    mp__write(&e->text,
              "  %%%c%d = mul %s %s, %s\n"
              "  %%%ch%d = lshr %s %%%c%d, %s\n"
              "  %%%cl%d = and %s %%%c%d, %s\n",
              name, round, type, word, factor, name, round, type, name, round,
              half, name, round, type, name, round, low_bits);
}

static const char *words(mp_emit *e, bool wide, uint32_t value)
{
    mp_writer text = {.unit = e->unit};
    if (!wide)
        return mp__emit_int(e, value);
    for (int lane = 0; lane < e->lanes; lane++)
        mp__write(&text, "%si64 %u", lane == 0 ? "<" : ", ", value);
    mp__write(&text, ">");
    return text.text;
}

/* Philox4x32-10 on words in 64-bit lanes, as src/core/random.c has it. */
static void write_philox(mp_emit *e, bool wide)
{
    mp_writer *to = &e->text;
    const char *type = mp__emit_type(e, MP_TYPE_INT, wide);
    const char *low = words(e, wide, 0xFFFFFFFF), *half = words(e, wide, 32);
    const char *x[4] = {"%x0", "%x1", "%x2", "%x3"};
    const char *all =
        mp__write_text(e->unit, "{ %s, %s, %s, %s }", type, type, type, type);
    mp__write(to,
              "define internal %s @mp.philox.%s(%s %%x0, %s %%x1, %s %%x2, "
              "%s %%x3, %s %%k0.0, %s %%k1.0) noinline " PURE " {\n",
              all, wide ? "v" : "s", type, type, type, type, type, type);
    for (int k = 0; k < 10; k++) {
        write_product(e, type, k, 'a', x[0], words(e, wide, 0xD2511F53), low,
                      half);
        write_product(e, type, k, 'b', x[2], words(e, wide, 0xCD9E8D57), low,
                      half);
        mp__write(to,
                  "  %%t%d = xor %s %%bh%d, %s\n"
                  "  %%u%d = xor %s %%ah%d, %s\n"
                  "  %%y%d = xor %s %%t%d, %%k0.%d\n"
                  "  %%z%d = xor %s %%u%d, %%k1.%d\n",
                  k, type, k, x[1], k, type, k, x[3], k, type, k, k, k, type, k,
                  k);
        mp__write(to,
                  "  %%m0.%d = add %s %%k0.%d, %s\n"
                  "  %%m1.%d = add %s %%k1.%d, %s\n"
                  "  %%k0.%d = and %s %%m0.%d, %s\n"
                  "  %%k1.%d = and %s %%m1.%d, %s\n",
                  k, type, k, words(e, wide, 0x9E3779B9), k, type, k,
                  words(e, wide, 0xBB67AE85), k + 1, type, k, low, k + 1, type,
                  k, low);
        x[0] = mp__write_text(e->unit, "%%y%d", k);
        x[1] = mp__write_text(e->unit, "%%bl%d", k);
        x[2] = mp__write_text(e->unit, "%%z%d", k);
        x[3] = mp__write_text(e->unit, "%%al%d", k);
    }
    const char *so_far = "poison";
    for (int k = 0; k < 4; k++) {
        mp__write(to, "  %%v%d = insertvalue %s %s, %s %s, %d\n", k, all,
                  so_far, type, x[k], k);
        so_far = mp__write_text(e->unit, "%%v%d", k);
    }
    mp__write(to, "  ret %s %%v3\n}\n", all);
}

/* ---- templates ---------------------------------------------------------- */

/* "$(i64 7)", `at` behind the parenthesis; returns what follows. */
static const char *expand_constant(mp_emit *e, const char *at, bool wide)
{
    const char *end = strchr(at, ')');
    mp_writer one = {.unit = e->unit};
    if (after(at, "mask ") != NULL)
        mp__write(&one, "%s", e->bits ? "i1 true" : "i64 -1");
    else
        mp__write_bytes(&one, at, (size_t)(end - at));
    if (!wide) {
        mp__write(&e->text, "%s", strchr(one.text, ' ') + 1);
        return end + 1;
    }
    for (int lane = 0; lane < e->lanes; lane++)
        mp__write(&e->text, "%s%s", lane == 0 ? "<" : ", ", one.text);
    mp__write(&e->text, ">");
    return end + 1;
}

static const char *expand_type(mp_emit *e, const char *at, bool wide)
{
    const char *type = "double";
    switch (*at) {
    case '(':
        return expand_constant(e, at + 1, wide);
    case 'i':
        type = "i64";
        break;
    case 'b':
        type = "i1";
        break;
    case 's':
        type = "float";
        break;
    case 'w':
        type = "i32";
        break;
    case 'm':
        mp__write(&e->text, "%s", mp__emit_type(e, MP_TYPE_BOOL, wide));
        return at + 1;
    }
    mp__write(&e->text, "%s", wide ? mp__emit_vector_of(e, type) : type);
    return at + 1;
}

/* "1.floor" is an intrinsic. */
static const char *intrinsic(mp_emit *e, const char *name, bool wide)
{
    const char *type = mp__emit_type(e, MP_TYPE_FLOAT, wide);
    const char *function =
        wide ? mp__write_text(e->unit, "@llvm.%s.v%df64", name + 2, e->lanes)
             : mp__write_text(e->unit, "@llvm.%s.f64", name + 2);
    mp_writer text = {.unit = e->unit};
    mp__write(&text, "declare %s %s(%s", type, function, type);
    for (int k = 1; k < name[0] - '0'; k++)
        mp__write(&text, ", %s", type);
    mp__write(&text, ")");
    mp__emit_declare(e, text.text);
    return function;
}

static const char *expand_name(mp_emit *e, const char *at, const char *self,
                               bool wide)
{
    size_t size = strspn(at, "abcdefghijklmnopqrstuvwxyz_0123456789.");
    const char *name = mp__unit_copy(e->unit, at, size);
    const char *in = after(name, "in.");
    if (strcmp(name, "self") == 0)
        mp__write(&e->text, "@%s.%s", self, wide ? "v" : "s");
    else if (in != NULL)
        mp__write(&e->text, "%s", intrinsic(e, in, wide));
    else if (after(name, "mp.") != NULL || after(name, "call.") != NULL)
        mp__write(&e->text, "%s", mp__emit_helper(e, name, wide));
    else
        mp__write(&e->text, "@%s", name);
    return at + size;
}

static void expand(mp_emit *e, const mp_template *template, bool wide)
{
    const char *at = template->text;
    while (*at != '\0') {
        size_t plain = strcspn(at, "$@");
        mp__write_bytes(&e->text, at, plain);
        at += plain;
        if (*at == '$')
            at = expand_type(e, at + 1, wide);
        else if (*at == '@')
            at = expand_name(e, at + 1, template->name, wide);
    }
}

static const mp_template *find_template(const mp_emit *e, const char *name,
                                        bool wide)
{
    mp_template_form other = wide ? MP_TEMPLATE_SCALAR : MP_TEMPLATE_WIDE;
    const mp_template *t = mp__emit_templates;
    int isa = (int)e->spec->isa;
    while (strcmp(t->name, name) != 0 || t->form == other || isa < t->least ||
           isa > t->most)
        t++;
    return t;
}

/* ---- writing ------------------------------------------------------------ */

static void write_helper(mp_emit *e, const char *name, bool wide)
{
    const char *rest;
    if (strcmp(name, "mp.any") == 0)
        write_any(e);
    else if (strcmp(name, "mp.some") == 0)
        write_some(e, wide);
    else if (strcmp(name, "mp.philox") == 0)
        write_philox(e, wide);
    else if ((rest = after(name, "call.")) != NULL)
        write_call(e, rest);
    else if ((rest = after(name, "gather.")) != NULL)
        write_gather(e, rest, after(rest, "cold.") != NULL);
    else if ((rest = after(name, "scatter.")) != NULL)
        write_scatter(e, rest, after(rest, "cold.") != NULL);
    else
        expand(e, find_template(e, name, wide), wide);
}

void mp__emit_helpers(mp_emit *e)
{
    /* A helper may ask for others. */
    for (int k = 0; k < e->nhelpers; k++)
        write_helper(e, e->helpers[k].name, e->helpers[k].wide);
    for (int k = 0; k < e->ndeclared; k++)
        mp__write(&e->text, "%s\n", e->declared[k]);
}
