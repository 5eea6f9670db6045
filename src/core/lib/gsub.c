/* string.gsub. */
#include <string.h>

#include <lauxlib.h>

#include "core/lib/pattern.h"
#include "core/lib/strings.h"

/* A substitution that is under way. */
typedef struct mp__gsub {
    mp__pattern m;
    luaL_Buffer out;
    int type;           /* of the replacement, argument 3 */
    const char *string; /* the replacement, if it is a string */
    size_t string_size;
} mp__gsub;

/* luaL_addlstring() for pieces that most often are short. */
static inline void add(mp__gsub *g, const char *s, size_t size)
{
    luaL_Buffer *b = &g->out;
    if (size > b->size - b->n) {
        luaL_addlstring(b, s, size);
    } else if (size != 0) {
        memcpy(b->b + b->n, s, size);
        luaL_addsize(b, size);
    }
}

/* Adds capture `digit` of the match, or all of it for '0'. */
static void add_capture(mp__gsub *g, int digit, const char *start,
                        const char *end)
{
    if (digit == '0') {
        add(g, start, (size_t)(end - start));
        return;
    }
    size_t size;
    const char *text = mp__pattern_text(&g->m, digit - '1', start, end, &size);
    if (text != NULL) {
        add(g, text, size);
    } else {
        mp__pattern_push(&g->m, digit - '1', start, end);
        luaL_addvalue(&g->out);
    }
}

/* Adds the replacement string with its `%1` and the like filled in. */
static void add_string(mp__gsub *g, const char *start, const char *end)
{
    const char *s = g->string, *s_end = s + g->string_size;
    mp__ticks_bytes(&g->m.ticks, g->string_size);
    for (;;) {
        const char *escape = memchr(s, '%', (size_t)(s_end - s));
        if (escape == NULL)
            break;
        mp__ticks_spend(&g->m.ticks, 1);
        add(g, s, (size_t)(escape - s));
        int c = (unsigned char)escape[1];
        if (c == '%')
            luaL_addchar(&g->out, '%');
        else if (c >= '0' && c <= '9')
            add_capture(g, c, start, end);
        else
            luaL_error(g->m.ticks.L,
                       "invalid use of '%%' in replacement string");
        s = escape + 2;
    }
    add(g, s, (size_t)(s_end - s));
}

/* Adds what the replacement table or function gives, or the match itself
 * where that is false or nil. */
static void add_value(mp__gsub *g, const char *start, const char *end)
{
    lua_State *L = g->m.ticks.L;
    if (g->type == LUA_TFUNCTION) {
        lua_pushvalue(L, 3);
        lua_call(L, mp__pattern_push_all(&g->m, start, end), 1);
    } else {
        mp__pattern_push(&g->m, 0, start, end);
        lua_gettable(L, 3);
    }
    if (!lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        lua_pushlstring(L, start, (size_t)(end - start));
    } else if (!lua_isstring(L, -1)) {
        luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
    }
    luaL_addvalue(&g->out);
}

/* Replaces at most `max` matches; leaves the result on the stack and returns
 * how many there were. */
static lua_Integer substitute(mp__gsub *g, bool anchored, lua_Integer max)
{
    mp__pattern *m = &g->m;
    lua_Integer count = 0;
    const char *done = m->subject; /* the text before it is in `out` */
    const char *last = NULL;       /* end of the match before */
    luaL_buffinit(m->ticks.L, &g->out);
    while (count < max) {
        const char *start = done;
        const char *end = anchored ? mp__pattern_match(m, done)
                                   : mp__pattern_search(m, done, last, &start);
        if (end == NULL)
            break;
        count++;
        add(g, done, (size_t)(start - done));
        if (g->type == LUA_TSTRING)
            add_string(g, start, end);
        else
            add_value(g, start, end);
        done = last = end;
        if (anchored)
            break;
    }
    add(g, done, (size_t)(m->subject_end - done));
    luaL_pushresult(&g->out);
    return count;
}

int mp__string_gsub(lua_State *L)
{
    size_t size, pattern_size;
    const char *subject = luaL_checklstring(L, 1, &size);
    const char *pattern = luaL_checklstring(L, 2, &pattern_size);
    mp__gsub g; /* with a buffer that is too long to clear each time */
    g.type = lua_type(L, 3);
    if (g.type == LUA_TNUMBER)
        g.type = LUA_TSTRING;
    luaL_argcheck(L,
                  g.type == LUA_TSTRING || g.type == LUA_TTABLE ||
                      g.type == LUA_TFUNCTION,
                  3, "string/function/table expected");
    lua_Integer max = luaL_optinteger(L, 4, (lua_Integer)size + 1);
    if (g.type == LUA_TSTRING)
        g.string = lua_tolstring(L, 3, &g.string_size);
    bool anchored = *pattern == '^';
    mp__pattern_init(&g.m, L, subject, size, pattern + anchored,
                     pattern_size - anchored);
    lua_Integer count = substitute(&g, anchored, max);
    lua_pushinteger(L, count);
    return 2;
}
