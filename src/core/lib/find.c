/* string.find, match and gmatch. */
#include <string.h>

#include <lauxlib.h>

#include "core/lib/needle.h"
#include "core/lib/pattern.h"
#include "core/lib/strings.h"
#include "core/lib/ticks.h"

static bool is_plain(lua_State *L, const char *pattern, size_t size)
{
    static const char specials[] = "^$*+?.([%-";
    /* strpbrk() stops at a NUL, of which a pattern may have many. */
    for (const char *end = pattern + size; pattern <= end;
         pattern += strlen(pattern) + 1) {
        if (strpbrk(pattern, specials) != NULL)
            return false;
        mp_guard_poll(L);
    }
    return true;
}

/* The offset that argument `arg` gives as a position, at most size + 1. */
static size_t start_offset(lua_State *L, int arg, size_t size)
{
    lua_Integer position = luaL_optinteger(L, arg, 1);
    if (position > 0)
        return (size_t)position - 1 <= size ? (size_t)position - 1 : size + 1;
    if (position == 0 || (size_t)0 - (size_t)position > size)
        return 0;
    return size + (size_t)position;
}

/* Pushes where the match lies, counted from 1. */
static void push_range(lua_State *L, const char *subject, const char *start,
                       const char *end)
{
    lua_pushinteger(L, start - subject + 1);
    lua_pushinteger(L, end - subject);
}

/* Looks for the first match from `s` on and pushes what find or match
 * returns. */
static int search(mp__pattern *m, const char *s, bool anchored, bool find)
{
    lua_State *L = m->ticks.L;
    const char *start = s;
    const char *end = anchored ? mp__pattern_match(m, s)
                               : mp__pattern_search(m, s, NULL, &start);
    if (end == NULL) {
        lua_pushnil(L);
        return 1;
    }
    if (!find)
        return mp__pattern_push_all(m, start, end);
    push_range(L, m->subject, start, end);
    return mp__pattern_push_all(m, NULL, NULL) + 2;
}

static int find_or_match(lua_State *L, bool find)
{
    size_t size, pattern_size;
    const char *subject = luaL_checklstring(L, 1, &size);
    const char *pattern = luaL_checklstring(L, 2, &pattern_size);
    size_t offset = start_offset(L, 3, size);
    if (offset > size) {
        lua_pushnil(L);
        return 1;
    }
    const char *s = subject + offset;
    if (find && (lua_toboolean(L, 4) || is_plain(L, pattern, pattern_size))) {
        s = mp__needle_find(L, s, size - offset, pattern, pattern_size);
        if (s == NULL) {
            lua_pushnil(L);
            return 1;
        }
        push_range(L, subject, s, s + pattern_size);
        return 2;
    }
    bool anchored = *pattern == '^';
    mp__pattern m;
    mp__pattern_init(&m, L, subject, size, pattern + anchored,
                     pattern_size - anchored);
    return search(&m, s, anchored, find);
}

int mp__string_find(lua_State *L)
{
    return find_or_match(L, true);
}

int mp__string_match(lua_State *L)
{
    return find_or_match(L, false);
}

/* ---- gmatch ------------------------------------------------------------- */

/* The state of an iteration. The strings are upvalues 2 and 3 of the
 * iterator, which keeps them in place. */
typedef struct mp__gmatch {
    mp__pattern m;
    const char *next; /* where to go on */
    const char *last; /* the end of the match before, or NULL */
} mp__gmatch;

static int gmatch_next(lua_State *L)
{
    mp__gmatch *g = lua_touserdata(L, lua_upvalueindex(1));
    g->m.ticks = mp__ticks_new(L);
    const char *start;
    const char *end = mp__pattern_search(&g->m, g->next, g->last, &start);
    if (end == NULL)
        return 0;
    g->next = g->last = end;
    return mp__pattern_push_all(&g->m, start, end);
}

int mp__string_gmatch(lua_State *L)
{
    size_t size, pattern_size;
    const char *subject = luaL_checklstring(L, 1, &size);
    const char *pattern = luaL_checklstring(L, 2, &pattern_size);
    lua_settop(L, 2);
    mp__gmatch *g = lua_newuserdata(L, sizeof *g);
    mp__pattern_init(&g->m, L, subject, size, pattern, pattern_size);
    g->next = subject;
    g->last = NULL;
    lua_insert(L, 1);
    lua_pushcclosure(L, gmatch_next, 3);
    return 1;
}
