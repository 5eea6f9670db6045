/* Lua patterns: the matcher behind string.find, match, gmatch and gsub. */
#ifndef MP_CORE_LIB_PATTERN_H
#define MP_CORE_LIB_PATTERN_H

#include <stddef.h>

#include <lua.h>

#include "core/lib/ticks.h"

/* The most captures of a pattern, as in stock Lua. */
#define MP__CAPTURES 32

typedef struct mp__capture {
    const char *start;
    ptrdiff_t size; /* or one of the two kinds in pattern.c */
} mp__capture;

/* A pattern, a subject, and the captures of the latest match. Holds pointers
 * into both strings, which have to stay on the stack. */
typedef struct mp__pattern {
    mp__ticks ticks;
    const char *subject, *subject_end;
    const char *pattern, *pattern_end;
    int depth; /* how many more calls may nest */
    int ncaptures;
    mp__capture capture[MP__CAPTURES];
} mp__pattern;

/* `pattern` is without the anchor. */
void mp__pattern_init(mp__pattern *m, lua_State *L, const char *subject,
                      size_t subject_size, const char *pattern,
                      size_t pattern_size);

/* Where the match that starts at `at` ends, or NULL where there is none.
 * Raises where the pattern is malformed or nests too deeply; may be called
 * again after that. [-0, +0, v] */
const char *mp__pattern_match(mp__pattern *m, const char *at);

/* Like mp__pattern_match() for the first place from `at` on where there is a
 * match that does not end at `last`; `*start` becomes that place.
 * [-0, +0, v] */
const char *mp__pattern_search(mp__pattern *m, const char *at, const char *last,
                               const char **start);

/* Capture `index` (from 0) as mp__pattern_push() takes it, or NULL where it is
 * a position. [-0, +0, e] */
const char *mp__pattern_text(mp__pattern *m, int index, const char *start,
                             const char *end, size_t *size);

/* Pushes capture `index` (from 0) of the match from `start` to `end`; the
 * whole match is capture 0 of a pattern that has none. [-0, +1, e] */
void mp__pattern_push(mp__pattern *m, int index, const char *start,
                      const char *end);

/* Pushes all captures and returns how many. With a NULL `start` the whole
 * match does not count as one. [-0, +n, e] */
int mp__pattern_push_all(mp__pattern *m, const char *start, const char *end);

#endif
