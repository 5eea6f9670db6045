/* Checks that a prototype's code is what Lua 5.3's compiler could have made,
 * so far that no later pass has to look at bounds. */
#ifndef MP_NATIVE_PROTO_CHECK_H
#define MP_NATIVE_PROTO_CHECK_H

#include "native/proto.h"

/* Refuses unless
 * - there is code, its last instruction is a RETURN, and all opcodes exist;
 * - registers are below nregisters, also the ranges that a CALL, RETURN,
 *   VARARG, SETLIST, CONCAT, LOADNIL, SELF or a loop uses; parameters too;
 * - constants, upvalues and prototypes exist, also for the upvalues of the
 *   prototypes inside;
 * - jumps and skips lead into the code, to no EXTRAARG and to no instruction
 *   that takes the open results of the one before it;
 * - instructions that come in pairs do (see native/opcode.h): a test and its
 *   JMP, a TFORCALL and its TFORLOOP, a LOADKX or SETLIST and its EXTRAARG, and
 *   one that leaves an open number of values (CALL or VARARG "to the top") and
 *   one that takes them (CALL, RETURN or SETLIST "from there on").
 * Registers may be read before they are written. The prototypes inside have
 * been checked already. */
void mp__proto_check(mp_unit *unit, const mp_proto *proto);

#endif
