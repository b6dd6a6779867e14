#include <stdio.h>
#include <sysexits.h>

#include "app/cli/outbox/cli_outbox_internal.h"

int outbox_fail(const char *verb, enum err err, const struct diag *diag)
{
    fprintf(stderr, "thingbridge outbox %s: %s\n", verb, diag->text);
    switch (err) {
    case ERR_NEWER:
    case ERR_REFUSED:
        return EX_CONFIG;
    case ERR_FULL:
        return EX_TEMPFAIL;
    case ERR_UNAVAILABLE:
        return EX_UNAVAILABLE;
    case ERR_MISSING:
    case ERR_IO:
    case ERR_DAMAGED:
        return EX_IOERR;
    case ERR_OK:
    case ERR_SYNTAX:
    case ERR_LIMIT:
    case ERR_INTERNAL:
        break;
    }
    return EX_SOFTWARE;
}
