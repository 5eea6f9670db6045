/* Kernels: Lua source with its options. */
#include "core/kernel.h"

#include <ctype.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <lauxlib.h>

#include "core/luaerror.h"
#include "core/memory.h"
#include "core/text.h"

/* What the compiler of a source may use, in bytes: more than three times of
 * what the worst source of the greatest length was seen to take. */
#define COMPILER_MEMORY ((size_t)16 * 1024 * 1024)

/* What it may take, in seconds of CPU time. What people write takes some
 * milliseconds; but a chain of jumps, nested functions with many variables, or
 * constants that collide in a hash table, take quadratic time. The longest
 * single step, the growth of such a table, takes 0.6 s where the greatest
 * source allows it, but comes before the time is up. */
#define COMPILER_SECONDS 2

/* ---- reading a source --------------------------------------------------- */

/* If a long bracket "[==[" starts at `at`, returns the place behind its end
 * (or `end` where it has none), else NULL. */
static const char *skip_long_bracket(const char *at, const char *end)
{
    const char *p = at;
    if (p == end || *p++ != '[')
        return NULL;
    size_t level = 0;
    while (p < end && *p == '=') {
        p++;
        level++;
    }
    if (p == end || *p++ != '[')
        return NULL;
    for (; p < end; p++) {
        if (*p != ']')
            continue;
        const char *q = p + 1;
        while (q < end && *q == '=')
            q++;
        if (q < end && *q == ']' && (size_t)(q - p - 1) == level)
            return q + 1;
        p = q - 1;
    }
    return end;
}

static const char *skip_space_and_comments(const char *at, const char *end)
{
    for (;;) {
        while (at < end && isspace((unsigned char)*at))
            at++;
        if (end - at < 2 || at[0] != '-' || at[1] != '-')
            return at;
        at += 2;
        const char *behind = skip_long_bracket(at, end);
        if (behind != NULL) {
            at = behind;
        } else {
            while (at < end && *at != '\n' && *at != '\r')
                at++;
        }
    }
}

/* Whether the source is a function expression: its first two tokens are
 * `function` and `(`. No chunk can start so. */
static bool is_bare(const char *source, size_t size)
{
    static const char word[] = "function";
    const char *end = source + size;
    const char *at = skip_space_and_comments(source, end);
    if ((size_t)(end - at) < sizeof word - 1 ||
        memcmp(at, word, sizeof word - 1) != 0)
        return false;
    at = skip_space_and_comments(at + sizeof word - 1, end);
    return at < end && *at == '(';
}

/* ---- compiling ---------------------------------------------------------- */

typedef struct reading {
    const mp_kernel *kernel;
    const mp_guard *guard; /* or NULL: until then, in CPU seconds */
    double until;
    size_t at;
    bool started;
    bool late; /* it was given up */
} reading;

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static bool is_late(const reading *r)
{
    return r->guard != NULL ? mp_guard_stopping(r->guard)
                            : cpu_seconds() > r->until;
}

/* A lua_Reader: hands out the source in pieces, so that a stop is seen. */
static const char *next_piece(lua_State *L, void *data, size_t *size)
{
    (void)L;
    static const char prefix[] = "return ";
    enum { PIECE = 512 };
    reading *r = data;
    if (is_late(r)) {
        r->late = true;
        *size = 0;
        return NULL;
    }
    if (!r->started) {
        r->started = true;
        if (r->kernel->bare) {
            *size = sizeof prefix - 1;
            return prefix;
        }
    }
    size_t rest = r->kernel->size - r->at;
    const char *piece = r->kernel->source + r->at;
    *size = rest < PIECE ? rest : PIECE;
    r->at += *size;
    return piece;
}

/* [-0, +1, -] */
static int load(lua_State *L, reading *r)
{
    const char *name = r->kernel->name;
    char chunk[sizeof r->kernel->name + 1] = "=";
    mp_text_copy(chunk + 1, sizeof chunk - 1, name, strlen(name));
    return lua_load(L, next_piece, r, chunk, "t");
}

int mp_kernel_load(lua_State *L, const mp_kernel *kernel, const mp_guard *guard)
{
    reading r = {.kernel = kernel, .guard = guard};
    return load(L, &r);
}

/* Compiles the source in a state of its own, to find errors early. */
static mp_status check(const mp_kernel *kernel, mp_error *err)
{
    mp_memory memory;
    mp_memory_init(&memory, COMPILER_MEMORY);
    lua_State *L = lua_newstate(mp_memory_alloc, &memory);
    if (L == NULL)
        return mp_error_set(err, MP_NO_MEMORY, "no memory to compile a kernel");
    mp_error found = {.status = MP_OK};
    reading r = {.kernel = kernel, .until = cpu_seconds() + COMPILER_SECONDS};
    int code = load(L, &r);
    if (r.late) {
        mp_error_set(&found, MP_TIMEOUT,
                     "compiling the kernel takes more than %d s",
                     COMPILER_SECONDS);
        memcpy(found.kernel, kernel->name, sizeof found.kernel);
    } else if (code == LUA_ERRSYNTAX) {
        memcpy(found.kernel, kernel->name, sizeof found.kernel);
        mp_luaerror_syntax(L, &found);
    } else if (code != LUA_OK) {
        mp_error_set(&found, MP_LUA_MEMORY,
                     "compiling the kernel takes more than %zu MiB",
                     COMPILER_MEMORY >> 20);
        memcpy(found.kernel, kernel->name, sizeof found.kernel);
    }
    lua_close(L);
    if (found.status != MP_OK && err != NULL)
        *err = found;
    return found.status;
}

/* ---- life --------------------------------------------------------------- */

/* FNV-1a, 64 bits. */
static uint64_t hash_bytes(uint64_t hash, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static void hash_kernel(mp_kernel *kernel, const char *signature)
{
    char flags[] = {(char)kernel->strict, (char)kernel->fastmath};
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    hash = hash_bytes(hash, kernel->source, kernel->size);
    hash = hash_bytes(hash, kernel->name, strlen(kernel->name));
    hash = hash_bytes(hash, flags, sizeof flags);
    if (signature != NULL)
        hash = hash_bytes(hash, signature, strlen(signature));
    kernel->hash = hash;
}

static void destroy(mp_kernel *kernel)
{
    mp_kernel_extra *extra =
        atomic_load_explicit(&kernel->extra, memory_order_acquire);
    if (extra != NULL)
        extra->free(extra);
    free(kernel->signature);
    free(kernel->source);
    free(kernel);
}

static mp_status fill(mp_kernel *kernel, const char *source, size_t size,
                      const mp_kernel_options *options, mp_error *err)
{
    static const char bom[] = "\xEF\xBB\xBF";
    if (size >= 3 && memcmp(source, bom, 3) == 0) {
        source += 3;
        size -= 3;
    }
    kernel->source = malloc(size + 1);
    if (kernel->source == NULL)
        return mp_error_set(err, MP_NO_MEMORY, "no memory for a kernel");
    memcpy(kernel->source, source, size);
    kernel->source[size] = '\0';
    kernel->size = size;
    kernel->bare = is_bare(source, size);
    const char *name = options != NULL ? options->name : NULL;
    if (name == NULL || name[0] == '\0')
        name = "kernel";
    /* Lua cuts a chunk's name at LUA_IDSIZE, and errors are found by it. */
    mp_text_copy(kernel->name, LUA_IDSIZE, name, strlen(name));
    if (options == NULL)
        return MP_OK;
    kernel->strict = options->strict;
    kernel->fastmath = options->fastmath;
    if (options->signature == NULL)
        return MP_OK;
    return mp_signature_parse(options->signature, &kernel->signature, err);
}

/* Lua reads numbers as the locale says. That of the process may have a comma,
 * and another thread may change it meanwhile. */
static mp_status check_in_c_locale(const mp_kernel *kernel, mp_error *err)
{
    locale_t locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (locale == (locale_t)0)
        return mp_error_set(err, MP_NO_MEMORY, "no memory for a locale");
    locale_t before = uselocale(locale);
    mp_status status = check(kernel, err);
    uselocale(before);
    freelocale(locale);
    return status;
}

mp_status mp_kernel_new(const char *source, size_t size,
                        const mp_kernel_options *options, mp_kernel **out,
                        mp_error *err)
{
    if (size > MP_MAX_SOURCE)
        return mp_error_set(err, MP_VALUE,
                            "the kernel's source has %zu bytes, the limit is "
                            "%d: pass large data as arguments",
                            size, MP_MAX_SOURCE);
    mp_kernel *kernel = calloc(1, sizeof *kernel);
    if (kernel == NULL)
        return mp_error_set(err, MP_NO_MEMORY, "no memory for a kernel");
    atomic_init(&kernel->references, 1);
    atomic_init(&kernel->extra, NULL);
    mp_status status = fill(kernel, source, size, options, err);
    if (status == MP_OK)
        status = check_in_c_locale(kernel, err);
    if (status != MP_OK) {
        destroy(kernel);
        return status;
    }
    hash_kernel(kernel, options != NULL ? options->signature : NULL);
    *out = kernel;
    return MP_OK;
}

mp_kernel *mp_kernel_retain(mp_kernel *kernel)
{
    /* Relaxed: who retains holds a reference already. */
    atomic_fetch_add_explicit(&kernel->references, 1, memory_order_relaxed);
    return kernel;
}

void mp_kernel_forget(mp_kernel *kernel)
{
    /* Acquire: what it points to was made by another thread. */
    mp_kernel_extra *extra =
        atomic_load_explicit(&kernel->extra, memory_order_acquire);
    if (extra != NULL)
        extra->forget(extra);
}

void mp_kernel_release(mp_kernel *kernel)
{
    /* Release, then acquire: the last one sees what the others did. */
    if (kernel != NULL && atomic_fetch_sub_explicit(&kernel->references, 1,
                                                    memory_order_acq_rel) == 1)
        destroy(kernel);
}

const char *mp_kernel_source(const mp_kernel *kernel, size_t *size)
{
    if (size != NULL)
        *size = kernel->size;
    return kernel->source;
}

const char *mp_kernel_name(const mp_kernel *kernel)
{
    return kernel->name;
}

bool mp_kernel_equal(const mp_kernel *a, const mp_kernel *b)
{
    return a == b || (a->hash == b->hash && a->size == b->size &&
                      strcmp(a->name, b->name) == 0 &&
                      memcmp(a->source, b->source, a->size) == 0);
}
