/* The reader. Nothing here allocates in the Lua state or calls into Lua code,
 * so nothing raises an error, and nothing is collected meanwhile: addresses
 * are identities. */
#include "native/reader.h"

#include <string.h>

#include <lua.h>

#include "core/sandbox.h"
#include "core/trial.h"
#include "native/proto.h"

/* The most values of a table, the most that are looked at in all tables
 * together, and the most bytes of a string. */
#define MOST_VALUES 65536
#define MOST_LOOKS (8 * MOST_VALUES)
#define MOST_BYTES 4096

/* A function, table or upvalue of Lua's, and what it holds or is. */
typedef struct known {
    const void *address;
    mp_constant *is;
} known;

typedef struct reader {
    mp_unit *unit;
    const mp_kernel *kernel;
    const mp_kernel *setup;
    mp_trial *trial; /* or NULL */
    lua_State *L;
    mp_closure *result;
    int looks; /* at values of tables, so far */
    /* A hash table with open addressing; its size is a power of two. */
    int nknown, known_size;
    known *known;
    /* Functions and tables that have been made, but not been filled yet. Those
     * of Lua's lie on its stack, in the same order, below what is in use. */
    int npending, pending_room;
    mp_constant **pending;
} reader;

/* ---- objects that are known already ------------------------------------- */

static known *find_place(const reader *r, const void *address)
{
    uintptr_t hash = (uintptr_t)address >> 4;
    size_t mask = (size_t)r->known_size - 1;
    size_t at = (size_t)(hash * UINT64_C(0x9E3779B97F4A7C15) >> 32) & mask;
    while (r->known[at].address != NULL && r->known[at].address != address)
        at = (at + 1) & mask;
    return &r->known[at];
}

static mp_constant *find_known(const reader *r, const void *address)
{
    return r->nknown == 0 ? NULL : find_place(r, address)->is;
}

static void make_room(reader *r)
{
    int size = r->known_size;
    const known *old = r->known;
    r->known_size = size == 0 ? 64 : 2 * size;
    r->known =
        mp__unit_alloc(r->unit, (size_t)r->known_size * sizeof *r->known);
    for (int i = 0; i < size; i++) {
        if (old[i].address != NULL)
            *find_place(r, old[i].address) = old[i];
    }
}

static void add_known(reader *r, const void *address, mp_constant *is)
{
    if (2 * r->nknown >= r->known_size)
        make_room(r);
    *find_place(r, address) = (known){address, is};
    r->nknown++;
}

/* ---- values ------------------------------------------------------------- */

static void opaque(mp_constant *out, const char *name)
{
    out->kind = MP_CONST_OPAQUE;
    out->name = name;
}

/* Takes strings only: a number would be made one. */
static const char *copy_text(reader *r, int index)
{
    size_t size;
    const char *text = lua_tolstring(r->L, index, &size);
    return mp__unit_copy(r->unit, text, size);
}

/* Whether the string is one that C's functions understand. */
static bool is_plain(lua_State *L, int index)
{
    size_t size;
    const char *text = lua_tolstring(L, index, &size);
    return size <= MOST_BYTES && strlen(text) == size;
}

/* These read what is on the top. */

static void read_string(reader *r, mp_constant *out)
{
    if (!is_plain(r->L, -1)) {
        opaque(out, "a long or binary string");
        return;
    }
    out->kind = MP_CONST_STRING;
    out->as.s = copy_text(r, -1);
}

static void read_number(lua_State *L, mp_constant *out)
{
    if (lua_isinteger(L, -1)) {
        out->kind = MP_CONST_INT;
        out->as.i = lua_tointeger(L, -1);
    } else {
        out->kind = MP_CONST_FLOAT;
        out->as.f = lua_tonumber(L, -1);
    }
}

static void read_c_function(reader *r, mp_constant *out)
{
    lua_State *L = r->L;
    mp_trial_push_name(L, -1);
    if (lua_type(L, -1) != LUA_TSTRING) {
        opaque(out, "a function that is not Lua's");
    } else {
        out->name = copy_text(r, -1);
        out->as.builtin = mp__builtin_find(out->name);
        out->kind = out->as.builtin == MP_NBUILTINS ? MP_CONST_OPAQUE
                                                    : MP_CONST_BUILTIN;
    }
    lua_pop(L, 1);
}

/* Has the object on the top filled later. */
static void postpone(reader *r, mp_constant *is)
{
    if (lua_checkstack(r->L, 8) == 0)
        mp__unit_refuse(r->unit, 0, NULL, "the kernel holds too many tables");
    if (r->npending == r->pending_room) {
        r->pending = mp__unit_grow(r->unit, r->pending, (size_t)r->pending_room,
                                   sizeof *r->pending);
        r->pending_room = r->npending == 0 ? 1 : 2 * r->npending;
    }
    r->pending[r->npending++] = is;
    lua_pushvalue(r->L, -1);
    /* Indices from the top stay what they are. */
    lua_insert(r->L, r->npending);
}

/* Counts a look at a value; whether there may be one. */
static bool look(reader *r)
{
    if (r->looks < MOST_LOOKS)
        r->looks++;
    return r->looks < MOST_LOOKS;
}

static bool is_one_of(const char *text, const char *const *names)
{
    while (*names != NULL && strcmp(*names, text) != 0)
        names++;
    return *names != NULL;
}

/* Whether the metatable on the top leaves alone what tables are: entries do
 * not vanish, and two are equal only where they are the same. */
static bool is_honest(reader *r)
{
    static const char *const names[] = {"__eq", "__mode", NULL};
    lua_State *L = r->L;
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        lua_pop(L, 1);
        if (!look(r) || (lua_type(L, -1) == LUA_TSTRING &&
                         is_one_of(lua_tostring(L, -1), names))) {
            lua_pop(L, 1);
            return false;
        }
    }
    return true;
}

/* What is known of the metatable on the top, which many tables may share:
 * OPAQUE where it is not honest; else NIL, and a TABLE once fill_beyond() has
 * seen it, with nothing but `beyond` and `odd`. */
static mp_constant *read_metatable(reader *r)
{
    /* Not the address of the same table as a value. */
    const char *address = (const char *)lua_topointer(r->L, -1) + 1;
    mp_constant *is = find_known(r, address);
    if (is == NULL) {
        is = mp__unit_alloc(r->unit, sizeof *is);
        add_known(r, address, is);
        if (!is_honest(r))
            opaque(is, "a table with that metatable");
    }
    return is;
}

static bool is_large(reader *r)
{
    lua_State *L = r->L;
    int count = 0;
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        lua_pop(L, 1);
        if (!look(r) || ++count > MOST_VALUES) {
            lua_pop(L, 1);
            return true;
        }
    }
    return false;
}

/* What hinders from reading the table on the top, or NULL. */
static const char *what_hinders(reader *r)
{
    const char *what = NULL;
    if (lua_getmetatable(r->L, -1) != 0) {
        what = read_metatable(r)->name;
        lua_pop(r->L, 1);
    }
    return what == NULL && is_large(r) ? "a table of that size" : what;
}

/* A function of Lua's or a table, on the top. */
static mp_constant *read_object(reader *r)
{
    const void *address = lua_topointer(r->L, -1);
    mp_constant *is = find_known(r, address);
    if (is != NULL)
        return is;
    is = mp__unit_alloc(r->unit, sizeof *is);
    add_known(r, address, is);
    const char *hindrance = NULL;
    if (lua_isfunction(r->L, -1)) {
        is->kind = MP_CONST_CLOSURE;
        is->as.closure = mp__unit_alloc(r->unit, sizeof *is->as.closure);
    } else {
        is->kind = MP_CONST_TABLE;
        is->as.table = mp__unit_alloc(r->unit, sizeof *is->as.table);
        hindrance = what_hinders(r);
    }
    if (hindrance != NULL)
        opaque(is, hindrance);
    else
        postpone(r, is);
    return is;
}

/* The value on the top; pops it. */
static void take_value(reader *r, mp_constant *out)
{
    lua_State *L = r->L;
    switch (lua_type(L, -1)) {
    case LUA_TNIL:
        out->kind = MP_CONST_NIL;
        break;
    case LUA_TBOOLEAN:
        out->kind = MP_CONST_BOOL;
        out->as.b = lua_toboolean(L, -1) != 0;
        break;
    case LUA_TNUMBER:
        read_number(L, out);
        break;
    case LUA_TSTRING:
        read_string(r, out);
        break;
    case LUA_TFUNCTION:
        if (lua_iscfunction(L, -1))
            read_c_function(r, out);
        else
            *out = *read_object(r);
        break;
    case LUA_TTABLE:
        *out = *read_object(r);
        break;
    case LUA_TTHREAD:
        opaque(out, "a coroutine");
        break;
    default:
        opaque(out, "userdata");
        break;
    }
    lua_pop(L, 1);
}

/* ---- functions ---------------------------------------------------------- */

typedef struct dump {
    char *bytes; /* or NULL: only `size` is wanted */
    size_t size;
} dump;

/* A lua_Writer. */
static int write_dump(lua_State *L, const void *bytes, size_t size, void *ud)
{
    (void)L;
    dump *d = ud;
    if (d->bytes != NULL)
        memcpy(d->bytes + d->size, bytes, size);
    d->size += size;
    return 0;
}

/* The prototype of the function on the top. It is written twice, so that
 * nothing leaves the unit from inside Lua. */
static mp_proto *read_proto(reader *r)
{
    dump d = {NULL, 0};
    lua_dump(r->L, write_dump, &d, 0);
    d.bytes = mp__unit_alloc(r->unit, d.size);
    d.size = 0;
    lua_dump(r->L, write_dump, &d, 0);
    return mp__proto_read(r->unit, d.bytes, d.size);
}

static void fill_closure(reader *r, mp_closure *closure)
{
    closure->proto = read_proto(r);
    int count = closure->proto->nupvalues;
    closure->upvalues =
        mp__unit_alloc(r->unit, (size_t)count * sizeof *closure->upvalues);
    for (int i = 0; i < count; i++) {
        const void *address = lua_upvalueid(r->L, -1, i + 1);
        mp_constant *value = find_known(r, address);
        if (value == NULL) {
            value = mp__unit_alloc(r->unit, sizeof *value);
            add_known(r, address, value);
            lua_getupvalue(r->L, -1, i + 1);
            take_value(r, value);
        }
        closure->upvalues[i] = value;
    }
}

/* ---- tables ------------------------------------------------------------- */

static void fill_items(reader *r, mp_table *table)
{
    lua_State *L = r->L;
    while (lua_rawgeti(L, -1, table->nitems + 1) != LUA_TNIL) {
        lua_pop(L, 1);
        table->nitems++;
    }
    lua_pop(L, 1);
    size_t count = (size_t)table->nitems;
    mp_constant *values = mp__unit_alloc(r->unit, count * sizeof *values);
    table->items = mp__unit_alloc(r->unit, count * sizeof *table->items);
    for (int i = 0; i < table->nitems; i++) {
        lua_rawgeti(L, -1, i + 1);
        take_value(r, &values[i]);
        table->items[i] = &values[i];
    }
}

/* Whether the key at -2 is that of an item. */
static bool is_item(lua_State *L, const mp_table *table)
{
    if (!lua_isinteger(L, -2))
        return false;
    lua_Integer key = lua_tointeger(L, -2);
    return key >= 1 && key <= table->nitems;
}

static void fill_fields(reader *r, mp_table *table)
{
    lua_State *L = r->L;
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        if (is_item(L, table)) {
            lua_pop(L, 1);
        } else if (lua_type(L, -2) == LUA_TSTRING && is_plain(L, -2)) {
            mp_field field = {copy_text(r, -2),
                              mp__unit_alloc(r->unit, sizeof(mp_constant))};
            take_value(r, field.value);
            MP_UNIT_PUSH(r->unit, table->fields, table->nfields, field);
        } else {
            table->odd = true;
            lua_pop(L, 1);
        }
    }
}

/* From the honest metatable on the top. */
static void fill_beyond(reader *r, mp_table *table)
{
    /* Those that have no say where a table is only read. */
    static const char *const harmless[] = {
        "__newindex", "__metatable", "__name", "__tostring", "__gc", NULL};
    lua_State *L = r->L;
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        const char *key = "";
        if (lua_type(L, -2) == LUA_TSTRING)
            key = lua_tostring(L, -2);
        if (strcmp(key, "__index") == 0) {
            mp_constant value = {.kind = MP_CONST_NIL};
            take_value(r, &value);
            if (value.kind == MP_CONST_TABLE)
                table->beyond = value.as.table;
            else
                table->odd = true;
        } else {
            if (strncmp(key, "__", 2) == 0 && !is_one_of(key, harmless))
                table->odd = true;
            lua_pop(L, 1);
        }
    }
}

static void fill_table(reader *r, mp_table *table)
{
    fill_items(r, table);
    fill_fields(r, table);
    if (lua_getmetatable(r->L, -1) == 0)
        return;
    mp_constant *metatable = read_metatable(r);
    if (metatable->kind == MP_CONST_NIL) {
        metatable->kind = MP_CONST_TABLE;
        metatable->as.table =
            mp__unit_alloc(r->unit, sizeof *metatable->as.table);
        fill_beyond(r, metatable->as.table);
    }
    table->beyond = metatable->as.table->beyond;
    table->odd = table->odd || metatable->as.table->odd;
    lua_pop(r->L, 1);
}

/* ---- */

static void fill_all(reader *r)
{
    while (r->npending > 0) {
        /* Its value is on the top, and what it leads to is put below. */
        mp_constant *object = r->pending[--r->npending];
        if (object->kind == MP_CONST_CLOSURE)
            fill_closure(r, object->as.closure);
        else
            fill_table(r, object->as.table);
        lua_pop(r->L, 1);
    }
}

_Noreturn static void refuse_error(const reader *r, const mp_error *err)
{
    if (err->status == MP_NO_MEMORY)
        mp__unit_starve(r->unit);
    mp__unit_refuse(r->unit, err->line,
                    err->status == MP_VALUE ? "pass it as an argument" : NULL,
                    "%s", err->message);
}

/* What the setup has defined, to be filled. */
static const mp_table *read_setup(reader *r)
{
    mp_constant setup = {.kind = MP_CONST_NIL};
    mp_sandbox_push_shared(r->L);
    take_value(r, &setup);
    if (setup.kind != MP_CONST_TABLE)
        mp__unit_refuse(r->unit, 0, NULL, "the pool's setup defines %s",
                        setup.name);
    return setup.as.table;
}

static void run(mp_unit *unit, void *ud)
{
    (void)unit;
    reader *r = ud;
    mp_error err;
    if (mp_trial_run(r->kernel, r->setup, &r->trial, &err) != MP_OK)
        refuse_error(r, &err);
    r->L = mp_trial_lua(r->trial);
    mp_constant kernel = {.kind = MP_CONST_NIL};
    take_value(r, &kernel);
    if (kernel.kind != MP_CONST_CLOSURE)
        mp__unit_refuse(r->unit, 0, "write function(...) ... end",
                        "the kernel is a function of a library");
    r->result = kernel.as.closure;
    if (r->setup != NULL)
        r->result->setup = read_setup(r);
    fill_all(r);
}

mp_closure *mp__reader_run(mp_unit *unit, const mp_kernel *kernel,
                           const mp_kernel *setup)
{
    reader r = {.unit = unit, .kernel = kernel, .setup = setup};
    mp_status status = mp__unit_run(unit, run, &r);
    mp_trial_free(r.trial);
    if (status != MP_OK)
        mp__unit_leave(unit);
    return r.result;
}
