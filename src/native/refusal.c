/* Refusals as text: the caret is below what the reason names, where the line
 * has it, and else below the first word, since bytecode knows lines only. */
#include "moonpool.h"

#include <stdlib.h>
#include <string.h>

#include "core/kernel.h"
#include "native/line.h"

/* ---- places ------------------------------------------------------------- */

/* What stands in the line where a refusal has certain words. */
static const struct {
    const char *words;
    const char *token;
} clues[] = {
    {"strings", ".."},   {"strings", "\""},      {"strings", "'"},
    {"string", "\""},    {"string", "'"},        {"table", "{"},
    {"arguments", "("},  {"returns", "return"},  {"result", "return"},
    {"condition", "if"}, {"condition", "while"}, {"divisor", "//"},
    {"divisor", "%"},
};

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '_';
}

/* Whether the bytes go together: "x" and "y", or "." and ".". */
static bool same_token(char a, char b)
{
    return (is_word(a) && is_word(b)) || (a == '.' && b == '.');
}

/* Where a line has a token, or its size. */
static size_t find_token(mp_line line, const char *token, size_t size)
{
    for (size_t k = 0; size > 0 && k + size <= line.size; k++) {
        if (memcmp(line.text + k, token, size) == 0 &&
            !(k > 0 && same_token(line.text[k - 1], token[0])) &&
            !(k + size < line.size &&
              same_token(token[size - 1], line.text[k + size])))
            return k;
    }
    return line.size;
}

/* The names that a text has: in quotes, with a dot inside, or "error" of
 * "error is not compiled". */
static size_t find_name(mp_line line, const char *text)
{
    for (const char *p = text; *p != '\0';) {
        size_t size = 0, dots = 0;
        bool quoted = p > text && p[-1] == '\'';
        while (is_word(p[size]) || (p[size] == '.' && is_word(p[size + 1]))) {
            dots += p[size] == '.';
            size++;
        }
        quoted = quoted && p[size] == '\'';
        bool missing = strncmp(p + size, " is not compiled", 16) == 0;
        if (size > 0 && (quoted || dots > 0 || missing)) {
            size_t at = find_token(line, p, size);
            if (at < line.size)
                return at;
        }
        p += size > 0 ? size : 1;
    }
    return line.size;
}

static size_t find_place(mp_line line, const char *what)
{
    size_t at = find_name(line, what);
    for (size_t k = 0; at == line.size && k < sizeof clues / sizeof *clues;
         k++) {
        if (strstr(what, clues[k].words) != NULL)
            at = find_token(line, clues[k].token, strlen(clues[k].token));
    }
    if (at == line.size || mp__line_column(line, at) >= MP_LINE_COLUMNS)
        at = mp__line_indent(line);
    return at;
}

/* ---- all ---------------------------------------------------------------- */

static bool find_line(const mp_kernel *kernel, int number, mp_line *line)
{
    const char *at = kernel->source, *end = at + kernel->size;
    for (int k = 1; mp__line_next(&at, end, line); k++) {
        if (k == number)
            return true;
    }
    return false;
}

static void print(const mp_refusal *refusal, const mp_kernel *kernel, FILE *to)
{
    mp_line line;
    fprintf(to, "%s\n", refusal->what);
    if (find_line(kernel, refusal->line, &line)) {
        char gutter[32];
        snprintf(gutter, sizeof gutter, "%5d |", refusal->line);
        mp__line_print(line, gutter, to);
        size_t place = find_place(line, refusal->what);
        fprintf(to, "%*s| %*s^\n", (int)strlen(gutter) - 1, "",
                mp__line_column(line, place), "");
    }
    if (refusal->hint[0] != '\0')
        fprintf(to, "%s\n", refusal->hint);
}

mp_status mp_refusal_text(const mp_refusal *refusal, const mp_kernel *kernel,
                          char **text, size_t *size, mp_error *err)
{
    FILE *to = open_memstream(text, size);
    bool written = to != NULL;
    if (written) {
        print(refusal, kernel, to);
        written = ferror(to) == 0;
        written = fclose(to) == 0 && written;
        if (!written)
            free(*text);
    }
    return written ? MP_OK
                   : mp_error_set(err, MP_NO_MEMORY, "no memory for a text");
}
