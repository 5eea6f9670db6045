/* What decides whether code goes on: the flag that stops it, lanes that are
 * left, and conditions that must hold. */
#include "native/cost.h"
#include "native/emit.h"

static void look_at_flag(mp_emit *e, const char *go_on)
{
    const char *flag = mp__emit_let(e, "load volatile i32, ptr %%stop");
    const char *stop = mp__emit_let(e, "icmp ne i32 %s, 0", flag);
    mp__emit_rare(e, stop, "stopped", go_on);
    mp__emit_label(e, go_on);
}

void mp__emit_look(mp_emit *e)
{
    look_at_flag(e, mp__emit_new_label(e));
    e->cost = 0;
}

void mp__emit_poll(mp_emit *e, const mp_node *node)
{
    const char *slow = mp__emit_new_label(e);
    const char *go_on = mp__emit_new_label(e);
    int64_t round = mp__cost_of_round(e->func, node->block->header);
    const char *left = mp__emit_let(e, "load i64, ptr %%poll");
    left = mp__emit_let(e, "sub i64 %s, %lld", left,
                        (long long)mp__cost_weight(round));
    mp__emit_line(e, "store i64 %s, ptr %%poll", left);
    const char *due = mp__emit_let(e, "icmp slt i64 %s, 0", left);
    mp__emit_rare(e, due, slow, go_on);
    mp__emit_label(e, slow);
    mp__emit_line(e, "store i64 %d, ptr %%poll", MP_EMIT_POLL);
    look_at_flag(e, go_on);
    e->cost = 0;
}

void mp__emit_any_lane(mp_emit *e, const mp_node *node)
{
    const mp_node *mask = node->args[0];
    if (!mp__emit_is_wide(e, mask))
        mp__emit_set(e, node, mp__emit_use(e, mask, false), false);
    else
        mp__emit_set(e, node, mp__emit_any(e, mp__emit_use(e, mask, true)),
                     false);
}

void mp__emit_expect(mp_emit *e, const mp_node *node)
{
    const mp_node *cond = node->args[0];
    bool wide = mp__emit_is_wide(e, cond);
    const char *type = wide ? mp__emit_vector_of(e, "i1") : "i1";
    const char *bad =
        mp__emit_let(e, "icmp eq %s %s, %s", type, mp__emit_bits(e, cond, wide),
                     wide ? "zeroinitializer" : "false");
    mp__emit_check(e, node, bad, wide);
}
