/* Packed elements: those of a vector lie side by side in memory.
 *
 * Of the last items there may be too few for a vector: then nothing beyond them
 * is touched. */
#include "native/emit.h"

/* Copies so many items. */
static void copy(mp_emit *e, const char *to, const char *from,
                 const char *items, mp_dtype dtype)
{
    const char *size =
        mp__emit_let(e, "mul i64 %s, %d", items, mp_dtype_size(dtype));
    mp__emit_declare(e,
                     "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)");
    mp__emit_line(e,
                  "call void @llvm.memcpy.p0.p0.i64(ptr %s, ptr %s, i64 %s, "
                  "i1 false)",
                  to, from, size);
}

const char *mp__emit_load_packed(mp_emit *e, const char *from, mp_dtype dtype,
                                 const char *left)
{
    const char *type = mp__emit_raw_type(e, dtype, true);
    if (left == NULL)
        return mp__emit_let(e, "load %s, ptr %s, align 1", type, from);
    const char *element = mp__emit_raw_type(e, dtype, false);
    const char *first =
        mp__emit_let(e, "load %s, ptr %s, align 1", element, from);
    const char *filled = mp__emit_splat(e, element, first);
    mp__emit_line(e, "store %s %s, ptr %%room, align 1", type, filled);
    copy(e, "%room", from, left, dtype);
    return mp__emit_let(e, "load %s, ptr %%room, align 1", type);
}

/* A whole vector. Past the caches go those that are a machine's vector at
 * least, so that lines are full before long. */
static void store_whole(mp_emit *e, const char *raw, const char *to,
                        mp_dtype dtype)
{
    const char *type = mp__emit_raw_type(e, dtype, true);
    int size = e->lanes * mp_dtype_size(dtype);
    if (e->spec->isa != MP_ISA_SCALAR && size >= 32) {
        const char *past = mp__emit_new_label(e);
        const char *near = mp__emit_new_label(e);
        const char *stored = mp__emit_new_label(e);
        mp__emit_branch(e, "%bypass", past, near);
        mp__emit_label(e, past);
        mp__emit_line(e, "store %s %s, ptr %s, align %d, !nontemporal !2", type,
                      raw, to, size < 64 ? size : 64);
        mp__emit_jump(e, stored);
        mp__emit_label(e, near);
        mp__emit_line(e, "store %s %s, ptr %s, align 1", type, raw, to);
        mp__emit_jump(e, stored);
        mp__emit_label(e, stored);
    } else {
        mp__emit_line(e, "store %s %s, ptr %s, align 1", type, raw, to);
    }
}

void mp__emit_store_packed(mp_emit *e, const char *raw, const char *to,
                           mp_dtype dtype)
{
    const char *type = mp__emit_raw_type(e, dtype, true);
    if (e->whole) {
        store_whole(e, raw, to, dtype);
        return;
    }
    const char *whole = mp__emit_new_label(e);
    const char *part = mp__emit_new_label(e);
    const char *done = mp__emit_new_label(e);
    mp__emit_likely(e, e->full, whole, part);
    mp__emit_label(e, whole);
    store_whole(e, raw, to, dtype);
    mp__emit_jump(e, done);
    mp__emit_label(e, part);
    if (e->spec->masked) {
        mp__emit_masked_store(e, raw, dtype, to, e->on);
    } else {
        mp__emit_line(e, "store %s %s, ptr %%room, align 1", type, raw);
        const char *left = mp__emit_let(e, "sub i64 %%count, %%i");
        copy(e, to, "%room", left, dtype);
    }
    mp__emit_jump(e, done);
    mp__emit_label(e, done);
}
