/* Streams: rows of items that a reduction folds side by side.
 *
 * Memory is read the faster the more places it is read at: each stream keeps
 * what fetches lines ahead busy. So a vector of a reduction by an operator has
 * items of several rows, each in the lanes of its own:
 *
 *     lanes:   0 1 2 3   4 5 6 7      two streams of four lanes
 *     items:   0 2 4 6   1 3 5 7      the first vector's
 *
 * An item's number tells its stream, and its place in there, so that the items
 * of the last vector are still those below the count. */
#include "native/emit.h"

int mp__emit_streams(const mp_emit *e)
{
    return e->spec->streams > 1 ? e->spec->streams : 1;
}

/* The lanes of each stream. */
static int width_of(const mp_emit *e)
{
    return e->lanes / mp__emit_streams(e);
}

/* A vector of integers, one a lane: `stream` times the lane's stream and
 * `place` times its place in there. */
static const char *lane_numbers(mp_emit *e, int stream, int place)
{
    mp_writer text = {.unit = e->unit};
    int width = width_of(e);
    for (int lane = 0; lane < e->lanes; lane++)
        mp__write(&text, "%si64 %d", lane == 0 ? "<" : ", ",
                  stream * (lane / width) + place * (lane % width));
    mp__write(&text, ">");
    return text.text;
}

const char *mp__emit_items(mp_emit *e)
{
    if (mp__emit_streams(e) == 1)
        return mp__emit_iota(e);
    return lane_numbers(e, 1, mp__emit_streams(e));
}

const char *mp__emit_row(mp_emit *e)
{
    if (mp__emit_streams(e) == 1)
        return "%i";
    return mp__emit_let(e, "sdiv exact i64 %%i, %d", mp__emit_streams(e));
}

const char *mp__emit_start(mp_emit *e, int operand, int stream)
{
    if (stream == 0)
        return mp__write_text(e->unit, "%%at%d", operand);
    return mp__write_text(e->unit, "%%at%d.%d", operand, stream);
}

/* ---- where they are ----------------------------------------------------- */

/* How far from the first stream's start each lane's is. */
static const char *starts_apart(mp_emit *e, int operand)
{
    const char *type = mp__emit_type(e, MP_TYPE_INT, true);
    const char *first = mp__emit_let(e, "ptrtoint ptr %s to i64",
                                     mp__emit_start(e, operand, 0));
    const char *apart = "poison";
    mp_writer lanes = {.unit = e->unit};
    for (int k = 0; k < mp__emit_streams(e); k++) {
        const char *start = mp__emit_let(e, "ptrtoint ptr %s to i64",
                                         mp__emit_start(e, operand, k));
        const char *far = mp__emit_let(e, "sub i64 %s, %s", start, first);
        apart = mp__emit_let(e, "insertelement %s %s, i64 %s, i64 %d", type,
                             apart, far, k);
    }
    for (int lane = 0; lane < e->lanes; lane++)
        mp__write(&lanes, "%si32 %d", lane == 0 ? "" : ", ",
                  lane / width_of(e));
    return mp__emit_let(e, "shufflevector %s %s, %s poison, <%d x i32> <%s>",
                        type, apart, type, e->lanes, lanes.text);
}

void mp__emit_offsets(mp_emit *e, int operand)
{
    const char *type = mp__emit_type(e, MP_TYPE_INT, true);
    const char *step =
        mp__emit_splat(e, "i64", mp__write_text(e->unit, "%%step%d", operand));
    if (mp__emit_streams(e) == 1) {
        mp__emit_line(e, "%%off%d = mul %s %s, %s", operand, type,
                      mp__emit_iota(e), step);
        return;
    }
    const char *along =
        mp__emit_let(e, "mul %s %s, %s", type, lane_numbers(e, 0, 1), step);
    mp__emit_line(e, "%%off%d = add %s %s, %s", operand, type, along,
                  starts_apart(e, operand));
}

/* ---- packed elements ---------------------------------------------------- */

/* Where the stream's elements of the vector at hand begin. */
static const char *packed_address(mp_emit *e, int operand, int stream,
                                  mp_dtype dtype)
{
    const char *offset = mp__emit_let(e, "mul i64 %s, %d", mp__emit_row(e),
                                      mp_dtype_size(dtype));
    return mp__emit_let(e, "getelementptr i8, ptr %s, i64 %s",
                        mp__emit_start(e, operand, stream), offset);
}

/* One vector of two halves. */
static const char *join(mp_emit *e, const char *element, int width,
                        const char *low, const char *high)
{
    mp_writer lanes = {.unit = e->unit};
    for (int lane = 0; lane < 2 * width; lane++)
        mp__write(&lanes, "%si32 %d", lane == 0 ? "" : ", ", lane);
    return mp__emit_let(
        e, "shufflevector <%d x %s> %s, <%d x %s> %s, <%d x i32> <%s>", width,
        element, low, width, element, high, 2 * width, lanes.text);
}

/* The lanes of `count` streams from `stream` on. */
static const char *load_streams(mp_emit *e, int operand, int stream, int count,
                                mp_dtype dtype)
{
    const char *element = mp__emit_raw_type(e, dtype, false);
    int width = width_of(e), half = count / 2;
    if (count == 1)
        return mp__emit_let(e, "load <%d x %s>, ptr %s, align 1", width,
                            element, packed_address(e, operand, stream, dtype));
    const char *low = load_streams(e, operand, stream, half, dtype);
    const char *high = load_streams(e, operand, stream + half, half, dtype);
    return join(e, element, half * width, low, high);
}

const char *mp__emit_load_whole(mp_emit *e, int operand, mp_dtype dtype)
{
    return load_streams(e, operand, 0, mp__emit_streams(e), dtype);
}

void mp__emit_copy(mp_emit *e, const char *to, const char *from,
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

/* How many of the `left` items, fewer than there are lanes, a stream has. */
static const char *left_in(mp_emit *e, int stream, const char *left)
{
    int streams = mp__emit_streams(e);
    if (streams == 1)
        return left;
    const char *more =
        mp__emit_let(e, "add i64 %s, %d", left, streams - 1 - stream);
    return mp__emit_let(e, "udiv i64 %s, %d", more, streams);
}

const char *mp__emit_load_rest(mp_emit *e, int operand, mp_dtype dtype,
                               const char *left)
{
    const char *element = mp__emit_raw_type(e, dtype, false);
    const char *type = mp__emit_raw_type(e, dtype, true);
    const char *to = "%room", *from = packed_address(e, operand, 0, dtype);
    const char *first =
        mp__emit_let(e, "load %s, ptr %s, align 1", element, from);
    const char *filled = mp__emit_splat(e, element, first);
    mp__emit_line(e, "store %s %s, ptr %%room, align 1", type, filled);
    mp__emit_copy(e, to, from, left_in(e, 0, left), dtype);
    for (int k = 1; k < mp__emit_streams(e); k++) {
        to = mp__emit_let(e, "getelementptr i8, ptr %%room, i64 %d",
                          k * width_of(e) * mp_dtype_size(dtype));
        from = packed_address(e, operand, k, dtype);
        mp__emit_copy(e, to, from, left_in(e, k, left), dtype);
    }
    return mp__emit_let(e, "load %s, ptr %%room, align 1", type);
}
