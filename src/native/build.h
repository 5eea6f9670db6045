/* What the files build*.c share: the state of the abstract interpretation that
 * turns bytecode into SSA.
 *
 * Each call of a Lua function is an activation, with a node for each of its
 * registers. Blocks are gone through in reverse post-order; the nodes of the
 * registers at the end of a block travel along its edges, and where edges meet
 * and bring different nodes there is a PHI. Loop headers, whose back edges
 * bring nodes that are not known yet, have PHIs for the registers that the
 * loop assigns: all others pass a loop unharmed, and so do the functions and
 * arrays in them. */
#ifndef MP_NATIVE_BUILD_H
#define MP_NATIVE_BUILD_H

#include "native/cfg.h"
#include "native/constant.h"
#include "native/ir.h"

/* The most instructions that are built, those of inlined calls each time, and
 * the deepest that calls nest. */
#define MP_BUILD_INSTRUCTIONS 20000
#define MP_BUILD_DEPTH 100

/* Buckets of the table of constants. */
#define MP_BUILD_BUCKETS 256

/* The end of a block on its way to a block of an activation. */
typedef struct mp_edge {
    mp_block *from;
    mp_node **regs;
    bool jump; /* the jump is not there yet: the blocks may become one */
} mp_edge;

/* What is known of a block of an activation. */
typedef struct mp_flow {
    mp_block *block; /* NULL where there is none yet */
    bool entered;
    int nedges; /* from blocks that can be reached */
    mp_edge *edges;
    int nphis; /* entered header: its PHIs and their registers */
    mp_node **phis;
    int *registers;
} mp_flow;

/* A RETURN that an activation has come to; its block has no end yet. */
typedef struct mp_return {
    mp_block *from;
    int line;
    int count;
    mp_node **values;
} mp_return;

/* A call of error; its block has no end. */
typedef struct mp_raise {
    mp_block *from;
    int line;
} mp_raise;

/* An upvalue of a function that is made in the kernel. */
typedef struct mp_capture {
    mp_node *node; /* its value then; of a cell, the table */
    /* The local that it is, where that may change later: */
    const struct mp_activation *owner; /* or NULL */
    const mp_cell *cell;               /* where a function may assign it */
    int reg;
    int end; /* of its scope */
} mp_capture;

/* The making of a string that may be an error. */
typedef struct mp_doubt {
    const mp_block *block; /* that it happens in */
    int line;
    const char *name;
} mp_doubt;

typedef struct mp_activation {
    struct mp_activation *caller; /* NULL for the kernel's own */
    const mp_closure *closure;
    const mp_proto *proto;
    const mp_capture *captured; /* NULL: the upvalues are the closure's */
    const mp_cfg *cfg;
    mp_node **cells; /* parallel to cfg->cells: tables */
    mp_flow *flows;  /* parallel to cfg->blocks */
    int pc;
    mp_node **regs; /* now; NULL: nothing that may be read */
    int top;        /* past the last of an open number of values */
    int nvarargs;
    mp_node **varargs;
    int nreturns;
    mp_return *returns;
    int raises; /* how many there were when it began */
} mp_activation;

/* A CONST, or the REF to what is fixed. All stand at the beginning of the
 * function, one for each value, so that equal ones are the same node. */
typedef struct mp_interned {
    struct mp_interned *next; /* in the bucket */
    mp_node *node;
} mp_interned;

/* A function made in the kernel. */
typedef struct mp_lambda {
    mp_constant constant; /* the first member: a REF's constant leads here */
    mp_capture *captured;
} mp_lambda;

typedef enum mp_method {
    MP_METHOD_SIZE,
    MP_METHOD_RANK,
    MP_METHOD_DTYPE,
    MP_NMETHODS
} mp_method;

/* What the setup's globals lead to, and so other kernels too. */
typedef struct mp_shared {
    int count;
    const void **things; /* tables and closures */
} mp_shared;

typedef struct mp_builder {
    mp_unit *unit;
    mp_func *func;
    mp_spec *spec;
    mp_block *at; /* where nodes go now */
    int line;     /* of the instruction that is being built */
    int instructions;
    int depth;
    int nruns, run; /* straight pieces of code: their number, and this one's */
    mp_node *last_interned; /* or the last PARAM; NULL: none */
    mp_interned *interned[MP_BUILD_BUCKETS];
    mp_constant *methods; /* MP_NMETHODS functions, by name */
    int ncfgs;
    const mp_cfg **cfgs; /* of the prototypes that have been called */
    mp_shared shared;
    bool dead; /* the block has come to an error: nothing goes on from it */
    int nraises;
    mp_raise *raises;
    int ndoubts;
    mp_doubt *doubts;
} mp_builder;

/* ---- build_value.c: constants, and what is known of nodes --------------- */

mp_node *mp__build_nil(mp_builder *b);
mp_node *mp__build_bool(mp_builder *b, bool value);
mp_node *mp__build_int(mp_builder *b, int64_t value);
mp_node *mp__build_constant(mp_builder *b, const mp_constant *constant);
mp_node *mp__build_string(mp_builder *b, const char *text);

/* The string that a node is, or NULL. */
const char *mp__build_text(const mp_node *node);
/* Whether it is surely a number. */
bool mp__build_is_number(const mp_spec *spec, const mp_node *node);
/* "an array", "a string": for messages. */
const char *mp__build_what(const mp_node *node);

/* Refuses what is neither number nor boolean nor nil. `doing`: "arithmetic on",
 * which raises for anything but strings. */
void mp__build_expect_value(mp_builder *b, const mp_node *node,
                            const char *doing);

/* Conditions: nodes of type BOOL; constants where that is sure. */
mp_node *mp__build_truth(mp_builder *b, mp_node *node);
mp_node *mp__build_not(mp_builder *b, mp_node *node);
mp_node *mp__build_equal(mp_builder *b, mp_node *x, mp_node *y);

/* ---- build_kind.c: math.type -------------------------------------------- */

/* What math.type returns of a value. */
mp_node *mp__build_kind(mp_builder *b, mp_node *value);
/* Refuses one of those that may be nil. */
void mp__build_check_kind(mp_builder *b, const mp_node *node);
/* Whether two values are equal, of which one may be of those and the other is a
 * string; else NULL. */
mp_node *mp__build_equal_kind(mp_builder *b, mp_node *x, mp_node *y);

/* ---- build_string.c: strings that the kernel makes ---------------------- */

/* Whether it is one, or a string that is known. */
bool mp__build_is_string(const mp_node *node);
/* Registers `first` to `last`, with `..` between them. */
mp_node *mp__build_concat(mp_builder *b, const mp_activation *act, int first,
                          int last);
/* What a string has under any name. */
mp_node *mp__build_string_method(mp_builder *b);
/* A call of the library function of that name, or of such a method; NULL where
 * it is another function. */
mp_node *mp__build_string_call(mp_builder *b, const char *name, int nargs,
                               mp_node *const *args);
/* When the blocks that end in an error are gone: refuses the doubts that are
 * left. */
void mp__build_check_doubts(mp_builder *b);

/* ---- build_name.c: how the source calls things -------------------------- */

/* "'name'", in the unit's memory. */
const char *mp__build_quote(mp_builder *b, const char *name);
/* What is in a register, quoted, or `otherwise` where it has no name. */
const char *mp__build_name(mp_builder *b, const mp_activation *act, int reg,
                           const char *otherwise);
const char *mp__build_upvalue_name(mp_builder *b, const mp_activation *act,
                                   int index);

/* ---- build_index.c: arrays, tables and globals -------------------------- */

/* `name`: of the object, for messages. */
mp_node *mp__build_index(mp_builder *b, mp_node *object, mp_node *key,
                         const char *name);
void mp__build_store(mp_builder *b, mp_node *object, mp_node *key,
                     mp_node *value, const char *name);
mp_node *mp__build_length(mp_builder *b, mp_node *object, const char *name);

/* ---- build_table.c: tables made in the kernel --------------------------- */

/* A REF of a new one. */
mp_node *mp__build_own(mp_builder *b);
/* A SETLIST: the items of a constructor. */
void mp__build_items(mp_builder *b, mp_activation *act, uint32_t code);
mp_node *mp__build_table_load(mp_builder *b, mp_node *table, mp_node *key,
                              const char *name);
void mp__build_table_store(mp_builder *b, mp_node *table, mp_node *key,
                           mp_node *value, const char *name);
mp_node *mp__build_table_length(mp_builder *b, mp_node *table);

/* ---- build_cell.c: locals that functions within assign ------------------ */

/* Makes the cells of an activation that has its arguments. */
void mp__build_make_cells(mp_builder *b, mp_activation *act);

/* What has been put into a register, or into those that the instruction at
 * `pc` always writes, is what their cells hold now. */
void mp__build_assigned(mp_builder *b, const mp_activation *act, int reg);
void mp__build_assigned_at(mp_builder *b, const mp_activation *act, int pc);
/* Whether mp__build_assigned() of a register would do anything. */
bool mp__build_has_cell(const mp_activation *act, int reg);

/* What a register holds at act->pc, or NULL where it is no cell. */
mp_node *mp__build_read_cell(mp_builder *b, const mp_activation *act, int reg);

/* Captures the local in a register at an instruction, where it is a cell. */
bool mp__build_capture_cell(const mp_activation *act, int reg, int pc,
                            mp_capture *capture);
/* What one holds that `act`, or whoever has made its function, has
 * captured. */
mp_node *mp__build_captured_cell(mp_builder *b, const mp_activation *act,
                                 const mp_capture *capture);
void mp__build_set_upvalue(mp_builder *b, const mp_activation *act, int index,
                           mp_node *value);

/* ---- build_shared.c: what belongs to the setup -------------------------- */

/* Learns what the setup's globals lead to. */
void mp__build_learn_shared(mp_builder *b, const mp_table *setup);
/* Whether it is a table or closure of those, so that its fields and upvalues
 * may change. */
bool mp__build_is_shared(const mp_builder *b, const void *thing);

/* ---- build_call.c: calls and functions ---------------------------------- */

/* Whether `owner` is the running activation or one of its callers. */
bool mp__build_is_running(const mp_activation *act, const mp_activation *owner);

/* What an upvalue of the running function holds now. */
mp_node *mp__build_upvalue(mp_builder *b, const mp_activation *act, int index);

/* Calls register `a` with those behind it; `wanted` results, or all there are
 * and then act->top, go to `a` and behind it. */
#define MP_BUILD_OPEN (-1)
void mp__build_call(mp_builder *b, mp_activation *act, int a, int nargs,
                    int wanted);
void mp__build_closure(mp_builder *b, mp_activation *act, int a,
                       const mp_proto *proto);

/* Runs a Lua function from b->at on, and goes on where it returns. `captured`
 * is NULL for one that was not made in the kernel. The `*count` results,
 * `wanted` of them unless that is open, are in the unit's memory; there are
 * none, and b->dead is set, where it always raises an error. */
mp_node **mp__build_inline(mp_builder *b, mp_activation *caller,
                           const mp_closure *closure,
                           const mp_capture *captured, int nargs,
                           mp_node *const *args, int wanted, int *count);

/* ---- build_raise.c: error and assert ------------------------------------ */

/* A call of the library function of that name, where it is one of the two;
 * whether it is. assert returns its arguments. */
bool mp__build_raise(mp_builder *b, const char *name, int nargs,
                     mp_node *const *args);
/* Leaves no block that ends in an error. */
void mp__build_cut(mp_builder *b);

/* ---- build_flow.c: blocks ----------------------------------------------- */

/* Goes through all blocks of an activation whose registers hold its
 * arguments. */
void mp__build_flow(mp_builder *b, mp_activation *act);
/* Goes on where all its RETURNs lead. The `*count` results, `wanted` of them
 * unless that is open, are in the unit's memory. */
mp_node **mp__build_results(mp_builder *b, mp_activation *act, int wanted,
                            int *count);

/* ---- build_code.c: instructions ----------------------------------------- */

/* A register or constant of the instruction at act->pc. */
mp_node *mp__build_register(mp_builder *b, const mp_activation *act, int reg);
mp_node *mp__build_rk(mp_builder *b, const mp_activation *act, int rk);
/* Makes room for registers below `count`: an open number of values may need
 * more than the function has. */
void mp__build_room(mp_builder *b, mp_activation *act, int count);
/* Builds an instruction that leads to the next; LOADKX takes two. */
void mp__build_instruction(mp_builder *b, mp_activation *act);

/* ---- build_phi.c -------------------------------------------------------- */

/* Removes PHIs that are trivial, and PHIs and constants that nobody uses;
 * refuses PHIs that are left and have an array or reference among their
 * inputs. */
void mp__build_prune(mp_func *func);

#endif
