// Documents from files.
#include "base/yaml/yaml.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/yaml/yaml_internal.h"

enum err yaml_load_file(const char *path, struct yaml_document **out, struct problems *problems)
{
    AUTO_FREE char *data = NULL;
    size_t len = 0;
    struct diag diag;
    *out = NULL;
    enum err err = file_read(path, YAML_MAX_BYTES, &data, &len, &diag);
    if (err != ERR_OK) {
        problems_add(problems, SEVERITY_ERROR, path, 0, 0, "%s", diag.text);
        return err;
    }
    return yaml_read_text(path, data, len, out, problems);
}
