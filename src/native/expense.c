/* The expense of compiling LLVM IR text, before LLVM has seen it.
 *
 *     define i32 @kernel(ptr %frame) {
 *       %t1 = mul <8 x i64> %p1, %p2              some instructions become many
 *       %t2 = call <8 x i64> @mp.idiv.v(...)      a copy of all that is in
 * there
 *
 * LLVM's time is nearly proportional to the instructions that it makes; lines
 * of text are not, since helpers are inlined and AVX2 lacks operations on
 * vectors of integers. So a line counts as what becomes of it. */
#include "native/expense.h"

#include <string.h>

/* A function of the text. */
typedef struct function {
    const char *name;
    size_t name_size;
    const char *body, *end;
    bool inlined;
    bool known; /* or being found out */
    size_t cost;
} function;

typedef struct costing {
    mp_unit *unit;
    const mp_spec *spec;
    int nfunctions;
    function *functions;
} costing;

/* The name behind the first @ from `at` on, before a parenthesis. */
static bool read_name(const char *at, const char *end, const char **name,
                      size_t *size)
{
    const char *sign = memchr(at, '@', (size_t)(end - at));
    if (sign == NULL)
        return false;
    const char *stop = memchr(sign, '(', (size_t)(end - sign));
    *name = sign + 1;
    *size = stop != NULL ? (size_t)(stop - sign - 1) : 0;
    return stop != NULL;
}

static bool contains(const char *at, const char *end, const char *word)
{
    size_t size = strlen(word);
    for (; (size_t)(end - at) >= size; at++) {
        if (memcmp(at, word, size) == 0)
            return true;
    }
    return false;
}

static const char *line_end(const char *at, const char *end)
{
    const char *stop = memchr(at, '\n', (size_t)(end - at));
    return stop != NULL ? stop : end;
}

static void find_functions(costing *c, const char *at, const char *end)
{
    function *open = NULL;
    for (const char *stop; at < end; at = stop + 1) {
        stop = line_end(at, end);
        function f = {.body = stop};
        if (*at == '}' && open != NULL)
            open->end = at;
        if (stop - at < 6 || memcmp(at, "define", 6) != 0 ||
            !read_name(at, stop, &f.name, &f.name_size))
            continue;
        f.end = stop;
        f.inlined = contains(at, stop, "alwaysinline");
        MP_UNIT_PUSH(c->unit, c->functions, c->nfunctions, f);
        open = &c->functions[c->nfunctions - 1];
    }
}

/* Instructions for one on a vector of 64-bit integers, or between those and
 * floats, where there is none for vectors. */
static size_t operation_cost(const costing *c, const char *op, const char *end)
{
    static const struct {
        const char *name;
        size_t before, since; /* AVX-512 */
    } operations[] = {
        {"mul <", 14, 2},    {"shl <", 3, 1},     {"lshr <", 3, 1},
        {"ashr <", 4, 1},    {"sdiv <", 60, 60},  {"srem <", 60, 60},
        {"udiv <", 60, 60},  {"urem <", 60, 60},  {"sitofp <", 16, 1},
        {"fptosi <", 16, 1}, {"uitofp <", 16, 1}, {"fptoui <", 16, 1},
    };
    for (size_t k = 0; k < sizeof operations / sizeof *operations; k++) {
        size_t size = strlen(operations[k].name);
        if ((size_t)(end - op) > size &&
            memcmp(op, operations[k].name, size) == 0)
            return c->spec->isa == MP_ISA_AVX512 ? operations[k].since
                                                 : operations[k].before;
    }
    return 1;
}

static size_t function_cost(costing *c, function *f);

/* A call is an instruction, or all those of what is inlined. */
static size_t call_cost(costing *c, const char *op, const char *end)
{
    const char *name;
    size_t size;
    if (!read_name(op, end, &name, &size))
        return 1;
    for (int k = 0; k < c->nfunctions; k++) {
        function *f = &c->functions[k];
        if (f->name_size == size && memcmp(f->name, name, size) == 0)
            return f->inlined ? function_cost(c, f) : 2;
    }
    /* Below SSE4.1 rounding is a call for each lane. */
    static const char intrinsic[] = "llvm.";
    bool rounds = size > 5 && memcmp(name, intrinsic, 5) == 0 &&
                  strchr("fctr", name[5]) != NULL;
    return rounds && c->spec->isa == MP_ISA_SSE2 ? 8 : 2;
}

static size_t line_cost(costing *c, const char *at, const char *end)
{
    /* Labels and braces stand at the margin. */
    if (end - at < 4 || at[0] != ' ')
        return 0;
    const char *op = at + 2;
    const char *sign = *op == '%' ? memchr(op, '=', (size_t)(end - op)) : NULL;
    if (sign != NULL && end - sign > 2)
        op = sign + 2;
    if (end - op > 4 && memcmp(op, "call", 4) == 0)
        return call_cost(c, op, end);
    return operation_cost(c, op, end);
}

static size_t function_cost(costing *c, function *f)
{
    if (f->known)
        return f->cost;
    f->known = true;
    size_t cost = 0;
    for (const char *at = f->body, *stop; at < f->end; at = stop + 1) {
        stop = line_end(at, f->end);
        cost += line_cost(c, at, stop);
    }
    return f->cost = cost;
}

/* How many registers a vector takes, of those that are usual. SSE2 needs
 * several instructions for what others do by one: comparisons, selections. */
static size_t breadth(const mp_spec *spec)
{
    static const int lanes[] = {
#define LANES(name, text, count) count,
        MP_ISA_TABLE(LANES)
#undef LANES
    };
    int usual = lanes[spec->isa];
    size_t registers = spec->lanes > usual ? (size_t)(spec->lanes / usual) : 1;
    return spec->isa == MP_ISA_SSE2 ? 2 * registers : registers;
}

size_t mp__expense_of(mp_unit *unit, const char *ir, size_t size,
                      const mp_spec *spec)
{
    costing c = {.unit = unit, .spec = spec};
    find_functions(&c, ir, ir + size);
    size_t cost = 0;
    for (int k = 0; k < c.nfunctions; k++) {
        if (!c.functions[k].inlined)
            cost += function_cost(&c, &c.functions[k]);
    }
    return cost * breadth(spec);
}
