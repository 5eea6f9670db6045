/* Search for a string in another one.
 *
 * A needle of a common size is left to memmem(), in pieces. A long one would
 * keep memmem() busy for seconds, and comparing place by place takes for ever
 * where the two are much alike; so this is left to the two-way algorithm of
 * Crochemore and Perrin, "Two-way string-matching" (1991), which needs no
 * memory and can be interrupted anywhere. It cuts the needle at a position
 * where a mismatch to the right of it allows a jump of as many places as
 * characters were equal, and compares from there to the right, then what is
 * on the left. */
#include "core/lib/needle.h"

#include <string.h>

#include "core/lib/ticks.h"

/* The longest needle for memmem(), and how many places it may try between two
 * looks at the guard. */
#ifdef MP_HARD
#define MAX_SHORT ((size_t)1)
#define PIECE ((size_t)3)
#else
#define MAX_SHORT ((size_t)64 * 1024)
#define PIECE ((size_t)256 * 1024)
#endif

static const char *find_short(lua_State *L, const char *s, size_t size,
                              const char *needle, size_t needle_size)
{
    while (needle_size <= size) {
        size_t left = size - needle_size + 1;
        size_t step = left < PIECE ? left : PIECE;
        const char *found =
            memmem(s, step + needle_size - 1, needle, needle_size);
        if (found != NULL)
            return found;
        mp_guard_poll(L);
        s += step;
        size -= step;
    }
    return NULL;
}

/* ---- two-way ------------------------------------------------------------ */

/* Where the greatest suffix of `x` begins, by the order of bytes or, if
 * `reverse`, by its opposite; `*period` is that of the suffix. */
static size_t greatest_suffix(mp__ticks *ticks, const unsigned char *x,
                              size_t size, bool reverse, size_t *period)
{
    size_t best = 0, other = 1, k = 0, p = 1;
    while (other + k < size) {
        mp__ticks_spend(ticks, 1);
        unsigned char a = x[other + k], b = x[best + k];
        if (a == b) {
            if (++k == p) {
                other += p;
                k = 0;
            }
        } else if (reverse ? a > b : a < b) {
            other += k + 1;
            k = 0;
            p = other - best;
        } else {
            best = other++;
            k = 0;
            p = 1;
        }
    }
    *period = p;
    return best;
}

/* The first index from `i` on where `x` and `y` differ, at most `size`. */
static size_t equal_right(mp__ticks *ticks, const char *x, const char *y,
                          size_t i, size_t size)
{
    for (; i < size && x[i] == y[i]; i++)
        mp__ticks_spend(ticks, 1);
    return i;
}

/* The least index from `low` on so that `x` and `y` are equal from there up
 * to `i`. */
static size_t equal_left(mp__ticks *ticks, const char *x, const char *y,
                         size_t low, size_t i)
{
    for (; i > low && x[i - 1] == y[i - 1]; i--)
        mp__ticks_spend(ticks, 1);
    return i;
}

static const char *find_long(lua_State *L, const char *s, size_t size,
                             const char *needle, size_t needle_size)
{
    mp__ticks ticks = mp__ticks_new(L);
    const unsigned char *x = (const unsigned char *)needle;
    size_t period, period2;
    size_t cut = greatest_suffix(&ticks, x, needle_size, false, &period);
    size_t cut2 = greatest_suffix(&ticks, x, needle_size, true, &period2);
    if (cut2 > cut) {
        cut = cut2;
        period = period2;
    }
    /* A needle that repeats itself throughout moves by its period, and what
     * was equal then need not be looked at again. */
    bool repeats = equal_right(&ticks, needle, needle + period, 0, cut) == cut;
    if (!repeats)
        period = (cut > needle_size - cut ? cut : needle_size - cut) + 1;
    size_t known = 0; /* so much of the needle is equal at `s` for sure */
    for (const char *stop = s + (size - needle_size); s <= stop;) {
        mp__ticks_spend(&ticks, 1);
        size_t from = cut > known ? cut : known;
        size_t i = equal_right(&ticks, needle, s, from, needle_size);
        if (i < needle_size) {
            s += i - cut + 1;
            known = 0;
            continue;
        }
        if (equal_left(&ticks, needle, s, known, cut) <= known)
            return s;
        s += period;
        known = repeats ? needle_size - period : 0;
    }
    return NULL;
}

const char *mp__needle_find(lua_State *L, const char *s, size_t size,
                            const char *needle, size_t needle_size)
{
    if (needle_size > size)
        return NULL;
    if (needle_size <= MAX_SHORT)
        return find_short(L, s, size, needle, needle_size);
    return find_long(L, s, size, needle, needle_size);
}
