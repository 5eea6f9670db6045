/* Strings that the kernel makes, for messages of errors.
 *
 *     assert(x > 0, "not positive: " .. x)
 *     if n > 9 then error(("%d is too much"):format(n)) end
 *
 * The interpreter raises the errors: what is in a message does not matter here,
 * and no code makes one. But to make it may be an error of its own, as
 * ("%d"):format(0.5) is. Where that may be, or a function is not known so well,
 * there is a doubt: all that follows has to end in an error, so that the
 * interpreter runs the item in any case. */
#include <string.h>

#include "native/build.h"

/* Longer strings might be those that do not fit in the interpreter's memory. */
#define MOST_BYTES 4096
#define DOUBTFUL (MOST_BYTES + 1)
/* What tostring makes of a number, and "%99.99f" of one. */
#define NUMBER_BYTES 32
#define FORMAT_BYTES 512

/* The name of methods of strings, too. */
static const char STRINGS[] = "strings";

static bool is_made(const mp_node *node)
{
    return node->op == MP_OP_REF && node->as.constant->kind == MP_CONST_MADE;
}

bool mp__build_is_string(const mp_node *node)
{
    return mp__build_text(node) != NULL || is_made(node);
}

/* `name`: of what makes it, for doubts. */
static mp_node *make(mp_builder *b, size_t bytes, const char *name)
{
    if (bytes > MOST_BYTES) {
        mp_doubt doubt = {.block = b->at, .line = b->line, .name = name};
        MP_UNIT_PUSH(b->unit, b->doubts, b->ndoubts, doubt);
    }
    mp_constant *constant = mp__unit_alloc(b->unit, sizeof *constant);
    constant->kind = MP_CONST_MADE;
    constant->as.i = (int64_t)bytes;
    mp_node *ref = mp__ir_node(b->func, MP_OP_REF, b->line, 0, NULL);
    ref->as.constant = constant;
    return mp__ir_append(b->at, ref);
}

/* ---- how long they may be ----------------------------------------------- */

/* Of what `..` takes: strings and numbers. */
static size_t bytes_of(const mp_builder *b, const mp_node *node)
{
    const char *text = mp__build_text(node);
    if (text != NULL)
        return strlen(text);
    if (is_made(node))
        return (size_t)node->as.constant->as.i;
    return mp__build_is_number(b->spec, node) ? NUMBER_BYTES : DOUBTFUL;
}

static size_t bytes_of_tostring(const mp_builder *b, const mp_node *node)
{
    bool plain = node->type != MP_TYPE_REF && node->type != MP_TYPE_ARRAY;
    return plain ? NUMBER_BYTES : bytes_of(b, node);
}

/* At most two digits. */
static const char *skip_digits(const char *at)
{
    for (int k = 0; k < 2 && *at >= '0' && *at <= '9'; k++)
        at++;
    return at;
}

/* The end of a conversion that takes any number, as "-8.3f" does, or NULL.
 * "d" takes integers only. */
static const char *skip_conversion(const char *at)
{
    if (*at == '-' || *at == '+')
        at++;
    at = skip_digits(at);
    if (*at == '.')
        at = skip_digits(at + 1);
    return *at != '\0' && strchr("eEfgGs", *at) != NULL ? at + 1 : NULL;
}

static size_t bytes_of_format(const mp_builder *b, int nargs,
                              mp_node *const *args)
{
    const char *at = mp__build_text(args[0]);
    int taken = 1;
    if (at == NULL)
        return DOUBTFUL;
    size_t bytes = strlen(at);
    while ((at = strchr(at, '%')) != NULL) {
        if (at[1] == '%') {
            at += 2;
            continue;
        }
        at = skip_conversion(at + 1);
        if (at == NULL || taken == nargs ||
            !mp__build_is_number(b->spec, args[taken++]))
            return DOUBTFUL;
        bytes += FORMAT_BYTES;
    }
    return bytes;
}

/* ---- what makes them ---------------------------------------------------- */

mp_node *mp__build_concat(mp_builder *b, const mp_activation *act, int first,
                          int last)
{
    size_t bytes = 0;
    for (int reg = first; reg <= last; reg++)
        bytes += bytes_of(b, mp__build_register(b, act, reg));
    return make(b, bytes, STRINGS);
}

mp_node *mp__build_string_method(mp_builder *b)
{
    mp_constant *method = mp__unit_alloc(b->unit, sizeof *method);
    method->kind = MP_CONST_OPAQUE;
    method->name = STRINGS;
    return mp__build_constant(b, method);
}

mp_node *mp__build_string_call(mp_builder *b, const char *name, int nargs,
                               mp_node *const *args)
{
    size_t bytes = DOUBTFUL;
    if (strcmp(name, "tostring") == 0) {
        if (nargs > 0)
            bytes = bytes_of_tostring(b, args[0]);
    } else if (strcmp(name, "string.format") == 0) {
        if (nargs > 0)
            bytes = bytes_of_format(b, nargs, args);
    } else if (name != STRINGS && strncmp(name, "string.", 7) != 0) {
        return NULL;
    }
    return make(b, bytes, name);
}

/* ------------------------------------------------------------------------- */

_Noreturn static void refuse(mp_unit *unit, const mp_doubt *doubt)
{
    if (doubt->name == STRINGS)
        mp__unit_refuse(unit, doubt->line, "move the string out of the kernel",
                        "strings are not compiled");
    mp__unit_refuse(unit, doubt->line, "call it where an error is raised",
                    "%s is not compiled", doubt->name);
}

void mp__build_check_doubts(mp_builder *b)
{
    for (int k = 0; k < b->ndoubts; k++) {
        for (int i = 0; i < b->func->norder; i++) {
            if (b->func->order[i] == b->doubts[k].block)
                refuse(b->unit, &b->doubts[k]);
        }
    }
}
