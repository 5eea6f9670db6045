/* Tables made in the kernel: scalar replacement.
 *
 *     %2: ref = ref own 0
 *     tstore %2 1 %0
 *     branch %1 b1 b2
 *     b1: tstore %2 1 %3
 *         jump b2
 *     b2: %4: any = tload %2 1      b2: %4: any = phi %0 %3
 *
 * A table all of whose keys are constants is as many variables, of which SSA
 * form is found as for others (mask_values.h); what was not assigned is nil.
 * Names are such keys in any case.
 *
 * A matrix is a table of tables that is indexed by computed values. Its rows,
 * which are known from the start, have their places in memory of its own, one
 * behind the other; no row gets longer.
 *
 * Other tables get memory. Their length is a variable: all items from 1 to it
 * are numbers or booleans, and there are no others, so that what is outside
 * is nil. Indices are checked against it by TINDEX, or TGROW where an item may
 * be appended. */
#include "native/scalar.h"

#include "native/build.h"
#include "native/mask_values.h"
#include "native/passes.h"
#include "native/writer.h"

typedef struct slot {
    const mp_node *key;
    mp_var *var;
} slot;

typedef struct table {
    mp_own *own;
    mp_node *ref;  /* NULL: nobody uses it */
    bool computed; /* a key is */
    bool measured; /* its length is asked for */
    bool loose;    /* it may have other items than the constructor's */
    mp_node *nil;  /* where it is made: what is in it */
    int nslots;
    slot *slots;
    mp_var *length; /* of what is in memory, or NULL */
} table;

typedef struct scalar {
    mp_func *func;
    table *tables; /* by own's id */
    mp_values *values;
    mp_node **memories; /* of tables of rows: REFs, by own's id */
    int nrows;
    mp_node **rows; /* TROWs */
    int ngone;
    mp_node **gone; /* accesses that become values */
    int ngrowths;
    mp_growth *growths;
} scalar;

/* ---- rows --------------------------------------------------------------- */

static mp_node *make(scalar *s, mp_node *before, mp_op op, int nargs,
                     mp_node *const *args)
{
    return mp__ir_insert(before,
                         mp__ir_node(s->func, op, before->line, nargs, args));
}

static mp_node *make_int(const scalar *s, int64_t value)
{
    mp_node *node = mp__ir_node(s->func, MP_OP_CONST, 0, 0, NULL);
    node->type = MP_TYPE_INT;
    node->as.i = value;
    return mp__ir_prepend(s->func->entry, node);
}

/* The number of the row that an access to one is to, known to be one. */
static mp_node *row_number(scalar *s, mp_node *access, const mp_own *row)
{
    if (row->row != 0)
        return make_int(s, row->row);
    mp_node *args[] = {access->args[0]->args[1],
                       make_int(s, row->parent->nitems)};
    mp_node *number = make(s, access, MP_OP_TINDEX, 2, args);
    number->as.b = true;
    return number;
}

/* The index in a row, in memory that begins with the first row. */
static mp_node *flatten(scalar *s, mp_node *access, const mp_own *row)
{
    mp_node *width = make_int(s, row->nitems);
    mp_node *args[] = {access->args[1], width};
    mp_node *column = make(s, access, MP_OP_TINDEX, 2, args);
    mp_node *number = row_number(s, access, row);
    args[0] = number;
    args[1] = make_int(s, 1);
    number = make(s, access, MP_OP_SUB, 2, args);
    args[0] = number;
    args[1] = width;
    number = make(s, access, MP_OP_MUL, 2, args);
    args[0] = number;
    args[1] = column;
    return make(s, access, MP_OP_ADD, 2, args);
}

/* An access to a row is one to the memory of the table that it is in. */
static void flatten_access(scalar *s, mp_node *node, const mp_own *row)
{
    if (node->op == MP_OP_TLEN) {
        row_number(s, node, row);
        node->args[0] = make_int(s, row->nitems);
        MP_UNIT_PUSH(s->func->unit, s->gone, s->ngone, node);
        return;
    }
    if (node->args[1]->op == MP_OP_REF ||
        (node->args[1]->op == MP_OP_CONST &&
         (node->args[1]->as.i < 1 || node->args[1]->as.i > row->nitems)))
        mp__unit_refuse(s->func->unit, node->line,
                        "keep it in a table of its own",
                        "a row of a table has another item than the others");
    node->args[1] = flatten(s, node, row);
    node->args[0] = s->memories[row->parent->id];
}

static bool is_access(const mp_node *node)
{
    return node->op == MP_OP_TLOAD || node->op == MP_OP_TSTORE ||
           node->op == MP_OP_TLEN;
}

/* What a table of rows has itself are these, and names. */
static void flatten_table(scalar *s, mp_node *node)
{
    if (node->op != MP_OP_TSTORE || node->args[1]->type == MP_TYPE_REF)
        return;
    if (mp__ir_own(s->func, node->args[2]) == NULL)
        mp__unit_refuse(s->func->unit, node->line,
                        "keep it in a table of its own",
                        "a table of rows has another item that is none");
    mp__ir_remove(node);
}

static void flatten_node(scalar *s, mp_node *node)
{
    const mp_own *own = mp__ir_own(s->func, node->args[0]);
    if (own->parent != NULL && own->parent->rows)
        flatten_access(s, node, own);
    else if (own->rows)
        flatten_table(s, node);
}

/* Memory is a REF in the entry block, where rows may be made before the table
 * is that they are put into. */
static void flatten_all(scalar *s)
{
    mp_func *func = s->func;
    for (int k = 0; k < func->nowns; k++) {
        if (!func->owns[k]->rows)
            continue;
        mp_node *ref =
            mp__ir_node(func, MP_OP_REF, func->owns[k]->line, 0, NULL);
        ref->as.constant = &func->owns[k]->constant;
        s->memories[k] = mp__ir_prepend(func->entry, ref);
    }
    for (int k = 0; k < func->norder; k++) {
        mp_node *next, *node = func->order[k]->first;
        for (; node != NULL; node = next) {
            next = node->next;
            if (is_access(node))
                flatten_node(s, node);
            else if (node->op == MP_OP_TROW)
                MP_UNIT_PUSH(func->unit, s->rows, s->nrows, node);
        }
    }
    for (int k = 0; k < s->nrows; k++)
        mp__ir_remove(s->rows[k]);
}

/* ---- survey ------------------------------------------------------------- */

/* Whether it is one to a row, of which nothing is left to do. */
static bool is_settled(const scalar *s, const mp_node *node)
{
    const mp_own *own = mp__ir_own(s->func, node->args[0]);
    return own == NULL || node->args[0] == s->memories[own->id];
}

static table *table_of(const scalar *s, const mp_node *node)
{
    return &s->tables[mp__ir_own(s->func, node->args[0])->id];
}

static bool is_name(const mp_node *key)
{
    return key->op == MP_OP_REF;
}

static bool never_nil(const scalar *s, const mp_node *value)
{
    return value->type == MP_TYPE_BOOL || value->type == MP_TYPE_REF ||
           value->type == MP_TYPE_ARRAY ||
           mp__build_is_number(s->func->spec, value);
}

/* Whether a store leaves the length what the constructor makes it. */
static bool keeps_length(const scalar *s, const table *t, const mp_node *store)
{
    const mp_node *key = store->args[1];
    return key->op == MP_OP_CONST && key->as.i >= 1 &&
           key->as.i <= t->own->nitems && never_nil(s, store->args[2]);
}

/* v[#v + 1] */
static bool is_append(const mp_node *store)
{
    const mp_node *key = store->args[1];
    return key->op == MP_OP_ADD && key->args[0]->op == MP_OP_TLEN &&
           key->args[0]->args[0] == store->args[0] &&
           mp__ir_is_const_int(key->args[1]) && key->args[1]->as.i == 1;
}

static void survey_node(scalar *s, const mp_node *node)
{
    table *t = table_of(s, node);
    t->ref = node->args[0];
    if (node->op == MP_OP_TLEN) {
        t->measured = true;
        return;
    }
    if (is_name(node->args[1]))
        return;
    t->computed |= node->args[1]->op != MP_OP_CONST;
    if (node->op == MP_OP_TLOAD)
        return;
    t->loose |= !keeps_length(s, t, node);
    t->own->grows |= is_append(node);
}

static void survey(scalar *s)
{
    for (int k = 0; k < s->func->norder; k++) {
        const mp_node *node = s->func->order[k]->first;
        for (; node != NULL; node = node->next) {
            if (is_access(node) && !is_settled(s, node))
                survey_node(s, node);
        }
    }
}

static bool in_memory(const table *t)
{
    return t->computed || (t->measured && t->loose);
}

/* ---- variables ---------------------------------------------------------- */

static bool same_key(const mp_node *a, const mp_node *b)
{
    if (a == b)
        return true;
    return a->op == MP_OP_CONST && b->op == MP_OP_CONST && a->as.i == b->as.i;
}

static const char *name_of(const scalar *s, const mp_node *key)
{
    if (is_name(key))
        return key->as.constant->as.s;
    return mp__write_text(s->func->unit, "item %lld", (long long)key->as.i);
}

/* A constant where the table is made. */
static mp_node *make_const(const scalar *s, const table *t, mp_type type)
{
    mp_node *node = mp__ir_node(s->func, MP_OP_CONST, 0, 0, NULL);
    node->type = type;
    if (t->ref->next != NULL)
        return mp__ir_insert(t->ref->next, node);
    return mp__ir_append(t->ref->block, node);
}

/* A variable, which is `first` where the table is made. */
static mp_var *add_var(scalar *s, const table *t, const char *name,
                       mp_node *first)
{
    mp_node *stand = mp__ir_node(s->func, MP_OP_PHI, t->own->line, 0, NULL);
    stand->name = name;
    mp_var *var = mp__values_add(s->values, stand);
    mp__values_define(s->values, var, first);
    return var;
}

static mp_var *find_var(scalar *s, table *t, const mp_node *key)
{
    for (int k = 0; k < t->nslots; k++) {
        if (same_key(t->slots[k].key, key))
            return t->slots[k].var;
    }
    slot made = {key, add_var(s, t, name_of(s, key), t->nil)};
    MP_UNIT_PUSH(s->func->unit, t->slots, t->nslots, made);
    return made.var;
}

static void begin(scalar *s)
{
    for (int k = 0; k < s->func->nowns; k++) {
        table *t = &s->tables[k];
        if (t->ref == NULL)
            continue;
        t->nil = make_const(s, t, MP_TYPE_NIL);
        if (in_memory(t))
            t->length = add_var(s, t, NULL, make_const(s, t, MP_TYPE_INT));
    }
}

/* ---- accesses ----------------------------------------------------------- */

/* Argument k of a node becomes what a variable is there. */
static void use(scalar *s, mp_var *var, mp_node *node, int k)
{
    mp__values_use(s->values, var, &node->args[k], node->block, node);
}

static void load_item(scalar *s, const table *t, mp_node *load)
{
    mp_node *args[] = {load->args[1], t->nil};
    load->args[1] = make(s, load, MP_OP_TINDEX, 2, args);
    use(s, t->length, load->args[1], 1);
}

static void store_item(scalar *s, const table *t, mp_node *store)
{
    mp_node *args[] = {store->args[0], store->args[1], t->nil};
    mp_growth growth;
    if (store->args[2]->type == MP_TYPE_REF ||
        store->args[2]->type == MP_TYPE_ARRAY)
        mp__unit_refuse(s->func->unit, store->line,
                        "keep them in a table of their own",
                        "a table has items that are no numbers, and others at "
                        "computed indices");
    growth.grow = make(s, store, MP_OP_TGROW, 3, args);
    use(s, t->length, growth.grow, 2);
    store->args[1] = growth.grow;
    growth.length =
        make(s, store, MP_OP_BUILTIN, 2, (mp_node *[]){t->nil, growth.grow});
    growth.length->as.builtin = MP_BUILTIN_MATH_MAX;
    use(s, t->length, growth.length, 0);
    mp__values_define(s->values, t->length, growth.length);
    MP_UNIT_PUSH(s->func->unit, s->growths, s->ngrowths, growth);
}

static void length(scalar *s, const table *t, mp_node *node)
{
    if (t->length != NULL) {
        use(s, t->length, node, 0);
        return;
    }
    mp_node *items = make_const(s, t, MP_TYPE_INT);
    items->as.i = t->own->nitems;
    node->args[0] = items;
}

static void rewrite(scalar *s, mp_node *node)
{
    table *t = table_of(s, node);
    bool item = node->op != MP_OP_TLEN && !is_name(node->args[1]);
    if (item && in_memory(t)) {
        if (node->op == MP_OP_TLOAD)
            load_item(s, t, node);
        else
            store_item(s, t, node);
        return;
    }
    if (node->op == MP_OP_TLEN)
        length(s, t, node);
    else if (node->op == MP_OP_TLOAD)
        use(s, find_var(s, t, node->args[1]), node, 0);
    else
        mp__values_define(s->values, find_var(s, t, node->args[1]), node);
    MP_UNIT_PUSH(s->func->unit, s->gone, s->ngone, node);
}

static void rewrite_all(scalar *s)
{
    for (int k = 0; k < s->func->norder; k++) {
        mp_node *next, *node = s->func->order[k]->first;
        for (; node != NULL; node = next) {
            next = node->next;
            if (is_access(node) && !is_settled(s, node))
                rewrite(s, node);
        }
    }
}

/* Loads become what they load, stores what they store. */
static void replace_gone(scalar *s)
{
    mp_func *func = s->func;
    size_t size = (size_t)func->nnodes;
    mp_node **by = mp__unit_alloc(func->unit, size * sizeof *by);
    for (int k = 0; k < s->ngone; k++) {
        const mp_node *node = s->gone[k];
        by[node->id] = node->args[node->op == MP_OP_TSTORE ? 2 : 0];
    }
    mp__ir_replace_all(func, by);
    for (int k = 0; k < s->ngone; k++)
        mp__ir_remove(s->gone[k]);
}

/* ---- what is no number -------------------------------------------------- */

static bool takes_object(mp_op op)
{
    return op == MP_OP_LEN || op == MP_OP_SIZE || op == MP_OP_ROW ||
           op == MP_OP_LOAD || op == MP_OP_STORE || op == MP_OP_ITEM ||
           op == MP_OP_TLOAD || op == MP_OP_TSTORE || op == MP_OP_TGROW;
}

static void check_number(const mp_func *func, const mp_node *node, int line)
{
    if (node != NULL &&
        (node->type == MP_TYPE_REF || node->type == MP_TYPE_ARRAY))
        mp__unit_refuse(func->unit, line, "let functions assign numbers only",
                        "a local that a function assigns is %s",
                        mp__build_what(node));
}

/* Whatever a cell holds may have become an argument. */
static void check_objects(const mp_func *func)
{
    for (int k = 0; k < func->norder; k++) {
        const mp_block *block = func->order[k];
        for (const mp_node *node = block->first; node != NULL;
             node = node->next) {
            for (int i = takes_object(node->op); i < node->nargs; i++)
                check_number(func, node->args[i], node->line);
        }
        check_number(func, block->cond, block->line);
    }
}

void mp__scalar_run(mp_func *func)
{
    scalar s = {.func = func, .values = mp__values_new(func)};
    if (func->nowns == 0)
        return;
    size_t size = (size_t)func->nowns;
    s.tables = mp__unit_alloc(func->unit, size * sizeof *s.tables);
    s.memories = mp__unit_alloc(func->unit, size * sizeof *s.memories);
    for (int k = 0; k < func->nowns; k++)
        s.tables[k].own = func->owns[k];
    flatten_all(&s);
    survey(&s);
    begin(&s);
    rewrite_all(&s);
    mp__values_rebuild(s.values);
    replace_gone(&s);
    mp__scalar_lengths(func, s.ngrowths, s.growths);
    mp__build_prune(func);
    check_objects(func);
}
