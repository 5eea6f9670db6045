/* What lib_table.c and sort.c share. An argument need not be a table: anything
 * will do whose metatable has what the function uses. */
#ifndef MP_CORE_LIB_TABLES_H
#define MP_CORE_LIB_TABLES_H

#include <lua.h>

/* What a function does with its table. */
enum {
    MP__TABLE_READ = 1,
    MP__TABLE_WRITE = 2,
    MP__TABLE_LENGTH = 4,
    MP__TABLE_ALL = 7,
};

/* Raises where the argument cannot be used in the ways of `uses`.
 * [-0, +0, v] */
void mp__table_check(lua_State *L, int arg, int uses);

/* The same, with its length; honours __len. [-0, +0, e] */
lua_Integer mp__table_length(lua_State *L, int arg, int uses);

/* table.sort, a lua_CFunction. */
int mp__table_sort(lua_State *L);

#endif
