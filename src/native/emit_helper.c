/* Functions of the emitted text's own: those that templates describe, and
 * those that depend on the number of lanes. */
#include <string.h>

#include "native/emit_template.h"
#include "native/emit_writing.h"

#define PURE "nounwind readnone willreturn"

/* A helper is inlined in at most so many places, or if its text is short; that
 * of gathers and scatters is what LLVM makes of it. */
#define MOST_INLINED 32
#define SHORT_HELPER 160
#define ACCESS_SIZE 4000

/* ---- asking ------------------------------------------------------------- */

void mp__emit_declare(mp_emit *e, const char *declaration)
{
    for (int k = 0; k < e->ndeclared; k++) {
        if (strcmp(e->declared[k], declaration) == 0)
            return;
    }
    MP_UNIT_PUSH(e->unit, e->declared, e->ndeclared, declaration);
}

/* The rest of `text` behind `prefix`, or NULL where it begins otherwise. */
static const char *after(const char *text, const char *prefix)
{
    size_t size = strlen(prefix);
    return strncmp(text, prefix, size) == 0 ? text + size : NULL;
}

/* "1.exp" is a function of C's library. */
static const char *library_function(mp_emit *e, const char *name)
{
    const char *function = name + 2;
    if (strncmp(function, "mp.", 3) == 0)
        return mp__emit_helper(e, function, false);
    mp__emit_declare(
        e,
        mp__write_text(e->unit, "declare double @%s(double%s) nobuiltin " PURE,
                       function, name[0] == '2' ? ", double" : ""));
    return mp__write_text(e->unit, "@%s", function);
}

const char *mp__emit_helper(mp_emit *e, const char *name, bool wide)
{
    wide = wide && e->lanes > 1;
    const char *call = after(name, "call.");
    if (call != NULL && !wide)
        return library_function(e, call);
    int k = 0;
    while (k < e->nhelpers && (e->helpers[k].wide != wide ||
                               strcmp(e->helpers[k].name, name) != 0))
        k++;
    if (k == e->nhelpers) {
        mp_helper helper = {name, wide, 0};
        MP_UNIT_PUSH(e->unit, e->helpers, e->nhelpers, helper);
    }
    e->helpers[k].uses++;
    return mp__write_text(e->unit, "@%s.%s", name, wide ? "v" : "s");
}

/* ---- templates ---------------------------------------------------------- */

/* "$(i64 7)", `at` behind the parenthesis; returns what follows. */
static const char *expand_constant(mp_emit *e, const char *at, bool wide)
{
    const char *end = strchr(at, ')');
    mp_writer one = {.unit = e->unit};
    if (after(at, "mask ") != NULL)
        mp__write(&one, "%s", e->bits ? "i1 true" : "i64 -1");
    else
        mp__write_bytes(&one, at, (size_t)(end - at));
    if (!wide) {
        mp__write(&e->text, "%s", strchr(one.text, ' ') + 1);
        return end + 1;
    }
    for (int lane = 0; lane < e->lanes; lane++)
        mp__write(&e->text, "%s%s", lane == 0 ? "<" : ", ", one.text);
    mp__write(&e->text, ">");
    return end + 1;
}

static const char *expand_type(mp_emit *e, const char *at, bool wide)
{
    const char *type = "double";
    switch (*at) {
    case '(':
        return expand_constant(e, at + 1, wide);
    case 'i':
        type = "i64";
        break;
    case 'b':
        type = "i1";
        break;
    case 's':
        type = "float";
        break;
    case 'w':
        type = "i32";
        break;
    case 'm':
        mp__write(&e->text, "%s", mp__emit_type(e, MP_TYPE_BOOL, wide));
        return at + 1;
    }
    mp__write(&e->text, "%s", wide ? mp__emit_vector_of(e, type) : type);
    return at + 1;
}

/* "1.floor" is an intrinsic. */
static const char *intrinsic(mp_emit *e, const char *name, bool wide)
{
    const char *type = mp__emit_type(e, MP_TYPE_FLOAT, wide);
    const char *function =
        wide ? mp__write_text(e->unit, "@llvm.%s.v%df64", name + 2, e->lanes)
             : mp__write_text(e->unit, "@llvm.%s.f64", name + 2);
    mp_writer text = {.unit = e->unit};
    mp__write(&text, "declare %s %s(%s", type, function, type);
    for (int k = 1; k < name[0] - '0'; k++)
        mp__write(&text, ", %s", type);
    mp__write(&text, ")");
    mp__emit_declare(e, text.text);
    return function;
}

static const char *expand_name(mp_emit *e, const char *at, const char *self,
                               bool wide)
{
    size_t size = strspn(at, "abcdefghijklmnopqrstuvwxyz_0123456789.");
    const char *name = mp__unit_copy(e->unit, at, size);
    const char *in = after(name, "in.");
    if (strcmp(name, "self") == 0)
        mp__write(&e->text, "@%s.%s", self, wide ? "v" : "s");
    else if (in != NULL)
        mp__write(&e->text, "%s", intrinsic(e, in, wide));
    else if (after(name, "mp.") != NULL || after(name, "call.") != NULL)
        mp__write(&e->text, "%s", mp__emit_helper(e, name, wide));
    else
        mp__write(&e->text, "@%s", name);
    return at + size;
}

/* The attribute of a helper that is called in so many places: a long one in
 * many would take LLVM minutes. */
static const char *inlining(int uses, size_t size)
{
    return uses > MOST_INLINED && size > SHORT_HELPER ? "noinline"
                                                      : "alwaysinline";
}

static void expand(mp_emit *e, const mp_template *template,
                   const mp_helper *helper)
{
    const char *at = template->text;
    bool wide = helper->wide;
    while (*at != '\0') {
        size_t plain = strcspn(at, "$@");
        mp__write_bytes(&e->text, at, plain);
        at += plain;
        if (at[0] == '$' && at[1] == 'a') {
            mp__write(&e->text, "%s",
                      inlining(helper->uses, strlen(template->text)));
            at += 2;
        } else if (*at == '$')
            at = expand_type(e, at + 1, wide);
        else if (*at == '@')
            at = expand_name(e, at + 1, template->name, wide);
    }
}

static const mp_template *find_template(const mp_emit *e, const char *name,
                                        bool wide)
{
    mp_template_form other = wide ? MP_TEMPLATE_SCALAR : MP_TEMPLATE_WIDE;
    const mp_template *t = mp__emit_templates;
    int isa = (int)e->spec->isa;
    while (strcmp(t->name, name) != 0 || t->form == other || isa < t->least ||
           isa > t->most)
        t++;
    return t;
}

/* ---- writing ------------------------------------------------------------ */

static void write_helper(mp_emit *e, mp_helper helper)
{
    const char *name = helper.name, *rest;
    bool wide = helper.wide;
    if (strcmp(name, "mp.any") == 0)
        mp__emit_write_any(e);
    else if (strcmp(name, "mp.some") == 0)
        mp__emit_write_some(e, wide);
    else if (strcmp(name, "mp.philox") == 0)
        mp__emit_write_philox(e, wide);
    else if ((rest = after(name, "call.")) != NULL)
        mp__emit_write_call(e, rest);
    else if ((rest = after(name, "gather.")) != NULL)
        mp__emit_write_gather(e, rest, inlining(helper.uses, ACCESS_SIZE));
    else if ((rest = after(name, "scatter.")) != NULL)
        mp__emit_write_scatter(e, rest, inlining(helper.uses, ACCESS_SIZE));
    else
        expand(e, find_template(e, name, wide), &helper);
}

void mp__emit_helpers(mp_emit *e)
{
    /* A helper may ask for others. */
    for (int k = 0; k < e->nhelpers; k++)
        write_helper(e, e->helpers[k]);
    for (int k = 0; k < e->ndeclared; k++)
        mp__write(&e->text, "%s\n", e->declared[k]);
}
