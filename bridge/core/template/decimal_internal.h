// What the files of core/template/decimal share.
#pragma once

#include "core/template/decimal.h"

// Takes the zeros at both ends away, and the sign of zero.
void decimal_trim_zeros(struct decimal *decimal);
