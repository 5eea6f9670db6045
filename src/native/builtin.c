/* Builtins: the library functions that the native tier knows. */
#include "native/builtin.h"

#include <string.h>

static const struct {
    const char *name;
    int least, most;
} builtins[] = {
#define ROW(name, text, least, most) {text, least, most},
    MP_BUILTIN_TABLE(ROW)
#undef ROW
};

const char *mp__builtin_name(mp_builtin builtin)
{
    return builtins[builtin].name;
}

mp_builtin mp__builtin_find(const char *name)
{
    int builtin = 0;
    while (builtin < MP_NBUILTINS && strcmp(builtins[builtin].name, name) != 0)
        builtin++;
    return (mp_builtin)builtin;
}

int mp__builtin_least(mp_builtin builtin)
{
    return builtins[builtin].least;
}

int mp__builtin_most(mp_builtin builtin)
{
    return builtins[builtin].most;
}
