/* Search for a string in another one. */
#ifndef MP_CORE_LIB_NEEDLE_H
#define MP_CORE_LIB_NEEDLE_H

#include <stddef.h>

#include <lua.h>

/* Like memmem(): the first place in `s` where `needle` lies, or NULL. Takes
 * time that is linear in both sizes, and looks at the guard. [-0, +0, v] */
const char *mp__needle_find(lua_State *L, const char *s, size_t size,
                            const char *needle, size_t needle_size);

#endif
