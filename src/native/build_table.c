/* Tables made in the kernel: what is done with them becomes TLOAD, TSTORE and
 * TLEN of a REF that is known wherever it goes, like a function.
 *
 *     local v = {x, 1}              %2: ref = ref own 0
 *     v[2] = v[1]                   tstore %2 1 %0
 *                                   tstore %2 2 1
 *                                   %3: any = tload %2 1
 *                                   tstore %2 2 %3
 *
 * Numbers and booleans stand in them. A field with something else, a table or
 * an array, has to be known here: it is set where the table is made, and never
 * again. */
#include <math.h>

#include "native/build.h"
#include "native/opcode.h"

/* Items of a table that one SETLIST stands for at most. */
#define FIELDS_PER_FLUSH 50

static mp_own *make_own(mp_builder *b)
{
    mp_func *func = b->func;
    mp_own *own = mp__unit_alloc(b->unit, sizeof *own);
    own->constant.kind = MP_CONST_OWN;
    own->id = func->nowns;
    own->line = b->line;
    own->run = b->run;
    MP_UNIT_PUSH(b->unit, func->owns, func->nowns, own);
    return own;
}

mp_node *mp__build_own(mp_builder *b)
{
    mp_node *ref = mp__ir_node(b->func, MP_OP_REF, b->line, 0, NULL);
    ref->as.constant = &make_own(b)->constant;
    return mp__ir_append(b->at, ref);
}

/* ---- keys --------------------------------------------------------------- */

_Noreturn static void refuse_key(mp_builder *b, const char *what)
{
    mp__unit_refuse(b->unit, b->line, "use integers from 1, or names",
                    "a key that is %s is not compiled in a table made in the "
                    "kernel",
                    what);
}

/* A key that is known is one of a kind: a string, or an integer. */
static mp_node *settle_key(mp_builder *b, mp_node *key)
{
    if (mp__build_text(key) != NULL)
        return key;
    if (key->type == MP_TYPE_REF || key->type == MP_TYPE_ARRAY ||
        key->type == MP_TYPE_NIL || key->type == MP_TYPE_BOOL)
        refuse_key(b, mp__build_what(key));
    if (key->op != MP_OP_CONST || key->type != MP_TYPE_FLOAT)
        return key;
    if (floor(key->as.f) != key->as.f || !(fabs(key->as.f) < 0x1p63))
        refuse_key(b, "no integer");
    return mp__build_int(b, (int64_t)key->as.f);
}

static bool is_known(const mp_node *key)
{
    return key->op == MP_OP_CONST || key->op == MP_OP_REF;
}

/* ---- fields that are known ---------------------------------------------- */

static bool is_object(const mp_node *node)
{
    return node->type == MP_TYPE_REF || node->type == MP_TYPE_ARRAY;
}

static mp_node *find_field(const mp_own *own, const mp_node *key)
{
    for (int k = 0; k < own->nfields; k++) {
        if (own->fields[k].key == key)
            return own->fields[k].value;
    }
    return NULL;
}

static bool has_item_objects(const mp_own *own)
{
    for (int k = 0; k < own->nfields; k++) {
        if (own->fields[k].key->type == MP_TYPE_INT)
            return true;
    }
    return false;
}

static void check_object(mp_builder *b, const mp_own *own, const mp_node *key,
                         const mp_node *value, bool making, const char *name)
{
    if (find_field(own, key) != NULL ||
        (!is_known(key) && has_item_objects(own)))
        mp__unit_refuse(b->unit, b->line, "assign what is in it instead",
                        "an item of %s that is no number is replaced", name);
    if (own->parent != NULL && (is_object(value) || key->type == MP_TYPE_REF))
        mp__unit_refuse(b->unit, b->line, "use tables of numbers alone",
                        "a row of a table gets %s", mp__build_what(value));
    if (is_object(value) && (!is_known(key) || !(making || own->run == b->run)))
        mp__unit_refuse(b->unit, b->line,
                        "put it into the constructor, or use another local",
                        "%s gets an item that is %s where it is not made", name,
                        mp__build_what(value));
}

/* ---- rows --------------------------------------------------------------- */

static mp_own *row_of(const mp_builder *b, const mp_own *own, int row)
{
    for (int k = 0; k < own->nfields; k++) {
        const mp_node *key = own->fields[k].key;
        if (key->type == MP_TYPE_INT && key->as.i == row)
            return mp__ir_own(b->func, own->fields[k].value);
    }
    return NULL;
}

static int count_objects(const mp_own *own)
{
    int count = 0;
    for (int k = 0; k < own->nfields; k++)
        count += own->fields[k].key->type == MP_TYPE_INT;
    return count;
}

/* The rows of a table are in its memory, and are as long as one another. */
static void join_rows(mp_builder *b, mp_own *own, const char *name)
{
    bool good = count_objects(own) == own->nitems;
    for (int k = 1; k <= own->nitems; k++) {
        mp_own *row = row_of(b, own, k);
        if (!good || row == NULL || row->nfields > 0 || row->nitems == 0 ||
            row->nitems != row_of(b, own, 1)->nitems || row->parent != NULL)
            break;
        row->parent = own;
        row->row = k;
    }
    const mp_own *last = row_of(b, own, own->nitems);
    if (!good || last == NULL || last->row != own->nitems)
        mp__unit_refuse(b->unit, b->line,
                        "index it by a constant, or make it of as many numbers "
                        "in each row",
                        "%s is indexed by a computed value, and is no matrix",
                        name);
    own->rows = true;
}

static mp_node *load_row(mp_builder *b, mp_node *table, mp_node *key,
                         const char *name)
{
    mp_own *own = mp__ir_own(b->func, table);
    if (!own->rows)
        join_rows(b, own, name);
    mp_node *node =
        mp__ir_add(b->func, b->at, MP_OP_TROW, b->line, 2, table, key);
    mp_own *row = make_own(b);
    row->parent = own;
    row->nitems = row_of(b, own, 1)->nitems;
    node->as.constant = &row->constant;
    return node;
}

/* ---- reading and writing ------------------------------------------------ */

mp_node *mp__build_table_load(mp_builder *b, mp_node *table, mp_node *key,
                              const char *name)
{
    const mp_own *own = mp__ir_own(b->func, table);
    key = settle_key(b, key);
    mp_node *known = find_field(own, key);
    if (known != NULL)
        return known;
    if (!is_known(key) && has_item_objects(own))
        return load_row(b, table, key, name);
    return mp__ir_add(b->func, b->at, MP_OP_TLOAD, b->line, 2, table, key);
}

static void store(mp_builder *b, mp_node *table, mp_node *key, mp_node *value,
                  bool making, const char *name)
{
    mp_own *own = mp__ir_own(b->func, table);
    key = settle_key(b, key);
    check_object(b, own, key, value, making, name);
    if (is_object(value)) {
        mp_own_field field = {key, value};
        MP_UNIT_PUSH(b->unit, own->fields, own->nfields, field);
    }
    mp__ir_add(b->func, b->at, MP_OP_TSTORE, b->line, 3, table, key, value);
}

void mp__build_table_store(mp_builder *b, mp_node *table, mp_node *key,
                           mp_node *value, const char *name)
{
    store(b, table, key, value, false, name);
}

/* R(A)[(C - 1) * FIELDS_PER_FLUSH + k] = R(A + k), 1 <= k <= B. */
void mp__build_items(mp_builder *b, mp_activation *act, uint32_t code)
{
    int a = mp_code_a(code), counted = mp_code_b(code);
    int count = counted == 0 ? act->top - a - 1 : counted;
    int first = (mp_code_c(code) - 1) * FIELDS_PER_FLUSH;
    mp_node *table = mp__build_register(b, act, a);
    mp_own *own = mp__ir_own(b->func, table);
    if (mp_code_c(code) == 0 || first + count > MP_OWN_ITEMS)
        mp__unit_refuse(
            b->unit, b->line, "make it outside the function, or use an array",
            "a table made in the kernel has more than %d items", MP_OWN_ITEMS);
    for (int k = 1; k <= count; k++) {
        mp_node *key = mp__build_int(b, first + k);
        mp_node *item = mp__build_register(b, act, a + k);
        store(b, table, key, item, true, "a table");
    }
    own->nitems = first + count;
}

mp_node *mp__build_table_length(mp_builder *b, mp_node *table)
{
    return mp__ir_add(b->func, b->at, MP_OP_TLEN, b->line, 1, table);
}
