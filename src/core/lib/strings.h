/* The functions of the string library that have files of their own. */
#ifndef MP_CORE_LIB_STRINGS_H
#define MP_CORE_LIB_STRINGS_H

#include <lua.h>

/* All of them are lua_CFunctions. */
int mp__string_find(lua_State *L);
int mp__string_format(lua_State *L);
int mp__string_gmatch(lua_State *L);
int mp__string_gsub(lua_State *L);
int mp__string_match(lua_State *L);

/* Sets pack, packsize and unpack in the table on the top. [-0, +0, m] */
void mp__string_add_pack(lua_State *L);

#endif
