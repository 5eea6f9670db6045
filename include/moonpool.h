/* moonpool: a pool of threads that runs Lua kernels over raw memory.
 *
 * This is the whole public interface of the C library. It knows no Python and
 * keeps no global state: everything hangs off an mp_pool, and two pools never
 * meet.
 *
 * A job goes through four steps:
 *   1. mp_pool_new() starts the workers, mp_kernel_new() checks a source;
 *   2. mp_map_start() and its like describe a job and queue it;
 *   3. mp_job_wait() waits, mp_job_stop() ends it early;
 *   4. mp_job_status() and mp_job_error() say how it went, mp_job_free()
 *      forgets it.
 *
 * Every function that can fail returns an mp_status and, when that is not
 * MP_OK, has filled the mp_error given last. No function aborts, exits, prints
 * or takes a lock of Python's. Unless a comment says otherwise a function may
 * be called from any thread.
 */
#ifndef MOONPOOL_H
#define MOONPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define MP_API __attribute__((visibility("default")))
#define MP_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#else
#define MP_API
#define MP_PRINTF(fmt, first)
#endif

#define MP_VERSION "0.1.0"

/* The most dimensions a view can have: what the buffer protocol allows. */
#define MP_MAX_NDIM 64
/* The most arguments, and the most results, of one kernel call. */
#define MP_MAX_ARGS 64
/* The longest kernel source, in bytes: 256 KiB. What takes quadratic time to
 * compile is bounded by it. */
#define MP_MAX_SOURCE 262144

/* ---- status and error --------------------------------------------------- */

/* name, text, Python exception (in the package moonpool or a builtin) */
#define MP_STATUS_TABLE(X)                                                     \
    X(OK, "no error", NULL)                                                    \
    X(VALUE, "a value is not usable", "ValueError")                            \
    X(TYPE, "a type is not usable", "TypeError")                               \
    X(SYNTAX, "the kernel's source is not valid Lua", "LuaSyntaxError")        \
    X(LUA, "the kernel raised an error", "LuaError")                           \
    X(LUA_MEMORY, "the kernel reached its memory limit", "LuaMemoryError")     \
    X(TIMEOUT, "the job ran out of time", "KernelTimeout")                     \
    X(CANCELLED, "the job was cancelled", "CancelledError")                    \
    X(CLOSED, "the pool is closed", "RuntimeError")                            \
    X(NO_MEMORY, "the process is out of memory", "MemoryError")                \
    X(THREAD, "a thread could not be started", "RuntimeError")                 \
    X(REFUSED, "the kernel cannot be compiled", "RuntimeError")

typedef enum mp_status {
#define MP_STATUS_ENUM(name, text, exception) MP_##name,
    MP_STATUS_TABLE(MP_STATUS_ENUM)
#undef MP_STATUS_ENUM
} mp_status;

/* What went wrong. The record has a fixed size, so that failing never
 * allocates; text that does not fit is cut at a character boundary. */
typedef struct mp_error {
    mp_status status;
    int line;             /* Lua line of the kernel, 0 where unknown */
    int64_t index;        /* flat index of the element or item, or -1 */
    char kernel[64];      /* the kernel's name, or "" */
    char message[512];    /* one line, without kernel name and Lua line */
    char traceback[1536]; /* Lua traceback, or "" */
} mp_error;

/* Fills `err` (which may be NULL) and returns `status`. */
MP_API mp_status mp_error_set(mp_error *err, mp_status status,
                              const char *format, ...) MP_PRINTF(3, 4);

/* The text of a status, and the Python exception that it becomes (NULL for
 * MP_OK). Both are static. */
MP_API const char *mp_status_text(mp_status status);
MP_API const char *mp_status_exception(mp_status status);

/* ---- values ------------------------------------------------------------- */

typedef enum mp_kind {
    MP_KIND_NIL,
    MP_KIND_BOOL,
    MP_KIND_INT,
    MP_KIND_FLOAT,
    MP_KIND_STRING, /* bytes; borrowed from whoever made the value */
} mp_kind;

typedef struct mp_value {
    mp_kind kind;
    union {
        bool b;
        int64_t i;
        double f;
        struct {
            const char *data;
            size_t size;
        } s;
    } as;
} mp_value;

/* ---- arrays ------------------------------------------------------------- */

/* name, C type of one element, size in bytes, NumPy's character */
#define MP_DTYPE_TABLE(X)                                                      \
    X(BOOL, bool, uint8_t, 1, '?')                                             \
    X(INT8, int8, int8_t, 1, 'b')                                              \
    X(UINT8, uint8, uint8_t, 1, 'B')                                           \
    X(INT16, int16, int16_t, 2, 'h')                                           \
    X(UINT16, uint16, uint16_t, 2, 'H')                                        \
    X(INT32, int32, int32_t, 4, 'i')                                           \
    X(UINT32, uint32, uint32_t, 4, 'I')                                        \
    X(INT64, int64, int64_t, 8, 'q')                                           \
    X(UINT64, uint64, uint64_t, 8, 'Q')                                        \
    X(FLOAT16, float16, uint16_t, 2, 'e')                                      \
    X(FLOAT32, float32, float, 4, 'f')                                         \
    X(FLOAT64, float64, double, 8, 'd')

typedef enum mp_dtype {
#define MP_DTYPE_ENUM(name, text, type, size, code) MP_##name,
    MP_DTYPE_TABLE(MP_DTYPE_ENUM)
#undef MP_DTYPE_ENUM
} mp_dtype;

/* The bytes of one element, and the name ("float64"). */
MP_API int mp_dtype_size(mp_dtype dtype);
MP_API const char *mp_dtype_name(mp_dtype dtype);

/* A typed, strided window on memory that somebody else owns. The owner keeps
 * the memory in place for as long as a job uses the view. */
typedef struct mp_view {
    char *data; /* address of the element whose indices are all 0 */
    mp_dtype dtype;
    bool swapped; /* the bytes of an element stand in the other order */
    bool readonly;
    int ndim; /* 0 to MP_MAX_NDIM */
    int64_t shape[MP_MAX_NDIM];
    int64_t strides[MP_MAX_NDIM]; /* in bytes; may be 0 or negative */
} mp_view;

/* Makes a view of a C-contiguous block. Fails where an extent is negative,
 * ndim is out of range or the size overflows. */
MP_API mp_status mp_view_init(mp_view *view, void *data, mp_dtype dtype,
                              int ndim, const int64_t *shape, mp_error *err);

/* The number of elements. */
MP_API int64_t mp_view_size(const mp_view *view);

/* Reads or writes the element with flat index `index` in C order, with the
 * conversions and checks that a kernel gets; MP_VALUE where the dtype cannot
 * hold the value. */
MP_API mp_status mp_view_get(const mp_view *view, int64_t index, mp_value *out,
                             mp_error *err);
MP_API mp_status mp_view_set(const mp_view *view, int64_t index, mp_value value,
                             mp_error *err);

typedef struct mp_shape {
    int ndim;
    int64_t extent[MP_MAX_NDIM];
} mp_shape;

/* ---- kernels ------------------------------------------------------------ */

/* Lua source with its options: immutable, reference-counted, usable by any
 * number of pools and threads at once. */
typedef struct mp_kernel mp_kernel;

typedef struct mp_kernel_options {
    const char *name;      /* shown in errors; NULL for "kernel" */
    const char *signature; /* generalized-ufunc signature, or NULL */
    bool strict;           /* for the native tier: no approximate functions */
    bool fastmath;         /* for the native tier: allow reassociation, and
                              float32 arithmetic between float32 elements */
} mp_kernel_options;

/* Checks `source` (a chunk that returns one function, or a bare
 * `function(...) ... end`) and copies it. `options` may be NULL. The kernel
 * is the caller's, to release. */
MP_API mp_status mp_kernel_new(const char *source, size_t size,
                               const mp_kernel_options *options,
                               mp_kernel **out, mp_error *err);
MP_API mp_kernel *mp_kernel_retain(mp_kernel *kernel);
MP_API void mp_kernel_release(mp_kernel *kernel);

/* Gives back what has been compiled of a kernel, as before its last use: a
 * worker may keep the kernel itself for a while. What jobs run goes with them.
 * Any thread. */
MP_API void mp_kernel_forget(mp_kernel *kernel);

MP_API const char *mp_kernel_source(const mp_kernel *kernel, size_t *size);
MP_API const char *mp_kernel_name(const mp_kernel *kernel);

/* ---- the pool ----------------------------------------------------------- */

typedef struct mp_pool mp_pool;

typedef struct mp_pool_options {
    int workers;         /* 0: mp_worker_count() decides */
    size_t memory_limit; /* bytes of Lua memory a worker; 0: no limit */
    double timeout;      /* seconds a job may run, 0: no limit */
    bool sandbox;        /* false: kernels get all of Lua's libraries */
    const char *setup;   /* Lua run once in each worker, or NULL */
    size_t setup_size;
} mp_pool_options;

/* Fills in the defaults: workers 0, 256 MiB, no timeout, sandboxed. */
MP_API void mp_pool_options_init(mp_pool_options *options);

/* How many workers a pool has by default, and why: MOONPOOL_WORKERS, else
 * OMP_NUM_THREADS, else the least of affinity and cgroup CPU quota. `why`
 * (which may be NULL) becomes a static text. */
MP_API int mp_worker_count(const char **why);

/* Starts the workers. `setup` is compiled here and run by mp_setup_start(),
 * or by each worker before its first job. On success `*out` is the caller's;
 * on failure it is untouched and no thread is left. */
MP_API mp_status mp_pool_new(const mp_pool_options *options, mp_pool **out,
                             mp_error *err);

/* Refuses new jobs from now on; those queued and running go on. Idempotent. */
MP_API void mp_pool_close(mp_pool *pool);

/* Stops every job queued or running with MP_CANCELLED. */
MP_API void mp_pool_cancel(mp_pool *pool);

/* Closes, cancels, joins the workers and frees. Jobs stay valid until they
 * are freed. Not from a worker. NULL is allowed. */
MP_API void mp_pool_free(mp_pool *pool);

/* After fork(), in the child: the workers do not exist there. Forgets the
 * pool without touching its locks; its memory is leaked on purpose. */
MP_API void mp_pool_abandon(mp_pool *pool);

MP_API int mp_pool_workers(const mp_pool *pool);

/* Counters since the start; each is exact, together they are not a snapshot. */
typedef struct mp_worker_stats {
    int64_t chunks;      /* pieces of jobs taken */
    int64_t items;       /* kernel calls made */
    int64_t native;      /* those of them in compiled jobs */
    double busy;         /* seconds inside chunks */
    int64_t memory;      /* bytes of Lua memory in use */
    int64_t memory_peak; /* the most there ever was */
    int64_t states;      /* Lua states made, 1 unless one had to be replaced */
} mp_worker_stats;

/* Of a worker, from 0 on; or, after the last of them, of all threads that
 * mp_shortcuts_map() was called on. */
MP_API void mp_pool_stats(const mp_pool *pool, int worker,
                          mp_worker_stats *out);

/* The last chunks that each worker ran, oldest first. `start` and `end` are
 * seconds of CLOCK_MONOTONIC. */
typedef struct mp_span {
    int worker;
    uint64_t job;
    char kernel[64];
    int64_t lo, hi; /* item range */
    bool native;    /* compiled */
    double start, end;
} mp_span;

/* Copies at most `capacity` spans of `worker`, which is as in mp_pool_stats();
 * returns how many. */
MP_API int mp_pool_trace(const mp_pool *pool, int worker, mp_span *out,
                         int capacity);

/* ---- the native tier ---------------------------------------------------- */

/* Kernels of numbers can be compiled: their bytecode becomes LLVM IR for the
 * types of a call, and the caller's compiler makes machine code of that. What
 * cannot be compiled runs interpreted, with the same results. */

/* name, text, items at once: what instructions code is made for. */
#define MP_ISA_TABLE(X)                                                        \
    X(SCALAR, "scalar", 1)                                                     \
    X(SSE2, "sse2", 4)                                                         \
    X(AVX2, "avx2", 8)                                                         \
    X(AVX512, "avx512", 16)

typedef enum mp_isa {
#define MP_ISA_ENUM(name, text, lanes) MP_ISA_##name,
    MP_ISA_TABLE(MP_ISA_ENUM)
#undef MP_ISA_ENUM
} mp_isa;

/* The best that this machine has. */
MP_API mp_isa mp_isa_host(void);
MP_API const char *mp_isa_name(mp_isa isa);

/* What tells this CPU from others, for which the best code may be another: a
 * text, or "" where nothing is known of it. */
#define MP_CPU_SIZE 256
MP_API void mp_isa_cpu(char text[MP_CPU_SIZE]);

/* Machine code. */
typedef struct mp_code {
    uintptr_t address; /* of the function `kernel` of the IR */
    void *handle;      /* for mp_compiler.release */
} mp_code;

typedef struct mp_compiler {
    /* Compiles LLVM IR text, which ends with a zero byte. Called by the thread
     * that starts a job, without a lock. MP_VALUE: this machine cannot have
     * the code, err->message says why, and the kernel runs interpreted from
     * now on. What else it fails with is what the start of the job fails
     * with. */
    mp_status (*compile)(void *ud, const char *ir, size_t size, mp_isa isa,
                         mp_code *out, mp_error *err);
    /* Gives code back that nobody runs any more. Called by any thread, workers
     * among them, once for each success of `compile`. */
    void (*release)(void *handle);
    void *ud; /* for `compile`; needed during the call only */
} mp_compiler;

typedef struct mp_native_options {
    const mp_compiler *compiler;
    bool required; /* MP_REFUSED in place of running interpreted */
    mp_isa isa;    /* jobs: MP_VALUE where the host has less */
    int lanes;     /* items at once, a power of two up to 64; 0: what suits */
    int64_t least; /* compile when so many items, over all calls of the kernel
                      with these types, have been asked for */
    bool known;    /* MP_REFUSED in place of compiling: it would take long */
} mp_native_options;

/* Fills in the defaults: the host's instructions, compiled at once. */
MP_API void mp_native_options_init(mp_native_options *options,
                                   const mp_compiler *compiler);

/* Why a kernel runs interpreted. */
typedef struct mp_refusal {
    int line;       /* Lua line, 0 where unknown */
    char what[160]; /* "strings are not compiled" */
    char hint[160]; /* what to change, or "" */
} mp_refusal;

/* Fills `err` with MP_REFUSED, and returns that. */
MP_API mp_status mp_refusal_error(const mp_refusal *refusal,
                                  const mp_kernel *kernel, mp_error *err);

/* The reason, the line of the source with a caret, and what to change, a line
 * each. `*text` is the caller's, to free(). */
MP_API mp_status mp_refusal_text(const mp_refusal *refusal,
                                 const mp_kernel *kernel, char **text,
                                 size_t *size, mp_error *err);

/* name, text: what there is of a kernel after each pass, in their order, and
 * what can be told of it at the end. */
#define MP_STAGE_TABLE(X)                                                      \
    X(BYTECODE, "bytecode")                                                    \
    X(BUILD, "build")                                                          \
    X(SCALAR, "scalar")                                                        \
    X(INFER, "infer")                                                          \
    X(FOLD, "fold")                                                            \
    X(DIVERGE, "diverge")                                                      \
    X(MASK, "mask")                                                            \
    X(EMIT, "emit")       /* LLVM IR */                                        \
    X(EXPLAIN, "explain") /* the source, with what became of each line */

typedef enum mp_stage {
#define MP_STAGE_ENUM(name, text) MP_STAGE_##name,
    MP_STAGE_TABLE(MP_STAGE_ENUM)
#undef MP_STAGE_ENUM
} mp_stage;

MP_API const char *mp_stage_name(mp_stage stage);

/* ---- jobs --------------------------------------------------------------- */

typedef struct mp_job mp_job;

/* One argument of a map, run or reduce: an array, or a value for all items.
 * A string value is copied. */
typedef struct mp_arg {
    const mp_view *view; /* NULL: `value` is meant */
    mp_value value;
} mp_arg;

typedef struct mp_job_options {
    double timeout;      /* seconds; 0: the pool's */
    bool lazy_deadline;  /* the time counts from the first chunk, not now */
    bool notify;         /* put the job on the pool's completion queue */
    bool attended;       /* the caller will wait for it at once, and may help */
    uintptr_t tag;       /* the caller's; see mp_job_tag() */
    const mp_job *after; /* NULL, or an ended job whose time goes on: both
                            together have the timeout of that one */
    const mp_native_options *native; /* NULL: interpreted */
} mp_job_options;

/* Elementwise map, or map by generalized-ufunc signature. */
typedef struct mp_map_spec {
    mp_kernel *kernel;
    int nargs;
    const mp_arg *args;
    const mp_view *where; /* bool, broadcasts with the args; or NULL */
    int nouts;
    const mp_view *outs;
    uint64_t open; /* bit k: the int64 array outs[k] may turn into float64 */
    int64_t first; /* items before this one are done already */
} mp_map_spec;

/* The shape of the loop and of each output, without running anything. For an
 * elementwise kernel every output has the loop's shape and `*nouts` is -1
 * (not known); with a signature `outs` (room for MP_MAX_ARGS) is filled and
 * `ncore` says how many trailing dimensions of each are core dimensions.
 * `spec->outs`, where given, take part in sizing core dimensions. */
MP_API mp_status mp_map_shape(const mp_map_spec *spec, mp_shape *loop,
                              int *nouts, mp_shape *outs, int *ncore,
                              mp_error *err);

/* Queues a map. The views are copied, the memory behind them is borrowed
 * until the job has ended. An output that overlaps an input other than
 * element for element makes the job read a copy of that input.
 *
 * An output in `open` gets integers as they are; if the kernel returns a
 * float for any item, the whole array holds float64 bits at the end and
 * mp_job_kind() says so. */
MP_API mp_status mp_map_start(mp_pool *pool, const mp_map_spec *spec,
                              const mp_job_options *options, mp_job **out,
                              mp_error *err);

/* Queues a job that runs the first item that `where` selects, and no other,
 * to find out what the kernel returns. With a signature `spec->outs` are the
 * outputs that have core dimensions; what the kernel returns is the rest.
 * With no items at all the kernel is called with ones in place of elements.
 * mp_job_results() has the values, mp_job_first() the item's flat index. */
MP_API mp_status mp_map_probe(mp_pool *pool, const mp_map_spec *spec,
                              const mp_job_options *options, mp_job **out,
                              mp_error *err);

/* What a kernel returns, as type inference finds without running anything:
 * `*nouts` values, of which dtypes[k] (room for MP_MAX_ARGS) is what an array
 * for them has. `*nouts` is -1 where the native tier does not take the kernel,
 * and `refusal` says why. `spec->outs` are as for mp_map_probe(). */
MP_API mp_status mp_map_types(mp_pool *pool, const mp_map_spec *spec,
                              int *nouts, mp_dtype *dtypes, mp_refusal *refusal,
                              mp_error *err);

/* Likewise, where it has been found out before or there is nothing to find out;
 * else false. Takes no time. */
MP_API bool mp_map_types_known(mp_pool *pool, const mp_map_spec *spec,
                               int *nouts, mp_dtype *dtypes);

/* The form that a kernel has after a pass, for the types of a map: whether its
 * inputs are arrays, of which dtypes, and what values there are. Of a kernel
 * with a signature the outputs with core dimensions may follow in `spec->args`;
 * if they do not, they hold the widest float of the inputs. `*text` is the
 * caller's, to free(); it is NULL where the kernel cannot be compiled, and
 * `refusal` says why. No array's memory is looked at. */
MP_API mp_status mp_map_show(const mp_map_spec *spec,
                             const mp_native_options *options, mp_stage stage,
                             char **text, size_t *size, mp_refusal *refusal,
                             mp_error *err);

/* What the latest small maps of a kernel have led to: compiled code that
 * another map of the same types goes straight to, on the thread that asks for
 * it. Belongs to who made it, who sees to it that one thread at a time uses it.
 * It holds code, but not the kernel. */
typedef struct mp_shortcuts mp_shortcuts;

MP_API mp_status mp_shortcuts_new(mp_shortcuts **out, mp_error *err);
MP_API void mp_shortcuts_free(mp_shortcuts *shortcuts);

/* Calls `body(arg)`, at once and on the same thread, without what the caller
 * holds. */
typedef struct mp_aside {
    void (*run)(void *ud, void (*body)(void *arg), void *arg);
    void *ud;
} mp_aside;

/* Runs an elementwise map at once, without a job, where that seems to take some
 * microseconds at most: the kernel has been compiled for these types, and each
 * operand lies in a row. True: it is done. False: mp_map_start() is to do it,
 * or to say what is wrong with it; spec->first then says how many items it
 * need not do any more, as it does before the call.
 *
 * Compiles nothing, waits for nothing, and does not fail. What goes on for
 * longer than it seemed is left to a job: a loop of the kernel's is cut off
 * after some thousand turns, and what has none after some items. Where it seems
 * to take more than a few microseconds, it is `aside`, unless NULL, that runs
 * it: other threads may use the shortcuts meanwhile. */
MP_API bool mp_shortcuts_map(mp_shortcuts *shortcuts, mp_pool *pool,
                             mp_map_spec *spec, const mp_native_options *native,
                             const mp_aside *aside);

/* What a map without outputs returns, in so far as mp_shortcuts_map() is likely
 * to run it: the shape, and as in mp_map_types(). False where it is not. */
MP_API bool mp_shortcuts_types(mp_shortcuts *shortcuts, mp_pool *pool,
                               const mp_map_spec *spec, mp_shape *shape,
                               int *nouts, mp_dtype *dtypes);

/* kernel(i, ...) for every index of `extent`, 1-based; the views arrive as
 * arrays that the kernel may read and write. What it returns is dropped. */
typedef struct mp_run_spec {
    mp_kernel *kernel;
    mp_shape extent; /* 1 to 3 dimensions */
    int nargs;
    const mp_arg *args;
} mp_run_spec;

MP_API mp_status mp_run_start(mp_pool *pool, const mp_run_spec *spec,
                              const mp_job_options *options, mp_job **out,
                              mp_error *err);

/* As mp_map_show(). */
MP_API mp_status mp_run_show(const mp_run_spec *spec,
                             const mp_native_options *options, mp_stage stage,
                             char **text, size_t *size, mp_refusal *refusal,
                             mp_error *err);

/* How partial results are combined. */
typedef enum mp_combine {
    MP_COMBINE_NONE, /* no way: each fold is sequential */
    MP_COMBINE_ADD,
    MP_COMBINE_MUL,
    MP_COMBINE_MIN,
    MP_COMBINE_MAX,
    MP_COMBINE_KERNEL, /* by a Lua function of both sides' accumulators */
} mp_combine;

/* acc... = kernel(acc..., x, ...) over all elements, or along some axes. */
typedef struct mp_reduce_spec {
    mp_kernel *kernel;
    int nargs;
    const mp_arg *args;
    int naccs;
    const mp_value *init; /* numbers or booleans, one an accumulator */
    mp_combine combine;
    mp_kernel *combine_kernel; /* for MP_COMBINE_KERNEL */
    bool whole;                /* false: along `axes` only */
    int naxes;
    const int *axes; /* distinct, 0 to ndim - 1 */
} mp_reduce_spec;

/* The shape of the result: of rank 0 for a whole reduction. */
MP_API mp_status mp_reduce_shape(const mp_reduce_spec *spec, mp_shape *out,
                                 mp_error *err);

/* Queues a reduction. The result is the same bits for any number of workers:
 * elements are cut into blocks by their number alone, and the blocks'
 * results are combined in a fixed tree. mp_job_results() has naccs values
 * for each element of the result, in C order. */
MP_API mp_status mp_reduce_start(mp_pool *pool, const mp_reduce_spec *spec,
                                 const mp_job_options *options, mp_job **out,
                                 mp_error *err);

/* As mp_map_show(), along a fold; the axes do not matter. */
MP_API mp_status mp_reduce_show(const mp_reduce_spec *spec,
                                const mp_native_options *options,
                                mp_stage stage, char **text, size_t *size,
                                mp_refusal *refusal, mp_error *err);

/* One call of any Lua function. Its arguments come as a message (see
 * mp_message below), one MP_TAG_LIST with an item an argument, and its
 * results go the same way; the views are what MP_TAG_ARRAY items refer to. */
typedef struct mp_call_spec {
    mp_kernel *kernel;
    const char *message; /* copied */
    size_t size;
    int nviews;
    const mp_view *views; /* copied */
    bool broadcast;       /* once on every worker instead of on one */
} mp_call_spec;

MP_API mp_status mp_call_start(mp_pool *pool, const mp_call_spec *spec,
                               const mp_job_options *options, mp_job **out,
                               mp_error *err);

/* Makes every worker build its Lua state and run the pool's setup. */
MP_API mp_status mp_setup_start(mp_pool *pool, const mp_job_options *options,
                                mp_job **out, mp_error *err);

/* Waits until the job has ended or `seconds` have passed (negative: for
 * ever); true when it has ended. An ended job touches no memory of anybody. */
MP_API bool mp_job_wait(mp_job *job, double seconds);

/* Ends the job early with `status`, MP_CANCELLED or MP_TIMEOUT: what runs is
 * interrupted, what waits is dropped. Returns at once; no effect on a job
 * that has ended. */
MP_API void mp_job_stop(mp_job *job, mp_status status);

/* Whether the job waits, runs or has ended. */
typedef enum mp_phase { MP_WAITING, MP_RUNNING, MP_ENDED } mp_phase;
MP_API mp_phase mp_job_phase(const mp_job *job);

/* Items done so far, and in all. */
MP_API void mp_job_progress(const mp_job *job, int64_t *done, int64_t *total);

/* The rest is for a job that has ended. */

/* MP_OK, or why it failed; mp_job_error() is never NULL. */
MP_API mp_status mp_job_status(const mp_job *job);
MP_API const mp_error *mp_job_error(const mp_job *job);

/* Whether it is compiled, from its start on; and if not, why, or NULL where
 * nobody wanted it compiled, or not yet. */
MP_API bool mp_job_native(const mp_job *job);
MP_API const mp_refusal *mp_job_refusal(const mp_job *job);

/* Values of a probe or a reduction, owned by the job. Strings are not among
 * them: MP_KIND_STRING stands for any Lua value without a number. */
MP_API const mp_value *mp_job_results(const mp_job *job, int64_t *count);
MP_API int64_t mp_job_first(const mp_job *job);

/* What the results of output `k` of a map were: MP_KIND_FLOAT if any was a
 * float, else MP_KIND_INT or MP_KIND_BOOL, and MP_KIND_NIL if there was no
 * item. Only for outputs in `open`. */
MP_API mp_kind mp_job_kind(const mp_job *job, int k);

/* The message that a call on `worker` returned (0 where it is not a
 * broadcast), owned by the job. */
MP_API const char *mp_job_message(const mp_job *job, int worker, size_t *size);

MP_API uintptr_t mp_job_tag(const mp_job *job);

/* Gives the caller's reference back: stops the job and waits for its end
 * where it has not ended. NULL is allowed. */
MP_API void mp_job_free(mp_job *job);

/* After mp_pool_abandon(), in the child of a fork: frees the caller's
 * reference without waiting for workers that do not exist. */
MP_API void mp_job_abandon(mp_job *job);

/* Takes the next ended job that was started with `notify`, waiting up to
 * `seconds` (negative: for ever); NULL when none came or the pool is being
 * freed. The reference stays the one that the start call gave out. */
MP_API mp_job *mp_pool_next_ended(mp_pool *pool, double seconds);

/* Wakes every thread in mp_pool_next_ended() once. */
MP_API void mp_pool_wake(mp_pool *pool);

/* ---- messages ----------------------------------------------------------- */

/* The arguments and results of mp_call_start() as one flat byte string: a
 * sequence of items, each a tag byte and what the table says, in the host's
 * byte order and without alignment. */
typedef enum mp_tag {
    MP_TAG_NIL,
    MP_TAG_FALSE,
    MP_TAG_TRUE,
    MP_TAG_INT,    /* int64_t */
    MP_TAG_FLOAT,  /* double */
    MP_TAG_STRING, /* uint64_t size, bytes */
    MP_TAG_LIST,   /* uint64_t n, n items */
    MP_TAG_DICT,   /* uint64_t n, n pairs of items */
    MP_TAG_ARRAY,  /* uint64_t index into the views */
} mp_tag;

/* How deep lists and dicts may nest. */
#define MP_MAX_DEPTH 100

/* A message under construction. Zero it before use. */
typedef struct mp_message {
    char *data;
    size_t size;
    size_t capacity;
} mp_message;

MP_API void mp_message_destroy(mp_message *message);
MP_API mp_status mp_message_tag(mp_message *message, mp_tag tag, mp_error *err);
MP_API mp_status mp_message_int(mp_message *message, int64_t value,
                                mp_error *err);
MP_API mp_status mp_message_float(mp_message *message, double value,
                                  mp_error *err);
MP_API mp_status mp_message_string(mp_message *message, const char *data,
                                   size_t size, mp_error *err);
/* `tag` is MP_TAG_LIST, MP_TAG_DICT or MP_TAG_ARRAY. */
MP_API mp_status mp_message_count(mp_message *message, mp_tag tag,
                                  uint64_t count, mp_error *err);

/* Reads a message item by item. */
typedef struct mp_reader {
    const char *at;
    const char *end;
} mp_reader;

typedef struct mp_item {
    mp_tag tag;
    union {
        int64_t i;
        double f;
        uint64_t count;
        struct {
            const char *data;
            size_t size;
        } s;
    } as;
} mp_item;

/* Reads the next item; MP_VALUE at the end or where the bytes are no item. */
MP_API mp_status mp_message_next(mp_reader *reader, mp_item *out,
                                 mp_error *err);

#ifdef __cplusplus
}
#endif

#endif
