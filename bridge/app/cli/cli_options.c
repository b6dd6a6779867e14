#include "app/cli/cli_options.h"

#include <assert.h>
#include <getopt.h>
#include <stdio.h>
#include <sysexits.h>

#include "base/buf.h"

#define MAX_ROWS 16

// The rows as getopt_long wants them; an option is known by its letter, or by its position. Gives the position of the
// last, which is --help.
static size_t translate(const struct cli_option *rows, struct option known[MAX_ROWS], struct buf *letters)
{
    size_t i = 0;
    for (; rows[i].name != NULL; i++) {
        assert(i + 2 < MAX_ROWS);
        known[i] = (struct option){.name = rows[i].name,
                                   .has_arg = rows[i].flag != NULL ? no_argument : required_argument,
                                   .val = rows[i].letter != '\0' ? rows[i].letter : (int)i};
        if (rows[i].letter != '\0') {
            buf_printf(letters, "%c:", rows[i].letter);
        }
    }
    known[i] = (struct option){.name = "help", .val = 'h'};
    buf_char(letters, 'h');
    return i;
}

static bool take_option(const struct cli_option *row, const char *argument)
{
    if (row->flag != NULL) {
        *row->flag = true;
    } else if (row->text != NULL) {
        *row->text = argument;
    } else if (row->list != NULL) {
        text_list_add(row->list, argument);
    } else {
        return row->take(row->context, argument);
    }
    return true;
}

int cli_read_options(int argc, char **argv, const struct cli_option *rows)
{
    struct option known[MAX_ROWS] = {0};
    AUTO_BUF struct buf letters = {0};
    size_t count = translate(rows, known, &letters);
    const struct cli_option *last = &rows[count];
    bool helped = false;
    for (int option;
         (!helped || last->help_last) && (option = getopt_long(argc, argv, letters.data, known, NULL)) != -1;) {
        size_t i = 0;
        while (i <= count && known[i].val != option) {
            i++;
        }
        if (i > count || (i < count && !take_option(&rows[i], optarg))) {
            return EX_USAGE;
        }
        helped = helped || i == count;
    }
    if (helped) {
        fputs(last->help, stdout);
    }
    return helped ? EX_OK : -1;
}
