/* Functions of the emitted text's own, as templates.
 *
 * A template is LLVM IR with these marks:
 *
 *     $f $i $b $m   double, i64, i1, a kept boolean: or vectors of them
 *     $s $w         float, i32: or vectors of them
 *     $(i64 7)      a constant: 7, or a vector of it
 *     $a            whether it is inlined: an attribute
 *     @mp.any       another helper, which is asked for by that
 *     @call.1.exp   a function of C's library, or what takes its place
 *     @in.1.floor   an intrinsic of LLVM's, here with one argument
 *
 * The function's own name is written @self. */
#ifndef MP_NATIVE_EMIT_TEMPLATE_H
#define MP_NATIVE_EMIT_TEMPLATE_H

/* Which of the forms of a helper a template is for. */
typedef enum mp_template_form {
    MP_TEMPLATE_SCALAR,
    MP_TEMPLATE_WIDE,
    MP_TEMPLATE_BOTH,
} mp_template_form;

typedef struct mp_template {
    const char *name; /* NULL: the table's end */
    mp_template_form form;
    int least, most; /* of mp_isa: where it is to be used */
    const char *text;
} mp_template;

/* The first that fits is taken. */
extern const mp_template mp__emit_templates[];

#endif
