/* What the tests of build*.c share: they look at what `build` leaves, without
 * any pass behind it. */
#ifndef MP_TESTS_NATIVE_BUILT_H
#define MP_TESTS_NATIVE_BUILT_H

#include "reference.h"

static inline void check(const char *source, const char *types,
                         const char *wanted)
{
    check_dump(source, types, NULL, wanted);
}

static inline void refused(const char *source, const char *types, int line,
                           const char *text)
{
    check_refused(source, types, NULL, line, text);
}

/* Over tame and wild inputs. */
static inline void same(const char *source, const char *types)
{
    comparison c = {.source = source, .kind = INPUT_TAME};
    compare_with_lua(c, types, NULL);
    c.kind = INPUT_WILD;
    compare_with_lua(c, types, NULL);
}

/* Where a wild input would not end. */
static inline void same_tame(const char *source, const char *types)
{
    compare_with_lua((comparison){.source = source}, types, NULL);
}

#endif
