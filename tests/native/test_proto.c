/* Reading of dumps: what stock Lua writes is understood, and no bytes at all
 * do harm. */
#include "dump.h"

/* Every instruction of Lua 5.3 but LOADKX is in here. */
static const char everything[] =
    "local c = {1, 2.5, 0x1p-1074, -3, x = 'a', y = nil}\n"
    "local function f(x, ...)\n"
    "  local s, big = 0, 1 // 3 % 4 ^ 5 / 6 & 7 | 8 ~ 9 << 10 >> 11\n"
    "  for i = 1, #c do s = s + c[i] * -x - ~i end\n"
    "  for k, v in next, c do\n"
    "    if v == k then goto done end\n"
    "    s = s .. v .. k\n"
    "    local t = function() c = v return function() return v, k end end\n"
    "  end\n"
    "  ::done::\n"
    "  while s < 10 and not (x <= 3) do x = x + 1 if x == 7 then break end "
    "end\n"
    "  local t = x and s or big\n"
    "  local u = x > 3\n"
    "  return s, ...\n"
    "end\n"
    "g = function(a, b)\n"
    "  local n, m, o = a\n"
    "  c.x = a:foo(1, f())\n"
    "  c[a], _ENV.b = b, {f(a), f()}\n"
    "  n = not a[b]\n"
    "  a[b] = n\n"
    "  return f(b < a, a % b, a // b, a ^ b, a / b, a & b, a | b, a ~ b,\n"
    "    a << b, a >> b, (f(1)))\n"
    "end\n";

/* ---- what a prototype has ----------------------------------------------- */

static void a_function_has_its_parts(void **data)
{
    (void)data;
    mp_unit unit;
    const mp_proto *chunk =
        dump_read_source(&unit,
                         "local up, other = 1, 2\n"
                         "return function(a, b)\n"
                         "  local inner = function(...) return up, a, ... end\n"
                         "  return a + b\n"
                         "end\n",
                         false);
    assert_int_equal(chunk->line, 0);
    assert_true(chunk->vararg);
    assert_int_equal(chunk->nupvalues, 1);
    assert_string_equal(chunk->upvalues[0].name, "_ENV");
    assert_int_equal(chunk->nprotos, 1);
    const mp_proto *f = chunk->protos[0];
    assert_int_equal(f->line, 2);
    assert_int_equal(f->nparams, 2);
    assert_false(f->vararg);
    assert_int_equal(f->nupvalues, 1);
    assert_true(f->upvalues[0].instack);
    assert_int_equal(f->upvalues[0].index, 0);
    assert_string_equal(f->upvalues[0].name, "up");
    assert_int_equal(f->ncode, 4);
    assert_int_equal(mp_code_op(f->code[0]), MP_OPCODE_CLOSURE);
    assert_int_equal(mp_code_op(f->code[1]), MP_OPCODE_ADD);
    assert_int_equal(mp_code_a(f->code[1]), 3);
    assert_int_equal(mp_code_b(f->code[1]), 0);
    assert_int_equal(mp_code_c(f->code[1]), 1);
    assert_int_equal(f->lines[0], 3);
    assert_int_equal(f->lines[1], 4);
    assert_int_equal(f->nprotos, 1);
    const mp_proto *inner = f->protos[0];
    assert_true(inner->vararg);
    assert_int_equal(inner->nupvalues, 2);
    assert_false(inner->upvalues[0].instack);
    assert_true(inner->upvalues[1].instack);
    mp__unit_destroy(&unit);
}

static void expect_constant(const mp_proto *proto, int index,
                            mp_constant_kind kind)
{
    assert_in_range(index, 0, proto->nconstants - 1);
    assert_int_equal(proto->constants[index].kind, kind);
}

static void constants_keep_kind_and_value(void **data)
{
    (void)data;
    mp_unit unit;
    const mp_proto *chunk = dump_read_source(
        &unit,
        "x(1, 1.5, -9223372036854775807, 'text', 'a\\0b', '', 0x1p-1074)\n"
        "x(nil == x, true == x, false == x)\n",
        false);
    expect_constant(chunk, 0, MP_CONST_STRING);
    assert_string_equal(chunk->constants[0].as.s, "x");
    expect_constant(chunk, 1, MP_CONST_INT);
    assert_int_equal(chunk->constants[1].as.i, 1);
    expect_constant(chunk, 2, MP_CONST_FLOAT);
    assert_true(chunk->constants[2].as.f == 1.5);
    expect_constant(chunk, 3, MP_CONST_INT);
    assert_true(chunk->constants[3].as.i == -INT64_MAX);
    assert_string_equal(chunk->constants[4].as.s, "text");
    expect_constant(chunk, 5, MP_CONST_OPAQUE);
    assert_string_equal(chunk->constants[5].name, "a binary string");
    assert_string_equal(chunk->constants[6].as.s, "");
    expect_constant(chunk, 7, MP_CONST_FLOAT);
    assert_true(chunk->constants[7].as.f == 0x1p-1074);
    expect_constant(chunk, 8, MP_CONST_NIL);
    expect_constant(chunk, 9, MP_CONST_BOOL);
    assert_true(chunk->constants[9].as.b);
    expect_constant(chunk, 10, MP_CONST_BOOL);
    assert_false(chunk->constants[10].as.b);
    mp__unit_destroy(&unit);
}

/* Sizes around those where Lua changes how it stores a string. */
static void strings_of_any_length_are_read(void **data)
{
    (void)data;
    static const size_t sizes[] = {39, 40, 41, 252, 253, 254, 255, 256, 70000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *source = malloc(sizes[i] + 32);
        assert_non_null(source);
        strcpy(source, "x = '");
        memset(source + 5, 'y', sizes[i]);
        strcpy(source + 5 + sizes[i], "'");
        mp_unit unit;
        const mp_proto *chunk = dump_read_source(&unit, source, false);
        expect_constant(chunk, 1, MP_CONST_STRING);
        assert_int_equal(strlen(chunk->constants[1].as.s), sizes[i]);
        mp__unit_destroy(&unit);
        free(source);
    }
}

static void more_constants_than_a_field_holds(void **data)
{
    (void)data;
    enum { COUNT = 1000 };
    char *source = malloc(COUNT * 16), *at = source;
    assert_non_null(source);
    for (int i = 0; i < COUNT; i++)
        at += sprintf(at, "x = %d.5 ", i);
    mp_unit unit;
    const mp_proto *chunk = dump_read_source(&unit, source, false);
    assert_int_equal(chunk->nconstants, COUNT + 1);
    assert_true(chunk->constants[COUNT].as.f == COUNT - 0.5);
    mp__unit_destroy(&unit);
    free(source);
}

static void locals_have_names_where_they_live(void **data)
{
    (void)data;
    mp_unit unit;
    const mp_proto *chunk = dump_read_source(&unit,
                                             "local a = 1\n"
                                             "do local b = 2 b = a end\n"
                                             "local c = 3\n"
                                             "for i = 1, 2 do end\n",
                                             false);
    assert_null(mp__proto_local(chunk, 0, 0));
    assert_string_equal(mp__proto_local(chunk, 0, 1), "a");
    assert_null(mp__proto_local(chunk, 1, 1));
    assert_string_equal(mp__proto_local(chunk, 1, 2), "b");
    assert_string_equal(mp__proto_local(chunk, 1, 4), "c");
    assert_string_equal(mp__proto_local(chunk, 2, 8), "(for index)");
    assert_null(mp__proto_local(chunk, 200, 3));
    mp__unit_destroy(&unit);
}

static void a_stripped_dump_has_no_names(void **data)
{
    (void)data;
    mp_unit unit;
    const mp_proto *chunk = dump_read_source(&unit, everything, true);
    assert_null(chunk->lines);
    assert_int_equal(chunk->nlocals, 0);
    assert_string_equal(chunk->upvalues[0].name, "");
    assert_null(mp__proto_local(chunk, 0, 1));
    mp__unit_destroy(&unit);
}

/* ---- what is not a dump ------------------------------------------------- */

static void expect_refused(const char *bytes, size_t size, const char *text)
{
    mp_unit unit;
    assert_null(dump_read(&unit, bytes, size));
    if (strstr(unit.refusal.what, text) == NULL)
        fail_msg("%s, not: %s", unit.refusal.what, text);
    mp__unit_destroy(&unit);
}

static void other_formats_are_refused(void **data)
{
    (void)data;
    /* The signature, the version and whatever depends on the machine. */
    enum { HEADER = 33 };
    dump d = dump_source("return 1", false);
    expect_refused("", 0, "ends too early");
    expect_refused("return 1", 8, "ends too early");
    expect_refused("return 1 + 2 + 3", 16, "not that of Lua 5.3");
    for (int i = 0; i < HEADER; i++) {
        d.bytes[i] ^= 1;
        expect_refused(d.bytes, d.size, "not that of Lua 5.3");
        d.bytes[i] ^= 1;
    }
    d.bytes[HEADER] ^= 1;
    expect_refused(d.bytes, d.size, "number of upvalues");
    d.bytes[HEADER] ^= 1;
    assert_int_equal(dump_write(NULL, "", 1, &d), 0);
    expect_refused(d.bytes, d.size, "something follows");
    dump_free(&d);
}

static void every_truncation_is_refused(void **data)
{
    (void)data;
    for (int strip = 0; strip < 2; strip++) {
        dump d = dump_source(everything, strip != 0);
        for (size_t size = 0; size < d.size; size++) {
            char *part = malloc(size + (size == 0));
            assert_non_null(part);
            memcpy(part, d.bytes, size);
            expect_refused(part, size, "");
            free(part);
        }
        dump_free(&d);
    }
}

/* xorshift, so that a failure can be repeated. */
static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* What was accepted must bear being looked at: a listing follows every index
 * of every instruction. */
static bool survives(const char *bytes, size_t size)
{
    mp_unit unit;
    const mp_proto *proto = dump_read(&unit, bytes, size);
    if (proto != NULL) {
        free(dump_list(proto));
        for (int reg = -1; reg < 3; reg++)
            mp__proto_local(proto, reg, proto->ncode / 2);
    }
    mp__unit_destroy(&unit);
    return proto != NULL;
}

static void flipped_bytes_do_no_harm(void **data)
{
    (void)data;
    uint32_t random = 2463534242u;
    dump d = dump_source(everything, false);
    char *bytes = malloc(d.size);
    assert_non_null(bytes);
    int accepted = 0;
    for (int times = 0; times < 6000; times++) {
        memcpy(bytes, d.bytes, d.size);
        for (uint32_t flips = next_random(&random) % 3 + 1; flips > 0;
             flips--) {
            size_t at = next_random(&random) % d.size;
            uint32_t value = next_random(&random);
            bytes[at] = (char)(value % 2 == 0 ? value >> 8
                                              : (uint32_t)bytes[at] ^
                                                    1u << (value >> 8 & 7));
        }
        accepted += survives(bytes, d.size);
    }
    /* Names, lines and numbers may be anything. */
    assert_in_range(accepted, 100, 5000);
    free(bytes);
    dump_free(&d);
}

/* ---- dumps made by hand ------------------------------------------------- */

static void put_int(dump *d, int32_t value)
{
    dump_write(NULL, &value, sizeof value, d);
}

/* A function of a mere RETURN with the functions that follow as one of its
 * own. */
static void put_beginning(dump *d, int nprotos)
{
    dump_write(NULL, "", 1, d); /* no name */
    put_int(d, 1);
    put_int(d, 1);
    dump_write(NULL, "\0\0\2", 3, d);
    put_int(d, 1);
    put_int(d, MP_OPCODE_RETURN | 1 << 23);
    put_int(d, 0);
    put_int(d, 0);
    put_int(d, nprotos);
}

static dump nest(int depth)
{
    enum { HEADER = 33 };
    dump d = dump_source("", true);
    d.size = HEADER;
    dump_write(NULL, "", 1, &d);
    for (int i = 1; i < depth; i++)
        put_beginning(&d, 1);
    put_beginning(&d, 0);
    for (int i = 0; i < 3 * depth; i++)
        put_int(&d, 0);
    return d;
}

static void nesting_is_bounded(void **data)
{
    (void)data;
    dump d = nest(200);
    assert_true(survives(d.bytes, d.size));
    dump_free(&d);
    d = nest(201);
    expect_refused(d.bytes, d.size, "nest too deeply");
    dump_free(&d);
    d = nest(2000);
    expect_refused(d.bytes, d.size, "nest too deeply");
    dump_free(&d);
}

/* The counts of the lists of the function, by their distance from the end. */
static void absurd_counts_are_refused(void **data)
{
    (void)data;
    static const size_t places[] = {12, 8, 4, 16, 20, 24, 32};
    static const int32_t counts[] = {INT32_MAX, INT32_MAX / 2, 1 << 20, -1,
                                     INT32_MIN};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
            dump d = nest(1);
            memcpy(d.bytes + d.size - places[i], &counts[k], sizeof *counts);
            expect_refused(d.bytes, d.size,
                           counts[k] < 0 ? "negative" : "too early");
            dump_free(&d);
        }
    }
}

/* ---- listings ----------------------------------------------------------- */

static void a_listing_shows_what_fields_mean(void **data)
{
    (void)data;
    mp_unit unit;
    char *text = dump_list(dump_read_source(
        &unit,
        "x = -1.5\n"
        "y = {'q\"\\n', 2.0, 0.1, 7}\n"
        "while x < 'loooooooooooooooooooooooooooooooooooooooooooong' do "
        "x = function(a, ...) return y end end",
        false));
    assert_string_equal(
        text, "chunk, 0 parameters and more, 5 registers, 1 upvalue\n"
              "    1  [1]\tSETTABUP  0 -1 -2\t; _ENV \"x\" -1.5\n"
              "    2  [2]\tNEWTABLE  0 4 0\n"
              "    3  [2]\tLOADK     1 -4\t; \"q\\\"\\010\"\n"
              "    4  [2]\tLOADK     2 -5\t; 2.0\n"
              "    5  [2]\tLOADK     3 -6\t; 0.1\n"
              "    6  [2]\tLOADK     4 -7\t; 7\n"
              "    7  [2]\tSETLIST   0 4 1\n"
              "    8  [2]\tSETTABUP  0 -3 0\t; _ENV \"y\"\n"
              "    9  [3]\tGETTABUP  0 0 -1\t; _ENV \"x\"\n"
              "   10  [3]\tLT        0 0 -8"
              "\t; \"looooooooooooooooooooooooooooooooooooooo\"...\n"
              "   11  [3]\tJMP       0 3\t; to 15\n"
              "   12  [3]\tCLOSURE   0 0\t; function of line 3\n"
              "   13  [3]\tSETTABUP  0 -1 0\t; _ENV \"x\"\n"
              "   14  [3]\tJMP       0 -6\t; to 9\n"
              "   15  [3]\tRETURN    0 1\n"
              "function of line 3, 1 parameter and more, 2 registers, "
              "1 upvalue\n"
              "    1  [3]\tGETTABUP  1 0 -1\t; _ENV \"y\"\n"
              "    2  [3]\tRETURN    1 2\n"
              "    3  [3]\tRETURN    0 1\n");
    free(text);
    mp__unit_destroy(&unit);
}

static void all_opcodes_are_listed(void **data)
{
    (void)data;
    mp_unit unit;
    char *text = dump_list(dump_read_source(&unit, everything, false));
    for (int op = 0; op < MP_NOPCODES; op++) {
        if (op == MP_OPCODE_LOADKX || op == MP_OPCODE_EXTRAARG)
            continue;
        char name[32];
        snprintf(name, sizeof name, "\t%s ", mp__opcode_name((mp_opcode)op));
        if (strstr(text, name) == NULL)
            fail_msg("no%s in:\n%s", name, text);
    }
    free(text);
    mp__unit_destroy(&unit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_function_has_its_parts),
        cmocka_unit_test(constants_keep_kind_and_value),
        cmocka_unit_test(strings_of_any_length_are_read),
        cmocka_unit_test(more_constants_than_a_field_holds),
        cmocka_unit_test(locals_have_names_where_they_live),
        cmocka_unit_test(a_stripped_dump_has_no_names),
        cmocka_unit_test(other_formats_are_refused),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(flipped_bytes_do_no_harm),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(absurd_counts_are_refused),
        cmocka_unit_test(a_listing_shows_what_fields_mean),
        cmocka_unit_test(all_opcodes_are_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
