/* What the parts of type inference share. They run in this order:
 *
 *     infer_choice    math.max and its like become comparisons
 *     infer_solve     facts of all values, and which blocks are reached
 *     infer_check     refuses what would raise if it ran
 *     infer_table     indices of tables that need no check; how large those are
 *     infer_maybe     numbers that may be nil, where they must not be
 *     infer_round     rounded numbers that may stay floats
 *     infer_integers  checks where floats are to be integers
 *     infer_truth     TRUTH and tests for nil become booleans
 *     infer_for       FOR_* become plain operations
 *     infer_outputs   decides the dtypes of outputs
 *     infer_widen     makes floats of what is an integer or a float
 *     infer_late      refuses what may give up after a store
 *     infer_convert   types, and all other conversions
 *
 * Up to the last one nodes have facts (native/fact.h) instead of types. */
#ifndef MP_NATIVE_INFER_H
#define MP_NATIVE_INFER_H

#include "native/fact.h"
#include "native/ir.h"

typedef struct mp_infer {
    mp_func *func;
    mp_unit *unit;
    int nfacts; /* nodes with an id below have one */
    int room;
    mp_fact *facts;
    int *growths;    /* of nodes: how often a PHI has grown */
    int steps;       /* of solving */
    bool *reached;   /* of blocks: known to run */
    mp_fact *tables; /* of the items of those made in the kernel */
    int *table_growths;
    mp_fact accs[MP_MAX_ARGS];    /* REDUCE: what accumulators become */
    mp_fact results[MP_MAX_ARGS]; /* what is returned */
} mp_infer;

/* ---- infer_rule.c ------------------------------------------------------- */

/* What is known of a node, from what is known of its arguments. PHIs are not
 * asked for. */
mp_fact mp__infer_rule(const mp_infer *infer, const mp_node *node);

/* The parameter of an accumulator, and the other way round; -1 for others. */
int mp__infer_acc(const mp_spec *spec, int param);

/* The limit of an integer loop from a float, as Lua clips it; `stop` is set
 * where the loop does not run at all. */
int64_t mp__infer_clip(double limit, bool down, bool *stop);

/* ---- infer_solve.c ------------------------------------------------------ */

void mp__infer_solve(mp_infer *infer);
/* Whether the edge from predecessor k is ever taken. */
bool mp__infer_runs(const mp_infer *infer, const mp_block *block, int k);
mp_fact mp__infer_fact(const mp_infer *infer, const mp_node *node);
/* What is known of a node where a block begins: the index of a loop has passed
 * its test there. Before `infer_for`. */
mp_fact mp__infer_here(const mp_infer *infer, const mp_node *node,
                       const mp_block *block);
/* What is known of the items of the table of an access. */
mp_fact mp__infer_items(const mp_infer *infer, const mp_node *access);

/* Makes a node and its fact, before another node. */
mp_node *mp__infer_make(mp_infer *infer, mp_node *before, mp_op op, int line,
                        int nargs, ...);
/* Makes one of a single argument, right behind that. */
mp_node *mp__infer_after(mp_infer *infer, mp_op op, mp_node *arg);
/* A node that is made already gets a fact. */
void mp__infer_learn(mp_infer *infer, const mp_node *node, mp_fact fact);
/* Constants, in the entry block. */
mp_node *mp__infer_int(mp_infer *infer, int64_t value);
mp_node *mp__infer_float(mp_infer *infer, double value);
mp_node *mp__infer_bool(mp_infer *infer, bool value);

/* ---- infer_convert.c ---------------------------------------------------- */

/* Indices, and what bitwise operations are about. */
void mp__infer_integers(mp_infer *infer);
/* Gives all nodes their types, and converts what they use. */
void mp__infer_convert(mp_infer *infer);
/* A node of type INT as a float. */
mp_node *mp__infer_to_float(mp_infer *infer, mp_node *node);

/* What comparing an integer with a float becomes; NULL: it stays. Both have
 * types. */
mp_node *mp__infer_compare(mp_infer *infer, mp_node *node);

/* ---- the others --------------------------------------------------------- */

void mp__infer_choice(mp_func *func);
void mp__infer_check(mp_infer *infer);
void mp__infer_check_tables(const mp_infer *infer);
void mp__infer_table(mp_infer *infer);
/* The index that a TINDEX or TGROW lets pass. */
mp_fact mp__infer_index(const mp_infer *infer, const mp_node *node);
void mp__infer_truth(mp_infer *infer);
/* Whether a value is a number or nil, and nil as a constant only. */
bool mp__infer_is_maybe(const mp_infer *infer, const mp_node *node);
void mp__infer_maybe(mp_infer *infer);
void mp__infer_for(mp_infer *infer);
void mp__infer_outputs(mp_infer *infer);
void mp__infer_widen(mp_infer *infer);
/* Rounded numbers of which nothing tells whether they are floats become so. */
void mp__infer_round(mp_infer *infer);
void mp__infer_late(mp_infer *infer);
/* Marks the items that the kernel asks about whether they are nil, before such
 * questions are dropped: these cannot be, where code goes on. */
void mp__infer_tested(mp_infer *infer);

#endif
