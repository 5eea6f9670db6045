/* The intermediate representation: a kernel with everything it calls inlined,
 * as a control-flow graph of basic blocks in SSA form.
 *
 * It goes through these hands, in this order; each pass states in its header
 * what it takes and what it leaves:
 *
 *     build     bytecode to SSA; numbers have no types yet (MP_TYPE_ANY)
 *     scalar    tables made in the kernel become values, or memory
 *     infer     types; inserts conversions; lowers `for`; drops dead code
 *     fold      constants and identities that change no bit
 *     diverge   what is the same for all items (uniform) and what is not
 *     mask      turns varying branches into masks: all that is left branches
 *               on uniform conditions
 *     emit      LLVM IR text
 *
 * A node belongs to one block and stands in its list; PHIs come first. All
 * memory is the unit's. */
#ifndef MP_NATIVE_IR_H
#define MP_NATIVE_IR_H

#include <stdio.h>

#include "native/builtin.h"
#include "native/constant.h"
#include "native/spec.h"
#include "native/unit.h"

typedef enum mp_type {
    MP_TYPE_NONE, /* no value */
    MP_TYPE_ANY,  /* a number, boolean or nil: not known before `infer` */
    MP_TYPE_NIL,
    MP_TYPE_BOOL, /* also masks, one bit a lane */
    MP_TYPE_INT,
    MP_TYPE_FLOAT,
    MP_TYPE_ARRAY, /* or a row of one */
    MP_TYPE_REF,   /* a function, string or table known here: as.constant */
} mp_type;

/* name, arguments (-1: any number), type of the result (ANY: see `infer`),
 * effects: 0, C it may fail (a check), R it reads memory, W it writes memory
 * or must stay for another reason.
 *
 *   CONST       as.i, as.f, as.b by type
 *   REF         as.constant
 *   PARAM       as.index: parameter of the spec
 *   PHI         one argument for each predecessor, in their order
 *   I2F         int to float, as Lua converts for arithmetic
 *   F2I         float to int, exact or "number has no integer representation"
 *   ADD...      both int or both float; DIV and POW float; IDIV and MOD of
 *               ints fail where the divisor is 0
 *   EQ LT LE    both int, both float, or mixed (then exact as in Lua); EQ also
 *               of booleans
 *   TRUTH       Lua's truth of a value; gone after `infer`
 *   IS_INT      whether a value is an integer, or a float: likewise
 *   IS_FLOAT
 *   SELECT      cond, then, else
 *   BUILTIN     as.builtin; after `infer` its arguments have the types that
 *               native/builtin.h's function wants
 *   LEN SIZE    array; SIZE: and a dimension from 1, an int
 *   ROW         array, index: the row, an array of a rank less
 *   LOAD STORE  array of rank 1, index (, value)
 *   RANGE       array, start, limit, first, last: fails where start <= limit,
 *               so that a loop runs, and an index from first to last is out
 *               of bounds; NIL
 *   ITEM        REF to a table of numbers, index: the number at it
 *   TLOAD       REF to a table made in the kernel, key
 *   TSTORE      the same, and a value
 *   TROW        a table of tables made in the kernel, index: one of those; gone
 *               after `scalar`
 *   TLEN        such a table: how many items it has; gone after `scalar`,
 *               which leaves TLOAD and TSTORE at integers that are inside of
 *               the table's memory, for they have been checked:
 *   TINDEX      index, length: the index, an int from 1 to the length; as.b:
 *               what is outside raises an error
 *   TGROW       table, index, length: the index, an int from 1 to the
 *               length + 1, which is the new length then
 *   RESULT      value; as.index: output (MAP) or accumulator (REDUCE)
 *   FOR_START   init, limit, step: the value before the first of the loop
 *   FOR_LIMIT   init, limit, step: the limit in the loop's own type
 *   FOR_TEST    index, limit, step: whether the loop goes on
 *   EXPECT      cond, a boolean: where it is false Lua raises an error
 *   POLL        at the head of each loop: leaves if the job is stopped
 *   ENTRY_MASK  which lanes have an item
 *   ANY         mask: uniform, whether one lane is set
 *   AND OR ANDN of booleans; ANDN a, b: a and not b */
#define MP_IR_TABLE(X)                                                         \
    X(CONST, "const", 0, ANY, 0)                                               \
    X(REF, "ref", 0, REF, 0)                                                   \
    X(PARAM, "param", 0, ANY, 0)                                               \
    X(PHI, "phi", -1, ANY, 0)                                                  \
    X(I2F, "i2f", 1, FLOAT, 0)                                                 \
    X(F2I, "f2i", 1, INT, C)                                                   \
    X(ADD, "add", 2, ANY, 0)                                                   \
    X(SUB, "sub", 2, ANY, 0)                                                   \
    X(MUL, "mul", 2, ANY, 0)                                                   \
    X(DIV, "div", 2, FLOAT, 0)                                                 \
    X(POW, "pow", 2, FLOAT, 0)                                                 \
    X(IDIV, "idiv", 2, ANY, C)                                                 \
    X(MOD, "mod", 2, ANY, C)                                                   \
    X(UNM, "unm", 1, ANY, 0)                                                   \
    X(BAND, "band", 2, INT, 0)                                                 \
    X(BOR, "bor", 2, INT, 0)                                                   \
    X(BXOR, "bxor", 2, INT, 0)                                                 \
    X(SHL, "shl", 2, INT, 0)                                                   \
    X(SHR, "shr", 2, INT, 0)                                                   \
    X(BNOT, "bnot", 1, INT, 0)                                                 \
    X(EQ, "eq", 2, BOOL, 0)                                                    \
    X(LT, "lt", 2, BOOL, 0)                                                    \
    X(LE, "le", 2, BOOL, 0)                                                    \
    X(NOT, "not", 1, BOOL, 0)                                                  \
    X(TRUTH, "truth", 1, BOOL, 0)                                              \
    X(IS_INT, "is_int", 1, BOOL, 0)                                            \
    X(IS_FLOAT, "is_float", 1, BOOL, 0)                                        \
    X(SELECT, "select", 3, ANY, 0)                                             \
    X(BUILTIN, "builtin", -1, ANY, C)                                          \
    X(LEN, "len", 1, INT, 0)                                                   \
    X(SIZE, "size", 2, INT, C)                                                 \
    X(ROW, "row", 2, ARRAY, C)                                                 \
    X(LOAD, "load", 2, ANY, CR)                                                \
    X(STORE, "store", 3, NONE, CW)                                             \
    X(RANGE, "range", 5, NIL, C)                                               \
    X(ITEM, "item", 2, ANY, C)                                                 \
    X(TLOAD, "tload", 2, ANY, R)                                               \
    X(TSTORE, "tstore", 3, NONE, W)                                            \
    X(TROW, "trow", 2, REF, 0)                                                 \
    X(TLEN, "tlen", 1, INT, R)                                                 \
    X(TINDEX, "tindex", 2, INT, C)                                             \
    X(TGROW, "tgrow", 3, INT, C)                                               \
    X(RESULT, "result", 1, NONE, CW)                                           \
    X(FOR_START, "for_start", 3, ANY, 0)                                       \
    X(FOR_LIMIT, "for_limit", 3, ANY, 0)                                       \
    X(FOR_TEST, "for_test", 3, BOOL, 0)                                        \
    X(EXPECT, "expect", 1, NONE, C)                                            \
    X(POLL, "poll", 0, NONE, W)                                                \
    X(ENTRY_MASK, "entry_mask", 0, BOOL, 0)                                    \
    X(ANY, "any", 1, BOOL, 0)                                                  \
    X(AND, "and", 2, BOOL, 0)                                                  \
    X(OR, "or", 2, BOOL, 0)                                                    \
    X(ANDN, "andn", 2, BOOL, 0)

typedef enum mp_op {
#define MP_OP_ENUM(name, text, arity, type, effects) MP_OP_##name,
    MP_IR_TABLE(MP_OP_ENUM)
#undef MP_OP_ENUM
        MP_NOPS
} mp_op;

typedef enum mp_effects {
    MP_EFFECT_0 = 0,
    MP_EFFECT_C = 1,
    MP_EFFECT_R = 2,
    MP_EFFECT_W = 4,
    MP_EFFECT_CR = MP_EFFECT_C | MP_EFFECT_R,
    MP_EFFECT_CW = MP_EFFECT_C | MP_EFFECT_W,
} mp_effects;

/* How the values of a node differ from lane to lane; set by `diverge`. */
typedef enum mp_shape_kind {
    MP_SHAPE_UNIFORM, /* the same in all lanes */
    MP_SHAPE_LINEAR,  /* ints, `step` apart: lane 0's + lane * step; arrays that
                         lie as those of their parameter do, and `step` is 0 */
    MP_SHAPE_VARYING,
} mp_shape_kind;

typedef struct mp_node mp_node;
typedef struct mp_block mp_block;

struct mp_node {
    mp_op op;
    mp_type type;
    int id;   /* unique in its function */
    int line; /* Lua line, 0 where it has none */
    int rank; /* type ARRAY: dimensions left */
    int root; /* type ARRAY: the parameter that it is (a row of) */
    mp_shape_kind shape;
    int64_t step; /* shape LINEAR */
    bool small;   /* INT, varying: func->word bits hold it in any case */
    bool single;  /* FLOAT, or comparison of those: computed in 32 bits */
    bool fits;    /* STORE, RESULT: so does the dtype that it is stored as */
    int64_t least, most; /* INT: of all values, after `narrow` */
    bool inside;         /* LOAD, STORE, ROW: a RANGE has checked the index */
    bool tested;         /* ITEM, TLOAD: the kernel asks whether there is one;
                            EXPECT: the kernel raises the error itself */
    mp_block *block;
    mp_node *previous, *next; /* in the block */
    int nargs;
    mp_node **args;
    mp_node *mask; /* set by `mask` for ops with effects: lanes that run it */
    bool mark;     /* scratch of a pass; false between passes */
    const char *name; /* PHI: of the local variable that it is, or NULL */
    union {
        bool b;
        int64_t i;
        double f;
        int index;
        mp_builtin builtin;
        const mp_constant *constant;
    } as;
};

typedef enum mp_end {
    MP_END_NONE, /* not known yet */
    MP_END_JUMP,
    MP_END_BRANCH, /* cond: next[0] where true, next[1] where false */
    MP_END_RETURN, /* the only one, in the last block: results are stored by
                      RESULT nodes before it */
} mp_end;

struct mp_block {
    int id;
    int line;
    mp_node *first, *last;
    int npreds;
    mp_block **preds;
    mp_end end;
    mp_node *cond;
    mp_block *next[2];
    /* Analysis, valid after mp__ir_order(): */
    int order;        /* reverse post-order; -1: cannot be reached */
    mp_block *idom;   /* NULL for the entry */
    mp_block *header; /* of the innermost loop that it is in, or NULL */
    mp_block *outer;  /* a header's: that of the next loop around, or NULL */
    int depth;        /* of loops */
    bool mark;        /* scratch of a pass; false between passes */
    mp_node *mask;    /* set by `mask`; NULL: all lanes of the entry mask */
};

/* The most items of a table that is in memory, and of all of them. */
#define MP_OWN_ITEMS 256
#define MP_OWN_ALL_ITEMS 2048

/* A field that holds what is known when the kernel is built. */
typedef struct mp_own_field {
    const mp_node *key;
    mp_node *value;
} mp_own_field;

/* A table made in the kernel: in each round of a loop a new one, with the
 * memory of the one before. It is the function's own. */
typedef struct mp_own {
    mp_constant constant; /* the first member: a REF's constant leads here */
    int id;               /* in its function */
    int line;
    int run;    /* `build`: the straight piece of code that makes it */
    int nitems; /* of the constructor */
    int nfields;
    mp_own_field *fields;
    bool rows;             /* `build`: it is indexed by a TROW */
    struct mp_own *parent; /* of a row of that; or NULL */
    int row;               /* its number there; 0: that of a TROW */
    bool grows;            /* `scalar`: it is appended to by v[#v + 1] */
    int size;              /* `infer`: items of its memory; 0: it has none */
    mp_type type;          /* `infer`: of its items */
} mp_own;

typedef struct mp_func {
    mp_unit *unit;
    mp_spec *spec; /* outputs are completed by `infer` */
    mp_block *entry, *exit;
    int nblocks;   /* ids are below */
    int nnodes;    /* ids are below */
    int nowns;     /* tables made in the kernel, */
    mp_own **owns; /* by id */
    int word;      /* bits of what is small: 32, or 16 where all is */
    int norder;
    mp_block **order; /* blocks in reverse post-order; loops are contiguous */
} mp_func;

/* ---- making, in the unit's memory --------------------------------------- */

mp_func *mp__ir_func(mp_unit *unit, mp_spec *spec);
mp_block *mp__ir_block(mp_func *func, int line);

/* Makes a node without a place; its type is the table's. */
mp_node *mp__ir_node(mp_func *func, mp_op op, int line, int nargs,
                     mp_node *const *args);
/* Puts it at the end of a block, before another node, or (a PHI, CONST, or
 * what must come first) at the beginning after the PHIs. */
mp_node *mp__ir_append(mp_block *block, mp_node *node);
mp_node *mp__ir_insert(mp_node *before, mp_node *node);
mp_node *mp__ir_prepend(mp_block *block, mp_node *node);
void mp__ir_remove(mp_node *node);

/* Make and append in one. */
mp_node *mp__ir_add(mp_func *func, mp_block *block, mp_op op, int line,
                    int nargs, ...);
mp_node *mp__ir_int(mp_func *func, mp_block *block, int64_t value);
mp_node *mp__ir_float(mp_func *func, mp_block *block, double value);
mp_node *mp__ir_bool(mp_func *func, mp_block *block, bool value);

/* Whether a node is an integer known now, as.i. */
bool mp__ir_is_const_int(const mp_node *node);

/* The table made in the kernel that a REF is, or NULL. */
mp_own *mp__ir_own(const mp_func *func, const mp_node *node);

/* Ends of blocks; they add the edges' predecessors. */
void mp__ir_jump(mp_func *func, mp_block *from, mp_block *to);
void mp__ir_branch(mp_func *func, mp_block *from, mp_node *cond, mp_block *then,
                   mp_block *other);
void mp__ir_return(mp_func *func, mp_block *block);

/* Whether an item that is run again after it has stored something may see that:
 * elements are both read and written. Inputs and outputs of a map lie apart. */
bool mp__ir_rereads(const mp_func *func);

/* Whether a LOAD is of an input of a map, which no STORE changes. */
bool mp__ir_is_fixed(const mp_func *func, const mp_node *load);

/* How many blocks can follow: 0 to 2. */
int mp__ir_nexts(const mp_block *block);
/* Forgets predecessor k, in the PHIs too. */
void mp__ir_drop_pred(mp_block *block, int k);

/* Replaces all uses of a node by another, the conditions of blocks and masks
 * too. Goes through the whole function. */
void mp__ir_replace(mp_func *func, const mp_node *node, mp_node *by);
/* The same for many at once: by[id], where not NULL, is what a node has
 * become; chains are followed. */
void mp__ir_replace_all(mp_func *func, mp_node *const *by);

/* ---- analysis ----------------------------------------------------------- */

/* Orders blocks, drops unreachable ones from the edges of others, finds
 * dominators and loops. Refuses irreducible graphs. */
void mp__ir_order(mp_func *func);
bool mp__ir_dominates(const mp_block *a, const mp_block *b);
/* Whether `block` is inside the loop that `header` heads. */
bool mp__ir_in_loop(const mp_block *block, const mp_block *header);
bool mp__ir_has_loops(const mp_func *func);
/* Of an operation at worst, and of a node: most BUILTINs and an IDIV by a
 * constant cannot fail. */
mp_effects mp__ir_effects(mp_op op);
mp_effects mp__ir_node_effects(const mp_node *node);
const char *mp__ir_name(mp_op op);
int mp__ir_arity(mp_op op); /* -1: any */
const char *mp__ir_type_name(mp_type type);

/* Removes what nobody uses and that has no effect (a check that may fail is
 * an effect). */
void mp__ir_sweep(mp_func *func);

/* ---- looking ------------------------------------------------------------ */

/* Prints the function, a line a node. */
void mp__ir_print(const mp_func *func, FILE *to);

/* Asserts that the representation is well-formed: definitions dominate uses,
 * PHIs match predecessors, lists are linked, arities are right. Aborts with a
 * message where not; to be called where NDEBUG is not defined. */
void mp__ir_verify(const mp_func *func);

#endif
