/* Operations on known values, against Lua's own. */
#include <ctype.h>

#include "machine.h"
#include "native/builtin_type.h"

static const struct {
    mp_op op;
    const char *expression;
} rows[] = {
    {MP_OP_ADD, "a + b"},   {MP_OP_SUB, "a - b"},  {MP_OP_MUL, "a * b"},
    {MP_OP_DIV, "a / b"},   {MP_OP_POW, "a ^ b"},  {MP_OP_IDIV, "a // b"},
    {MP_OP_MOD, "a % b"},   {MP_OP_BAND, "a & b"}, {MP_OP_BOR, "a | b"},
    {MP_OP_BXOR, "a ~ b"},  {MP_OP_SHL, "a << b"}, {MP_OP_SHR, "a >> b"},
    {MP_OP_EQ, "a == b"},   {MP_OP_LT, "a < b"},   {MP_OP_LE, "a <= b"},
    {MP_OP_UNM, "-a"},      {MP_OP_BNOT, "~a"},    {MP_OP_F2I, "a | 0"},
    {MP_OP_I2F, "a + 0.0"},
};

static const struct {
    mp_builtin builtin;
    const char *expression;
} builtins[] = {
    {MP_BUILTIN_MATH_ABS, "math.abs(a)"},
    {MP_BUILTIN_MATH_FMOD, "math.fmod(a, b)"},
    {MP_BUILTIN_MATH_ULT, "math.ult(a, b)"},
    {MP_BUILTIN_MATH_LOG, "math.log(a, b)"},
    {MP_BUILTIN_MATH_DEG, "math.deg(a)"},
    {MP_BUILTIN_MATH_RAD, "math.rad(a)"},
    {MP_BUILTIN_MATH_MODF_FRACTION, "select(2, math.modf(a))"},
    {MP_BUILTIN_NUM_SIGN, "num.sign(a)"},
    {MP_BUILTIN_NUM_LERP, "num.lerp(a, b, b)"},
    {MP_BUILTIN_MATH_ATAN, "math.atan(a)"},
    {MP_BUILTIN_MATH_EXP, "math.exp(a)"},
    {MP_BUILTIN_NUM_ROUND, "num.round(a)"},
    {MP_BUILTIN_NUM_ATAN2, "num.atan2(a, b)"},
    {MP_BUILTIN_NUM_NEXTAFTER, "num.nextafter(a, b)"},
    {MP_BUILTIN_NUM_ISFINITE, "num.isfinite(a)"},
};

/* Whether `node` may have arguments of these types. */
static bool takes(const mp_node *node, mp_type a, mp_type b)
{
    switch ((int)node->op) {
    case MP_OP_DIV:
    case MP_OP_POW:
        return a == MP_TYPE_FLOAT && b == MP_TYPE_FLOAT;
    case MP_OP_BAND:
    case MP_OP_BOR:
    case MP_OP_BXOR:
    case MP_OP_SHL:
    case MP_OP_SHR:
        return a == MP_TYPE_INT && b == MP_TYPE_INT;
    case MP_OP_EQ:
    case MP_OP_LT:
    case MP_OP_LE:
        return true;
    case MP_OP_BNOT:
    case MP_OP_I2F:
        return a == MP_TYPE_INT;
    case MP_OP_F2I:
        return a == MP_TYPE_FLOAT;
    case MP_OP_BUILTIN:
        if (node->as.builtin == MP_BUILTIN_MATH_ULT)
            return a == MP_TYPE_INT && b == MP_TYPE_INT;
        if (mp__builtin_type(node->as.builtin) != MP_BUILTIN_SAME)
            return a == MP_TYPE_FLOAT && b == MP_TYPE_FLOAT;
        break;
    }
    return a == b;
}

/* "a" and "b" by themselves. */
static int count_args(const char *expression)
{
    int count = 0;
    for (const char *at = expression; *at != '\0'; at++) {
        bool word = at > expression && isalpha((unsigned char)at[-1]);
        count += (*at == 'a' || *at == 'b') && !word &&
                 !isalpha((unsigned char)at[1]);
    }
    return count;
}

/* Lua's function is at index 1. */
static void check_node(lua_State *L, mp_node *node, const mp_datum *args,
                       const char *expression)
{
    mp_datum out = datum_bool(false);
    if (!takes(node, args[0].type, args[1].type))
        return;
    node->type = args[0].type;
    mp_datum all[3] = {args[0], args[1], args[1]};
    bool done = mp__datum_apply(node, all, &out);
    lua_settop(L, 1);
    lua_pushvalue(L, 1);
    machine_push(L, args[0]);
    machine_push(L, args[1]);
    bool raised = lua_pcall(L, 2, 1, 0) != LUA_OK;
    mp_dtype dtype = out.type == MP_TYPE_INT ? MP_INT64 : MP_FLOAT64;
    if (done == raised || (done && !machine_agrees(L, 2, out, dtype)))
        fail_msg("%s of %" PRId64 " (%.17g) and %" PRId64 " (%.17g): %s",
                 expression, args[0].as.i, args[0].as.f, args[1].as.i,
                 args[1].as.f, luaL_tolstring(L, 2, NULL));
}

static void check_expression(lua_State *L, mp_node *node,
                             const char *expression)
{
    char source[100];
    generator g = {.seed = 1};
    snprintf(source, sizeof source, "function(a, b) return %s end", expression);
    machine_load(L, source);
    node->nargs = count_args(expression);
    for (int k = 0; k < 1500; k++) {
        bool first = generate_below(&g, 2) == 0;
        bool second = generate_below(&g, 2) == 0;
        mp_datum args[2] = {machine_input(&g, first),
                            machine_input(&g, second)};
        check_node(L, node, args, expression);
    }
}

static void operations(void **data)
{
    (void)data;
    lua_State *L = machine_lua();
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        mp_node node = {.op = rows[k].op};
        check_expression(L, &node, rows[k].expression);
    }
    lua_close(L);
}

static void library(void **data)
{
    (void)data;
    lua_State *L = machine_lua();
    for (size_t k = 0; k < sizeof builtins / sizeof *builtins; k++) {
        mp_node node = {.op = MP_OP_BUILTIN};
        node.as.builtin = builtins[k].builtin;
        check_expression(L, &node, builtins[k].expression);
    }
    lua_close(L);
}

static void booleans(void **data)
{
    (void)data;
    for (int k = 0; k < 4; k++) {
        bool a = k / 2 != 0, b = k % 2 != 0;
        mp_datum out, args[3] = {datum_bool(a), datum_bool(b), datum_int(7)};
        mp_node node = {.op = MP_OP_ANDN, .type = MP_TYPE_BOOL, .nargs = 2};
        assert_true(mp__datum_apply(&node, args, &out));
        assert_int_equal(out.as.b, a && !b);
        node.op = MP_OP_OR;
        assert_true(mp__datum_apply(&node, args, &out));
        assert_int_equal(out.as.b, a || b);
        node.op = MP_OP_SELECT;
        node.nargs = 3;
        assert_true(mp__datum_apply(&node, args, &out));
        assert_int_equal(out.type, a ? MP_TYPE_BOOL : MP_TYPE_INT);
    }
}

/* What depends on more than its arguments has no value here. */
static void random_numbers_are_not_known(void **data)
{
    (void)data;
    mp_datum out, args[2] = {datum_int(1), datum_int(2)};
    mp_node node = {.op = MP_OP_BUILTIN, .type = MP_TYPE_FLOAT, .nargs = 2};
    node.as.builtin = MP_BUILTIN_NUM_RANDOM;
    assert_false(mp__datum_apply(&node, args, &out));
    node.op = MP_OP_LOAD;
    assert_false(mp__datum_apply(&node, args, &out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operations),
        cmocka_unit_test(library),
        cmocka_unit_test(booleans),
        cmocka_unit_test(random_numbers_are_not_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
