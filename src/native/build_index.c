/* Indexing: elements and rows of arrays, fields of tables that are known, and
 * globals, which are fields of the environment.
 *
 * No table changes while a kernel runs, for a kernel that writes to one is
 * refused; so all fields are what they are now. The setup's tables may change:
 * see build_shared.c. Those that the kernel makes are for build_table.c. */
#include <math.h>
#include <string.h>

#include "native/build.h"

/* How often __index may lead to another table; Lua goes on a little longer. */
#define MOST_BEYOND 100

/* ---- tables ------------------------------------------------------------- */

static const mp_constant *find_field(const mp_table *table, const char *key)
{
    for (int k = 0; k < table->nfields; k++) {
        if (strcmp(table->fields[k].key, key) == 0)
            return table->fields[k].value;
    }
    return NULL;
}

static const mp_constant *find_item(const mp_table *table, int64_t index)
{
    if (index < 1 || index > table->nitems)
        return NULL;
    return table->items[index - 1];
}

/* The integer that a key is, floats with an integer's value too. */
static bool is_integer_key(const mp_node *key, int64_t *value)
{
    if (key->op != MP_OP_CONST)
        return false;
    if (key->type == MP_TYPE_INT) {
        *value = key->as.i;
        return true;
    }
    if (key->type != MP_TYPE_FLOAT || floor(key->as.f) != key->as.f ||
        !(fabs(key->as.f) < 0x1p63))
        return false;
    *value = (int64_t)key->as.f;
    return true;
}

/* What is in the table itself under a constant key, or NULL. */
static const mp_constant *find_raw(const mp_table *table, const mp_node *key)
{
    int64_t index;
    const char *text = mp__build_text(key);
    if (text != NULL)
        return find_field(table, text);
    return is_integer_key(key, &index) ? find_item(table, index) : NULL;
}

static void check_shared(mp_builder *b, const mp_table *table, const char *name)
{
    if (mp__build_is_shared(b, table))
        mp__unit_refuse(b->unit, b->line, "define it in the kernel's source",
                        "%s is from the pool's setup, and other kernels can "
                        "change it",
                        name);
}

static void check_odd(mp_builder *b, const mp_table *table, const char *name)
{
    if (table->odd)
        mp__unit_refuse(b->unit, b->line, NULL,
                        "%s has a metatable or keys that are not compiled",
                        name);
}

static mp_node *table_field(mp_builder *b, const mp_table *table,
                            const mp_node *key, const char *name)
{
    check_shared(b, table, name);
    const char *text = mp__build_text(key);
    const char *what = text != NULL ? mp__build_quote(b, text) : name;
    const mp_constant *value = find_raw(table, key);
    for (int k = 0; value == NULL; k++) {
        check_odd(b, table, name);
        table = table->beyond;
        if (table == NULL)
            return mp__build_nil(b);
        if (k == MOST_BEYOND)
            mp__unit_refuse(b->unit, b->line, NULL,
                            "%s has too long a chain of __index", name);
        value = find_raw(table, key);
        if (value != NULL)
            check_shared(b, table, what);
    }
    return mp__build_constant(b, value);
}

static bool all_of_kind(const mp_table *table, mp_constant_kind kind)
{
    for (int k = 0; k < table->nitems; k++) {
        if (table->items[k]->kind != kind)
            return false;
    }
    return table->nitems > 0;
}

static mp_node *table_item(mp_builder *b, mp_node *object, mp_node *key,
                           const char *name)
{
    const mp_table *table = object->as.constant->as.table;
    check_shared(b, table, name);
    if (!all_of_kind(table, MP_CONST_INT) &&
        !all_of_kind(table, MP_CONST_FLOAT))
        mp__unit_refuse(b->unit, b->line,
                        "make it a list of floats or a list of integers",
                        "%s is indexed by a computed value, and is no list of "
                        "numbers of one type",
                        name);
    mp__build_expect_value(b, key, "an index that is");
    return mp__ir_add(b->func, b->at, MP_OP_ITEM, b->line, 2, object, key);
}

static mp_node *index_ref(mp_builder *b, mp_node *object, mp_node *key,
                          const char *name)
{
    const mp_constant *constant = object->as.constant;
    if (mp__build_is_string(object))
        mp__build_expect_value(b, object, "");
    if (constant->kind == MP_CONST_OWN)
        return mp__build_table_load(b, object, key, name);
    if (constant->kind == MP_CONST_OPAQUE)
        mp__unit_refuse(b->unit, b->line, NULL, "%s is not compiled",
                        constant->name != NULL ? constant->name : name);
    if (constant->kind != MP_CONST_TABLE)
        mp__unit_refuse(b->unit, b->line, NULL,
                        "%s is %s: indexing it raises an error", name,
                        mp__build_what(object));
    bool known = key->op == MP_OP_CONST || mp__build_text(key) != NULL;
    return known ? table_field(b, constant->as.table, key, name)
                 : table_item(b, object, key, name);
}

/* ---- arrays ------------------------------------------------------------- */

static mp_node *array_method(mp_builder *b, const char *key)
{
    for (int k = 0; k < MP_NMETHODS; k++) {
        if (strcmp(b->methods[k].name, key) == 0)
            return mp__build_constant(b, &b->methods[k]);
    }
    mp__unit_refuse(b->unit, b->line, NULL,
                    "an array has no method '%s': that raises an error", key);
}

static mp_node *index_array(mp_builder *b, mp_node *object, mp_node *key)
{
    const char *text = mp__build_text(key);
    if (text != NULL)
        return array_method(b, text);
    mp__build_expect_value(b, key, "an array's index that is");
    mp_op op = object->rank > 1 ? MP_OP_ROW : MP_OP_LOAD;
    mp_node *node = mp__ir_add(b->func, b->at, op, b->line, 2, object, key);
    if (op == MP_OP_ROW) {
        node->rank = object->rank - 1;
        node->root = object->root;
    }
    return node;
}

/* ------------------------------------------------------------------------- */

/* What is neither an array nor known. */
_Noreturn static void refuse_object(mp_builder *b, const mp_node *object,
                                    const char *name)
{
    if (object->op == MP_OP_PHI)
        mp__unit_refuse(
            b->unit, b->line, "index each array or table where it is chosen",
            "%s is not the same array or table on all ways here", name);
    mp__unit_refuse(b->unit, b->line, NULL,
                    "%s is %s: indexing it raises an error", name,
                    mp__build_what(object));
}

mp_node *mp__build_index(mp_builder *b, mp_node *object, mp_node *key,
                         const char *name)
{
    if (object->type == MP_TYPE_ARRAY)
        return index_array(b, object, key);
    if (object->type == MP_TYPE_REF)
        return index_ref(b, object, key, name);
    refuse_object(b, object, name);
}

void mp__build_store(mp_builder *b, mp_node *object, mp_node *key,
                     mp_node *value, const char *name)
{
    if (mp__ir_own(b->func, object) != NULL) {
        mp__build_table_store(b, object, key, value, name);
        return;
    }
    if (object->type == MP_TYPE_REF)
        mp__unit_refuse(b->unit, b->line, "write to an array",
                        "%s is %s: writing to it is not compiled", name,
                        mp__build_what(object));
    if (object->type != MP_TYPE_ARRAY)
        refuse_object(b, object, name);
    mp__build_expect_value(b, key, "an array's index that is");
    mp__build_expect_value(b, value, "an array's element that is");
    if (object->rank > 1)
        mp__unit_refuse(b->unit, b->line, "index it further",
                        "a row of %s cannot be assigned", name);
    if (b->spec->params[object->root].readonly)
        mp__unit_refuse(b->unit, b->line, NULL, "%s is read-only", name);
    mp__ir_add(b->func, b->at, MP_OP_STORE, b->line, 3, object, key, value);
}

mp_node *mp__build_length(mp_builder *b, mp_node *object, const char *name)
{
    if (object->type == MP_TYPE_ARRAY)
        return mp__ir_add(b->func, b->at, MP_OP_LEN, b->line, 1, object);
    if (mp__ir_own(b->func, object) != NULL)
        return mp__build_table_length(b, object);
    if (mp__build_text(object) != NULL)
        return mp__build_int(b, (int64_t)strlen(mp__build_text(object)));
    if (mp__build_is_string(object))
        mp__build_expect_value(b, object, "");
    if (object->type != MP_TYPE_REF ||
        object->as.constant->kind != MP_CONST_TABLE)
        refuse_object(b, object, name);
    const mp_table *table = object->as.constant->as.table;
    check_shared(b, table, name);
    check_odd(b, table, name);
    return mp__build_int(b, table->nitems);
}
