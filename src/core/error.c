/* The error record. */
#include <stdarg.h>
#include <string.h>

#include "core/text.h"
#include "moonpool.h"

mp_status mp_error_set(mp_error *err, mp_status status, const char *format, ...)
{
    if (err == NULL)
        return status;
    err->status = status;
    err->line = 0;
    err->index = -1;
    err->kernel[0] = '\0';
    err->traceback[0] = '\0';
    va_list args;
    va_start(args, format);
    mp_text_format(err->message, sizeof err->message, format, args);
    va_end(args);
    return status;
}
