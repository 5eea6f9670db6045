/* Control-flow graphs of prototypes.
 *
 * Dominators and loops are found as in ir_order.c, which says from where. */
#include "native/cfg.h"

#include "native/opcode.h"

typedef struct builder {
    mp_unit *unit;
    const mp_proto *proto;
    mp_cfg *cfg;
    bool *leader; /* by pc: a block begins there */
    int *place;   /* by pc: number of the block that begins there, or -1 */
    int *order;   /* of blocks by pc, in post-order */
    int count;    /* of them */
} builder;

/* ---- blocks ------------------------------------------------------------- */

static int jump_target(const mp_proto *proto, int pc)
{
    return pc + 1 + mp_code_sbx(proto->code[pc]);
}

/* Whether the instruction and the JMP behind it are a branch. */
static bool is_test(mp_opcode op)
{
    return op == MP_OPCODE_EQ || op == MP_OPCODE_LT || op == MP_OPCODE_LE ||
           op == MP_OPCODE_TEST || op == MP_OPCODE_TESTSET;
}

/* Where the instruction at `pc` leads; returns how many places there are, and
 * sets `ends` where a block ends behind it. */
static int find_nexts(const mp_proto *proto, int pc, int *nexts, bool *ends)
{
    uint32_t code = proto->code[pc];
    mp_opcode op = mp_code_op(code);
    *ends = true;
    if (op == MP_OPCODE_RETURN)
        return 0;
    if (op == MP_OPCODE_JMP || op == MP_OPCODE_FORPREP) {
        nexts[0] = jump_target(proto, pc);
        return 1;
    }
    if (is_test(op)) {
        nexts[0] = jump_target(proto, pc + 1);
        nexts[1] = pc + 2;
        return 2;
    }
    if (op == MP_OPCODE_FORLOOP || op == MP_OPCODE_TFORLOOP) {
        nexts[0] = jump_target(proto, pc);
        nexts[1] = pc + 1;
        return 2;
    }
    *ends = op == MP_OPCODE_LOADBOOL && mp_code_c(code) != 0;
    nexts[0] = *ends ? pc + 2 : pc + 1;
    return 1;
}

static void find_leaders(builder *b)
{
    b->leader[0] = true;
    for (int pc = 0; pc < b->proto->ncode; pc++) {
        int nexts[2];
        bool ends;
        int n = find_nexts(b->proto, pc, nexts, &ends);
        for (int k = 0; ends && k < n; k++)
            b->leader[nexts[k]] = true;
    }
}

/* The last instruction of the block that begins at `pc`, and where it leads. */
static int find_end(const builder *b, int pc, int *nexts, int *nnexts)
{
    for (bool ends;; pc++) {
        *nnexts = find_nexts(b->proto, pc, nexts, &ends);
        if (ends || b->leader[pc + 1])
            return pc;
    }
}

/* ---- order -------------------------------------------------------------- */

typedef struct frame {
    int start;    /* pc of the block */
    int nnexts;   /* still to visit */
    int nexts[2]; /* the one with the lower pc first */
} frame;

static frame open_frame(builder *b, int start)
{
    frame f = {.start = start};
    find_end(b, start, f.nexts, &f.nnexts);
    if (f.nnexts == 2 && f.nexts[0] > f.nexts[1]) {
        int swap = f.nexts[0];
        f.nexts[0] = f.nexts[1];
        f.nexts[1] = swap;
    }
    b->place[start] = 0;
    return f;
}

/* All blocks that can be reached, in post-order. What comes later in the code
 * is visited first, so that the reverse is as close to the code as can be. */
static void find_order(builder *b)
{
    frame *stack = NULL;
    int depth = 0;
    MP_UNIT_PUSH(b->unit, stack, depth, open_frame(b, 0));
    while (depth > 0) {
        frame *top = &stack[depth - 1];
        if (top->nnexts == 0) {
            MP_UNIT_PUSH(b->unit, b->order, b->count, top->start);
            depth--;
            continue;
        }
        int next = top->nexts[--top->nnexts];
        if (b->place[next] < 0)
            MP_UNIT_PUSH(b->unit, stack, depth, open_frame(b, next));
    }
}

static void make_blocks(builder *b)
{
    mp_cfg *cfg = b->cfg;
    cfg->nblocks = b->count;
    cfg->blocks =
        mp__unit_alloc(b->unit, (size_t)b->count * sizeof *cfg->blocks);
    for (int k = 0; k < b->count; k++)
        b->place[b->order[b->count - 1 - k]] = k;
    for (int k = 0; k < b->count; k++) {
        mp_cfg_block *block = &cfg->blocks[k];
        block->start = b->order[b->count - 1 - k];
        block->end =
            1 + find_end(b, block->start, block->nexts, &block->nnexts);
        for (int i = 0; i < block->nnexts; i++)
            block->nexts[i] = b->place[block->nexts[i]];
    }
    for (int k = 0; k < b->count; k++) {
        const mp_cfg_block *block = &cfg->blocks[k];
        for (int i = 0; i < block->nnexts; i++) {
            mp_cfg_block *next = &cfg->blocks[block->nexts[i]];
            MP_UNIT_PUSH(b->unit, next->preds, next->npreds, k);
        }
    }
}

/* ---- dominators and loops ----------------------------------------------- */

static int intersect(const mp_cfg *cfg, int a, int b)
{
    while (a != b) {
        while (a > b)
            a = cfg->blocks[a].idom;
        while (b > a)
            b = cfg->blocks[b].idom;
    }
    return a;
}

/* The block that dominates all predecessors that have been looked at. */
static int common_dominator(const mp_cfg *cfg, const mp_cfg_block *block)
{
    int idom = -1;
    for (int i = 0; i < block->npreds; i++) {
        int pred = block->preds[i];
        if (pred == 0 || cfg->blocks[pred].idom >= 0)
            idom = idom < 0 ? pred : intersect(cfg, idom, pred);
    }
    return idom;
}

static void find_dominators(mp_cfg *cfg)
{
    for (int k = 0; k < cfg->nblocks; k++)
        cfg->blocks[k].idom = -1;
    for (bool changed = true; changed;) {
        changed = false;
        for (int k = 1; k < cfg->nblocks; k++) {
            int idom = common_dominator(cfg, &cfg->blocks[k]);
            changed |= idom != cfg->blocks[k].idom;
            cfg->blocks[k].idom = idom;
        }
    }
}

static bool dominates(const mp_cfg *cfg, int a, int b)
{
    while (b > a)
        b = cfg->blocks[b].idom;
    return a == b;
}

/* Adds what the blocks of a loop write to its header's `assigned`. `seen` has
 * the number of the header, plus one, that a block was last visited for. */
static void fill_loop(builder *b, int header, int *seen)
{
    mp_cfg_block *blocks = b->cfg->blocks;
    int *stack = NULL, depth = 0;
    seen[header] = header + 1;
    for (int i = 0; i < blocks[header].npreds; i++) {
        if (blocks[header].preds[i] >= header)
            MP_UNIT_PUSH(b->unit, stack, depth, blocks[header].preds[i]);
    }
    MP_UNIT_PUSH(b->unit, stack, depth, header);
    while (depth > 0) {
        int k = stack[--depth];
        if (seen[k] == header + 1 && k != header)
            continue;
        seen[k] = header + 1;
        for (int pc = blocks[k].start; pc < blocks[k].end; pc++)
            mp__registers_written(b->proto, pc, false,
                                  &blocks[header].assigned);
        for (int i = 0; k != header && i < blocks[k].npreds; i++)
            MP_UNIT_PUSH(b->unit, stack, depth, blocks[k].preds[i]);
    }
}

static void find_loops(builder *b)
{
    mp_cfg *cfg = b->cfg;
    int *seen = mp__unit_alloc(b->unit, (size_t)cfg->nblocks * sizeof *seen);
    for (int k = 0; k < cfg->nblocks; k++) {
        mp_cfg_block *block = &cfg->blocks[k];
        for (int i = 0; i < block->npreds; i++) {
            if (block->preds[i] < k)
                continue;
            block->loops = true;
            if (!dominates(cfg, k, block->preds[i]))
                mp__unit_refuse(
                    b->unit, mp_proto_line(b->proto, block->start),
                    "write the loop with while, repeat or for",
                    "goto makes a loop that is entered in two places");
        }
        if (block->loops)
            fill_loop(b, k, seen);
    }
}

/* ---- liveness ----------------------------------------------------------- */

/* What may be read from the start of a block on, from what may be at its
 * end. */
static mp_registers live_at_start(const mp_proto *proto,
                                  const mp_cfg_block *block, mp_registers live)
{
    for (int pc = block->end - 1; pc >= block->start; pc--) {
        mp_registers written = {{0}};
        mp__registers_written(proto, pc, true, &written);
        for (int k = 0; k < MP_REGISTERS / 64; k++)
            live.bits[k] &= ~written.bits[k];
        mp__registers_read(proto, pc, &live);
    }
    return live;
}

/* What may be read on the way from a block to one of the next. TESTSET and
 * TFORLOOP write when they jump only. */
static mp_registers live_on_edge(const mp_cfg *cfg, const mp_cfg_block *block,
                                 int edge)
{
    mp_registers live = cfg->blocks[block->nexts[edge]].live;
    uint32_t code = cfg->proto->code[block->end - 1];
    mp_opcode op = mp_code_op(code);
    if (edge == 0 && (op == MP_OPCODE_TESTSET || op == MP_OPCODE_TFORLOOP))
        mp_registers_drop(&live, mp_code_a(code));
    return live;
}

/* A local that a function has captured may be read to the end of its scope,
 * wherever that function is called. */
static void keep_captured(mp_cfg *cfg, int pc, int reg)
{
    int end = mp__registers_scope(cfg->proto, reg, pc);
    for (int k = 0; k < cfg->nblocks; k++) {
        if (cfg->blocks[k].start > pc && cfg->blocks[k].start < end)
            mp_registers_add(&cfg->blocks[k].live, reg);
    }
}

static void find_captured(mp_cfg *cfg)
{
    const mp_proto *proto = cfg->proto;
    for (int pc = 0; pc < proto->ncode; pc++) {
        if (mp_code_op(proto->code[pc]) != MP_OPCODE_CLOSURE)
            continue;
        const mp_proto *inner = proto->protos[mp_code_bx(proto->code[pc])];
        for (int k = 0; k < inner->nupvalues; k++) {
            if (inner->upvalues[k].instack)
                keep_captured(cfg, pc, inner->upvalues[k].index);
        }
    }
}

static void find_live(mp_cfg *cfg)
{
    for (bool changed = true; changed;) {
        changed = false;
        for (int k = cfg->nblocks - 1; k >= 0; k--) {
            mp_cfg_block *block = &cfg->blocks[k];
            mp_registers live = {{0}};
            for (int i = 0; i < block->nnexts; i++) {
                mp_registers more = live_on_edge(cfg, block, i);
                mp__registers_join(&live, &more);
            }
            live = live_at_start(cfg->proto, block, live);
            changed |= mp__registers_join(&block->live, &live);
        }
    }
}

/* ------------------------------------------------------------------------- */

mp_cfg *mp__cfg_make(mp_unit *unit, const mp_proto *proto)
{
    size_t size = (size_t)proto->ncode;
    builder b = {
        .unit = unit,
        .proto = proto,
        .cfg = mp__unit_alloc(unit, sizeof *b.cfg),
        .leader = mp__unit_alloc(unit, size * sizeof *b.leader),
        .place = mp__unit_alloc(unit, size * sizeof *b.place),
    };
    b.cfg->proto = proto;
    for (int pc = 0; pc < proto->ncode; pc++)
        b.place[pc] = -1;
    find_leaders(&b);
    find_order(&b);
    make_blocks(&b);
    find_dominators(b.cfg);
    find_loops(&b);
    find_captured(b.cfg);
    find_live(b.cfg);
    b.cfg->cells = mp__cells_find(unit, proto);
    return b.cfg;
}

/* ---- printing ----------------------------------------------------------- */

static void print_set(const char *what, const mp_registers *set, FILE *to)
{
    const char *before = what;
    for (int reg = 0; reg < MP_REGISTERS; reg++) {
        if (!mp_registers_has(set, reg))
            continue;
        fprintf(to, "%s %d", before, reg);
        before = "";
    }
}

void mp__cfg_print(const mp_cfg *cfg, FILE *to)
{
    for (int k = 0; k < cfg->nblocks; k++) {
        const mp_cfg_block *block = &cfg->blocks[k];
        fprintf(to, "b%d: pc %d-%d", k, block->start + 1, block->end);
        for (int i = 0; i < block->nnexts; i++)
            fprintf(to, "%s b%d", i == 0 ? " ->" : "", block->nexts[i]);
        if (block->idom >= 0)
            fprintf(to, ", below b%d", block->idom);
        print_set(", live", &block->live, to);
        print_set(block->loops ? ", loop writes" : "", &block->assigned, to);
        fprintf(to, "\n");
    }
}
