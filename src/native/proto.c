/* Prototypes, read from Lua's own dump of a function.
 *
 * The dump is of a function that stock Lua has just compiled from text, so it
 * is sound; but nothing here relies on that. What is read past the end, or
 * does not fit together, is a refusal. */
#include "native/proto.h"

#include <string.h>

#include "native/constant.h"
#include "native/proto_check.h"

/* How deep prototypes may nest: as deep as Lua's compiler lets functions. */
#define DEPTH 200

/* Types of constants in a dump. */
enum {
    DUMP_NIL = 0,
    DUMP_BOOLEAN = 1,
    DUMP_FLOAT = 3,
    DUMP_SHORT_STRING = 4,
    DUMP_INTEGER = 3 | 1 << 4,
    DUMP_LONG_STRING = 4 | 1 << 4,
};

typedef struct reader {
    mp_unit *unit;
    const char *at, *end;
    int depth;
} reader;

_Noreturn static void refuse(const reader *r, const char *what)
{
    mp__unit_refuse(r->unit, 0, NULL, "the bytecode is not readable: %s", what);
}

/* ---- pieces ------------------------------------------------------------- */

static const char *take(reader *r, size_t size)
{
    if ((size_t)(r->end - r->at) < size)
        refuse(r, "it ends too early");
    const char *bytes = r->at;
    r->at += size;
    return bytes;
}

static void take_into(reader *r, void *to, size_t size)
{
    memcpy(to, take(r, size), size);
}

static int take_byte(reader *r)
{
    return (unsigned char)*take(r, 1);
}

/* A number of Lua's type int, none of which is below 0 in a dump. */
static int take_int(reader *r)
{
    int32_t value;
    take_into(r, &value, sizeof value);
    if (value < 0)
        refuse(r, "a number is negative");
    return value;
}

/* How many of something follow that take `least` bytes each or more: never
 * more than there is room for, so that what is made for them is bounded. */
static int take_count(reader *r, size_t least)
{
    int count = take_int(r);
    if ((size_t)count > (size_t)(r->end - r->at) / least)
        refuse(r, "it ends too early");
    return count;
}

static void *make(reader *r, int count, size_t size)
{
    return mp__unit_alloc(r->unit, (size_t)count * size);
}

/* NULL where there is none. */
static const char *take_string(reader *r, size_t *size)
{
    size_t stored = (size_t)take_byte(r);
    if (stored == 0xFF)
        take_into(r, &stored, sizeof stored);
    *size = 0;
    if (stored == 0)
        return NULL;
    *size = stored - 1;
    return take(r, *size);
}

/* A name of the debug information. */
static const char *take_name(reader *r)
{
    size_t size;
    const char *bytes = take_string(r, &size);
    return mp__unit_copy(r->unit, bytes, size);
}

/* ---- the header --------------------------------------------------------- */

static void skip_exactly(reader *r, const void *bytes, size_t size)
{
    if (memcmp(take(r, size), bytes, size) != 0)
        refuse(r, "it is not that of Lua 5.3 on this machine");
}

static void take_header(reader *r)
{
    static const char begin[] = "\x1BLua\x53\x00\x19\x93\r\n\x1A\n";
    static const char sizes[] = {sizeof(int), sizeof(size_t), sizeof(uint32_t),
                                 sizeof(int64_t), sizeof(double)};
    static const int64_t integer = 0x5678;
    static const double number = 370.5;
    skip_exactly(r, begin, sizeof begin - 1);
    skip_exactly(r, sizes, sizeof sizes);
    skip_exactly(r, &integer, sizeof integer);
    skip_exactly(r, &number, sizeof number);
}

/* ---- the parts of a function -------------------------------------------- */

static void take_code(reader *r, mp_proto *proto)
{
    proto->ncode = take_count(r, sizeof *proto->code);
    size_t size = (size_t)proto->ncode * sizeof *proto->code;
    proto->code = make(r, proto->ncode, sizeof *proto->code);
    take_into(r, proto->code, size);
}

static void take_string_constant(reader *r, mp_constant *constant)
{
    size_t size;
    const char *bytes = take_string(r, &size);
    if (bytes == NULL)
        refuse(r, "a constant is missing");
    /* Strings are compared as C's everywhere. */
    if (memchr(bytes, '\0', size) != NULL) {
        constant->kind = MP_CONST_OPAQUE;
        constant->name = "a binary string";
    } else {
        constant->kind = MP_CONST_STRING;
        constant->as.s = mp__unit_copy(r->unit, bytes, size);
    }
}

static void take_constant(reader *r, mp_constant *constant)
{
    switch (take_byte(r)) {
    case DUMP_NIL:
        constant->kind = MP_CONST_NIL;
        break;
    case DUMP_BOOLEAN:
        constant->kind = MP_CONST_BOOL;
        constant->as.b = take_byte(r) != 0;
        break;
    case DUMP_FLOAT:
        constant->kind = MP_CONST_FLOAT;
        take_into(r, &constant->as.f, sizeof constant->as.f);
        break;
    case DUMP_INTEGER:
        constant->kind = MP_CONST_INT;
        take_into(r, &constant->as.i, sizeof constant->as.i);
        break;
    case DUMP_SHORT_STRING:
    case DUMP_LONG_STRING:
        take_string_constant(r, constant);
        break;
    default:
        refuse(r, "a constant is of an unknown type");
    }
}

static void take_constants(reader *r, mp_proto *proto)
{
    proto->nconstants = take_count(r, 1);
    proto->constants = make(r, proto->nconstants, sizeof *proto->constants);
    for (int i = 0; i < proto->nconstants; i++)
        take_constant(r, &proto->constants[i]);
}

static void take_upvalues(reader *r, mp_proto *proto)
{
    proto->nupvalues = take_count(r, 2);
    proto->upvalues = make(r, proto->nupvalues, sizeof *proto->upvalues);
    for (int i = 0; i < proto->nupvalues; i++) {
        mp_upvalue *upvalue = &proto->upvalues[i];
        upvalue->instack = take_byte(r) != 0;
        upvalue->index = take_byte(r);
        upvalue->name = "";
    }
}

static mp_proto *take_function(reader *r);

static void take_protos(reader *r, mp_proto *proto)
{
    /* A name, two lines, three bytes and the counts of seven lists. */
    enum { LEAST = 1 + 2 * 4 + 3 + 7 * 4 };
    proto->nprotos = take_count(r, LEAST);
    proto->protos = make(r, proto->nprotos, sizeof(mp_proto *));
    for (int i = 0; i < proto->nprotos; i++)
        proto->protos[i] = take_function(r);
}

static void take_lines(reader *r, mp_proto *proto)
{
    int count = take_count(r, sizeof(int32_t));
    if (count == 0)
        return;
    if (count != proto->ncode)
        refuse(r, "the lines do not fit the code");
    proto->lines = make(r, count, sizeof *proto->lines);
    for (int i = 0; i < count; i++)
        proto->lines[i] = take_int(r);
}

static void take_locals(reader *r, mp_proto *proto)
{
    proto->nlocals = take_count(r, 1 + 2 * sizeof(int32_t));
    proto->locals = make(r, proto->nlocals, sizeof *proto->locals);
    for (int i = 0; i < proto->nlocals; i++) {
        mp_local *local = &proto->locals[i];
        local->name = take_name(r);
        local->start = take_int(r);
        local->end = take_int(r);
        if (local->start > local->end || local->end > proto->ncode)
            refuse(r, "a local variable lives outside the code");
    }
}

static void take_upvalue_names(reader *r, mp_proto *proto)
{
    int count = take_count(r, 1);
    if (count != 0 && count != proto->nupvalues)
        refuse(r, "the names do not fit the upvalues");
    for (int i = 0; i < count; i++)
        proto->upvalues[i].name = take_name(r);
}

static mp_proto *take_function(reader *r)
{
    if (++r->depth > DEPTH)
        refuse(r, "functions nest too deeply");
    mp_proto *proto = mp__unit_alloc(r->unit, sizeof *proto);
    size_t size;
    take_string(r, &size); /* the chunk's name, which the kernel knows */
    proto->line = take_int(r);
    take_int(r); /* where the definition ends */
    proto->nparams = take_byte(r);
    proto->vararg = take_byte(r) != 0;
    proto->nregisters = take_byte(r);
    take_code(r, proto);
    take_constants(r, proto);
    take_upvalues(r, proto);
    take_protos(r, proto);
    take_lines(r, proto);
    take_locals(r, proto);
    take_upvalue_names(r, proto);
    mp__proto_check(r->unit, proto);
    r->depth--;
    return proto;
}

/* ---- */

mp_proto *mp__proto_read(mp_unit *unit, const char *dump, size_t size)
{
    reader r = {.unit = unit, .at = dump, .end = dump + size};
    take_header(&r);
    int nupvalues = take_byte(&r);
    mp_proto *proto = take_function(&r);
    if (nupvalues != proto->nupvalues)
        refuse(&r, "the number of upvalues is not clear");
    if (r.at != r.end)
        refuse(&r, "something follows it");
    return proto;
}

const mp_local *mp__proto_find_local(const mp_proto *proto, int reg, int pc)
{
    /* Those that live are in registers from 0, in their order. */
    for (int i = 0; i < proto->nlocals; i++) {
        const mp_local *local = &proto->locals[i];
        if (local->start > pc)
            return NULL;
        if (pc < local->end && reg-- == 0)
            return local;
    }
    return NULL;
}

const char *mp__proto_local(const mp_proto *proto, int reg, int pc)
{
    const mp_local *local = mp__proto_find_local(proto, reg, pc);
    return local != NULL ? local->name : NULL;
}
