/* Dumps with nodes and blocks numbered as they come, so that what earlier
 * passes made and dropped does not show. */
#ifndef MP_TESTS_NATIVE_DUMPED_H
#define MP_TESTS_NATIVE_DUMPED_H

#include <ctype.h>

#include "fixture.h"

typedef struct renumbering {
    char sign; /* before the number: '%' or 'b' */
    int count;
    int known[512];
} renumbering;

static inline int renumber(renumbering *r, int id)
{
    int k = 0;
    while (k < r->count && r->known[k] != id)
        k++;
    if (k == r->count) {
        assert_true(k < 512);
        r->known[r->count++] = id;
    }
    return k;
}

/* In place: numbers only get shorter. */
static inline char *renumber_dump(char *text)
{
    renumbering nodes = {.sign = '%'}, blocks = {.sign = 'b'};
    char *to = text;
    for (const char *from = text; *from != '\0';) {
        bool word = from > text && isalnum((unsigned char)from[-1]);
        renumbering *r = *from == '%' ? &nodes : &blocks;
        if ((*from != '%' && *from != 'b') || word ||
            !isdigit((unsigned char)from[1])) {
            *to++ = *from++;
            continue;
        }
        char *end;
        int id = (int)strtol(from + 1, &end, 10);
        char number[16];
        snprintf(number, sizeof number, "%c%d", r->sign, renumber(r, id));
        memmove(to, number, strlen(number));
        to += strlen(number);
        from = end;
    }
    *to = '\0';
    return text;
}

static inline void check_renumbered(const char *source, const char *types,
                                    const compile_pass *passes,
                                    const char *wanted)
{
    compiled *c = compile(source, types, passes);
    check_compiled(source, c);
    char *got = renumber_dump(dump_func(c->func));
    check_text(source, got, wanted);
    free(got);
    compile_free(c);
}

#endif
