// Why a user cannot use a file or a folder, in words and with the cure. From the mode bits, for tools and messages:
// what opens the file decides. No thread state.
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

// May the process's user read (and write, and look into) what is at the path? `mode` as for access(2). ERR_IO and why
// not: a parent folder that is closed, an owner that is another one, a folder that is missing.
enum err access_check(const char *path, int mode, struct diag *diag) MUST_CHECK;
// May the user `uid`, by owner, group and mode of the file itself? True also if there is no such file.
bool access_of_user(uid_t uid, const char *path, int mode);
// Name of the user, or his number; caller frees.
char *access_user_name(uid_t uid);
