/* Generalized-ufunc signatures. */
#include "core/signature.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

typedef struct parser {
    const char *text;
    const char *at;
    mp_signature *signature;
    mp_error *err;
} parser;

static mp_status wrong(const parser *p, const char *what)
{
    return mp_error_set(p->err, MP_VALUE,
                        "signature \"%.100s\": %s at position %d; it should "
                        "look like \"(m,n),(n)->(m)\"",
                        p->text, what, (int)(p->at - p->text) + 1);
}

static void skip_space(parser *p)
{
    while (isspace((unsigned char)*p->at))
        p->at++;
}

static bool take(parser *p, char c)
{
    skip_space(p);
    if (*p->at != c)
        return false;
    p->at++;
    return true;
}

static mp_status parse_size(parser *p, mp_core_dim *out)
{
    int64_t value = 0;
    for (; isdigit((unsigned char)*p->at); p->at++) {
        if (value > INT64_MAX / 10 - 1)
            return wrong(p, "a size that is too large");
        value = 10 * value + (*p->at - '0');
    }
    *out = (mp_core_dim){.name = -1, .fixed = value};
    return MP_OK;
}

static mp_status parse_name(parser *p, mp_core_dim *out)
{
    mp_signature *s = p->signature;
    const char *start = p->at;
    while (isalnum((unsigned char)*p->at) || *p->at == '_')
        p->at++;
    size_t size = (size_t)(p->at - start);
    if (size >= sizeof s->names[0])
        return wrong(p, "a name of more than 15 characters");
    int k = 0;
    while (k < s->nnames && (strncmp(s->names[k], start, size) != 0 ||
                             s->names[k][size] != '\0'))
        k++;
    if (k == MP_SIGNATURE_NAMES)
        return wrong(p, "more than 32 names");
    if (k == s->nnames) {
        memcpy(s->names[k], start, size);
        s->names[k][size] = '\0';
        s->nnames++;
    }
    *out = (mp_core_dim){.name = k};
    return MP_OK;
}

static mp_status parse_dim(parser *p, mp_core *core)
{
    if (core->ndim == MP_MAX_NDIM)
        return wrong(p, "more than 64 dimensions");
    skip_space(p);
    mp_core_dim *dim = &core->dim[core->ndim++];
    mp_status status;
    if (isdigit((unsigned char)*p->at))
        status = parse_size(p, dim);
    else if (isalpha((unsigned char)*p->at) || *p->at == '_')
        status = parse_name(p, dim);
    else
        return wrong(p, "no dimension name");
    if (status == MP_OK && (*p->at == '?' || *p->at == '|'))
        return wrong(p, "an optional or broadcast dimension, which moonpool "
                        "does not have,");
    return status;
}

/* "(m,n)" */
static mp_status parse_core(parser *p, mp_core *core)
{
    if (!take(p, '('))
        return wrong(p, "no '('");
    if (take(p, ')'))
        return MP_OK;
    do {
        mp_status status = parse_dim(p, core);
        if (status != MP_OK)
            return status;
    } while (take(p, ','));
    return take(p, ')') ? MP_OK : wrong(p, "no ')'");
}

/* "(m,n),(n)", possibly empty, appended to the operands. */
static mp_status parse_list(parser *p, int *count)
{
    mp_signature *s = p->signature;
    skip_space(p);
    if (*p->at != '(')
        return MP_OK;
    do {
        if (s->nin + s->nout == MP_MAX_ARGS)
            return wrong(p, "more than 64 operands");
        mp_status status = parse_core(p, &s->operand[s->nin + s->nout]);
        if (status != MP_OK)
            return status;
        ++*count;
    } while (take(p, ','));
    return MP_OK;
}

static mp_status parse(parser *p)
{
    mp_status status = parse_list(p, &p->signature->nin);
    if (status != MP_OK)
        return status;
    if (!take(p, '-') || *p->at != '>')
        return wrong(p, "no '->'");
    p->at++;
    status = parse_list(p, &p->signature->nout);
    if (status != MP_OK)
        return status;
    skip_space(p);
    if (*p->at != '\0')
        return wrong(p, "something unexpected");
    if (p->signature->nout == 0)
        return wrong(p, "no output");
    return MP_OK;
}

mp_status mp_signature_parse(const char *text, mp_signature **out,
                             mp_error *err)
{
    int operands = 0;
    for (const char *c = text; *c != '\0'; c++)
        operands += *c == '(' && operands < MP_MAX_ARGS;
    mp_signature *signature =
        calloc(1, sizeof *signature + (size_t)operands * sizeof(mp_core));
    if (signature == NULL)
        return mp_error_set(err, MP_NO_MEMORY, "no memory for a signature");
    parser p = {.text = text, .at = text, .signature = signature, .err = err};
    mp_status status = parse(&p);
    if (status != MP_OK) {
        free(signature);
        return status;
    }
    *out = signature;
    return MP_OK;
}
