/* Locals that functions within assign, as tables with one field.
 *
 *     local n = x                            %2: ref = ref own 0
 *     local function add() n = n + 1 end     tstore %2 "n" %0
 *     add()                                  %3: any = tload %2 "n"
 *                                            %4: any = add %3 1
 *                                            tstore %2 "n" %4
 *
 * The table belongs to the activation, so that branches and loops of whatever
 * function assigns need not carry the local along their edges; `scalar` makes
 * variables of it again. Its field follows the register all the time, in scope
 * or not: only where it is in scope is it read. A function that is called then
 * is of the same round of the loops around, since a call that needs no PHI to
 * know the function is of what the latest run of its CLOSURE has made. */
#include "native/build.h"

/* Whether the local, which is a function's within, is still itself: it is in
 * scope, or it was to the end of its function. */
static bool is_alive(const mp_activation *act, const mp_capture *capture)
{
    const mp_activation *owner = capture->owner;
    if (mp__build_is_running(act, owner))
        return owner->pc < capture->end;
    return capture->end == owner->proto->ncode;
}

static void store(mp_builder *b, mp_node *table, const char *name,
                  mp_node *value)
{
    mp__ir_add(b->func, b->at, MP_OP_TSTORE, b->line, 3, table,
               mp__build_string(b, name), value);
}

static mp_node *load(mp_builder *b, mp_node *table, const char *name)
{
    return mp__ir_add(b->func, b->at, MP_OP_TLOAD, b->line, 2, table,
                      mp__build_string(b, name));
}

void mp__build_make_cells(mp_builder *b, mp_activation *act)
{
    const mp_cells *cells = &act->cfg->cells;
    size_t size = (size_t)cells->count * sizeof *act->cells;
    int line = b->line;
    act->cells = mp__unit_alloc(b->unit, size);
    for (int k = 0; k < cells->count; k++) {
        const mp_cell *cell = &cells->cells[k];
        bool parameter = cell->start == 0;
        b->line = mp_proto_line(act->proto, parameter ? 0 : cell->start - 1);
        act->cells[k] = mp__build_own(b);
        if (parameter)
            store(b, act->cells[k], cell->name, act->regs[cell->reg]);
    }
    b->line = line;
}

bool mp__build_has_cell(const mp_activation *act, int reg)
{
    const mp_cells *cells = &act->cfg->cells;
    for (int k = 0; k < cells->count; k++) {
        if (cells->cells[k].reg == reg)
            return true;
    }
    return false;
}

void mp__build_assigned(mp_builder *b, const mp_activation *act, int reg)
{
    const mp_cells *cells = &act->cfg->cells;
    for (int k = 0; k < cells->count; k++) {
        const mp_cell *cell = &cells->cells[k];
        if (cell->reg == reg && act->regs[reg] != NULL)
            store(b, act->cells[k], cell->name, act->regs[reg]);
    }
}

void mp__build_assigned_at(mp_builder *b, const mp_activation *act, int pc)
{
    const mp_cells *cells = &act->cfg->cells;
    if (cells->count == 0 || b->dead)
        return;
    mp_registers written = {{0}};
    mp__registers_written(act->proto, pc, true, &written);
    for (int k = 0; k < cells->count; k++) {
        int reg = cells->cells[k].reg;
        if (mp_registers_has(&written, reg))
            mp__build_assigned(b, act, reg);
    }
}

/* Number of the cell that a register is at an instruction, or -1. */
static int find_cell(const mp_activation *act, int reg, int pc)
{
    const mp_cells *cells = &act->cfg->cells;
    for (int k = 0; k < cells->count; k++) {
        const mp_cell *cell = &cells->cells[k];
        if (cell->reg == reg && cell->start <= pc && pc < cell->end)
            return k;
    }
    return -1;
}

mp_node *mp__build_read_cell(mp_builder *b, const mp_activation *act, int reg)
{
    int k = find_cell(act, reg, act->pc);
    if (k < 0)
        return NULL;
    return load(b, act->cells[k], act->cfg->cells.cells[k].name);
}

bool mp__build_capture_cell(const mp_activation *act, int reg, int pc,
                            mp_capture *capture)
{
    int k = find_cell(act, reg, pc);
    if (k < 0)
        return false;
    *capture = (mp_capture){
        .node = act->cells[k],
        .owner = act,
        .cell = &act->cfg->cells.cells[k],
        .reg = reg,
        .end = act->cfg->cells.cells[k].end,
    };
    return true;
}

static void check_alive(mp_builder *b, const mp_activation *act,
                        const mp_capture *capture)
{
    if (!is_alive(act, capture))
        mp__unit_refuse(b->unit, b->line,
                        "give the function the value as an argument",
                        "'%s' is out of scope, and a function assigns it",
                        capture->cell->name);
}

mp_node *mp__build_captured_cell(mp_builder *b, const mp_activation *act,
                                 const mp_capture *capture)
{
    check_alive(b, act, capture);
    return load(b, capture->node, capture->cell->name);
}

void mp__build_set_upvalue(mp_builder *b, const mp_activation *act, int index,
                           mp_node *value)
{
    const mp_capture *capture =
        act->captured != NULL ? &act->captured[index] : NULL;
    if (capture == NULL || capture->cell == NULL)
        mp__unit_refuse(b->unit, b->line,
                        "return the value, or write it to an array",
                        "%s is written, which is not the kernel's own",
                        mp__build_upvalue_name(b, act, index));
    check_alive(b, act, capture);
    store(b, capture->node, capture->cell->name, value);
}
