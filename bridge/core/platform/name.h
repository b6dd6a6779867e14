// Names as the platform allows them (PLATFORM.md, Names). Pure.
#pragma once

#include "base/err.h"

enum name_kind { NAME_PRODUCT_KEY, NAME_IOT_ID, NAME_DEVICE, NAME_IDENTIFIER, NAME_ACTION, NAME_PARAMETER };
// The diag names the value and what is allowed.
enum err name_check(enum name_kind kind, const char *text, struct diag *diag) MUST_CHECK;
// The same as a regular expression, but for the place of an identifier's ':'. Caller frees.
char *name_pattern(enum name_kind kind);
