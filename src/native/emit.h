/* What the files of the emitter share.
 *
 * A value is "wide" where it is a vector with an element for each lane, and
 * else a scalar. With one lane nothing is wide. Operands are LLVM's text for
 * them: a name ("%t12") or a constant ("7"). */
#ifndef MP_NATIVE_EMIT_H
#define MP_NATIVE_EMIT_H

#include "native/ir.h"
#include "native/writer.h"

/* Names of functions of the text's own, that are written at the end. */
typedef struct mp_helper {
    const char *name; /* "mp.idiv": see mp__emit_helpers() */
    bool wide;
    int uses; /* places that call it */
} mp_helper;

/* What is known of runs of elements, where code is: see emit_split.c. */
typedef enum mp_way {
    MP_WAY_EITHER,
    MP_WAY_INSIDE,  /* all lanes have an item, and all its elements are there */
    MP_WAY_CHECKED, /* not so: lanes are on or off */
} mp_way;

typedef struct mp_emit {
    mp_func *func;
    const mp_spec *spec;
    mp_unit *unit;
    int lanes;
    bool bits;            /* a wide boolean is <N x i1>, else <N x i64> */
    bool partial;         /* lanes may be off without a mask of the IR */
    bool whole;           /* there are whole vectors only: see rest.h */
    int temps, labels;    /* numbers given out */
    int64_t cost;         /* of the code since the last look at the flag, ns */
    mp_writer *out;       /* where code goes just now */
    const char *label;    /* of the LLVM block that code goes to */
    mp_writer text;       /* all of it */
    mp_writer *blocks;    /* code of each block of the IR, by order */
    const char **ends;    /* LLVM blocks in which those end */
    const char **scalars; /* by node: operand, or NULL */
    const char **vectors;
    const char **small;   /* by node: a vector of words, or NULL */
    const char **singles; /* by node: a vector of 32-bit floats, or NULL */
    const char **raw;     /* by node: an element as it is stored, or NULL */
    bool *wanted;         /* by node: whether the vector is used */
    bool *once;           /* by node: whether it is the same for all vectors */
    bool *early;          /* by node: whether it is worked out for both ways */
    bool *ranged;         /* by node: whether %first and %span are for it too */
    bool twice;           /* a reduction's code is there twice */
    bool split;           /* a run's code is there twice: */
    mp_way way;           /* which of both this is */
    mp_writer fail_line;  /* operands of the PHIs of the failing exit */
    mp_writer fail_item;
    const char *item;  /* first item of the vector: "%i", or "0" */
    const char *entry; /* mask of the lanes with an item, or NULL for all */
    const char *on;    /* the same, never NULL where lanes > 1 */
    const char *full;  /* whether all lanes have an item: an i1 */
    int nhelpers;
    mp_helper *helpers;
    int ndeclared;
    const char **declared;
    mp_writer tables; /* constants */
    int ntables;
    int nresults; /* waiting for mp__emit_results() */
    const mp_node **results;
} mp_emit;

/* ---- emit.c: lines ------------------------------------------------------ */

/* Writes a line. */
void mp__emit_line(mp_emit *e, const char *format, ...) MP_PRINTF(2, 3);
/* Writes "%t1 = ..." and returns the name. */
const char *mp__emit_let(mp_emit *e, const char *format, ...) MP_PRINTF(2, 3);
/* A label that is not used yet, and its place. */
const char *mp__emit_new_label(mp_emit *e);
void mp__emit_label(mp_emit *e, const char *label);
/* Branches to one of two labels: a rare condition is not to be expected, and a
 * likely one is. */
void mp__emit_branch(mp_emit *e, const char *cond, const char *then,
                     const char *other);
void mp__emit_rare(mp_emit *e, const char *cond, const char *then,
                   const char *other);
void mp__emit_likely(mp_emit *e, const char *cond, const char *then,
                     const char *other);
void mp__emit_jump(mp_emit *e, const char *label);

/* ---- emit_value.c: types and operands ----------------------------------- */

bool mp__emit_is_wide(const mp_emit *e, const mp_node *node);
/* "double", "<8 x i64>"; of a wide boolean how it is kept. */
const char *mp__emit_type(mp_emit *e, mp_type type, bool wide);
/* "i8", "<8 x float>": how elements lie in memory. */
const char *mp__emit_raw_type(mp_emit *e, mp_dtype dtype, bool wide);
const char *mp__emit_vector_of(mp_emit *e, const char *element);

const char *mp__emit_int(mp_emit *e, int64_t value);
const char *mp__emit_float(mp_emit *e, double value);
const char *mp__emit_splat(mp_emit *e, const char *element, const char *value);
/* 0, 1, 2 and so on. */
const char *mp__emit_iota(mp_emit *e);

/* The operand of a node; wide it is its vector. */
const char *mp__emit_use(mp_emit *e, const mp_node *node, bool wide);
/* The vector, made on the spot where there is none. */
const char *mp__emit_spread(mp_emit *e, const mp_node *node);
/* The same as an i1 or <N x i1>. */
const char *mp__emit_bits(mp_emit *e, const mp_node *node, bool wide);
/* The same as a float, converted where it is an int. */
const char *mp__emit_real(mp_emit *e, const mp_node *node, bool wide);
/* Wide booleans to bits and back. */
const char *mp__emit_to_bits(mp_emit *e, const char *mask);
const char *mp__emit_of_bits(mp_emit *e, const char *bits, bool wide);
/* Sets what a node is: a scalar or a vector. */
void mp__emit_set(mp_emit *e, const mp_node *node, const char *value,
                  bool wide);
/* Whether any lane, or each lane, of a mask is on: an i1. */
const char *mp__emit_any(mp_emit *e, const char *mask);
const char *mp__emit_all(mp_emit *e, const char *mask);
/* The mask of a node that has effects, and NULL for all lanes. */
const char *mp__emit_mask(mp_emit *e, const mp_node *node);

/* ---- emit_check.c ------------------------------------------------------- */

/* Leaves where `bad`, an i1 or bits, is true in a lane that runs. */
void mp__emit_check(mp_emit *e, const mp_node *node, const char *bad,
                    bool wide);

/* ---- emit_control.c ----------------------------------------------------- */

/* Leaves where the job is stopped. */
void mp__emit_look(mp_emit *e);
/* A POLL: counts down, and looks when it gets below 0: long rounds count for
 * many. */
void mp__emit_poll(mp_emit *e, const mp_node *node);
/* An ANY: whether a mask has a lane. */
void mp__emit_any_lane(mp_emit *e, const mp_node *node);
/* An EXPECT: the interpreter runs the items where it does not hold. */
void mp__emit_expect(mp_emit *e, const mp_node *node);

/* ---- emit_op.c, emit_math.c --------------------------------------------- */

void mp__emit_op(mp_emit *e, const mp_node *node);
void mp__emit_builtin(mp_emit *e, const mp_node *node);
/* A float function of C's library, or an approximation of it. */
const char *mp__emit_call(mp_emit *e, const char *name, int nargs,
                          const char *const *args, bool wide);
/* An intrinsic of LLVM's from floats to a float. */
const char *mp__emit_intrinsic(mp_emit *e, const char *name, int nargs,
                               const char *const *args, bool wide);
/* Whether such a function is approximated, a vector at a time. */
bool mp__emit_approximates(mp_emit *e, const char *name);
/* The divisor of two ints, after a check that it is not 0; with a 1 for a 0 in
 * lanes that are off. */
const char *mp__emit_divisor(mp_emit *e, const mp_node *node, bool wide);
/* The int that a float is; leaves where it is none. */
const char *mp__emit_int_of_float(mp_emit *e, const mp_node *node,
                                  const char *value, bool wide);

/* ---- emit_small.c: integers of 32 or 16 bits ---------------------------- */

/* The type of a vector of them: words. */
const char *mp__emit_words(mp_emit *e);
/* Whether the words of a node may be below 0; else they are never. */
bool mp__emit_has_sign(const mp_emit *e, const mp_node *node);
/* The vector of a node that is small, or is the same in all lanes. */
const char *mp__emit_small(mp_emit *e, const mp_node *node);
/* The bits of an EQ, LT or LE of words, or NULL where words do not tell. */
const char *mp__emit_small_compare(mp_emit *e, const mp_node *node);
/* An operation that is small. */
void mp__emit_small_op(mp_emit *e, const mp_node *node);

/* ---- emit_single.c: floats of 32 bits ----------------------------------- */

/* The vector of a node that is a float32, or the one next to it. */
const char *mp__emit_single(mp_emit *e, const mp_node *node);
/* The same where there is one already, or NULL. */
const char *mp__emit_have_single(const mp_emit *e, const mp_node *node);
/* An operation that is single; the bits of an EQ, LT or LE that is. */
void mp__emit_single_op(mp_emit *e, const mp_node *node);
const char *mp__emit_single_compare(mp_emit *e, const mp_node *node);

/* ---- emit_element.c: elements to values and back ------------------------ */

/* An element with its bytes in the other order, where `swapped` says so. */
const char *mp__emit_swap(mp_emit *e, const char *raw, mp_dtype dtype,
                          bool swapped, bool wide);

const char *mp__emit_widen(mp_emit *e, const mp_node *node, const char *raw,
                           mp_dtype dtype, bool wide);
/* What of a node's value is stored in an array; leaves where it does not
 * fit. */
const char *mp__emit_narrow(mp_emit *e, const mp_node *store,
                            const mp_node *value, mp_dtype dtype, bool wide);

/* ---- emit_array.c ------------------------------------------------------- */

/* Elements at offsets in bytes from a base, in the lanes of a node's mask;
 * `kind` is "cold." for what is rarely run. */
const char *mp__emit_gather(mp_emit *e, const mp_node *node, const char *kind,
                            const char *base, const char *offsets,
                            const char *element);
void mp__emit_scatter(mp_emit *e, const char *kind, const char *base,
                      const char *offsets, const char *element,
                      const char *bits, const char *raw);
/* The lanes that an access is for, as bits. */
const char *mp__emit_access_bits(mp_emit *e, const mp_node *node);
/* The offset of what an array has at an index, after a check of that; in lanes
 * that are off it is anything. What it is from; bytes from index to index. */
const char *mp__emit_offset(mp_emit *e, const mp_node *node, bool wide);
const char *mp__emit_data(mp_emit *e, const mp_node *array);
const char *mp__emit_stride(mp_emit *e, const mp_node *array);
/* What an access's index must be below, from 0. */
const char *mp__emit_bound(mp_emit *e, const mp_node *node);

void mp__emit_arrays(mp_emit *e);
/* LEN, SIZE, ROW, LOAD, STORE, RANGE and ITEM. */
void mp__emit_array_op(mp_emit *e, const mp_node *node);

/* ---- emit_run.c --------------------------------------------------------- */

/* Whether a LOAD or STORE is of elements that lie one behind the other. */
bool mp__emit_is_run(const mp_emit *e, const mp_node *node);
/* In a RUN: which element, from 0, item 0 has, though there may be none. Item
 * %i has the %ith one after that. NULL where it would be known too late. */
const char *mp__emit_run_start(mp_emit *e, const mp_node *node);
/* Where that is; `start` is such an element. */
const char *mp__emit_run_from(mp_emit *e, const mp_node *node,
                              const char *start);
/* Whether all lanes' elements of such a run are within bounds: an i1. */
const char *mp__emit_run_inside(mp_emit *e, const mp_node *node);
const char *mp__emit_load_run(mp_emit *e, const mp_node *node, mp_dtype dtype);
void mp__emit_store_run(mp_emit *e, const mp_node *node, const char *raw,
                        mp_dtype dtype);
/* Stores packed elements in the lanes of a mask. */
void mp__emit_masked_store(mp_emit *e, const char *raw, mp_dtype dtype,
                           const char *to, const char *mask);
/* Whether all lanes of a vector store: an i1. */
const char *mp__emit_is_full(mp_emit *e, const mp_node *node);

/* ---- emit_ahead.c ------------------------------------------------------- */

/* Has what lies behind a vector of a run, at an address, fetched, where no
 * other access does that. */
void mp__emit_fetch_ahead(mp_emit *e, const mp_node *access, mp_dtype dtype,
                          const char *address);
/* At the beginning of a strip: has pages fetched that packed elements come to
 * some strips later, where there are so many of them. */
void mp__emit_fetch_pages(mp_emit *e, int length);

/* ---- emit_split.c ------------------------------------------------------- */

/* Whether a kernel's only block is there twice, */
bool mp__emit_splits(mp_emit *e);
/* with what is worked out once before all vectors, and the item that the first
 * one begins at: */
const char *mp__emit_split_once(mp_emit *e);
/* by `body`, which emits what is not worked out yet, and goes on to the next
 * vector. */
void mp__emit_split(mp_emit *e, const mp_block *block,
                    void (*body)(mp_emit *, const mp_block *));

/* ---- emit_item.c -------------------------------------------------------- */

/* An ITEM: of a table of constants. */
void mp__emit_item(mp_emit *e, const mp_node *node);

/* ---- emit_core.c: arrays that move with the item ------------------------ */

/* What is the same for all items; `empty`: the arrays have no elements. */
void mp__emit_core_base(mp_emit *e, int param, const char *empty);
/* Where a vector's arrays are. */
void mp__emit_core_param(mp_emit *e, int param);
/* Bytes from the first lane's array, or row of one, to the others'. */
const char *mp__emit_apart(mp_emit *e, const mp_node *array);
/* Whether an access or a row is at the same index of arrays that move. */
bool mp__emit_moves(const mp_emit *e, const mp_node *node);
/* The elements of such an access; the first lane's is at that address. */
const char *mp__emit_core_load(mp_emit *e, const mp_node *node,
                               const char *from);
void mp__emit_core_store(mp_emit *e, const mp_node *node, const char *to,
                         const char *raw);

/* ---- emit_table.c ------------------------------------------------------- */

/* The memory of tables made in the kernel. */
void mp__emit_tables(mp_emit *e);
/* TINDEX and TGROW; TLOAD and TSTORE. */
void mp__emit_table_index(mp_emit *e, const mp_node *node);
void mp__emit_table_op(mp_emit *e, const mp_node *node);

/* ---- emit_frame.c ------------------------------------------------------- */

/* Which of frame->at a parameter is. Outputs come after all parameters, and
 * then `where`. */
int mp__emit_operand(const mp_emit *e, int param);
/* What is loaded once, and what is given back at the end. */
void mp__emit_prologue(mp_emit *e);
/* How many turns all loops together make before one looks whether to stop. */
#define MP_EMIT_POLL 4096
void mp__emit_epilogue(mp_emit *e);

/* ---- emit_packed.c ------------------------------------------------------ */

/* The packed elements of a vector: of a whole one, where `left` is NULL, or of
 * so many items; the other lanes repeat the first one, which brings up nothing
 * that it does not do itself. */
const char *mp__emit_load_packed(mp_emit *e, const char *from, mp_dtype dtype,
                                 const char *left);
/* Stores those of the lanes that have an item. */
void mp__emit_store_packed(mp_emit *e, const char *raw, const char *to,
                           mp_dtype dtype);

/* ---- emit_vector.c ------------------------------------------------------ */

/* Sets a parameter: one of all vectors before the first of them. */
void mp__emit_param(mp_emit *e, const mp_node *node);
/* What is loaded for each vector. */
void mp__emit_elements(mp_emit *e);

/* Whether the only block of a reduction is there twice, for whole vectors and
 * for the rest, */
bool mp__emit_is_twice(const mp_emit *e);
/* with the elements of each, by `body`, which goes on to the next vector: so
 * accumulators that all lanes have changed are not asked for the others'. */
void mp__emit_twice(mp_emit *e, const mp_block *block,
                    void (*body)(mp_emit *, const mp_block *));
/* Stores the results of a vector. */
void mp__emit_results(mp_emit *e);

/* ---- emit_helper.c ------------------------------------------------------ */

/* The function of that name, "@mp.idiv.v", to be called. */
const char *mp__emit_helper(mp_emit *e, const char *name, bool wide);
/* Declares a function of another library, once. */
void mp__emit_declare(mp_emit *e, const char *declaration);
/* Writes all the helpers that were asked for. */
void mp__emit_helpers(mp_emit *e);

#endif
