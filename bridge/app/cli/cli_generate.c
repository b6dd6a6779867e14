// Reads a thing model, lets core/mapping/tools write rules and tests from it, loads what was written as `check` does,
// and only then prints or saves it. The path to the model is written so that it is right from where the mapping will
// be.
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "app/cli/cli.h"
#include "app/cli/cli_options.h"
#include "app/cli/problem_report.h"
#include "app/cli/ruleset.h"
#include "base/file.h"
#include "base/mem.h"
#include "core/mapping/tools/generate.h"
#include "core/model/model.h"

static const char help_text[] =
    "  thingbridge generate lamp.json --output lamps.yaml\n"
    "  thingbridge generate lamp.json --topic 'home/{device}/{service}' > lamps.yaml\n"
    "  thingbridge generate lamp.json lamp-ota.json --product-key k1ymv1DuLfE\n"
    "\n"
    "Writes a mapping file from a product's thing model (TSL), as the platform's console exports it or "
    "GetThingModelTsl\n"
    "answers: a rule for each service, with its arguments and tests. Several files are the modules of one product.\n"
    "      --topic T         topic pattern with {device} and {service} (default " GENERATE_DEFAULT_TOPIC ")\n"
    "      --product-key K   product of the devices (default: what the model names)\n"
    "  -o, --output FILE     a new file (default: standard output)\n"
    "Models in the folder of the new file, or below it, are named relative to it.\n"
    "Exit code 65: a model cannot be read or has no services, or no such mapping can be written; 74: a file cannot be\n"
    "read or written.\n";

struct generate {
    const char *topic;
    const char *product_key;
    const char *output; // NULL: standard output
    char *place;        // where the text goes, as far as that is known; or NULL
    struct model **models;
    char **paths; // as the mapping file will name them
    size_t count;
};

static int fail(int code, const char *what, const char *text)
{
    fprintf(stderr, "thingbridge generate: %s%s%s\n", what, *what != '\0' ? ": " : "", text);
    return code;
}

// The absolute path of the folder that holds `path`; NULL if there is none.
static char *folder_of(const char *path)
{
    AUTO_FREE char *copy = mem_strdup(path);
    return realpath(dirname(copy), NULL);
}

// The file that the shell has opened as standard output (lamps.yaml after >), or NULL.
static char *redirected_output(void)
{
    struct stat status;
    char path[PATH_MAX];
    ssize_t len = -1;
    if (fstat(STDOUT_FILENO, &status) == 0 && S_ISREG(status.st_mode)) {
        len = readlink("/proc/self/fd/1", path, sizeof path);
    }
    return len > 0 && (size_t)len < sizeof path ? mem_dup(path, (size_t)len) : NULL;
}

// A mapping's path to a model begins in the mapping's folder. Where that is not known, only the whole path is right.
static char *path_for_mapping(const char *path, const char *place)
{
    AUTO_FREE char *copy = mem_strdup(path);
    AUTO_FREE char *folder = folder_of(path);
    AUTO_FREE char *base = place != NULL ? folder_of(place) : NULL;
    AUTO_FREE char *whole = mem_printf("%s/%s", folder != NULL ? folder : "", basename(copy));
    size_t len = base != NULL ? strlen(base) : 0;
    bool is_below = base != NULL && strncmp(whole, base, len) == 0 && whole[len] == '/';
    return mem_strdup(is_below ? whole + len + 1 : whole);
}

static int read_model(struct generate *generate, const char *path)
{
    AUTO_FREE char *data = NULL;
    size_t len = 0;
    struct model *model = NULL;
    struct diag diag;
    enum err err = file_read(path, MODEL_MAX_BYTES, &data, &len, &diag);
    if (err != ERR_OK) {
        return fail(err == ERR_IO ? EX_IOERR : EX_DATAERR, path, diag.text);
    }
    if (model_parse(data, len, &model, &diag) != ERR_OK) {
        return fail(EX_DATAERR, path, diag.text);
    }
    generate->models[generate->count] = model;
    generate->paths[generate->count++] = path_for_mapping(path, generate->place);
    return EX_OK;
}

// What a topic of the user's can still bring about, as a reply that would be taken for a command.
static int check_text(const char *source, const char *text)
{
    struct ruleset rules = {.files = {.documents = mem_alloc(sizeof(struct yaml_document *)), .count = 1}};
    struct yaml_document **document = &rules.files.documents[0];
    int code = EX_OK;
    *document = NULL;
    config_defaults(&rules.config);
    if (yaml_load_text(source, text, strlen(text), document, &rules.problems) != ERR_OK ||
        config_build_mapping(&rules.config, &rules.files, &rules.mapping, &rules.problems) != ERR_OK) {
        problem_report(stderr, &rules.problems, *document, NULL);
        code = fail(EX_DATAERR, "", "no such mapping can be written; try another --topic");
    }
    ruleset_clear(&rules);
    return code;
}

static int write_file(const char *path, const char *text)
{
    // A file that is there may have been changed by hand.
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (file == NULL) {
        return fail(EX_IOERR, path, errno == EEXIST ? "the file exists; remove it first" : strerror(errno));
    }
    bool written = fputs(text, file) >= 0;
    if (fclose(file) != 0 || !written) {
        return fail(EX_IOERR, path, strerror(errno));
    }
    return EX_OK;
}

static int write_text(const char *path_or_null, const char *text)
{
    if (path_or_null != NULL) {
        return write_file(path_or_null, text);
    }
    if (fputs(text, stdout) < 0 || fflush(stdout) != 0) {
        return fail(EX_IOERR, "standard output", strerror(errno));
    }
    return EX_OK;
}

static int generate_from(const struct generate *generate)
{
    AUTO_FREE char *text = NULL;
    struct diag diag;
    const struct generate_options options = {.topic = generate->topic,
                                             .product_key = generate->product_key,
                                             .models = (const struct model *const *)generate->models,
                                             .paths = (const char *const *)generate->paths,
                                             .model_count = generate->count};
    enum err err = generate_mapping(&options, &text, &diag);
    if (err != ERR_OK) {
        return fail(err == ERR_MISSING ? EX_DATAERR : EX_USAGE, "", diag.text);
    }
    int code = check_text(generate->place != NULL ? generate->place : "mapping", text);
    return code != EX_OK ? code : write_text(generate->output, text);
}

// An exit code, or -1 to go on.
static int read_options(int argc, char **argv, struct generate *generate)
{
    const struct cli_option options[] = {{"topic", .text = &generate->topic},
                                         {"product-key", .text = &generate->product_key},
                                         {"output", 'o', .text = &generate->output},
                                         {.help = help_text}};
    int code = cli_read_options(argc, argv, options);
    if (code < 0 && optind == argc) {
        fputs(help_text, stderr);
        return EX_USAGE;
    }
    return code;
}

int cli_generate(int argc, char **argv)
{
    struct generate generate = {.topic = GENERATE_DEFAULT_TOPIC};
    int code = read_options(argc, argv, &generate);
    if (code >= 0) {
        return code;
    }
    size_t count = (size_t)(argc - optind);
    generate.place = generate.output != NULL ? mem_strdup(generate.output) : redirected_output();
    generate.models = mem_alloc(count * sizeof(struct model *));
    generate.paths = mem_alloc(count * sizeof(char *));
    code = EX_OK;
    for (size_t i = 0; i < count && code == EX_OK; i++) {
        code = read_model(&generate, argv[optind + (int)i]);
    }
    if (code == EX_OK) {
        code = generate_from(&generate);
    }
    for (size_t i = 0; i < generate.count; i++) {
        model_free(generate.models[i]);
        free(generate.paths[i]);
    }
    free(generate.place);
    free(generate.models);
    free(generate.paths);
    return code;
}
