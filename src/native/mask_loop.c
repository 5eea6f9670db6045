/* Loops under masks.
 *
 * A loop that lanes leave at different times goes on while one is left:
 *
 *     header:   live = phi entering, left over
 *               ...
 *               kept = select <lanes that run this>, value, kept
 *               left over = live and not <lanes that leave>
 *               any left over? on, or after
 *     after:    all lanes that have entered; `kept` is what each took along
 *
 * `kept` is set by all lanes that come to a way out, whether they take it or
 * not: what stays in the loop will set it again. A way out that is taken by
 * all lanes at once stays a real edge.
 *
 * Any other loop stays as it is, but for its ways out, which meet if what is
 * around it is masked. */
#include "native/mask_lay.h"

/* ---- what leaves -------------------------------------------------------- */

/* Of all loops that an edge from a level to a block leaves the outermost. */
static const mp_level *outermost(const mp_level *level, const mp_block *to)
{
    while (level->parent->header != NULL &&
           !mp__ir_in_loop(to, level->parent->header))
        level = level->parent;
    return level;
}

static mp_var *add_var(mp_lay *lay, mp_node *name, const mp_block *to,
                       const mp_level *level)
{
    mp_var *var = mp__values_add(lay->values, name);
    var->shape = MP_SHAPE_VARYING;
    var->unset = outermost(level, to)->before;
    return var;
}

/* Which lanes have left for a block is known without counting if they are all
 * that have not left elsewhere. */
static void note_left(mp_lay *lay, const mp_level *level, mp_block *at,
                      mp_node *leave, const mp_block *to)
{
    mp_laid *laid = &lay->laid[to->id];
    if (to == level->rest)
        return;
    if (laid->left == NULL) {
        mp_node *name = mp__ir_node(lay->func, MP_OP_PHI, to->line, 0, NULL);
        name->type = MP_TYPE_BOOL;
        laid->left = add_var(lay, name, to, level);
    }
    mp_node *name = laid->left->name;
    if (leave != name)
        mp__values_define(lay->values, laid->left,
                          mp__mask_add(lay, at, MP_OP_OR, name, leave));
}

static void keep(mp_lay *lay, const mp_level *level, mp_block *at,
                 mp_node *mask, const mp_block *to, mp_node *phi,
                 mp_node *value)
{
    mp_var *var = mp__values_find(lay->values, phi);
    if (value == phi)
        return; /* an inner loop has kept it */
    if (phi->type == MP_TYPE_ARRAY || phi->type == MP_TYPE_REF)
        mp__unit_refuse(lay->func->unit, phi->line, "index it inside the loop",
                        "which array a loop leaves behind differs from item "
                        "to item");
    if (var == NULL)
        var = add_var(lay, phi, to, level);
    mp_node *args[] = {mask, value, phi};
    mp_node *node = mp__ir_node(lay->func, MP_OP_SELECT, phi->line, 3, args);
    node->type = phi->type;
    node->shape = MP_SHAPE_VARYING;
    mp__values_define(lay->values, var, mp__ir_append(at, node));
}

void mp__mask_leave(mp_lay *lay, const mp_level *level, mp_block *at,
                    mp_node *mask, mp_node *leave, const mp_block *to,
                    mp_node **values)
{
    const mp_laid *laid = &lay->laid[to->id];
    for (int k = 0; k < laid->nphis; k++)
        keep(lay, level, at, mask, to, laid->phis[k], values[k]);
    note_left(lay, level, at, leave, to);
}

/* ---- ways out ----------------------------------------------------------- */

/* A way out for each block that lanes go to. */
static void list_ways(mp_lay *lay, const mp_part *part, mp_ways *ways)
{
    for (int k = 0; k < part->nouts; k++) {
        int i = 0;
        while (i < ways->count && ways->all[i].out->to != part->outs[k].to)
            i++;
        mp_way way = {.out = &part->outs[k]};
        if (i == ways->count)
            MP_UNIT_PUSH(lay->func->unit, ways->all, ways->count, way);
    }
}

/* Chooses which way out needs no account of who has taken it: one to the level
 * around, if possible from the loop itself and not from a loop in it. */
static mp_block *choose_rest(const mp_lay *lay, const mp_level *loop,
                             const mp_ways *ways)
{
    mp_block *rest = NULL;
    for (int k = ways->count - 1; k >= 0; k--) {
        const mp_out *out = ways->all[k].out;
        bool near = outermost(loop, out->to) == loop;
        bool direct = lay->levels->places[out->from->id].level == loop;
        if (near && (rest == NULL || direct))
            rest = out->to;
    }
    return rest;
}

/* Makes all ways out lead to blocks where they can be caught. */
static void catch_ways(mp_lay *lay, mp_level *loop, mp_ways *ways)
{
    loop->after = mp__ir_block(lay->func, loop->header->line);
    loop->rest = choose_rest(lay, loop, ways);
    for (int k = 0; k < ways->count; k++) {
        mp_way *way = &ways->all[k];
        way->via = mp__ir_block(lay->func, way->out->to->line);
        way->before = mp__mask_catch(lay, way->out->to, way->via);
    }
}

/* What has come by real edges goes on to where all ways meet. */
static void release_way(mp_lay *lay, mp_level *loop, mp_way *way, mp_node *mask)
{
    mp_block *to = way->out->to;
    mp_arrivals caught = mp__mask_release(lay, to, &way->before);
    if (loop->divergent)
        way->values = lay->laid[to->id].phis;
    if (caught.count == 0)
        return;
    mp_node **values = mp__mask_join(lay, to, way->via, &caught);
    way->via->mask = mask;
    mp_node *leave = mp__mask_node(lay, mask);
    if (loop->divergent) {
        mp__mask_leave(lay, loop, way->via, leave, leave, to, values);
    } else {
        note_left(lay, loop, way->via, leave, to);
        way->values = values;
    }
    mp__ir_jump(lay->func, way->via, loop->after);
}

/* The lanes that have taken each way, of those that have entered. */
static void find_lanes(mp_lay *lay, mp_level *loop, mp_ways *ways,
                       mp_node *mask)
{
    mp_node *others = NULL;
    mp_way *rest = NULL;
    for (int k = 0; k < ways->count; k++) {
        mp_way *way = &ways->all[k];
        way->mask = mask;
        if (way->out->to == loop->rest) {
            rest = way;
            continue;
        }
        if (lay->laid[way->out->to->id].left == NULL)
            continue;
        way->mask = lay->laid[way->out->to->id].left->name;
        others = others == NULL ? way->mask
                                : mp__mask_add(lay, loop->after, MP_OP_OR,
                                               others, way->mask);
    }
    if (rest != NULL && others != NULL)
        rest->mask = mp__mask_add(lay, loop->after, MP_OP_ANDN,
                                  mp__mask_node(lay, mask), others);
}

/* ---- loops -------------------------------------------------------------- */

/* Opens the header: its PHIs have the value that enters, and a place for the
 * one that comes round. */
static void open_header(mp_lay *lay, mp_block *header)
{
    mp_laid *laid = &lay->laid[header->id];
    for (int k = 0; k < laid->nphis; k++) {
        mp_node *phi = laid->phis[k];
        phi->nargs = 2;
        phi->args = mp__unit_alloc(lay->func->unit, 2 * sizeof *phi->args);
        phi->args[0] = laid->arrivals.all[0].values[k];
    }
    laid->arrivals = (mp_arrivals){0, NULL};
}

static mp_node *make_live(mp_lay *lay, mp_block *header, mp_node *mask)
{
    mp_node *live = mp__ir_node(lay->func, MP_OP_PHI, header->line, 2, NULL);
    live->type = MP_TYPE_BOOL;
    live->shape = MP_SHAPE_VARYING;
    live->args[0] = mp__mask_node(lay, mask);
    if (header->first != NULL)
        return mp__ir_insert(header->first, live);
    return mp__ir_append(header, live);
}

static void close_header(mp_lay *lay, mp_block *header, mp_node *live)
{
    const mp_laid *laid = &lay->laid[header->id];
    const mp_arrival *round = &laid->arrivals.all[0];
    for (int k = 0; k < laid->nphis; k++)
        laid->phis[k]->args[1] = round->values[k];
    if (live != NULL)
        live->args[1] = round->mask;
}

mp_ways mp__mask_loop(mp_lay *lay, mp_level *level, int part, mp_node *mask,
                      bool meet)
{
    mp_level *loop = level->parts[part].inner;
    mp_block *header = loop->header;
    mp_ways ways = {0, NULL, NULL};
    loop->before = header->preds[0];
    open_header(lay, header);
    mp_node *live = NULL;
    if (loop->divergent)
        live = make_live(lay, header, mask);
    if (loop->divergent || meet) {
        list_ways(lay, &level->parts[part], &ways);
        catch_ways(lay, loop, &ways);
    }
    int nsure = lay->nsure;
    mp_node *inside = live != NULL ? live : mask;
    mp__mask_push_sure(lay, inside);
    mp__mask_set(header, inside);
    mp__mask_lay(lay, loop, loop->plan, inside);
    close_header(lay, header, live);
    for (int k = 0; k < ways.count; k++)
        release_way(lay, loop, &ways.all[k], inside);
    if (ways.count > 0) {
        find_lanes(lay, loop, &ways, mask);
        loop->after->mask = mask;
        ways.after = loop->after;
    }
    lay->nsure = nsure;
    return ways;
}
