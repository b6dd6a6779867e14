// What the files of core/decimal share.
#pragma once

#include "core/decimal.h"

// Takes the zeros at both ends away, and the sign of zero.
void decimal_trim_zeros(struct decimal *decimal);
