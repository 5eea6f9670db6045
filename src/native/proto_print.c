/* Listings of prototypes. */
#include "native/proto_print.h"

#include <inttypes.h>
#include <stdlib.h>

#include "native/constant.h"
#include "native/opcode.h"

/* The longest piece of a string that is shown. */
#define STRING_SHOWN 40

/* ---- constants ---------------------------------------------------------- */

static void print_string(const char *text, FILE *to)
{
    fputc('"', to);
    int shown = 0;
    for (; *text != '\0' && shown < STRING_SHOWN; text++, shown++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            fprintf(to, "\\%c", c);
        else if (c < ' ' || c == 0x7F)
            fprintf(to, "\\%03d", c);
        else
            fputc(c, to);
    }
    fputs(*text != '\0' ? "\"..." : "\"", to);
}

/* As many digits as it takes to read the same number again. */
static void print_float(double value, FILE *to)
{
    char text[40];
    for (int digits = 14; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    fputs(text, to);
    for (const char *at = text; *at == '-' || (*at >= '0' && *at <= '9');) {
        if (*++at == '\0')
            fputs(".0", to);
    }
}

static void print_constant(const mp_constant *constant, FILE *to)
{
    switch (constant->kind) {
    case MP_CONST_NIL:
        fputs("nil", to);
        break;
    case MP_CONST_BOOL:
        fputs(constant->as.b ? "true" : "false", to);
        break;
    case MP_CONST_INT:
        fprintf(to, "%" PRId64, constant->as.i);
        break;
    case MP_CONST_FLOAT:
        print_float(constant->as.f, to);
        break;
    case MP_CONST_STRING:
        print_string(constant->as.s, to);
        break;
    case MP_CONST_BUILTIN:
    case MP_CONST_CLOSURE:
    case MP_CONST_TABLE:
    case MP_CONST_OWN:
    case MP_CONST_MADE:
    case MP_CONST_OPAQUE:
        fputs(constant->name != NULL ? constant->name : "?", to);
        break;
    }
}

/* ---- instructions ------------------------------------------------------- */

/* An instruction's field, where it stands and what it is. */
typedef struct field {
    mp_field_use use;
    int value;
} field;

/* The fields in the order in which they are shown; returns how many. */
static int split(uint32_t code, field fields[3])
{
    mp_opcode op = mp_code_op(code);
    mp_opcode_mode mode = mp__opcode_mode(op);
    int second = mp_code_b(code);
    if (mode == MP_MODE_ABX)
        second = mp_code_bx(code);
    if (mode == MP_MODE_ASBX)
        second = mp_code_sbx(code);
    fields[0] = (field){mp__opcode_a(op), mode == MP_MODE_AX ? mp_code_ax(code)
                                                             : mp_code_a(code)};
    fields[1] = (field){mp__opcode_b(op), second};
    fields[2] = (field){mp__opcode_c(op), mp_code_c(code)};
    int count = 0;
    for (int i = 0; i < 3; i++) {
        if (fields[i].use != MP_USE_NONE)
            fields[count++] = fields[i];
    }
    return count;
}

static bool is_constant(field f)
{
    return f.use == MP_USE_CONSTANT ||
           (f.use == MP_USE_RK && mp_rk_is_constant(f.value));
}

static int constant_of(field f)
{
    return f.use == MP_USE_RK ? mp_rk_constant(f.value) : f.value;
}

/* What a field means, where its number does not say it. */
static bool has_meaning(field f)
{
    return is_constant(f) || f.use == MP_USE_UPVALUE || f.use == MP_USE_PROTO ||
           f.use == MP_USE_JUMP;
}

static void print_meaning(const mp_proto *proto, int pc, field f, FILE *to)
{
    if (is_constant(f))
        print_constant(&proto->constants[constant_of(f)], to);
    else if (f.use == MP_USE_UPVALUE)
        fputs(proto->upvalues[f.value].name, to);
    else if (f.use == MP_USE_PROTO)
        fprintf(to, "function of line %d", proto->protos[f.value]->line);
    else
        fprintf(to, "to %d", pc + 1 + f.value + 1);
}

static void print_instruction(const mp_proto *proto, int pc, FILE *to)
{
    field fields[3];
    int count = split(proto->code[pc], fields);
    fprintf(to, "%5d  [%d]\t%-9s", pc + 1,
            proto->lines != NULL ? proto->lines[pc] : 0,
            mp__opcode_name(mp_code_op(proto->code[pc])));
    for (int i = 0; i < count; i++) {
        int value = fields[i].value;
        fprintf(to, " %d",
                is_constant(fields[i]) ? -1 - constant_of(fields[i]) : value);
    }
    const char *before = "\t; ";
    for (int i = 0; i < count; i++) {
        if (!has_meaning(fields[i]))
            continue;
        fputs(before, to);
        print_meaning(proto, pc, fields[i], to);
        before = " ";
    }
    fputc('\n', to);
}

static void print_count(int count, const char *what, FILE *to)
{
    fprintf(to, ", %d %s%s", count, what, count == 1 ? "" : "s");
}

void mp__proto_print(const mp_proto *proto, FILE *to)
{
    if (proto->line == 0)
        fputs("chunk", to);
    else
        fprintf(to, "function of line %d", proto->line);
    print_count(proto->nparams, "parameter", to);
    if (proto->vararg)
        fputs(" and more", to);
    print_count(proto->nregisters, "register", to);
    print_count(proto->nupvalues, "upvalue", to);
    fputc('\n', to);
    for (int pc = 0; pc < proto->ncode; pc++)
        print_instruction(proto, pc, to);
    for (int i = 0; i < proto->nprotos; i++)
        mp__proto_print(proto->protos[i], to);
}
