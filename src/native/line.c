/* Lines of source text. */
#include "native/line.h"

#define TAB 4

bool mp__line_next(const char **at, const char *end, mp_line *line)
{
    const char *p = *at;
    if (p == end)
        return false;
    while (p < end && *p != '\n' && *p != '\r')
        p++;
    *line = (mp_line){*at, (size_t)(p - *at)};
    /* Two different ones in a row are one end of a line. */
    if (p < end) {
        char first = *p++;
        if (p < end && (*p == '\n' || *p == '\r') && *p != first)
            p++;
    }
    *at = p;
    return true;
}

/* Whether a byte goes on with a UTF-8 character, and has no column. */
static bool goes_on(char byte)
{
    return ((unsigned char)byte & 0xC0) == 0x80;
}

static int next_column(int column, char byte)
{
    if (byte == '\t')
        return column / TAB * TAB + TAB;
    return column + !goes_on(byte);
}

int mp__line_column(mp_line line, size_t byte)
{
    int column = 0;
    for (size_t k = 0; k < byte && column < MP_LINE_COLUMNS; k++)
        column = next_column(column, line.text[k]);
    return column;
}

size_t mp__line_indent(mp_line line)
{
    size_t k = 0;
    while (k < line.size && (line.text[k] == ' ' || line.text[k] == '\t'))
        k++;
    return k < line.size ? k : 0;
}

void mp__line_print(mp_line line, const char *gutter, FILE *to)
{
    int column = 0;
    fputs(gutter, to);
    if (line.size > 0)
        fputc(' ', to);
    for (size_t k = 0; k < line.size; k++) {
        char c = line.text[k];
        int next = next_column(column, c);
        if (next > MP_LINE_COLUMNS) {
            fputs(" ...", to);
            break;
        }
        if (c == '\t')
            fprintf(to, "%*s", next - column, "");
        else
            fputc((unsigned char)c < ' ' || c == 127 ? '?' : c, to);
        column = next;
    }
    fputc('\n', to);
}
