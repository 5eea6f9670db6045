/* Blocks of an activation: how nodes travel along edges, meet, and leave. */
#include "native/build.h"
#include "native/opcode.h"

/* ---- edges -------------------------------------------------------------- */

static mp_block *block_of(mp_builder *b, mp_activation *act, int k)
{
    mp_flow *flow = &act->flows[k];
    if (flow->block == NULL) {
        int line = mp_proto_line(act->proto, act->cfg->blocks[k].start);
        flow->block = mp__ir_block(b->func, line);
    }
    return flow->block;
}

/* An edge back to a header: its PHIs get one more input. */
static void close_loop(mp_builder *b, mp_flow *flow, mp_node *const *regs)
{
    for (int i = 0; i < flow->nphis; i++) {
        mp_node *phi = flow->phis[i];
        mp_node *input = regs[flow->registers[i]];
        if (input == NULL)
            input = mp__build_nil(b);
        MP_UNIT_PUSH(b->unit, phi->args, phi->nargs, input);
    }
}

/* Leads from the end of a block to block k of the activation. Where that is
 * new a jump is made when it is entered; branches are there already. */
static void add_edge(mp_builder *b, mp_activation *act, int k, mp_edge edge)
{
    mp_flow *flow = &act->flows[k];
    if (!flow->entered) {
        MP_UNIT_PUSH(b->unit, flow->edges, flow->nedges, edge);
        return;
    }
    if (edge.jump)
        mp__ir_jump(b->func, edge.from, flow->block);
    close_loop(b, flow, edge.regs);
}

static void jump(mp_builder *b, mp_activation *act, int k)
{
    add_edge(b, act, k, (mp_edge){b->at, act->regs, true});
}

static mp_node **copy_registers(mp_builder *b, const mp_activation *act)
{
    size_t count = (size_t)act->proto->nregisters;
    mp_node **copy = mp__unit_alloc(b->unit, count * sizeof *copy);
    for (size_t k = 0; k < count; k++)
        copy[k] = act->regs[k];
    return copy;
}

/* Leads to block `yes` where the condition holds, with `regs`, and to block
 * `no` with the registers as they are. */
static void branch(mp_builder *b, mp_activation *act, mp_node *cond, int yes,
                   mp_node **regs, int no)
{
    if (cond->op == MP_OP_CONST) {
        act->regs = cond->as.b ? regs : act->regs;
        jump(b, act, cond->as.b ? yes : no);
        return;
    }
    mp_edge edge = {b->at, regs, false};
    mp_block *to = block_of(b, act, yes);
    if (yes == no) {
        /* Two edges between the same blocks: PHIs could not tell them. */
        to = edge.from = mp__ir_block(b->func, b->line);
        edge.jump = true;
    }
    mp__ir_branch(b->func, b->at, cond, to, block_of(b, act, no));
    add_edge(b, act, no, (mp_edge){b->at, act->regs, false});
    add_edge(b, act, yes, edge);
}

/* ---- joins -------------------------------------------------------------- */

/* Puts edges in the order in which the block has got its predecessors: that of
 * branches came as they were made, that of jumps comes now. */
static void settle_edges(mp_builder *b, mp_flow *flow)
{
    mp_edge *edges =
        mp__unit_alloc(b->unit, (size_t)flow->nedges * sizeof *edges);
    int count = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < flow->nedges; i++) {
            if (flow->edges[i].jump == (pass == 1))
                edges[count++] = flow->edges[i];
        }
    }
    for (int i = 0; i < count; i++) {
        if (edges[i].jump)
            mp__ir_jump(b->func, edges[i].from, flow->block);
    }
    flow->edges = edges;
}

/* The local's name, but for those that the compiler made: "(for index)". */
static const char *name_of(const mp_activation *act, int reg, int pc)
{
    const char *name = mp__proto_local(act->proto, reg, pc);
    return name != NULL && name[0] != '(' ? name : NULL;
}

static mp_node *make_phi(mp_builder *b, mp_activation *act, int k, int reg)
{
    const mp_flow *flow = &act->flows[k];
    int pc = act->cfg->blocks[k].start;
    mp_node *phi =
        mp__ir_node(b->func, MP_OP_PHI, mp_proto_line(act->proto, pc), 0, NULL);
    for (int i = 0; i < flow->nedges; i++)
        MP_UNIT_PUSH(b->unit, phi->args, phi->nargs, flow->edges[i].regs[reg]);
    phi->name = name_of(act, reg, pc);
    return mp__ir_append(flow->block, phi);
}

/* What a register holds where all edges have met; NULL where one of them
 * brings nothing. */
static mp_node *meet(mp_builder *b, mp_activation *act, int k, int reg)
{
    mp_flow *flow = &act->flows[k];
    const mp_cfg_block *block = &act->cfg->blocks[k];
    mp_node *first = flow->edges[0].regs[reg];
    bool differ = false;
    for (int i = 0; i < flow->nedges; i++) {
        if (flow->edges[i].regs[reg] == NULL)
            return NULL;
        differ |= flow->edges[i].regs[reg] != first;
    }
    if (block->loops && mp_registers_has(&block->assigned, reg)) {
        mp_node *phi = make_phi(b, act, k, reg);
        int count = flow->nphis;
        MP_UNIT_PUSH(b->unit, flow->registers, count, reg);
        MP_UNIT_PUSH(b->unit, flow->phis, flow->nphis, phi);
        return phi;
    }
    return differ ? make_phi(b, act, k, reg) : first;
}

static void enter(mp_builder *b, mp_activation *act, int k)
{
    mp_flow *flow = &act->flows[k];
    const mp_cfg_block *block = &act->cfg->blocks[k];
    flow->entered = true;
    if (flow->nedges == 1 && flow->edges[0].jump && !block->loops) {
        b->at = flow->edges[0].from;
        act->regs = flow->edges[0].regs;
        return;
    }
    block_of(b, act, k);
    settle_edges(b, flow);
    size_t size = (size_t)act->proto->nregisters * sizeof(mp_node *);
    act->regs = mp__unit_alloc(b->unit, size);
    for (int reg = 0; reg < act->proto->nregisters; reg++) {
        if (mp_registers_has(&block->live, reg))
            act->regs[reg] = meet(b, act, k, reg);
    }
    b->at = flow->block;
    if (block->loops)
        mp__ir_add(b->func, b->at, MP_OP_POLL, flow->block->line, 0);
}

/* ---- the ends of blocks ------------------------------------------------- */

/* Whether the branch at the end of a block only chooses between true and
 * false for a register: `x = a < b`. */
static bool only_chooses(const mp_activation *act, const mp_cfg_block *block)
{
    const mp_cfg_block *blocks = act->cfg->blocks;
    const mp_cfg_block *yes = &blocks[block->nexts[0]];
    const mp_cfg_block *no = &blocks[block->nexts[1]];
    if (yes->npreds != 1 || no->npreds != 1 || yes->end != yes->start + 1 ||
        no->end != no->start + 1 || yes->start != no->start + 1)
        return false;
    uint32_t one = act->proto->code[yes->start];
    uint32_t zero = act->proto->code[no->start];
    return mp_code_op(one) == MP_OPCODE_LOADBOOL &&
           mp_code_op(zero) == MP_OPCODE_LOADBOOL && mp_code_b(one) == 1 &&
           mp_code_b(zero) == 0 && mp_code_c(one) == 0 &&
           mp_code_c(zero) == 1 && mp_code_a(one) == mp_code_a(zero);
}

/* A comparison or test: `jumps` is what its JMP needs the condition to be. */
static void end_with_test(mp_builder *b, mp_activation *act,
                          const mp_cfg_block *block, mp_node *cond, bool jumps)
{
    const int *nexts = block->nexts;
    if (only_chooses(act, block)) {
        const mp_cfg_block *yes = &act->cfg->blocks[nexts[0]];
        int a = mp_code_a(act->proto->code[yes->start]);
        act->regs[a] = jumps ? cond : mp__build_not(b, cond);
        mp__build_assigned(b, act, a);
        jump(b, act, yes->nexts[0]);
    } else if (jumps) {
        branch(b, act, cond, nexts[0], act->regs, nexts[1]);
    } else {
        branch(b, act, cond, nexts[1], act->regs, nexts[0]);
    }
}

/* Leads to block `no` where the condition is not `jumps`, and else assigns to
 * a cell, in a block of its own. */
static void assign_cell(mp_builder *b, mp_activation *act,
                        const mp_cfg_block *block, mp_node *cond, bool jumps,
                        mp_node **assigned, int reg)
{
    int no = block->nexts[1];
    mp_block *way = b->at;
    if (cond->op == MP_OP_CONST && cond->as.b != jumps) {
        jump(b, act, no);
        return;
    }
    if (cond->op != MP_OP_CONST) {
        way = mp__ir_block(b->func, b->line);
        mp_block *other = block_of(b, act, no);
        mp__ir_branch(b->func, b->at, cond, jumps ? way : other,
                      jumps ? other : way);
        add_edge(b, act, no, (mp_edge){b->at, act->regs, false});
    }
    b->at = way;
    act->regs = assigned;
    mp__build_assigned(b, act, reg);
    jump(b, act, block->nexts[0]);
}

/* It assigns where it jumps only. */
static void end_with_testset(mp_builder *b, mp_activation *act,
                             const mp_cfg_block *block, uint32_t code)
{
    mp_node *value = mp__build_register(b, act, mp_code_b(code));
    mp_node *cond = mp__build_truth(b, value);
    mp_node **assigned = copy_registers(b, act);
    assigned[mp_code_a(code)] = value;
    if (mp__build_has_cell(act, mp_code_a(code))) {
        assign_cell(b, act, block, cond, mp_code_c(code) != 0, assigned,
                    mp_code_a(code));
        return;
    }
    if (mp_code_c(code) != 0) {
        branch(b, act, cond, block->nexts[0], assigned, block->nexts[1]);
        return;
    }
    mp_node **kept = act->regs;
    act->regs = assigned;
    branch(b, act, cond, block->nexts[1], kept, block->nexts[0]);
}

static mp_node *compare(mp_builder *b, const mp_activation *act, uint32_t code)
{
    mp_node *x = mp__build_rk(b, act, mp_code_b(code));
    mp_node *y = mp__build_rk(b, act, mp_code_c(code));
    if (mp_code_op(code) == MP_OPCODE_EQ)
        return mp__build_equal(b, x, y);
    mp__build_expect_value(b, x, "comparing");
    mp__build_expect_value(b, y, "comparing");
    mp_op op = mp_code_op(code) == MP_OPCODE_LT ? MP_OP_LT : MP_OP_LE;
    return mp__ir_add(b->func, b->at, op, b->line, 2, x, y);
}

static void end_with_forprep(mp_builder *b, mp_activation *act, uint32_t code,
                             int next)
{
    int a = mp_code_a(code);
    mp_node *args[3];
    for (int k = 0; k < 3; k++) {
        args[k] = mp__build_register(b, act, a + k);
        mp__build_expect_value(b, args[k], "a 'for' loop over");
    }
    act->regs[a] = mp__ir_add(b->func, b->at, MP_OP_FOR_START, b->line, 3,
                              args[0], args[1], args[2]);
    act->regs[a + 1] = mp__ir_add(b->func, b->at, MP_OP_FOR_LIMIT, b->line, 3,
                                  args[0], args[1], args[2]);
    jump(b, act, next);
}

static void end_with_forloop(mp_builder *b, mp_activation *act, uint32_t code,
                             const int *nexts)
{
    int a = mp_code_a(code);
    mp_node *limit = mp__build_register(b, act, a + 1);
    mp_node *step = mp__build_register(b, act, a + 2);
    mp_node *index = mp__build_register(b, act, a);
    index = mp__ir_add(b->func, b->at, MP_OP_ADD, b->line, 2, index, step);
    mp_node *cond = mp__ir_add(b->func, b->at, MP_OP_FOR_TEST, b->line, 3,
                               index, limit, step);
    act->regs[a] = act->regs[a + 3] = index;
    mp__build_assigned(b, act, a + 3);
    branch(b, act, cond, nexts[0], act->regs, nexts[1]);
}

static void end_with_return(mp_builder *b, mp_activation *act, uint32_t code)
{
    int a = mp_code_a(code), counted = mp_code_b(code);
    mp_return leave = {.from = b->at, .line = b->line};
    leave.count = counted == 0 ? act->top - a : counted - 1;
    size_t size = (size_t)leave.count * sizeof(mp_node *);
    leave.values = mp__unit_alloc(b->unit, size);
    for (int k = 0; k < leave.count; k++)
        leave.values[k] = mp__build_register(b, act, a + k);
    MP_UNIT_PUSH(b->unit, act->returns, act->nreturns, leave);
}

/* The last instruction of a block: one of those that lead elsewhere than to
 * the next, or one like others. */
static void end_block(mp_builder *b, mp_activation *act,
                      const mp_cfg_block *block)
{
    uint32_t code = act->proto->code[act->pc];
    mp_opcode op = mp_code_op(code);
    if (op == MP_OPCODE_EQ || op == MP_OPCODE_LT || op == MP_OPCODE_LE) {
        mp_node *cond = compare(b, act, code);
        end_with_test(b, act, block, cond, mp_code_a(code) != 0);
    } else if (op == MP_OPCODE_TEST) {
        mp_node *value = mp__build_register(b, act, mp_code_a(code));
        mp_node *cond = mp__build_truth(b, value);
        end_with_test(b, act, block, cond, mp_code_c(code) != 0);
    } else if (op == MP_OPCODE_TESTSET) {
        end_with_testset(b, act, block, code);
    } else if (op == MP_OPCODE_FORPREP) {
        end_with_forprep(b, act, code, block->nexts[0]);
    } else if (op == MP_OPCODE_FORLOOP) {
        end_with_forloop(b, act, code, block->nexts);
    } else if (op == MP_OPCODE_RETURN) {
        end_with_return(b, act, code);
    } else {
        mp__build_instruction(b, act);
        mp__build_assigned_at(b, act, act->pc);
        if (!b->dead)
            jump(b, act, block->nexts[0]);
    }
}

static void step(mp_builder *b, const mp_activation *act)
{
    b->line = mp_proto_line(act->proto, act->pc);
    if (++b->instructions > MP_BUILD_INSTRUCTIONS)
        mp__unit_refuse(b->unit, b->line, "call fewer or smaller functions",
                        "the kernel is too large once its calls are inlined");
}

static void build_block(mp_builder *b, mp_activation *act,
                        const mp_cfg_block *block)
{
    b->run = ++b->nruns;
    b->dead = false;
    for (act->pc = block->start; act->pc < block->end - 1; act->pc++) {
        step(b, act);
        int pc = act->pc;
        mp__build_instruction(b, act);
        mp__build_assigned_at(b, act, pc);
        if (b->dead)
            return;
    }
    /* A LOADKX has taken the EXTRAARG at the end of the block. */
    if (act->pc == block->end) {
        jump(b, act, block->nexts[0]);
        return;
    }
    step(b, act);
    end_block(b, act, block);
}

void mp__build_flow(mp_builder *b, mp_activation *act)
{
    jump(b, act, 0);
    for (int k = 0; k < act->cfg->nblocks; k++) {
        const mp_cfg_block *block = &act->cfg->blocks[k];
        if (act->flows[k].nedges == 0)
            continue;
        enter(b, act, k);
        build_block(b, act, block);
    }
}

/* ---- results ------------------------------------------------------------ */

static int common_count(mp_builder *b, const mp_activation *act)
{
    int count = act->returns[0].count;
    for (int k = 1; k < act->nreturns; k++) {
        if (act->returns[k].count != count)
            mp__unit_refuse(b->unit, act->returns[k].line,
                            "return as many values everywhere",
                            "a function returns %d value%s here and %d "
                            "elsewhere",
                            act->returns[k].count,
                            act->returns[k].count == 1 ? "" : "s", count);
    }
    return count;
}

static mp_node *nth_result(mp_builder *b, const mp_return *from, int i)
{
    return i < from->count ? from->values[i] : mp__build_nil(b);
}

static mp_node *join_result(mp_builder *b, const mp_activation *act, int i)
{
    mp_node *first = nth_result(b, &act->returns[0], i);
    bool differ = false;
    for (int k = 1; k < act->nreturns; k++)
        differ |= nth_result(b, &act->returns[k], i) != first;
    if (!differ)
        return first;
    mp_node *phi = mp__ir_node(b->func, MP_OP_PHI, act->returns[0].line,
                               act->nreturns, NULL);
    for (int k = 0; k < act->nreturns; k++)
        phi->args[k] = nth_result(b, &act->returns[k], i);
    return mp__ir_append(b->at, phi);
}

mp_node **mp__build_results(mp_builder *b, mp_activation *act, int wanted,
                            int *count)
{
    b->dead = act->nreturns == 0;
    if (b->dead && b->nraises == act->raises)
        mp__unit_refuse(b->unit, act->proto->line, NULL,
                        "a function never returns");
    if (b->dead) {
        *count = 0;
        return NULL;
    }
    *count = wanted == MP_BUILD_OPEN ? common_count(b, act) : wanted;
    mp_node **results =
        mp__unit_alloc(b->unit, (size_t)*count * sizeof *results);
    b->at = act->returns[0].from;
    b->line = act->returns[0].line;
    if (act->nreturns > 1) {
        b->at = mp__ir_block(b->func, act->returns[0].line);
        for (int k = 0; k < act->nreturns; k++)
            mp__ir_jump(b->func, act->returns[k].from, b->at);
    }
    for (int i = 0; i < *count; i++)
        results[i] = join_result(b, act, i);
    return results;
}
