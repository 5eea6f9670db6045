/* Solving for facts: the least facts that agree with all rules.
 *
 * After M. N. Wegman and F. K. Zadeck, "Constant Propagation with Conditional
 * Branches" (1991): nothing is known to run but the entry, no value is known
 * to be anything, and both grow until nothing changes. So what a branch on
 * `debug`, which is false, would do to a value does not count. Facts about
 * ranges grow in a few steps, so that loops do not count up. */
#include <stdarg.h>

#include "native/infer.h"

/* How often a PHI may grow before its range is made to leap. */
#define SMALL_STEPS 2
/* Nodes that are looked at, each time they are: most kernels need a few rounds,
 * but loops in loops in loops multiply them. */
#define MOST_STEPS 5000000

/* ---- facts -------------------------------------------------------------- */

mp_fact mp__infer_fact(const mp_infer *infer, const mp_node *node)
{
    return infer->facts[node->id];
}

void mp__infer_learn(mp_infer *infer, const mp_node *node, mp_fact fact)
{
    while (infer->nfacts <= node->id)
        MP_UNIT_PUSH(infer->unit, infer->facts, infer->nfacts, mp__fact_none());
    infer->facts[node->id] = fact;
}

mp_node *mp__infer_make(mp_infer *infer, mp_node *before, mp_op op, int line,
                        int nargs, ...)
{
    mp_node *node = mp__ir_node(infer->func, op, line, nargs, NULL);
    va_list args;
    va_start(args, nargs);
    for (int k = 0; k < nargs; k++)
        node->args[k] = va_arg(args, mp_node *);
    va_end(args);
    mp__ir_insert(before, node);
    mp__infer_learn(infer, node, mp__infer_rule(infer, node));
    return node;
}

mp_node *mp__infer_after(mp_infer *infer, mp_op op, mp_node *arg)
{
    mp_node *node = mp__ir_node(infer->func, op, arg->line, 1, &arg);
    if (arg->op == MP_OP_PHI)
        mp__ir_prepend(arg->block, node);
    else if (arg->next != NULL)
        mp__ir_insert(arg->next, node);
    else
        mp__ir_append(arg->block, node);
    mp__infer_learn(infer, node, mp__infer_rule(infer, node));
    return node;
}

static mp_node *make_const(mp_infer *infer, mp_type type)
{
    mp_node *node = mp__ir_node(infer->func, MP_OP_CONST, 0, 0, NULL);
    node->type = type;
    return mp__ir_prepend(infer->func->entry, node);
}

mp_node *mp__infer_int(mp_infer *infer, int64_t value)
{
    mp_node *node = make_const(infer, MP_TYPE_INT);
    node->as.i = value;
    mp__infer_learn(infer, node, mp__fact_ints(value, value));
    return node;
}

mp_node *mp__infer_float(mp_infer *infer, double value)
{
    mp_node *node = make_const(infer, MP_TYPE_FLOAT);
    node->as.f = value;
    mp__infer_learn(infer, node, mp__fact_of(MP_MAY_FLOAT));
    return node;
}

mp_node *mp__infer_bool(mp_infer *infer, bool value)
{
    mp_node *node = make_const(infer, MP_TYPE_BOOL);
    node->as.b = value;
    mp__infer_learn(infer, node, mp__fact_bool(value));
    return node;
}

/* ---- edges -------------------------------------------------------------- */

/* Whether a branch is taken in one of its two ways. */
static bool takes(const mp_infer *infer, const mp_block *from, int way)
{
    unsigned may = mp__infer_fact(infer, from->cond).may;
    const unsigned falsy = MP_MAY_NIL | MP_MAY_FALSE;
    return way == 0 ? (may & ~falsy) != 0 : (may & falsy) != 0;
}

bool mp__infer_runs(const mp_infer *infer, const mp_block *block, int k)
{
    const mp_block *pred = block->preds[k];
    if (!infer->reached[pred->id])
        return false;
    if (pred->end != MP_END_BRANCH)
        return true;
    return (pred->next[0] == block && takes(infer, pred, 0)) ||
           (pred->next[1] == block && takes(infer, pred, 1));
}

static bool is_reached(const mp_infer *infer, const mp_block *block)
{
    if (block == infer->func->entry)
        return true;
    for (int k = 0; k < block->npreds; k++) {
        if (mp__infer_runs(infer, block, k))
            return true;
    }
    return false;
}

/* ---- what a loop's test says about its index ---------------------------- */

/* Cuts a range to what has passed the test of a numeric for. */
static mp_fact clamp(const mp_infer *infer, const mp_node *test, mp_fact fact)
{
    mp_fact limit = mp__infer_fact(infer, test->args[1]);
    mp_fact step = mp__infer_fact(infer, test->args[2]);
    if (!mp__fact_only(limit, MP_MAY_INT) || !mp__fact_only(step, MP_MAY_INT))
        return fact;
    int64_t low = fact.low, high = fact.high;
    if (step.low > 0 && limit.high < high)
        high = limit.high;
    if (step.high <= 0 && limit.low > low)
        low = limit.low;
    if (low > high)
        return mp__fact_none();
    return mp__fact_ints(low, high);
}

/* Whether `block` is entered only where a branch went its first way; if it is
 * a loop's header then later from inside too. */
static bool is_then(const mp_block *from, const mp_block *block)
{
    if (from->end != MP_END_BRANCH || from->next[0] != block ||
        from->next[1] == block)
        return false;
    for (int k = 0; k < block->npreds; k++) {
        const mp_block *pred = block->preds[k];
        if (pred != from && !mp__ir_dominates(block, pred))
            return false;
    }
    return true;
}

/* The fact of a value in a block, or at its end. */
static mp_fact tested_fact(const mp_infer *infer, const mp_node *value,
                           const mp_block *block)
{
    mp_fact fact = mp__infer_fact(infer, value);
    if (!mp__fact_only(fact, MP_MAY_INT) || value->op != MP_OP_ADD)
        return fact;
    for (; block != NULL && block->order > value->block->order;
         block = block->idom) {
        const mp_block *from = block->idom;
        if (from != NULL && is_then(from, block) &&
            from->cond->op == MP_OP_FOR_TEST && from->cond->args[0] == value)
            return clamp(infer, from->cond, fact);
    }
    return fact;
}

/* Sums and products of indices are looked into, so deep. */
#define MOST_DEPTH 6

static mp_fact here(const mp_infer *infer, const mp_node *node,
                    const mp_block *block, int depth)
{
    mp_fact fact = tested_fact(infer, node, block);
    bool sum = node->op == MP_OP_ADD || node->op == MP_OP_SUB;
    if (!(sum || node->op == MP_OP_MUL) || depth == MOST_DEPTH ||
        !mp__fact_equal(fact, mp__infer_fact(infer, node)) ||
        !mp__fact_only(fact, MP_MAY_INT))
        return fact;
    mp_fact a = here(infer, node->args[0], block, depth + 1);
    mp_fact b = here(infer, node->args[1], block, depth + 1);
    if (a.may == 0 || b.may == 0)
        return fact;
    if (node->op == MP_OP_MUL)
        return mp__fact_mul(a, b);
    return node->op == MP_OP_ADD ? mp__fact_add(a, b) : mp__fact_sub(a, b);
}

mp_fact mp__infer_here(const mp_infer *infer, const mp_node *node,
                       const mp_block *block)
{
    return here(infer, node, block, 0);
}

/* ---- solving ------------------------------------------------------------ */

static mp_fact phi_fact(mp_infer *infer, const mp_node *phi)
{
    mp_fact old = mp__infer_fact(infer, phi), fact = old;
    for (int k = 0; k < phi->nargs; k++) {
        if (mp__infer_runs(infer, phi->block, k))
            fact = mp__fact_join(
                fact, tested_fact(infer, phi->args[k], phi->block->preds[k]));
    }
    if (!mp__fact_equal(fact, old) && infer->growths[phi->id]++ > SMALL_STEPS)
        fact = mp__fact_widen(old, fact);
    return fact;
}

/* What is returned is what an accumulator is for the next item. */
static bool learn_result(mp_infer *infer, const mp_node *node)
{
    mp_fact *result = &infer->results[node->as.index];
    mp_fact now = mp__fact_join(*result, mp__infer_fact(infer, node->args[0]));
    bool grown = !mp__fact_equal(now, *result);
    *result = now;
    if (infer->func->spec->form == MP_FORM_REDUCE) {
        /* Accumulators go round outside of the kernel: no range is known. */
        mp_fact *acc = &infer->accs[node->as.index];
        *acc = mp__fact_of(now.may);
        acc->exact = now.exact;
    }
    return grown;
}

mp_fact mp__infer_items(const mp_infer *infer, const mp_node *access)
{
    return infer->tables[mp__ir_own(infer->func, access->args[0])->id];
}

/* What is stored in a table is what it has, wherever it is read. */
static bool learn_item(mp_infer *infer, const mp_node *store)
{
    int id = mp__ir_own(infer->func, store->args[0])->id;
    mp_fact old = infer->tables[id];
    mp_fact now = mp__fact_join(old, mp__infer_fact(infer, store->args[2]));
    if (mp__infer_fact(infer, store->args[1]).may == 0 ||
        mp__fact_equal(old, now))
        return false;
    if (infer->table_growths[id]++ > SMALL_STEPS)
        now = mp__fact_widen(old, now);
    infer->tables[id] = now;
    return true;
}

static bool solve_node(mp_infer *infer, const mp_node *node)
{
    if (node->op == MP_OP_RESULT)
        return learn_result(infer, node);
    if (node->op == MP_OP_TSTORE)
        return learn_item(infer, node);
    mp_fact old = mp__infer_fact(infer, node);
    mp_fact now = node->op == MP_OP_PHI ? phi_fact(infer, node)
                                        : mp__infer_rule(infer, node);
    now = mp__fact_join(old, now);
    infer->facts[node->id] = now;
    return !mp__fact_equal(old, now);
}

static bool solve_block(mp_infer *infer, const mp_block *block)
{
    if (!is_reached(infer, block))
        return false;
    bool changed = !infer->reached[block->id];
    infer->reached[block->id] = true;
    for (const mp_node *n = block->first; n != NULL; n = n->next) {
        changed |= solve_node(infer, n);
        infer->steps++;
    }
    if (infer->steps > MOST_STEPS)
        mp__unit_refuse(infer->unit, block->line,
                        "write smaller functions, or fewer loops in loops",
                        "the kernel's types take too long to find");
    return changed;
}

/* Solves for the blocks from number k up to the end of the loop that the block
 * there heads, if it does, and of this block alone otherwise. What comes after
 * a loop waits until that has settled. Sets `*next` to the one behind. */
static bool solve_part(mp_infer *infer, int k, int *next)
{
    const mp_func *func = infer->func;
    const mp_block *header = func->order[k];
    bool changed = false, again = true;
    while (again) {
        again = solve_block(infer, header);
        *next = k + 1;
        while (header->header == header && *next < func->norder &&
               mp__ir_in_loop(func->order[*next], header))
            again |= solve_part(infer, *next, next);
        changed |= again;
        again &= header->header == header;
    }
    return changed;
}

static bool solve_once(mp_infer *infer)
{
    bool changed = false;
    for (int k = 0; k < infer->func->norder;)
        changed |= solve_part(infer, k, &k);
    return changed;
}

void mp__infer_solve(mp_infer *infer)
{
    const mp_func *func = infer->func;
    infer->growths = mp__unit_alloc(infer->unit, (size_t)func->nnodes *
                                                     sizeof *infer->growths);
    infer->reached =
        mp__unit_alloc(infer->unit, (size_t)func->nblocks * sizeof(bool));
    for (int k = 0; k < func->nnodes; k++)
        MP_UNIT_PUSH(infer->unit, infer->facts, infer->nfacts, mp__fact_none());
    size_t tables = (size_t)func->nowns;
    infer->tables = mp__unit_alloc(infer->unit, tables * sizeof(mp_fact));
    infer->table_growths = mp__unit_alloc(infer->unit, tables * sizeof(int));
    for (size_t k = 0; k < tables; k++)
        infer->tables[k] = mp__fact_none();
    for (int k = 0; k < MP_MAX_ARGS; k++)
        infer->accs[k] = infer->results[k] = mp__fact_none();
    while (solve_once(infer)) {
    }
}
