/* Opcodes: the instructions of Lua 5.3's virtual machine, and their fields. */
#ifndef MP_NATIVE_OPCODE_H
#define MP_NATIVE_OPCODE_H

#include <stdbool.h>
#include <stdint.h>

/* How the fields of an instruction are laid out. */
typedef enum mp_opcode_mode {
    MP_MODE_ABC,
    MP_MODE_ABX,
    MP_MODE_ASBX,
    MP_MODE_AX,
} mp_opcode_mode;

/* What fields A, B and C, or Bx, mean; A and B of sBx are fixed by the mode. */
typedef enum mp_field_use {
    MP_USE_NONE,     /* not used */
    MP_USE_NUMBER,   /* a number, flag or count */
    MP_USE_REGISTER, /* a register */
    MP_USE_RK,       /* a register or a constant; see mp_rk_constant() */
    MP_USE_CONSTANT, /* Bx: a constant */
    MP_USE_UPVALUE,  /* an upvalue */
    MP_USE_PROTO,    /* Bx: a prototype */
    MP_USE_JUMP,     /* sBx: a distance from the next instruction */
} mp_field_use;

/* name, mode, use of A, of B (or Bx, sBx), of C, in the order of their
 * numbers.
 *
 *   TEST TESTSET EQ LT LE   the next instruction is a JMP
 *   LOADBOOL                the next is skipped where C is not 0
 *   LOADKX                  the next is an EXTRAARG
 *   SETLIST                 likewise where C is 0
 *   TFORCALL                the next is a TFORLOOP */
#define MP_OPCODE_TABLE(X)                                                     \
    X(MOVE, ABC, REGISTER, REGISTER, NONE)                                     \
    X(LOADK, ABX, REGISTER, CONSTANT, NONE)                                    \
    X(LOADKX, ABX, REGISTER, NONE, NONE)                                       \
    X(LOADBOOL, ABC, REGISTER, NUMBER, NUMBER)                                 \
    X(LOADNIL, ABC, REGISTER, NUMBER, NONE)                                    \
    X(GETUPVAL, ABC, REGISTER, UPVALUE, NONE)                                  \
    X(GETTABUP, ABC, REGISTER, UPVALUE, RK)                                    \
    X(GETTABLE, ABC, REGISTER, REGISTER, RK)                                   \
    X(SETTABUP, ABC, UPVALUE, RK, RK)                                          \
    X(SETUPVAL, ABC, REGISTER, UPVALUE, NONE)                                  \
    X(SETTABLE, ABC, REGISTER, RK, RK)                                         \
    X(NEWTABLE, ABC, REGISTER, NUMBER, NUMBER)                                 \
    X(SELF, ABC, REGISTER, REGISTER, RK)                                       \
    X(ADD, ABC, REGISTER, RK, RK)                                              \
    X(SUB, ABC, REGISTER, RK, RK)                                              \
    X(MUL, ABC, REGISTER, RK, RK)                                              \
    X(MOD, ABC, REGISTER, RK, RK)                                              \
    X(POW, ABC, REGISTER, RK, RK)                                              \
    X(DIV, ABC, REGISTER, RK, RK)                                              \
    X(IDIV, ABC, REGISTER, RK, RK)                                             \
    X(BAND, ABC, REGISTER, RK, RK)                                             \
    X(BOR, ABC, REGISTER, RK, RK)                                              \
    X(BXOR, ABC, REGISTER, RK, RK)                                             \
    X(SHL, ABC, REGISTER, RK, RK)                                              \
    X(SHR, ABC, REGISTER, RK, RK)                                              \
    X(UNM, ABC, REGISTER, REGISTER, NONE)                                      \
    X(BNOT, ABC, REGISTER, REGISTER, NONE)                                     \
    X(NOT, ABC, REGISTER, REGISTER, NONE)                                      \
    X(LEN, ABC, REGISTER, REGISTER, NONE)                                      \
    X(CONCAT, ABC, REGISTER, REGISTER, REGISTER)                               \
    X(JMP, ASBX, NUMBER, JUMP, NONE)                                           \
    X(EQ, ABC, NUMBER, RK, RK)                                                 \
    X(LT, ABC, NUMBER, RK, RK)                                                 \
    X(LE, ABC, NUMBER, RK, RK)                                                 \
    X(TEST, ABC, REGISTER, NONE, NUMBER)                                       \
    X(TESTSET, ABC, REGISTER, REGISTER, NUMBER)                                \
    X(CALL, ABC, REGISTER, NUMBER, NUMBER)                                     \
    X(TAILCALL, ABC, REGISTER, NUMBER, NUMBER)                                 \
    X(RETURN, ABC, REGISTER, NUMBER, NONE)                                     \
    X(FORLOOP, ASBX, REGISTER, JUMP, NONE)                                     \
    X(FORPREP, ASBX, REGISTER, JUMP, NONE)                                     \
    X(TFORCALL, ABC, REGISTER, NONE, NUMBER)                                   \
    X(TFORLOOP, ASBX, REGISTER, JUMP, NONE)                                    \
    X(SETLIST, ABC, REGISTER, NUMBER, NUMBER)                                  \
    X(CLOSURE, ABX, REGISTER, PROTO, NONE)                                     \
    X(VARARG, ABC, REGISTER, NUMBER, NONE)                                     \
    X(EXTRAARG, AX, NUMBER, NONE, NONE)

typedef enum mp_opcode {
#define MP_OPCODE_ENUM(name, mode, a, b, c) MP_OPCODE_##name,
    MP_OPCODE_TABLE(MP_OPCODE_ENUM)
#undef MP_OPCODE_ENUM
        MP_NOPCODES
} mp_opcode;

/* The fields, from the low bits: 6 opcode, 8 A, 9 C, 9 B; Bx and sBx take the
 * place of C and B, Ax that of all three. mp__proto_read() has seen to it that
 * the opcode is one of the table. */
static inline mp_opcode mp_code_op(uint32_t code)
{
    return (mp_opcode)(code & 0x3F);
}

static inline int mp_code_a(uint32_t code)
{
    return (int)(code >> 6 & 0xFF);
}

static inline int mp_code_c(uint32_t code)
{
    return (int)(code >> 14 & 0x1FF);
}

static inline int mp_code_b(uint32_t code)
{
    return (int)(code >> 23);
}

static inline int mp_code_bx(uint32_t code)
{
    return (int)(code >> 14);
}

static inline int mp_code_sbx(uint32_t code)
{
    return mp_code_bx(code) - 0x1FFFF;
}

static inline int mp_code_ax(uint32_t code)
{
    return (int)(code >> 6);
}

/* Whether an RK field is a constant, and which. */
static inline bool mp_rk_is_constant(int rk)
{
    return (rk & 0x100) != 0;
}

static inline int mp_rk_constant(int rk)
{
    return rk & 0xFF;
}

/* The name ("GETTABUP"), the layout, and what the fields are. */
const char *mp__opcode_name(mp_opcode op);
mp_opcode_mode mp__opcode_mode(mp_opcode op);
mp_field_use mp__opcode_a(mp_opcode op);
mp_field_use mp__opcode_b(mp_opcode op);
mp_field_use mp__opcode_c(mp_opcode op);

/* Of NEWTABLE: the number that a field (below 256) means, a "floating point
 * byte", with eeeeexxx being 1xxx * 2^(eeeee - 1). */
int64_t mp__opcode_size(int field);

#endif
