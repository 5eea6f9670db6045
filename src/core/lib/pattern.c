/* The matcher of Lua patterns: backtracking, as the language defines it, but
 * with a look at the guard now and then, and with its depth of recursion kept
 * in a record that each match starts anew. Stock Lua's is neither, so that a
 * pattern can hang it and gmatch() can overflow the C stack.
 *
 * A pattern ends with a NUL that does not belong to it, as all strings of Lua
 * do; reading that one character past the end is relied on. */
#include "core/lib/pattern.h"

#include <string.h>

#include <lauxlib.h>

/* How many calls of match() may nest: as many as in stock Lua. */
#define MAX_DEPTH 200

/* Sizes of captures that have no size. */
enum {
    CAPTURE_OPEN = -1,
    CAPTURE_POSITION = -2,
};

static const char *match(mp__pattern *m, const char *s, const char *p);

static int byte_at(const char *s)
{
    return (unsigned char)*s;
}

/* ---- single characters -------------------------------------------------- */

/* The end of the item at `p` that stands for one character. */
static const char *item_end(mp__pattern *m, const char *p)
{
    lua_State *L = m->ticks.L;
    if (*p == '%') {
        if (p + 1 == m->pattern_end)
            luaL_error(L, "malformed pattern (ends with '%%')");
        return p + 2;
    }
    if (*p != '[')
        return p + 1;
    p += p[1] == '^' ? 2 : 1;
    /* A ']' that comes first stands for itself. */
    for (const char *first = p; p == first || *p != ']'; p++) {
        mp__ticks_spend(&m->ticks, 1);
        if (p == m->pattern_end)
            luaL_error(L, "malformed pattern (missing ']')");
        if (*p == '%' && p + 1 < m->pattern_end)
            p++;
    }
    return p + 1;
}

static inline bool between(int c, int low, int high)
{
    return (unsigned)(c - low) <= (unsigned)(high - low);
}

static inline bool is_alpha(int c)
{
    return between(c | 0x20, 'a', 'z');
}

static inline bool is_digit(int c)
{
    return between(c, '0', '9');
}

/* Whether the character is in the class of that letter, as the C locale has
 * it; a class that is no such letter is that character. */
static bool in_class(int c, int class)
{
    bool in;
    switch (class | 0x20) {
    case 'a':
        in = is_alpha(c);
        break;
    case 'c':
        in = c < 0x20 || c == 0x7F;
        break;
    case 'd':
        in = is_digit(c);
        break;
    case 'g':
        in = between(c, 0x21, 0x7E);
        break;
    case 'l':
        in = between(c, 'a', 'z');
        break;
    case 'p':
        in = between(c, 0x21, 0x7E) && !is_alpha(c) && !is_digit(c);
        break;
    case 's':
        in = c == ' ' || between(c, '\t', '\r');
        break;
    case 'u':
        in = between(c, 'A', 'Z');
        break;
    case 'w':
        in = is_alpha(c) || is_digit(c);
        break;
    case 'x':
        in = is_digit(c) || between(c | 0x20, 'a', 'f');
        break;
    case 'z': /* deprecated, but stock Lua has it */
        in = c == 0;
        break;
    default:
        return c == class;
    }
    return in == ((class & 0x20) != 0);
}

/* Whether `c` is in the set from the '[' at `p` to the ']' at `last`. */
static bool in_set(mp__pattern *m, int c, const char *p, const char *last)
{
    bool found = true;
    if (p[1] == '^') {
        found = false;
        p++;
    }
    for (p++; p < last;) {
        const char *stop = last - p > MP__TICKS ? p + MP__TICKS : last;
        for (; p < stop; p++) {
            if (*p == '%') {
                p++;
                if (in_class(c, byte_at(p)))
                    return found;
            } else if (p[1] == '-' && p + 2 < last) {
                if (byte_at(p) <= c && c <= byte_at(p + 2))
                    return found;
                p += 2;
            } else if (byte_at(p) == c) {
                return found;
            }
        }
        if (p < last)
            mp_guard_poll(m->ticks.L);
    }
    return !found;
}

/* Whether the character at `s` is one that the item from `p` to `end` stands
 * for. */
static inline bool in_item(mp__pattern *m, const char *s, const char *p,
                           const char *end)
{
    if (s >= m->subject_end)
        return false;
    switch (*p) {
    case '.':
        return true;
    case '%':
        return in_class(byte_at(s), byte_at(p + 1));
    case '[':
        return in_set(m, byte_at(s), p, end - 1);
    default:
        return *p == *s;
    }
}

/* ---- repetitions -------------------------------------------------------- */

/* The first place from `s` on whose character the item stands for, or does
 * not stand for where `in` is false; the subject's end if there is none. */
static const char *find_item(mp__pattern *m, const char *s, const char *p,
                             const char *end, bool in)
{
    ptrdiff_t cost = end - p;
    ptrdiff_t piece = cost < MP__TICKS ? MP__TICKS / cost : 1;
    for (;;) {
        const char *stop =
            m->subject_end - s > piece ? s + piece : m->subject_end;
        while (s < stop && in_item(m, s, p, end) != in)
            s++;
        if (s < stop || s == m->subject_end)
            return s;
        mp__ticks_spend(&m->ticks, (size_t)(piece * cost));
    }
}

/* The most of the item, and the rest of the pattern after its suffix. */
static const char *match_longest(mp__pattern *m, const char *s, const char *p,
                                 const char *end)
{
    const char *at = find_item(m, s, p, end, false);
    for (;; at--) {
        mp__ticks_spend(&m->ticks, 1);
        const char *result = match(m, at, end + 1);
        if (result != NULL || at == s)
            return result;
    }
}

/* The least of the item, and the rest of the pattern after its suffix. */
static const char *match_shortest(mp__pattern *m, const char *s, const char *p,
                                  const char *end)
{
    for (;;) {
        mp__ticks_spend(&m->ticks, 1);
        const char *result = match(m, s, end + 1);
        if (result != NULL)
            return result;
        if (!in_item(m, s, p, end))
            return NULL;
        s++;
    }
}

/* ---- captures and the like ---------------------------------------------- */

static const char *open_capture(mp__pattern *m, const char *s, const char *p)
{
    bool position = *p == ')';
    if (m->ncaptures >= MP__CAPTURES)
        luaL_error(m->ticks.L, "too many captures");
    m->capture[m->ncaptures].start = s;
    m->capture[m->ncaptures].size = position ? CAPTURE_POSITION : CAPTURE_OPEN;
    m->ncaptures++;
    const char *result = match(m, s, position ? p + 1 : p);
    if (result == NULL)
        m->ncaptures--;
    return result;
}

static const char *close_capture(mp__pattern *m, const char *s, const char *p)
{
    int i = m->ncaptures - 1;
    while (i >= 0 && m->capture[i].size != CAPTURE_OPEN)
        i--;
    if (i < 0)
        luaL_error(m->ticks.L, "invalid pattern capture");
    m->capture[i].size = s - m->capture[i].start;
    const char *result = match(m, s, p);
    if (result == NULL)
        m->capture[i].size = CAPTURE_OPEN;
    return result;
}

/* `%1` to `%9`: what that capture matched, once more. */
static const char *match_again(mp__pattern *m, const char *s, int digit)
{
    int i = digit - '1';
    if (i < 0 || i >= m->ncaptures || m->capture[i].size == CAPTURE_OPEN)
        luaL_error(m->ticks.L, "invalid capture index %%%d", i + 1);
    ptrdiff_t size = m->capture[i].size;
    if (size == CAPTURE_POSITION || m->subject_end - s < size)
        return NULL;
    mp__ticks_bytes(&m->ticks, (size_t)size);
    if (memcmp(m->capture[i].start, s, (size_t)size) != 0)
        return NULL;
    return s + size;
}

/* `%bxy`, of which `p` is at the x: from an x to the y that balances it. */
static const char *match_balance(mp__pattern *m, const char *s, const char *p)
{
    if (p >= m->pattern_end - 1)
        luaL_error(m->ticks.L,
                   "malformed pattern (missing arguments to '%%b')");
    if (s == m->subject_end || *s != *p)
        return NULL;
    ptrdiff_t depth = 1;
    while (++s < m->subject_end) {
        mp__ticks_spend(&m->ticks, 1);
        if (*s == p[1]) {
            if (--depth == 0)
                return s + 1;
        } else if (*s == *p) {
            depth++;
        }
    }
    return NULL;
}

/* `%f[set]`, of which `p` is at the '[': a place where the set begins. */
static const char *match_frontier(mp__pattern *m, const char *s, const char *p,
                                  const char **rest)
{
    if (*p != '[')
        luaL_error(m->ticks.L, "missing '[' after '%%f' in pattern");
    const char *end = item_end(m, p);
    int before = s == m->subject ? 0 : byte_at(s - 1);
    *rest = end;
    return !in_set(m, before, p, end - 1) && in_set(m, byte_at(s), p, end - 1)
               ? s
               : NULL;
}

/* ---- the matcher -------------------------------------------------------- */

/* Matches the item at `p` that takes no suffix; `*rest` becomes what follows
 * it. Returns false where there is no such item. */
static inline bool match_special(mp__pattern *m, const char **s, const char *p,
                                 const char **rest)
{
    switch (p[1]) {
    case 'b':
        *s = match_balance(m, *s, p + 2);
        *rest = p + 4;
        return true;
    case 'f':
        *s = match_frontier(m, *s, p + 2, rest);
        return true;
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        *s = match_again(m, *s, byte_at(p + 1));
        *rest = p + 2;
        return true;
    default:
        return false;
    }
}

/* Matches the one-character item at `p` with its suffix. Returns true where
 * `*s` and `*rest` say how to go on, false where `*s` is the result. */
static inline bool match_item(mp__pattern *m, const char **s, const char *p,
                              const char **rest)
{
    const char *end = item_end(m, p);
    const char *result;
    mp__ticks_spend(&m->ticks, (size_t)(end - p));
    switch (*end) {
    case '*':
        *s = match_longest(m, *s, p, end);
        return false;
    case '+':
        *s = in_item(m, *s, p, end) ? match_longest(m, *s + 1, p, end) : NULL;
        return false;
    case '-':
        *s = match_shortest(m, *s, p, end);
        return false;
    case '?':
        if (in_item(m, *s, p, end) &&
            (result = match(m, *s + 1, end + 1)) != NULL) {
            *s = result;
            return false;
        }
        *rest = end + 1;
        return true;
    default:
        *s = in_item(m, *s, p, end) ? *s + 1 : NULL;
        *rest = end;
        return true;
    }
}

/* Where the match of the pattern from `p` on that starts at `s` ends. */
static const char *match(mp__pattern *m, const char *s, const char *p)
{
    if (m->depth == 0)
        luaL_error(m->ticks.L, "pattern too complex");
    m->depth--;
    while (s != NULL && p != m->pattern_end) {
        if (*p == '(') {
            s = open_capture(m, s, p + 1);
            break;
        }
        if (*p == ')') {
            s = close_capture(m, s, p + 1);
            break;
        }
        if (*p == '$' && p + 1 == m->pattern_end) {
            s = s == m->subject_end ? s : NULL;
            break;
        }
        if (*p == '%' && match_special(m, &s, p, &p))
            continue;
        if (!match_item(m, &s, p, &p))
            break;
    }
    m->depth++;
    return s;
}

/* ---- for the library ---------------------------------------------------- */

void mp__pattern_init(mp__pattern *m, lua_State *L, const char *subject,
                      size_t subject_size, const char *pattern,
                      size_t pattern_size)
{
    m->ticks = mp__ticks_new(L);
    m->subject = subject;
    m->subject_end = subject + subject_size;
    m->pattern = pattern;
    m->pattern_end = pattern + pattern_size;
}

const char *mp__pattern_match(mp__pattern *m, const char *at)
{
    mp__ticks_spend(&m->ticks, 1);
    m->depth = MAX_DEPTH;
    m->ncaptures = 0;
    return match(m, at, m->pattern);
}

/* The end of the pattern's first item, at `p`, if each match starts with a
 * character that it stands for; else NULL. */
static const char *leading_item(mp__pattern *m, const char *p)
{
    if (p == m->pattern_end || *p == '(' || *p == ')' ||
        (*p == '$' && p + 1 == m->pattern_end) ||
        (*p == '%' && (p[1] == 'b' || p[1] == 'f' || is_digit(byte_at(p + 1)))))
        return NULL;
    const char *end = item_end(m, p);
    return *end == '*' || *end == '?' || *end == '-' ? NULL : end;
}

const char *mp__pattern_search(mp__pattern *m, const char *s, const char *last,
                               const char **start)
{
    /* Most places are not worth a call of match(). */
    const char *p = m->pattern + (*m->pattern == '(');
    const char *item = leading_item(m, p);
    for (; s <= m->subject_end; s++) {
        if (item != NULL) {
            s = find_item(m, s, p, item, true);
            if (s == m->subject_end)
                return NULL;
        }
        const char *end = mp__pattern_match(m, s);
        if (end != NULL && end != last) {
            *start = s;
            return end;
        }
    }
    return NULL;
}

const char *mp__pattern_text(mp__pattern *m, int index, const char *start,
                             const char *end, size_t *size)
{
    if (index >= m->ncaptures) {
        if (index != 0)
            luaL_error(m->ticks.L, "invalid capture index %%%d", index + 1);
        *size = (size_t)(end - start);
        return start;
    }
    const mp__capture *capture = &m->capture[index];
    if (capture->size == CAPTURE_OPEN)
        luaL_error(m->ticks.L, "unfinished capture");
    if (capture->size == CAPTURE_POSITION)
        return NULL;
    *size = (size_t)capture->size;
    return capture->start;
}

void mp__pattern_push(mp__pattern *m, int index, const char *start,
                      const char *end)
{
    size_t size;
    const char *text = mp__pattern_text(m, index, start, end, &size);
    if (text == NULL)
        lua_pushinteger(m->ticks.L, m->capture[index].start - m->subject + 1);
    else
        lua_pushlstring(m->ticks.L, text, size);
}

int mp__pattern_push_all(mp__pattern *m, const char *start, const char *end)
{
    int count = m->ncaptures == 0 && start != NULL ? 1 : m->ncaptures;
    luaL_checkstack(m->ticks.L, count, "too many captures");
    for (int i = 0; i < count; i++)
        mp__pattern_push(m, i, start, end);
    return count;
}
