/* Dumps of chunks, as stock Lua makes them. */
#ifndef MP_TESTS_NATIVE_DUMP_H
#define MP_TESTS_NATIVE_DUMP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lauxlib.h>
#include <lua.h>

#include "native/constant.h"
#include "native/opcode.h"
#include "native/proto.h"
#include "native/proto_print.h"

typedef struct dump {
    char *bytes; /* of exactly `size` bytes, so that a sanitizer sees more */
    size_t size;
} dump;

static inline int dump_write(lua_State *L, const void *bytes, size_t size,
                             void *ud)
{
    (void)L;
    dump *d = ud;
    d->bytes = realloc(d->bytes, d->size + size);
    assert_non_null(d->bytes);
    memcpy(d->bytes + d->size, bytes, size);
    d->size += size;
    return 0;
}

/* The caller's, to free. */
static inline dump dump_source(const char *source, bool strip)
{
    dump d = {NULL, 0};
    lua_State *L = luaL_newstate();
    assert_non_null(L);
    if (luaL_loadbuffer(L, source, strlen(source), "=dump") != LUA_OK)
        fail_msg("%s", lua_tostring(L, -1));
    lua_dump(L, dump_write, &d, strip);
    lua_close(L);
    return d;
}

static inline void dump_free(dump *d)
{
    free(d->bytes);
}

typedef struct dump_reading {
    const char *bytes;
    size_t size;
    mp_proto *proto;
} dump_reading;

static inline void dump_read_body(mp_unit *unit, void *ud)
{
    dump_reading *r = ud;
    r->proto = mp__proto_read(unit, r->bytes, r->size);
}

/* Reads bytes; NULL where they are refused. */
static inline mp_proto *dump_read(mp_unit *unit, const char *bytes, size_t size)
{
    dump_reading r = {bytes, size, NULL};
    mp__unit_init(unit, (size_t)4 << 20);
    mp_status status = mp__unit_run(unit, dump_read_body, &r);
    assert_true(status == MP_OK || status == MP_VALUE);
    return r.proto;
}

/* Reads a chunk that must be readable. */
static inline mp_proto *dump_read_source(mp_unit *unit, const char *source,
                                         bool strip)
{
    dump d = dump_source(source, strip);
    mp_proto *proto = dump_read(unit, d.bytes, d.size);
    if (proto == NULL)
        fail_msg("%s: %s", source, unit->refusal.what);
    dump_free(&d);
    return proto;
}

/* The listing; the caller's, to free. */
static inline char *dump_list(const mp_proto *proto)
{
    char *text;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    assert_non_null(to);
    mp__proto_print(proto, to);
    fclose(to);
    return text;
}

#endif
