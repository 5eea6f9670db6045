/* Lines of a kernel's source, as people see them. */
#ifndef MP_NATIVE_LINE_H
#define MP_NATIVE_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Columns that are written of a line at most. */
#define MP_LINE_COLUMNS 160

/* A line of a kernel's source, without its end. Not terminated. */
typedef struct mp_line {
    const char *text;
    size_t size;
} mp_line;

/* Takes the line that begins at `*at`, which moves behind its end as Lua sees
 * it; false at the end of the source. */
bool mp__line_next(const char **at, const char *end, mp_line *line);

/* Writes a line behind a column of `gutter`: tabs become spaces, and what is no
 * text a question mark; a very long line is cut. */
void mp__line_print(mp_line line, const char *gutter, FILE *to);

/* How many columns come before a byte of a line that is written so. */
int mp__line_column(mp_line line, size_t byte);

/* The first byte that is no blank. */
size_t mp__line_indent(mp_line line);

#endif
