/* Helpers that depend on the number of lanes. */
#include <string.h>

#include "native/emit_writing.h"

#define PURE "nounwind readnone willreturn"

int mp__emit_native_lanes(const mp_emit *e)
{
    int lanes = 2;
    if (e->spec->isa == MP_ISA_AVX2)
        lanes = 4;
    else if (e->spec->isa == MP_ISA_AVX512)
        lanes = 8;
    return lanes < e->lanes ? lanes : e->lanes;
}

void mp__emit_range(mp_writer *to, int first, int count)
{
    mp__write(to, "<%d x i32> ", count);
    for (int k = 0; k < count; k++)
        mp__write(to, "%si32 %d", k == 0 ? "<" : ", ", first + k);
    mp__write(to, ">");
}

/* ---- any ---------------------------------------------------------------- */

/* ORs halves until a machine's vector is left: its sign bits are one
 * instruction away. */
void mp__emit_write_any(mp_emit *e)
{
    mp_writer *to = &e->text;
    int lanes = e->lanes;
    const char *value = "%x";
    mp__write(to,
              "define internal i1 @mp.any.v(%s %%x) alwaysinline " PURE " {\n",
              mp__emit_type(e, MP_TYPE_BOOL, true));
    for (; !e->bits && lanes > mp__emit_native_lanes(e); lanes /= 2) {
        const char *type = mp__write_text(e->unit, "<%d x i64>", lanes);
        for (int half = 0; half < 2; half++) {
            mp__write(to, "  %%h%d.%d = shufflevector %s %s, %s poison, ",
                      lanes, half, type, value, type);
            mp__emit_range(to, half * lanes / 2, lanes / 2);
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
void mp__emit_write_some(mp_emit *e, bool wide)
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

/* Lanes that are off read the first element: so what LLVM makes of a gather
 * where the machine has none, or a slow one, has no branch for each lane. */
void mp__emit_write_gather(mp_emit *e, const char *name, const char *inlining)
{
    mp_writer *to = &e->text;
    int n = e->lanes;
    bool cold = strncmp(name, "cold.", 5) == 0;
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
              type, name, n, n, cold ? "noinline cold" : inlining);
    mp__write(to,
              "  %%s = select <%d x i1> %%m, <%d x i64> %%o, <%d x i64> "
              "zeroinitializer\n"
              "  %%a = getelementptr i8, ptr %%p, <%d x i64> %%s\n",
              n, n, n, n);
    mp__write(to,
              "  %%v = call %s %s(<%d x ptr> %%a, i32 1, <%d x i1> %s, %s "
              "poison)\n"
              "  ret %s %%v\n}\n",
              type, intrinsic, n, n, all_bits(e), type, type);
}

/* Lanes that are off write to a place that nobody reads. */
void mp__emit_write_scatter(mp_emit *e, const char *name, const char *inlining)
{
    mp_writer *to = &e->text;
    int n = e->lanes;
    bool cold = strncmp(name, "cold.", 5) == 0;
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
              name, n, n, type, cold ? "noinline cold" : inlining, n);
    mp__write(to,
              "  %%hole = alloca i64\n"
              "  %%h1 = insertelement <%d x ptr> poison, ptr %%hole, i64 0\n"
              "  %%h = shufflevector <%d x ptr> %%h1, <%d x ptr> poison, "
              "<%d x i32> zeroinitializer\n"
              "  %%b = select <%d x i1> %%m, <%d x ptr> %%a, <%d x ptr> %%h\n"
              "  call void %s(%s %%x, <%d x ptr> %%b, i32 1, <%d x i1> %s)\n"
              "  ret void\n}\n",
              n, n, n, n, n, n, n, intrinsic, type, n, n, all_bits(e));
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
void mp__emit_write_philox(mp_emit *e, bool wide)
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
