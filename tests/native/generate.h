/* Kernels at random: Lua source of functions of four numbers, with mixtures of
 * integers and floats, branches and loops. Most of them have a type. */
#ifndef MP_TESTS_NATIVE_GENERATE_H
#define MP_TESTS_NATIVE_GENERATE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct generator {
    uint64_t seed;
    char text[8192];
    size_t size;
    int loops; /* around the statement that is being made */
    int names; /* given out */
} generator;

/* splitmix64 */
static inline uint64_t generate_next(generator *g)
{
    uint64_t z = (g->seed += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline int generate_below(generator *g, int count)
{
    return (int)(generate_next(g) % (uint64_t)count);
}

static inline void generate_put(generator *g, const char *text)
{
    size_t size = strlen(text);
    if (g->size + size + 1 > sizeof g->text)
        abort();
    memcpy(g->text + g->size, text, size + 1);
    g->size += size;
}

static inline void generate_any(generator *g, int count,
                                const char *const *texts)
{
    generate_put(g, texts[generate_below(g, count)]);
}

#define GENERATE_ANY(g, ...)                                                   \
    generate_any(g, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *),    \
                 (const char *[]){__VA_ARGS__})

/* p and q are integers, x and y floats; u, v and w locals. */
static inline void generate_leaf(generator *g)
{
    if (generate_below(g, 3) > 0)
        GENERATE_ANY(g, "p", "q", "x", "y", "u", "v", "w");
    else
        GENERATE_ANY(g, "0", "1", "-1", "2", "3", "7", "0.0", "0.5", "-1.5",
                     "2.0", "1e300", "(1/0)", "(0/0)", "-0.0", "64",
                     "math.maxinteger", "math.mininteger", "9007199254740993",
                     "9007199254740992.0", "0x1p63");
}

static inline void generate_expression(generator *g, int depth);

static inline void generate_condition(generator *g, int depth)
{
    int kind = generate_below(g, 8);
    if (kind == 0) {
        generate_put(g, "not (");
        generate_condition(g, depth - 1);
        generate_put(g, ")");
    } else if (kind == 1 && depth > 0) {
        generate_put(g, "(");
        generate_condition(g, depth - 1);
        GENERATE_ANY(g, ") and (", ") or (");
        generate_condition(g, depth - 1);
        generate_put(g, ")");
    } else {
        generate_expression(g, depth - 1);
        GENERATE_ANY(g, " < ", " <= ", " == ", " ~= ", " > ", " >= ");
        generate_expression(g, depth - 1);
    }
}

static inline void generate_call(generator *g, int depth)
{
    static const char *const unary[] = {
        "math.floor(", "math.ceil(",      "math.abs(",
        "num.sign(",   "math.sqrt(",      "num.trunc(",
        "math.modf(",  "math.tointeger(", "math.rad(",
    };
    static const char *const binary[] = {
        "math.max(", "math.min(", "math.fmod(", "num.copysign(", "num.hypot(",
    };
    int kind = generate_below(g, 4);
    if (kind == 0) {
        generate_any(g, sizeof binary / sizeof *binary, binary);
        generate_expression(g, depth - 1);
        generate_put(g, ", ");
    } else if (kind == 1) {
        generate_put(g, "num.clamp(");
        generate_expression(g, depth - 1);
        generate_put(g, ", ");
        generate_expression(g, depth - 1);
        generate_put(g, ", ");
    } else {
        /* The parentheses cut modf's second result off. */
        generate_put(g, "(");
        generate_any(g, sizeof unary / sizeof *unary, unary);
        generate_expression(g, depth - 1);
        generate_put(g, "))");
        return;
    }
    generate_expression(g, depth - 1);
    generate_put(g, ")");
}

static inline void generate_expression(generator *g, int depth)
{
    int kind = generate_below(g, 10);
    if (depth <= 0 || kind < 2) {
        generate_leaf(g);
    } else if (kind == 2) {
        GENERATE_ANY(g, "-(", "-(", "~(");
        generate_expression(g, depth - 1);
        generate_put(g, ")");
    } else if (kind == 3) {
        generate_call(g, depth);
    } else if (kind == 4) {
        generate_put(g, "((");
        generate_condition(g, depth - 1);
        generate_put(g, ") and ");
        generate_expression(g, depth - 1);
        generate_put(g, " or ");
        generate_expression(g, depth - 1);
        generate_put(g, ")");
    } else {
        generate_put(g, "(");
        generate_expression(g, depth - 1);
        GENERATE_ANY(g, " + ", " - ", " * ", " + ", " - ", " * ", " / ", " // ",
                     " % ", " & ", " | ", " ~ ", " << ", " >> ");
        generate_expression(g, depth - 1);
        generate_put(g, ")");
    }
}

static inline void generate_statements(generator *g, int count, int depth);

static inline void generate_for(generator *g, int depth)
{
    char name[24];
    snprintf(name, sizeof name, "k%d", g->names++);
    generate_put(g, "for ");
    generate_put(g, name);
    generate_put(g, " = ");
    GENERATE_ANY(g, "1", "0", "-3", "p", "1.0", "x", "math.maxinteger - 2");
    generate_put(g, ", ");
    GENERATE_ANY(g, "5", "3.5", "q", "y", "4", "math.maxinteger", "-1/0");
    GENERATE_ANY(g, "", "", "", ", 2", ", -1", ", 0.5", ", q");
    generate_put(g, " do u = u + ");
    generate_put(g, name);
    generate_put(g, " ");
    generate_statements(g, 2, depth - 1);
    GENERATE_ANY(g, "", "", "if u > 100 then break end ");
    generate_put(g, "end ");
}

static inline void generate_while(generator *g, int depth)
{
    char text[80];
    int name = g->names++;
    snprintf(text, sizeof text, "local n%d = 0 ", name);
    generate_put(g, text);
    snprintf(text, sizeof text, "while n%d < %d and ", name,
             1 + generate_below(g, 6));
    generate_put(g, text);
    generate_condition(g, 1);
    snprintf(text, sizeof text, " do n%d = n%d + 1 ", name, name);
    generate_put(g, text);
    generate_statements(g, 2, depth - 1);
    generate_put(g, "end ");
}

static inline void generate_statement(generator *g, int depth)
{
    int kind = depth > 0 ? generate_below(g, 8) : 0;
    if (kind == 5) {
        generate_put(g, "if ");
        generate_condition(g, 2);
        generate_put(g, " then ");
        generate_statements(g, 2, depth - 1);
        if (generate_below(g, 2) == 0) {
            generate_put(g, "else ");
            generate_statements(g, 2, depth - 1);
        }
        generate_put(g, "end ");
    } else if (kind == 6 && g->loops < 2) {
        g->loops++;
        generate_for(g, depth);
        g->loops--;
    } else if (kind == 7 && g->loops < 2) {
        g->loops++;
        generate_while(g, depth);
        g->loops--;
    } else {
        GENERATE_ANY(g, "u = ", "v = ", "w = ");
        generate_expression(g, 2);
        generate_put(g, " ");
    }
}

static inline void generate_statements(generator *g, int count, int depth)
{
    for (int k = 1 + generate_below(g, count); k > 0; k--)
        generate_statement(g, depth);
}

/* The function's text stays in the generator. */
static inline const char *generate_kernel(generator *g, uint64_t seed)
{
    g->seed = seed;
    g->size = 0;
    g->loops = g->names = 0;
    generate_put(g, "function(p, q, x, y) local u, v, w = ");
    GENERATE_ANY(g, "0, 0, 0 ", "0, 1.0, x ", "p, x, y ", "0, q, 0.5 ",
                 "1, 2, 3 ");
    generate_statements(g, 5, 2);
    generate_put(g, "return ");
    generate_expression(g, 2);
    generate_put(g, ", u, w end");
    return g->text;
}

#endif
