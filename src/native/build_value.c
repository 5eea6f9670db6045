/* Constants of a kernel, and what is known of nodes before they have types. */
#include <string.h>

#include "native/build.h"

/* ---- interning ---------------------------------------------------------- */

/* Puts a node behind the constants that there are. */
static void place(mp_builder *b, mp_node *node)
{
    mp_block *entry = b->func->entry;
    mp_node *before =
        b->last_interned != NULL ? b->last_interned->next : entry->first;
    if (before != NULL)
        mp__ir_insert(before, node);
    else
        mp__ir_append(entry, node);
    b->last_interned = node;
}

/* What tells a reference from others of its kind; several constants may lead
 * to one table or function. */
static uint64_t bits_of_ref(const mp_constant *constant)
{
    switch (constant->kind) {
    case MP_CONST_BUILTIN:
        return constant->as.builtin;
    case MP_CONST_CLOSURE:
        return (uintptr_t)constant->as.closure;
    case MP_CONST_TABLE:
        return (uintptr_t)constant->as.table;
    case MP_CONST_NIL:
    case MP_CONST_BOOL:
    case MP_CONST_INT:
    case MP_CONST_FLOAT:
    case MP_CONST_STRING:
    case MP_CONST_OWN:
    case MP_CONST_MADE:
    case MP_CONST_OPAQUE:
        break;
    }
    return (uintptr_t)constant;
}

/* What tells a constant from others of its type; strings are told apart by
 * what is in them. */
static uint64_t bits_of(const mp_node *node)
{
    uint64_t bits = 0;
    switch (node->type) {
    case MP_TYPE_BOOL:
        return node->as.b;
    case MP_TYPE_INT:
        return (uint64_t)node->as.i;
    case MP_TYPE_FLOAT:
        memcpy(&bits, &node->as.f, sizeof bits);
        return bits;
    case MP_TYPE_REF:
        return bits_of_ref(node->as.constant);
    case MP_TYPE_NONE:
    case MP_TYPE_ANY:
    case MP_TYPE_NIL:
    case MP_TYPE_ARRAY:
        break;
    }
    return 0;
}

static bool same(const mp_node *x, const mp_node *y)
{
    if (x->type != y->type)
        return false;
    if (x->type == MP_TYPE_REF && x->as.constant->kind != y->as.constant->kind)
        return false;
    const char *text = mp__build_text(x);
    if (text != NULL)
        return strcmp(text, mp__build_text(y)) == 0;
    return bits_of(x) == bits_of(y);
}

/* FNV-1a. */
static unsigned hash_bytes(const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    unsigned hash = 2166136261u;
    for (size_t k = 0; k < size; k++)
        hash = (hash ^ at[k]) * 16777619u;
    return hash;
}

static unsigned hash_of(const mp_node *node)
{
    const char *text = mp__build_text(node);
    if (text != NULL)
        return hash_bytes(text, strlen(text));
    uint64_t bits = bits_of(node);
    return hash_bytes(&bits, sizeof bits);
}

/* A node like that one, which has no place yet. */
static mp_node *intern(mp_builder *b, const mp_node *like)
{
    mp_interned **bucket = &b->interned[hash_of(like) % MP_BUILD_BUCKETS];
    for (mp_interned *i = *bucket; i != NULL; i = i->next) {
        if (same(i->node, like))
            return i->node;
    }
    mp_interned *made = mp__unit_alloc(b->unit, sizeof *made);
    made->node = mp__ir_node(b->func, like->op, 0, 0, NULL);
    made->node->type = like->type;
    made->node->as = like->as;
    made->next = *bucket;
    *bucket = made;
    place(b, made->node);
    return made->node;
}

mp_node *mp__build_nil(mp_builder *b)
{
    mp_node key = {.op = MP_OP_CONST, .type = MP_TYPE_NIL};
    return intern(b, &key);
}

mp_node *mp__build_bool(mp_builder *b, bool value)
{
    mp_node key = {.op = MP_OP_CONST, .type = MP_TYPE_BOOL, .as.b = value};
    return intern(b, &key);
}

mp_node *mp__build_int(mp_builder *b, int64_t value)
{
    mp_node key = {.op = MP_OP_CONST, .type = MP_TYPE_INT, .as.i = value};
    return intern(b, &key);
}

static mp_node *build_float(mp_builder *b, double value)
{
    mp_node key = {.op = MP_OP_CONST, .type = MP_TYPE_FLOAT, .as.f = value};
    return intern(b, &key);
}

mp_node *mp__build_constant(mp_builder *b, const mp_constant *constant)
{
    mp_node key = {.op = MP_OP_REF, .type = MP_TYPE_REF};
    switch (constant->kind) {
    case MP_CONST_NIL:
        return mp__build_nil(b);
    case MP_CONST_BOOL:
        return mp__build_bool(b, constant->as.b);
    case MP_CONST_INT:
        return mp__build_int(b, constant->as.i);
    case MP_CONST_FLOAT:
        return build_float(b, constant->as.f);
    case MP_CONST_STRING:
    case MP_CONST_BUILTIN:
    case MP_CONST_CLOSURE:
    case MP_CONST_TABLE:
    case MP_CONST_OWN:
    case MP_CONST_MADE:
    case MP_CONST_OPAQUE:
        break;
    }
    key.as.constant = constant;
    return intern(b, &key);
}

mp_node *mp__build_string(mp_builder *b, const char *text)
{
    mp_constant *constant = mp__unit_alloc(b->unit, sizeof *constant);
    constant->kind = MP_CONST_STRING;
    constant->as.s = text;
    return mp__build_constant(b, constant);
}

/* ---- what is known ------------------------------------------------------ */

const char *mp__build_text(const mp_node *node)
{
    if (node->op != MP_OP_REF || node->as.constant->kind != MP_CONST_STRING)
        return NULL;
    return node->as.constant->as.s;
}

/* A parameter that is a number, for all items: an accumulator begins as one,
 * and what the kernel makes of it `infer` finds out. */
static bool param_is_number(const mp_param *param)
{
    switch (param->kind) {
    case MP_PARAM_ELEMENT:
        return param->dtype != MP_BOOL;
    case MP_PARAM_UNIFORM:
        return param->scalar == MP_KIND_INT || param->scalar == MP_KIND_FLOAT;
    case MP_PARAM_INDEX:
        return true;
    case MP_PARAM_ACC:
    case MP_PARAM_ARRAY:
    case MP_PARAM_CORE:
        return false;
    }
    return false;
}

static bool builtin_is_number(mp_builtin builtin)
{
    return builtin != MP_BUILTIN_MATH_TOINTEGER &&
           builtin != MP_BUILTIN_MATH_ULT &&
           builtin != MP_BUILTIN_NUM_ISFINITE &&
           builtin != MP_BUILTIN_NUM_ISINF && builtin != MP_BUILTIN_NUM_ISNAN;
}

/* A case for each operation makes it long. */
bool mp__build_is_number(const mp_spec *spec, const mp_node *node)
{
    switch (node->op) {
    case MP_OP_CONST:
        return node->type == MP_TYPE_INT || node->type == MP_TYPE_FLOAT;
    case MP_OP_PARAM:
        return param_is_number(&spec->params[node->as.index]);
    case MP_OP_LOAD:
        return spec->params[node->args[0]->root].dtype != MP_BOOL;
    case MP_OP_BUILTIN:
        return builtin_is_number(node->as.builtin);
    case MP_OP_I2F:
    case MP_OP_F2I:
    case MP_OP_ADD:
    case MP_OP_SUB:
    case MP_OP_MUL:
    case MP_OP_DIV:
    case MP_OP_POW:
    case MP_OP_IDIV:
    case MP_OP_MOD:
    case MP_OP_UNM:
    case MP_OP_BAND:
    case MP_OP_BOR:
    case MP_OP_BXOR:
    case MP_OP_SHL:
    case MP_OP_SHR:
    case MP_OP_BNOT:
    case MP_OP_LEN:
    case MP_OP_SIZE:
    case MP_OP_TLEN:
    case MP_OP_TINDEX:
    case MP_OP_TGROW:
    case MP_OP_FOR_START:
    case MP_OP_FOR_LIMIT:
        return true;
    case MP_OP_REF:
    case MP_OP_PHI:
    case MP_OP_EQ:
    case MP_OP_LT:
    case MP_OP_LE:
    case MP_OP_NOT:
    case MP_OP_TRUTH:
    case MP_OP_IS_INT:
    case MP_OP_IS_FLOAT:
    case MP_OP_SELECT:
    case MP_OP_ROW:
    case MP_OP_STORE:
    case MP_OP_ITEM: /* nil where it is missing */
    case MP_OP_TLOAD:
    case MP_OP_TSTORE:
    case MP_OP_TROW:
    case MP_OP_RESULT:
    case MP_OP_FOR_TEST:
    case MP_OP_EXPECT:
    case MP_OP_POLL:
    case MP_OP_RANGE:
    case MP_OP_ENTRY_MASK:
    case MP_OP_ANY:
    case MP_OP_AND:
    case MP_OP_OR:
    case MP_OP_ANDN:
    case MP_NOPS:
        return false;
    }
    return false;
}

static const char *what_constant(const mp_constant *constant)
{
    switch (constant->kind) {
    case MP_CONST_NIL:
        return "nil";
    case MP_CONST_BOOL:
        return "a boolean";
    case MP_CONST_INT:
    case MP_CONST_FLOAT:
        return "a number";
    case MP_CONST_STRING:
    case MP_CONST_MADE:
        return "a string";
    case MP_CONST_BUILTIN:
    case MP_CONST_CLOSURE:
        return "a function";
    case MP_CONST_TABLE:
    case MP_CONST_OWN:
        return "a table";
    case MP_CONST_OPAQUE:
        return "a value that is not compiled";
    }
    return "a value";
}

const char *mp__build_what(const mp_node *node)
{
    switch (node->type) {
    case MP_TYPE_NIL:
        return "nil";
    case MP_TYPE_BOOL:
        return "a boolean";
    case MP_TYPE_INT:
    case MP_TYPE_FLOAT:
        return "a number";
    case MP_TYPE_ARRAY:
        return "an array";
    case MP_TYPE_REF:
        return what_constant(node->as.constant);
    case MP_TYPE_NONE:
    case MP_TYPE_ANY:
        break;
    }
    return node->op == MP_OP_PHI ? "a value" : "a number";
}

void mp__build_expect_value(mp_builder *b, const mp_node *node,
                            const char *doing)
{
    if (mp__build_is_string(node)) {
        /* Where it is made, if it is. */
        int line = mp__build_text(node) != NULL ? b->line : node->line;
        mp__unit_refuse(b->unit, line, "move the string out of the kernel",
                        "strings are not compiled");
    }
    if (node->type == MP_TYPE_REF || node->type == MP_TYPE_ARRAY)
        mp__unit_refuse(b->unit, b->line, NULL, "%s %s raises an error", doing,
                        mp__build_what(node));
}

/* ---- conditions --------------------------------------------------------- */

typedef enum sure { SURE_NO, SURE_YES, NOT_SURE } sure;

static sure truth_of(const mp_builder *b, const mp_node *node)
{
    if (node->op == MP_OP_CONST && node->type == MP_TYPE_NIL)
        return SURE_NO;
    if (node->op == MP_OP_CONST && node->type == MP_TYPE_BOOL)
        return node->as.b ? SURE_YES : SURE_NO;
    if (node->type == MP_TYPE_REF || node->type == MP_TYPE_ARRAY ||
        mp__build_is_number(b->spec, node))
        return SURE_YES;
    return NOT_SURE;
}

/* A row at a computed index may be nil. */
static void check_row(mp_builder *b, const mp_node *node)
{
    if (node->op == MP_OP_TROW)
        mp__unit_refuse(b->unit, b->line, "compare its index with the length",
                        "whether a table has a row is not compiled");
}

mp_node *mp__build_truth(mp_builder *b, mp_node *node)
{
    check_row(b, node);
    mp__build_check_kind(b, node);
    sure truth = truth_of(b, node);
    if (truth != NOT_SURE)
        return mp__build_bool(b, truth == SURE_YES);
    if (node->type == MP_TYPE_BOOL)
        return node;
    return mp__ir_add(b->func, b->at, MP_OP_TRUTH, b->line, 1, node);
}

mp_node *mp__build_not(mp_builder *b, mp_node *node)
{
    mp_node *truth = mp__build_truth(b, node);
    if (truth->op == MP_OP_CONST)
        return mp__build_bool(b, !truth->as.b);
    return mp__ir_add(b->func, b->at, MP_OP_NOT, b->line, 1, truth);
}

/* Constants that are no references. */
static sure equal_consts(const mp_node *x, const mp_node *y)
{
    bool numbers = x->type != MP_TYPE_NIL && x->type != MP_TYPE_BOOL &&
                   y->type != MP_TYPE_NIL && y->type != MP_TYPE_BOOL;
    if (x->type != y->type)
        return numbers ? NOT_SURE : SURE_NO;
    bool equal = true;
    if (x->type == MP_TYPE_BOOL)
        equal = x->as.b == y->as.b;
    else if (x->type == MP_TYPE_INT)
        equal = x->as.i == y->as.i;
    else if (x->type == MP_TYPE_FLOAT)
        equal = x->as.f == y->as.f;
    return equal ? SURE_YES : SURE_NO;
}

static bool may_equal_others(const mp_constant *constant)
{
    return constant->kind == MP_CONST_MADE || constant->kind == MP_CONST_OPAQUE;
}

/* Two references. Whether a function made in the kernel equals another of the
 * same code is for Lua to choose, and handles of rows may be equal. */
static sure equal_refs(const mp_constant *x, const mp_constant *y)
{
    if (x->kind != y->kind)
        return may_equal_others(x) || may_equal_others(y) ? NOT_SURE : SURE_NO;
    switch (x->kind) {
    case MP_CONST_STRING:
        return strcmp(x->as.s, y->as.s) == 0 ? SURE_YES : SURE_NO;
    case MP_CONST_TABLE:
        return x->as.table == y->as.table ? SURE_YES : SURE_NO;
    case MP_CONST_BUILTIN:
        return x->as.builtin == y->as.builtin ? SURE_YES : SURE_NO;
    case MP_CONST_OWN:
        return x == y ? SURE_YES : SURE_NO;
    case MP_CONST_NIL:
    case MP_CONST_BOOL:
    case MP_CONST_INT:
    case MP_CONST_FLOAT:
    case MP_CONST_CLOSURE:
    case MP_CONST_MADE:
    case MP_CONST_OPAQUE:
        break;
    }
    return NOT_SURE;
}

/* `x` is an array or reference. */
static sure equal_object(const mp_node *x, const mp_node *y)
{
    if (x == y)
        return SURE_YES;
    if (x->type == MP_TYPE_REF && y->type == MP_TYPE_REF)
        return equal_refs(x->as.constant, y->as.constant);
    if (x->op == MP_OP_PARAM && y->op == MP_OP_PARAM)
        return SURE_NO;
    if (x->type == y->type || y->op == MP_OP_PHI)
        return NOT_SURE;
    return SURE_NO;
}

static bool is_object(const mp_node *node)
{
    return node->type == MP_TYPE_ARRAY || node->type == MP_TYPE_REF;
}

/* `y` is nil or a boolean; a number is neither. */
static bool differs(const mp_builder *b, const mp_node *x, const mp_node *y)
{
    return y->op == MP_OP_CONST &&
           (y->type == MP_TYPE_NIL || y->type == MP_TYPE_BOOL) &&
           (mp__build_is_number(b->spec, x) ||
            (x->type == MP_TYPE_BOOL && y->type == MP_TYPE_NIL));
}

static sure equal(mp_builder *b, const mp_node *x, const mp_node *y)
{
    if (is_object(x) || is_object(y)) {
        sure known = is_object(x) ? equal_object(x, y) : equal_object(y, x);
        if (known == NOT_SURE)
            mp__unit_refuse(b->unit, b->line, NULL,
                            "whether %s equals another is not compiled",
                            mp__build_what(is_object(x) ? x : y));
        return known;
    }
    if (x->op == MP_OP_CONST && y->op == MP_OP_CONST)
        return equal_consts(x, y);
    return differs(b, x, y) || differs(b, y, x) ? SURE_NO : NOT_SURE;
}

mp_node *mp__build_equal(mp_builder *b, mp_node *x, mp_node *y)
{
    check_row(b, x);
    check_row(b, y);
    mp_node *kind = mp__build_equal_kind(b, x, y);
    if (kind != NULL)
        return kind;
    sure known = equal(b, x, y);
    if (known != NOT_SURE)
        return mp__build_bool(b, known == SURE_YES);
    return mp__ir_add(b->func, b->at, MP_OP_EQ, b->line, 2, x, y);
}
