#include "app/config/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/config/access.h"
#include "base/mem.h"

bool secret_is_set(const struct secret_source *source)
{
    return source->file != NULL || source->env != NULL || source->credential != NULL;
}

void secret_free(char *secret)
{
    if (secret != NULL) {
        mem_wipe(secret, strlen(secret));
        free(secret);
    }
}

static enum err check_mode(int fd, const char *path, const char **warning, struct diag *diag)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        return diag_set(diag, ERR_REFUSED, "%s is not a file: name a file that holds the secret", path);
    }
    if ((status.st_mode & S_IWOTH) != 0) {
        return diag_set(diag, ERR_REFUSED,
                        "others can write %s: run chmod 600 on it, and change the secret if you do not trust them",
                        path);
    }
    if ((status.st_mode & S_IROTH) != 0) {
        *warning = "others can read this file: run chmod 600 on it";
    }
    return ERR_OK;
}

static const char *find_oddity(const char *data, size_t len)
{
    bool is_quoted = len >= 2 && data[0] == data[len - 1] && strchr("\"'", data[0]) != NULL;
    if (is_quoted) {
        return "the secret is in quotes, which are part of it: remove them, unless they are meant";
    }
    if (strchr(" \t", data[0]) != NULL || strchr(" \t", data[len - 1]) != NULL) {
        return "a blank stands before or behind the secret, and is part of it: remove it, unless it is meant";
    }
    return NULL;
}

static enum err take(const char *name, const char *data, size_t len, char **out, const char **warning,
                     struct diag *diag)
{
    if (len > 0 && data[len - 1] == '\n') {
        len--;
    }
    if (len > 0 && data[len - 1] == '\r') {
        len--;
    }
    if (len == 0) {
        return diag_set(diag, ERR_REFUSED, "the secret in %s is empty", name);
    }
    if (memchr(data, '\0', len) != NULL || memchr(data, '\n', len) != NULL) {
        return diag_set(diag, ERR_REFUSED,
                        "the secret in %s has more than one line: it must hold the secret and nothing else", name);
    }
    if (len >= 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0) {
        return diag_set(diag, ERR_REFUSED,
                        "the secret in %s begins with a byte order mark: save the file as UTF-8 without one", name);
    }
    const char *oddity = find_oddity(data, len);
    *warning = oddity != NULL ? oddity : *warning;
    *out = mem_dup(data, len);
    return ERR_OK;
}

static enum err read_file(const char *path, char **out, const char **warning, struct diag *diag)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        struct diag reason;
        int error = errno;
        bool is_known = access_check(path, R_OK, &reason) != ERR_OK && error == EACCES;
        return diag_set(diag, ERR_IO, "cannot read the secret in %s: %s", path,
                        is_known ? reason.text : strerror(error));
    }
    char data[SECRET_MAX_LEN + 1];
    enum err err = check_mode(fd, path, warning, diag);
    ssize_t len = err == ERR_OK ? read(fd, data, sizeof data) : 0;
    if (len < 0) {
        err = diag_set(diag, ERR_IO, "cannot read the secret in %s: %s", path, strerror(errno));
    } else if (len > SECRET_MAX_LEN) {
        err = diag_set(diag, ERR_LIMIT, "%s is larger than %d bytes: that is no secret", path, SECRET_MAX_LEN);
    } else if (err == ERR_OK) {
        err = take(path, data, (size_t)len, out, warning, diag);
    }
    close(fd);
    mem_wipe(data, sizeof data);
    return err;
}

static enum err read_credential(const char *name, char **out, const char **warning, struct diag *diag)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    if (folder == NULL) {
        return diag_set(diag, ERR_MISSING,
                        "credential %s: CREDENTIALS_DIRECTORY is not set; it is systemd that sets it "
                        "(LoadCredential=%s:PATH in the unit)",
                        name, name);
    }
    if (strchr(name, '/') != NULL) {
        return diag_set(diag, ERR_REFUSED, "credential %s: a name has no slash", name);
    }
    AUTO_FREE char *path = mem_printf("%s/%s", folder, name);
    return read_file(path, out, warning, diag);
}

enum err secret_read(const struct secret_source *source, char **out, const char **warning, struct diag *diag)
{
    *warning = NULL;
    if (source->file != NULL) {
        return read_file(source->file, out, warning, diag);
    }
    if (source->credential != NULL) {
        return read_credential(source->credential, out, warning, diag);
    }
    if (source->env == NULL) {
        return diag_set(diag, ERR_MISSING,
                        "no secret is configured: give {file: PATH}, {env: NAME} or {credential: NAME}");
    }
    const char *value = getenv(source->env);
    if (value == NULL) {
        return diag_set(diag, ERR_MISSING, "the environment variable %s, which should hold the secret, is not set",
                        source->env);
    }
    return take(source->env, value, strlen(value), out, warning, diag);
}

// Sanitizers need to look into their own process.
void secret_hide_memory(void)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    prctl(PR_SET_DUMPABLE, 0);
#endif
}
