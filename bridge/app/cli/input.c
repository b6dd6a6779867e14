#include "app/cli/input.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

static enum err read_stream(FILE *stream, const char *name, size_t max_len, struct buf *text, struct diag *diag)
{
    char piece[4096];
    size_t len;
    while ((len = fread(piece, 1, sizeof piece, stream)) > 0) {
        buf_append(text, piece, len);
        if (text->len > max_len) {
            return diag_set(diag, ERR_LIMIT, "%s has more than %zu bytes", name, max_len);
        }
    }
    return ferror(stream) ? diag_set(diag, ERR_IO, "cannot read %s: %s", name, strerror(errno)) : ERR_OK;
}

static enum err read_file(const char *path, size_t max_len, struct buf *text, struct diag *diag)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return diag_set(diag, ERR_IO, "cannot read %s: %s", path, strerror(errno));
    }
    enum err err = read_stream(file, path, max_len, text, diag);
    fclose(file);
    return err;
}

enum err input_read(const char *word, bool with_files, size_t max_len, char **out, size_t *len, struct diag *diag)
{
    AUTO_BUF struct buf text = {0};
    enum err err = ERR_OK;
    if (strcmp(word, "-") == 0) {
        err = read_stream(stdin, "standard input", max_len, &text, diag);
    } else if (with_files && word[0] == '@') {
        err = read_file(word + 1, max_len, &text, diag);
    } else {
        buf_text(&text, word);
        err = text.len > max_len ? diag_set(diag, ERR_LIMIT, "the text has more than %zu bytes", max_len) : ERR_OK;
    }
    if (err == ERR_OK) {
        *len = text.len;
        *out = buf_steal(&text);
    }
    return err;
}
