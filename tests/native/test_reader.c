/* From a kernel's source to its bytecode and what that holds. */
#include <math.h>
#include <stdio.h>

#include "../core/fixture.h"
#include "native/reader.h"

typedef struct reading {
    mp_unit unit;
    mp_kernel *kernel, *setup;
    mp_closure *closure; /* NULL where it was refused */
} reading;

static void body(mp_unit *unit, void *ud)
{
    reading *r = ud;
    r->closure = mp__reader_run(unit, r->kernel, r->setup);
}

static mp_status try(reading *r, const char *source, const char *setup)
{
    *r = (reading){.kernel = make_kernel(source)};
    if (setup != NULL)
        r->setup = make_kernel(setup);
    mp__unit_init(&r->unit, (size_t)64 << 20);
    return mp__unit_run(&r->unit, body, r);
}

static void end(reading *r)
{
    mp__unit_destroy(&r->unit);
    mp_kernel_release(r->kernel);
    mp_kernel_release(r->setup);
}

static const mp_closure *look_into(reading *r, const char *source,
                                   const char *setup)
{
    if (try(r, source, setup) != MP_OK)
        fail_msg("%s: %s", source, r->unit.refusal.what);
    assert_non_null(r->closure);
    return r->closure;
}

/* The upvalue of that name. */
static const mp_constant *upvalue(const mp_closure *closure, const char *name)
{
    for (int i = 0; i < closure->proto->nupvalues; i++) {
        if (strcmp(closure->proto->upvalues[i].name, name) == 0)
            return closure->upvalues[i];
    }
    fail_msg("no upvalue %s", name);
    return NULL;
}

static const mp_constant *field(const mp_table *table, const char *key)
{
    for (int i = 0; i < table->nfields; i++) {
        if (strcmp(table->fields[i].key, key) == 0)
            return table->fields[i].value;
    }
    return NULL;
}

static void expect_kind(const mp_constant *constant, mp_constant_kind kind)
{
    assert_non_null(constant);
    assert_int_equal(constant->kind, kind);
}

/* ---- values ------------------------------------------------------------- */

static void a_function_without_upvalues(void **data)
{
    (void)data;
    reading r;
    const mp_closure *closure =
        look_into(&r, "function(x, y) return x * y end", NULL);
    assert_int_equal(closure->proto->nparams, 2);
    assert_int_equal(closure->proto->nupvalues, 0);
    assert_int_equal(closure->proto->lines[0], 1);
    end(&r);
}

static void upvalues_are_what_they_are_now(void **data)
{
    (void)data;
    reading r;
    const mp_closure *f =
        look_into(&r,
                  "local n, t, i, x, s, z\n"
                  "i = 1\n"
                  "local function k() return n, t, i, x, s, z end\n"
                  "t, i, x, s, z = true, 7, 0.1, 'text', 'a\\0b'\n"
                  "return k\n",
                  NULL);
    expect_kind(upvalue(f, "n"), MP_CONST_NIL);
    expect_kind(upvalue(f, "t"), MP_CONST_BOOL);
    assert_true(upvalue(f, "t")->as.b);
    expect_kind(upvalue(f, "i"), MP_CONST_INT);
    assert_true(upvalue(f, "i")->as.i == 7);
    expect_kind(upvalue(f, "x"), MP_CONST_FLOAT);
    assert_true(upvalue(f, "x")->as.f == 0.1);
    expect_kind(upvalue(f, "s"), MP_CONST_STRING);
    assert_string_equal(upvalue(f, "s")->as.s, "text");
    expect_kind(upvalue(f, "z"), MP_CONST_OPAQUE);
    end(&r);
}

static void numbers_keep_every_bit(void **data)
{
    (void)data;
    reading r;
    const mp_closure *f = look_into(&r,
                                    "local a, b, c, d = math.mininteger, -0.0, "
                                    "0x1p-1074, 0/0\n"
                                    "return function() return a, b, c, d end\n",
                                    NULL);
    assert_true(upvalue(f, "a")->as.i == INT64_MIN);
    assert_true(upvalue(f, "b")->as.f == 0 && signbit(upvalue(f, "b")->as.f));
    assert_true(upvalue(f, "c")->as.f == 0x1p-1074);
    assert_true(isnan(upvalue(f, "d")->as.f));
    end(&r);
}

/* ---- functions ---------------------------------------------------------- */

static void functions_share_upvalues(void **data)
{
    (void)data;
    reading r;
    const mp_closure *f =
        look_into(&r,
                  "local scale, fact = 2.5\n"
                  "local function g(x) return x * scale end\n"
                  "function fact(n) return n < 2 and 1 or n * fact(n - 1) end\n"
                  "return function(x) return g(x) * scale + fact(3) end\n",
                  NULL);
    expect_kind(upvalue(f, "g"), MP_CONST_CLOSURE);
    const mp_closure *g = upvalue(f, "g")->as.closure;
    assert_int_equal(g->proto->line, 2);
    assert_ptr_equal(upvalue(g, "scale"), upvalue(f, "scale"));
    const mp_closure *fact = upvalue(f, "fact")->as.closure;
    assert_ptr_equal(upvalue(fact, "fact"), upvalue(f, "fact"));
    end(&r);
}

static void one_code_with_different_upvalues(void **data)
{
    (void)data;
    reading r;
    const mp_closure *f =
        look_into(&r,
                  "local function make(n) return function() return n end end\n"
                  "local a, b = make(1), make(2)\n"
                  "local c = a\n"
                  "return function() return a() + b() + c() end\n",
                  NULL);
    const mp_closure *a = upvalue(f, "a")->as.closure;
    const mp_closure *b = upvalue(f, "b")->as.closure;
    assert_ptr_not_equal(a, b);
    assert_ptr_equal(a, upvalue(f, "c")->as.closure);
    assert_true(upvalue(a, "n")->as.i == 1);
    assert_true(upvalue(b, "n")->as.i == 2);
    end(&r);
}

static void expect_named(const mp_constant *constant, mp_constant_kind kind,
                         const char *name)
{
    expect_kind(constant, kind);
    assert_string_equal(constant->name, name);
}

static void libraries_are_known_by_what_they_do(void **data)
{
    (void)data;
    reading r;
    const mp_closure *f = look_into(
        &r,
        "local sin, sqrt, up, cosine = math.sin, num.erf, string.upper\n"
        "local ran, gen = math.random, coroutine.wrap(function() end)\n"
        "math.cos = sin\n"
        "num.hypot = function() end\n"
        "local co = coroutine.create(print or pcall)\n"
        "return function() return sin, sqrt, up, ran, gen, co, x end\n",
        NULL);
    expect_named(upvalue(f, "sin"), MP_CONST_BUILTIN, "math.sin");
    assert_int_equal(upvalue(f, "sin")->as.builtin, MP_BUILTIN_MATH_SIN);
    expect_named(upvalue(f, "sqrt"), MP_CONST_BUILTIN, "num.erf");
    expect_named(upvalue(f, "up"), MP_CONST_OPAQUE, "string.upper");
    expect_named(upvalue(f, "ran"), MP_CONST_OPAQUE, "math.random");
    expect_named(upvalue(f, "gen"), MP_CONST_OPAQUE,
                 "a function that is not Lua's");
    expect_named(upvalue(f, "co"), MP_CONST_OPAQUE, "a coroutine");
    const mp_table *env = upvalue(f, "_ENV")->as.table;
    const mp_table *math = field(env, "math")->as.table;
    expect_named(field(math, "cos"), MP_CONST_BUILTIN, "math.sin");
    expect_kind(field(math, "pi"), MP_CONST_FLOAT);
    expect_kind(field(math, "maxinteger"), MP_CONST_INT);
    const mp_table *num = field(env, "num")->as.table;
    expect_kind(field(num, "hypot"), MP_CONST_CLOSURE);
    expect_named(field(num, "worker"), MP_CONST_OPAQUE, "num.worker");
    end(&r);
}

/* Each library function that the native tier knows is found in the
 * environment of a kernel. */
static void all_builtins_are_found(void **data)
{
    (void)data;
    reading r;
    const mp_closure *f = look_into(&r, "function() return x end", NULL);
    const mp_table *env = upvalue(f, "_ENV")->as.table;
    for (int i = 0; i < MP_NBUILTINS; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s", mp__builtin_name((mp_builtin)i));
        /* A part of what another one gives has no name in Lua. */
        if (strchr(name, '#') != NULL)
            continue;
        char *dot = strchr(name, '.');
        assert_non_null(dot);
        *dot = '\0';
        const mp_constant *library = field(env, name);
        expect_kind(library, MP_CONST_TABLE);
        const mp_constant *function = field(library->as.table, dot + 1);
        if (function == NULL)
            fail_msg("no %s", mp__builtin_name((mp_builtin)i));
        expect_kind(function, MP_CONST_BUILTIN);
        assert_int_equal(function->as.builtin, i);
    }
    end(&r);
}

/* ---- tables ------------------------------------------------------------- */

static void tables_have_items_and_fields(void **data)
{
    (void)data;
    reading r;
    const mp_closure *f =
        look_into(&r,
                  "local t = {1, 2.5, {3}, x = 4, ['a b'] = 'c'}\n"
                  "local e, hole = {}, {1, nil, 3, [7.5] = 1}\n"
                  "local zero, bin = {[0] = 1}, {['a\\0b'] = 1}\n"
                  "return function() return t, e, hole, zero, bin end\n",
                  NULL);
    const mp_table *t = upvalue(f, "t")->as.table;
    assert_int_equal(t->nitems, 3);
    assert_true(t->items[0]->as.i == 1);
    assert_true(t->items[1]->as.f == 2.5);
    assert_true(t->items[2]->as.table->items[0]->as.i == 3);
    assert_int_equal(t->nfields, 2);
    assert_true(field(t, "x")->as.i == 4);
    assert_string_equal(field(t, "a b")->as.s, "c");
    assert_false(t->odd);
    assert_null(t->beyond);
    const mp_table *e = upvalue(f, "e")->as.table;
    assert_true(e->nitems == 0 && e->nfields == 0 && !e->odd);
    assert_int_equal(upvalue(f, "hole")->as.table->nitems, 1);
    assert_true(upvalue(f, "hole")->as.table->odd);
    assert_true(upvalue(f, "zero")->as.table->odd);
    assert_true(upvalue(f, "bin")->as.table->odd);
    assert_int_equal(upvalue(f, "bin")->as.table->nfields, 0);
    end(&r);
}

static void cycles_are_kept(void **data)
{
    (void)data;
    reading r;
    const mp_closure *f =
        look_into(&r,
                  "local t = {}\n"
                  "t[1], t.self = t, {t}\n"
                  "t.f = function() return t end\n"
                  "for i = 1, 1e5 do t = {next = t} end\n"
                  "local last = t while t.next do t = t.next end\n"
                  "return function() return t, last end\n",
                  NULL);
    const mp_table *t = upvalue(f, "t")->as.table;
    assert_ptr_equal(t->items[0]->as.table, t);
    assert_ptr_equal(field(t, "self")->as.table->items[0]->as.table, t);
    const mp_closure *inner = field(t, "f")->as.closure;
    assert_ptr_equal(upvalue(inner, "t"), upvalue(f, "t"));
    const mp_table *at = upvalue(f, "last")->as.table;
    int length = 0;
    for (; field(at, "next") != NULL; length++)
        at = field(at, "next")->as.table;
    assert_int_equal(length, 100000);
    assert_ptr_equal(at, t);
    end(&r);
}

static void metatables_say_what_is_beyond(void **data)
{
    (void)data;
    reading r;
    const mp_closure *f = look_into(
        &r,
        "local class = {size = 3}\n"
        "class.__index = class\n"
        "local a = setmetatable({}, class)\n"
        "local b = setmetatable({1}, {__index = function() end})\n"
        "local c = setmetatable({}, {__len = function() end})\n"
        "local d = setmetatable({}, {__newindex = {}, __metatable = 1})\n"
        "local e = setmetatable({}, {__eq = rawequal})\n"
        "local g = setmetatable({}, {__mode = 'k'})\n"
        "return function() return a, b, c, d, e, g end\n",
        NULL);
    const mp_table *a = upvalue(f, "a")->as.table;
    assert_non_null(a->beyond);
    assert_true(field(a->beyond, "size")->as.i == 3);
    assert_false(a->odd);
    assert_true(upvalue(f, "b")->as.table->odd);
    assert_int_equal(upvalue(f, "b")->as.table->nitems, 1);
    assert_true(upvalue(f, "c")->as.table->odd);
    assert_false(upvalue(f, "d")->as.table->odd);
    expect_named(upvalue(f, "e"), MP_CONST_OPAQUE,
                 "a table with that metatable");
    expect_kind(upvalue(f, "g"), MP_CONST_OPAQUE);
    end(&r);
}

static void globals_come_from_the_kernel_and_the_setup(void **data)
{
    (void)data;
    reading r;
    const mp_closure *f =
        look_into(&r, "mine = 1 return function() return mine end",
                  "shared = 2 mine = 3 math.sin = math.cos");
    const mp_table *env = upvalue(f, "_ENV")->as.table;
    assert_true(field(env, "mine")->as.i == 1);
    assert_null(field(env, "shared"));
    assert_ptr_equal(field(env, "_G")->as.table, env);
    assert_false(env->odd);
    assert_non_null(env->beyond);
    assert_true(field(env->beyond, "shared")->as.i == 2);
    assert_true(field(env->beyond, "mine")->as.i == 3);
    expect_named(field(field(env, "math")->as.table, "sin"), MP_CONST_BUILTIN,
                 "math.cos");
    end(&r);
}

/* What is large matters only to those who use it. */
static void what_is_too_large_is_opaque(void **data)
{
    (void)data;
    reading r;
    const mp_closure *f =
        look_into(&r,
                  "local most, more, hash = {}, {}, {}\n"
                  "for i = 1, 65536 do most[i] = i + 0.5 more[i] = i end\n"
                  "for i = 1, 65537 do hash[i * 3] = i end\n"
                  "more[65537] = 1\n"
                  "local same = {more, more, more}\n"
                  "local s = ('x'):rep(4096)\n"
                  "local l = s .. 'x'\n"
                  "return function() return most, more, hash, s, l, same end\n",
                  NULL);
    expect_kind(upvalue(f, "most"), MP_CONST_TABLE);
    const mp_table *most = upvalue(f, "most")->as.table;
    assert_int_equal(most->nitems, 65536);
    assert_true(most->items[65535]->as.f == 65536.5);
    expect_named(upvalue(f, "more"), MP_CONST_OPAQUE, "a table of that size");
    expect_kind(upvalue(f, "hash"), MP_CONST_OPAQUE);
    expect_kind(upvalue(f, "s"), MP_CONST_STRING);
    expect_kind(upvalue(f, "l"), MP_CONST_OPAQUE);
    expect_kind(upvalue(f, "same")->as.table->items[2], MP_CONST_OPAQUE);
    end(&r);
}

/* The time that it takes has no product of sizes in it. */
static void looking_is_bounded(void **data)
{
    (void)data;
    reading r;
    const mp_closure *f = look_into(
        &r,
        "local m, all = {}, {}\n"
        "for i = 1, 20000 do m['k' .. i] = i end\n"
        "for i = 1, 20000 do all[i] = setmetatable({i}, m) end\n"
        "local a = {}\n"
        "for i = 1, 20000 do a = setmetatable({}, {__index = a}) end\n"
        "return function() return all, a end\n",
        NULL);
    const mp_table *all = upvalue(f, "all")->as.table;
    assert_int_equal(all->nitems, 20000);
    for (int i = 0; i < all->nitems; i++)
        assert_int_equal(all->items[i]->as.table->items[0]->as.i, i + 1);
    int depth = 0;
    for (const mp_table *a = upvalue(f, "a")->as.table; a != NULL; depth++)
        a = a->beyond;
    assert_int_equal(depth, 20001);
    end(&r);
    f = look_into(&r,
                  "local all = {}\n"
                  "for i = 1, 20 do\n"
                  "    all[i] = {}\n"
                  "    for j = 1, 32768 do all[i][j] = j end\n"
                  "end\n"
                  "return function() return all end\n",
                  NULL);
    all = upvalue(f, "all")->as.table;
    assert_int_equal(all->items[0]->kind, MP_CONST_TABLE);
    assert_int_equal(all->items[19]->kind, MP_CONST_OPAQUE);
    end(&r);
}

/* Which of a table's metatables it finds is not known before all is read. */
static void metatables_may_be_their_own(void **data)
{
    (void)data;
    reading r;
    const mp_closure *f =
        look_into(&r,
                  "local m, n = {}, {}\n"
                  "m.__index, m.x = m, 1\n"
                  "setmetatable(m, m)\n"
                  "n.__index = setmetatable({y = 2}, n)\n"
                  "local a = setmetatable({}, n)\n"
                  "local big = {}\n"
                  "for i = 1, 70000 do big[i] = i end\n"
                  "local b = setmetatable({}, {__index = big})\n"
                  "return function() return m, a, b end\n",
                  NULL);
    const mp_table *m = upvalue(f, "m")->as.table;
    assert_ptr_equal(m->beyond, m);
    const mp_table *a = upvalue(f, "a")->as.table;
    assert_true(field(a->beyond, "y")->as.i == 2);
    assert_ptr_equal(a->beyond->beyond, a->beyond);
    assert_null(upvalue(f, "b")->as.table->beyond);
    assert_true(upvalue(f, "b")->as.table->odd);
    end(&r);
}

/* ---- refusals ----------------------------------------------------------- */

static void expect_refused(const char *source, const char *setup, int line,
                           const char *text)
{
    reading r;
    if (try(&r, source, setup) != MP_VALUE)
        fail_msg("%s was read", source);
    if (strstr(r.unit.refusal.what, text) == NULL)
        fail_msg("%s: %s", source, r.unit.refusal.what);
    assert_int_equal(r.unit.refusal.line, line);
    assert_null(r.closure);
    end(&r);
}

static void what_cannot_be_read_is_refused(void **data)
{
    (void)data;
    expect_refused("local x\n= nil .. 'x' return function() end", NULL, 2,
                   "the kernel's chunk fails: attempt to concatenate");
    expect_refused("return 5", NULL, 0, "must return one function");
    expect_refused("return math.sin", NULL, 0, "function of a library");
    expect_refused("local w = num.worker() return function() return w end",
                   NULL, 0, "depends on the worker: it uses num.worker");
    expect_refused("while true do end", NULL, 0, "takes too long");
    expect_refused("return ('x'):rep(1 << 30)", NULL, 0,
                   "the kernel's chunk takes more than 64 MiB");
    expect_refused("function() end", "\n\nerror('oh')", 0, "setup fails: oh");
}

static void a_unit_may_be_too_small(void **data)
{
    (void)data;
    for (size_t limit = 0; limit < 60000; limit += 777) {
        reading r = {.kernel = make_kernel("function(x) return y end")};
        mp__unit_init(&r.unit, limit);
        mp_status status = mp__unit_run(&r.unit, body, &r);
        assert_true(status == MP_OK || status == MP_VALUE);
        assert_int_equal(status == MP_OK, r.closure != NULL);
        end(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_function_without_upvalues),
        cmocka_unit_test(upvalues_are_what_they_are_now),
        cmocka_unit_test(numbers_keep_every_bit),
        cmocka_unit_test(functions_share_upvalues),
        cmocka_unit_test(one_code_with_different_upvalues),
        cmocka_unit_test(libraries_are_known_by_what_they_do),
        cmocka_unit_test(all_builtins_are_found),
        cmocka_unit_test(tables_have_items_and_fields),
        cmocka_unit_test(cycles_are_kept),
        cmocka_unit_test(metatables_say_what_is_beyond),
        cmocka_unit_test(globals_come_from_the_kernel_and_the_setup),
        cmocka_unit_test(what_is_too_large_is_opaque),
        cmocka_unit_test(looking_is_bounded),
        cmocka_unit_test(metatables_may_be_their_own),
        cmocka_unit_test(what_cannot_be_read_is_refused),
        cmocka_unit_test(a_unit_may_be_too_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
