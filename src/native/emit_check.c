/* Checks: where native code gives up and leaves the rest to the
 * interpreter. */
#include "native/emit.h"

/* Makes the current LLVM block one from which the failing exit is reached. */
static void note_failure(mp_emit *e, int line)
{
    const char *comma = e->fail_line.size == 0 ? "" : ", ";
    mp__write(&e->fail_line, "%s[ %d, %%%s ]", comma, line, e->label);
    mp__write(&e->fail_item, "%s[ %s, %%%s ]", comma, e->item, e->label);
}

/* Whether any lane of `bad` is on that runs. */
static const char *any_bad(mp_emit *e, const mp_node *node, const char *bad,
                           bool wide)
{
    const char *mask = mp__emit_mask(e, node);
    if (!wide) {
        if (node->mask == NULL || mask == NULL)
            return bad;
        const char *any = mp__emit_any(e, mask);
        return mp__emit_let(e, "and i1 %s, %s", bad, any);
    }
    bad = mp__emit_of_bits(e, bad, true);
    if (mask != NULL)
        bad = mp__emit_let(e, "and %s %s, %s",
                           mp__emit_type(e, MP_TYPE_BOOL, true), bad, mask);
    return mp__emit_any(e, bad);
}

void mp__emit_check(mp_emit *e, const mp_node *node, const char *bad, bool wide)
{
    const char *fails = any_bad(e, node, bad, wide);
    const char *go_on = mp__emit_new_label(e);
    note_failure(e, node->line);
    mp__emit_rare(e, fails, "fail", go_on);
    mp__emit_label(e, go_on);
}
