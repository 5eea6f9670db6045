/* Status codes: their texts and the Python exceptions they become. */
#include "moonpool.h"

const char *mp_status_text(mp_status status)
{
    static const char *const texts[] = {
#define TEXT(name, text, exception) text,
        MP_STATUS_TABLE(TEXT)
#undef TEXT
    };
    return texts[status];
}

const char *mp_status_exception(mp_status status)
{
    static const char *const exceptions[] = {
#define EXCEPTION(name, text, exception) exception,
        MP_STATUS_TABLE(EXCEPTION)
#undef EXCEPTION
    };
    return exceptions[status];
}
