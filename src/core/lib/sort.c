/* table.sort: quicksort that turns to heapsort where it does badly, so that
 * no table and no order function takes more than O(n log n) steps. In place:
 * an order function that raises leaves all elements in the table.
 *
 * Argument 1 is the table, argument 2 the order function or nil. */
#include <limits.h>

#include <lauxlib.h>

#include "core/lib/tables.h"
#include "core/lib/ticks.h"

/* What a comparison costs, without what the hook can see. */
#define TICKS_COMPARE 128

typedef struct mp__sort {
    mp__ticks ticks;
    bool has_order;
} mp__sort;

/* Whether the value at `a` comes before that at `b`; negative indices. */
static bool before(mp__sort *sort, int a, int b)
{
    lua_State *L = sort->ticks.L;
    mp__ticks_spend(&sort->ticks, TICKS_COMPARE);
    if (!sort->has_order)
        return lua_compare(L, a, b, LUA_OPLT);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, a - 1);
    lua_pushvalue(L, b - 2);
    lua_call(L, 2, 1);
    bool result = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return result;
}

/* Sets element `i` to the value on the top and `j` to the one below it.
 * [-2, +0, e] */
static void set_pair(lua_State *L, lua_Integer i, lua_Integer j)
{
    lua_seti(L, 1, i);
    lua_seti(L, 1, j);
}

/* Puts two elements, i before j, in order. Returns whether they were not. */
static bool order_pair(mp__sort *sort, lua_Integer i, lua_Integer j)
{
    lua_State *L = sort->ticks.L;
    lua_geti(L, 1, i);
    lua_geti(L, 1, j);
    bool wrong = before(sort, -1, -2);
    if (wrong)
        set_pair(L, i, j);
    else
        lua_pop(L, 2);
    return wrong;
}

static void swap(lua_State *L, lua_Integer i, lua_Integer j)
{
    lua_geti(L, 1, i);
    lua_geti(L, 1, j);
    set_pair(L, i, j);
}

/* ---- heapsort ----------------------------------------------------------- */

/* Lets the element at `root` of the heap of `size` elements after `base` sink
 * to its place. Works by swaps, for nothing may get lost. */
static void sink(mp__sort *sort, lua_Integer base, lua_Integer root,
                 lua_Integer size)
{
    lua_State *L = sort->ticks.L;
    while (2 * root <= size) {
        lua_Integer child = 2 * root;
        lua_geti(L, 1, base + child);
        if (child < size) {
            lua_geti(L, 1, base + child + 1);
            if (before(sort, -2, -1)) {
                lua_remove(L, -2);
                child++;
            } else {
                lua_pop(L, 1);
            }
        }
        lua_geti(L, 1, base + root);
        if (!before(sort, -1, -2)) {
            lua_pop(L, 2);
            return;
        }
        set_pair(L, base + child, base + root);
        root = child;
    }
}

static void heap_sort(mp__sort *sort, lua_Integer low, lua_Integer high)
{
    lua_Integer base = low - 1, size = high - base;
    for (lua_Integer root = size / 2; root > 0; root--)
        sink(sort, base, root, size);
    for (; size > 1; size--) {
        swap(sort->ticks.L, low, base + size);
        sink(sort, base, 1, size - 1);
    }
}

/* ---- quicksort ---------------------------------------------------------- */

/* Splits the range around the value on the top, the pivot, which is element
 * `high` - 1 as well; elements `low` and `high` are in order with it. Returns
 * where the pivot ends up. [-1, +0, e] */
static lua_Integer split(mp__sort *sort, lua_Integer low, lua_Integer high)
{
    lua_State *L = sort->ticks.L;
    lua_Integer i = low, j = high - 1;
    for (;;) {
        while (lua_geti(L, 1, ++i), before(sort, -1, -2)) {
            if (i == high - 1)
                luaL_error(L, "invalid order function for sorting");
            lua_pop(L, 1);
        }
        while (lua_geti(L, 1, --j), before(sort, -3, -1)) {
            if (j < i)
                luaL_error(L, "invalid order function for sorting");
            lua_pop(L, 1);
        }
        if (j < i)
            break;
        set_pair(L, i, j);
    }
    /* Below the value of j lie that of i and the pivot. */
    lua_pop(L, 1);
    set_pair(L, high - 1, i);
    return i;
}

/* `depth` is how many more times a range may be split badly. */
static void quick_sort(mp__sort *sort, lua_Integer low, lua_Integer high,
                       int depth)
{
    lua_State *L = sort->ticks.L;
    while (low < high) {
        order_pair(sort, low, high);
        lua_Integer middle = low + (high - low) / 2;
        if (middle == low)
            return;
        if (!order_pair(sort, low, middle))
            order_pair(sort, middle, high);
        if (high - low == 2)
            return;
        if (depth-- == 0) {
            heap_sort(sort, low, high);
            return;
        }
        lua_geti(L, 1, middle);
        lua_pushvalue(L, -1);
        lua_geti(L, 1, high - 1);
        set_pair(L, middle, high - 1);
        middle = split(sort, low, high);
        /* Recursion into the smaller part nests 31 deep at most. */
        if (middle - low < high - middle) {
            quick_sort(sort, low, middle - 1, depth);
            low = middle + 1;
        } else {
            quick_sort(sort, middle + 1, high, depth);
            high = middle - 1;
        }
    }
}

int mp__table_sort(lua_State *L)
{
    lua_Integer size = mp__table_length(L, 1, MP__TABLE_ALL);
    if (size < 2)
        return 0;
    luaL_argcheck(L, size < INT_MAX, 1, "array too big");
    mp__sort sort = {mp__ticks_new(L), !lua_isnoneornil(L, 2)};
    if (sort.has_order)
        luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    int depth = 0;
    for (lua_Integer n = size; n > 1; n /= 2)
        depth += 2;
    quick_sort(&sort, 1, size, depth);
    return 0;
}
