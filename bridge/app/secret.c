#include "app/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

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

static enum err check_mode(int fd, const char *path, bool *readable_by_others, struct diag *diag)
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
    *readable_by_others = (status.st_mode & S_IROTH) != 0;
    return ERR_OK;
}

static enum err take(const char *name, const char *data, size_t len, char **out, struct diag *diag)
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
    *out = mem_dup(data, len);
    return ERR_OK;
}

static enum err read_file(const char *path, char **out, bool *readable_by_others, struct diag *diag)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return diag_set(diag, ERR_IO, "cannot read the secret in %s: %s", path, strerror(errno));
    }
    char data[SECRET_MAX_LEN + 1];
    enum err err = check_mode(fd, path, readable_by_others, diag);
    ssize_t len = err == ERR_OK ? read(fd, data, sizeof data) : 0;
    if (len < 0) {
        err = diag_set(diag, ERR_IO, "cannot read the secret in %s: %s", path, strerror(errno));
    } else if (len > SECRET_MAX_LEN) {
        err = diag_set(diag, ERR_LIMIT, "%s is larger than %d bytes: that is no secret", path, SECRET_MAX_LEN);
    } else if (err == ERR_OK) {
        err = take(path, data, (size_t)len, out, diag);
    }
    close(fd);
    mem_wipe(data, sizeof data);
    return err;
}

static enum err read_credential(const char *name, char **out, bool *readable_by_others, struct diag *diag)
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
    return read_file(path, out, readable_by_others, diag);
}

enum err secret_read(const struct secret_source *source, char **out, bool *readable_by_others, struct diag *diag)
{
    *readable_by_others = false;
    if (source->file != NULL) {
        return read_file(source->file, out, readable_by_others, diag);
    }
    if (source->credential != NULL) {
        return read_credential(source->credential, out, readable_by_others, diag);
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
    return take(source->env, value, strlen(value), out, diag);
}

// Sanitizers need to look into their own process.
void secret_hide_memory(void)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    prctl(PR_SET_DUMPABLE, 0);
#endif
}
