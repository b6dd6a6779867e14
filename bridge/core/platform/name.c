#include "core/platform/name.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "base/show.h"

static const struct {
    const char *what;
    size_t max_len;
    const char *marks; // allowed besides letters and digits
    const char *allowed;
} kinds[] = {
    [NAME_PRODUCT_KEY] = {"product key", 64, "", "1 to 64 letters and digits"},
    [NAME_IOT_ID] = {"IotId", 64, "", "1 to 64 letters and digits"},
    [NAME_DEVICE] = {"device name", 64, "-_@.:", "1 to 64 of letters, digits and - _ @ . :"},
    [NAME_IDENTIFIER] = {"identifier", 128, "_:", "letters, digits and _, as service or module:service"},
    [NAME_ACTION] = {"action", 64, "", "1 to 64 letters and digits"},
    [NAME_PARAMETER] = {"parameter name", 64, "._", "1 to 64 of letters, digits, . and _"},
};

static bool has_allowed_characters(enum name_kind kind, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c >= 0x80 || (!isalnum(c) && strchr(kinds[kind].marks, c) == NULL)) {
            return false;
        }
    }
    return true;
}

// At most one ':', and something on both sides of it.
static bool has_one_module(const char *text)
{
    const char *colon = strchr(text, ':');
    return colon == NULL || (colon > text && colon[1] != '\0' && strchr(colon + 1, ':') == NULL);
}

enum err name_check(enum name_kind kind, const char *text, struct diag *diag)
{
    size_t len = strlen(text);
    bool valid = len > 0 && len <= kinds[kind].max_len && has_allowed_characters(kind, text) &&
                 (kind != NAME_IDENTIFIER || has_one_module(text));
    if (!valid) {
        return diag_set(diag, ERR_REFUSED, "the %s %s is not one that the platform allows (%s)", kinds[kind].what,
                        show_text(text).text, kinds[kind].allowed);
    }
    return ERR_OK;
}

char *name_pattern(enum name_kind kind)
{
    return mem_printf("^[%sA-Za-z0-9]{1,%zu}$", kinds[kind].marks, kinds[kind].max_len);
}
