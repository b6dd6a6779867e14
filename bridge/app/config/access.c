#include "app/config/access.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define MAX_GROUPS 256

char *access_user_name(uid_t uid)
{
    char buffer[4096];
    struct passwd entry;
    struct passwd *found = NULL;
    if (getpwuid_r(uid, &entry, buffer, sizeof buffer, &found) == 0 && found != NULL) {
        return mem_strdup(found->pw_name);
    }
    return mem_printf("%u", (unsigned)uid);
}

static bool is_in_group(uid_t uid, gid_t group)
{
    char buffer[4096];
    struct passwd entry;
    struct passwd *found = NULL;
    gid_t groups[MAX_GROUPS];
    int count = MAX_GROUPS;
    if (getpwuid_r(uid, &entry, buffer, sizeof buffer, &found) != 0 || found == NULL ||
        getgrouplist(found->pw_name, found->pw_gid, groups, &count) < 0) {
        return false;
    }
    for (int i = 0; i < count; i++) {
        if (groups[i] == group) {
            return true;
        }
    }
    return false;
}

bool access_of_user(uid_t uid, const char *path, int mode)
{
    struct stat status;
    if (uid == 0 || stat(path, &status) != 0) {
        return true;
    }
    unsigned bits = status.st_mode;
    bits = status.st_uid == uid ? bits >> 6 : is_in_group(uid, status.st_gid) ? bits >> 3 : bits;
    unsigned wanted = (unsigned)mode & 7; // R_OK, W_OK and X_OK are these bits (POSIX, unistd.h, on Linux)
    return (bits & wanted) == wanted;
}

// The first folder on the way to the path that cannot be entered; NULL if all can. Caller frees.
static char *find_closed_folder(const char *path)
{
    for (const char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        char *folder = mem_dup(path, (size_t)(slash - path));
        if (access(folder, X_OK) != 0) {
            return folder;
        }
        free(folder);
    }
    return NULL;
}

static enum err report_denied(const char *path, int mode, struct diag *diag)
{
    AUTO_FREE char *closed = find_closed_folder(path);
    const char *what = closed != NULL ? closed : path;
    AUTO_FREE char *user = access_user_name(geteuid());
    struct stat status;
    if (stat(what, &status) != 0) {
        return diag_set(diag, ERR_IO, "%s: %s, for the user %s", what, strerror(EACCES), user);
    }
    AUTO_FREE char *owner = access_user_name(status.st_uid);
    const char *verb = closed != NULL ? "enter" : (mode & W_OK) != 0 ? "write" : "read";
    return diag_set(
        diag, ERR_IO,
        "%s belongs to %s and has mode %03o, so the user %s cannot %s it: run the bridge as %s, or chown it", what,
        owner, (unsigned)status.st_mode & 0777, user, verb, owner);
}

enum err access_check(const char *path, int mode, struct diag *diag)
{
    if (access(path, mode) == 0) {
        return ERR_OK;
    }
    return errno == EACCES ? report_denied(path, mode, diag) : diag_set(diag, ERR_IO, "%s: %s", path, strerror(errno));
}
