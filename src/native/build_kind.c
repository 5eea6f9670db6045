/* math.type: integers and floats told apart.
 *
 *     math.type(x) == "integer"      %1: bool = is_int %0
 *
 * What it returns is a string that `infer` alone knows. To compare it with one
 * that is known here is all that can be done with it. */
#include <string.h>

#include "native/build.h"

static const char RESULT[] = "what math.type returns";

typedef struct kind_ref {
    mp_constant constant; /* the first member: a REF's constant leads here */
    mp_node *of;
} kind_ref;

mp_node *mp__build_kind(mp_builder *b, mp_node *value)
{
    if (value->type == MP_TYPE_REF || value->type == MP_TYPE_ARRAY ||
        value->type == MP_TYPE_NIL || value->type == MP_TYPE_BOOL)
        return mp__build_nil(b);
    kind_ref *kind = mp__unit_alloc(b->unit, sizeof *kind);
    kind->constant.kind = MP_CONST_OPAQUE;
    kind->constant.name = RESULT;
    kind->of = value;
    mp_node *ref = mp__ir_node(b->func, MP_OP_REF, b->line, 0, NULL);
    ref->as.constant = &kind->constant;
    return mp__ir_append(b->at, ref);
}

/* The value that a node is the kind of, or NULL. */
static mp_node *value_of(const mp_node *node)
{
    if (node->op != MP_OP_REF || node->as.constant->name != RESULT)
        return NULL;
    return ((const kind_ref *)node->as.constant)->of;
}

void mp__build_check_kind(mp_builder *b, const mp_node *node)
{
    const mp_node *value = value_of(node);
    if (value != NULL && !mp__build_is_number(b->spec, value))
        mp__unit_refuse(b->unit, b->line,
                        "compare it with 'integer' or 'float'",
                        "whether math.type returns nil is not compiled");
}

mp_node *mp__build_equal_kind(mp_builder *b, mp_node *x, mp_node *y)
{
    mp_node *kind = value_of(x) != NULL ? x : y;
    mp_node *value = value_of(kind);
    const char *text = mp__build_text(kind == x ? y : x);
    if (value == NULL)
        return NULL;
    if (text == NULL) {
        mp__build_check_kind(b, kind);
        return NULL;
    }
    bool is_int = strcmp(text, "integer") == 0;
    if (!is_int && strcmp(text, "float") != 0)
        return mp__build_bool(b, false);
    mp_op op = is_int ? MP_OP_IS_INT : MP_OP_IS_FLOAT;
    return mp__ir_add(b->func, b->at, op, b->line, 1, value);
}
