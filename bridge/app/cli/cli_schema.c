#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "app/cli/cli.h"
#include "app/cli/cli_options.h"
#include "app/config/config_schema.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "core/mapping/load/mapping_schema.h"

static const char help_text[] =
    "  thingbridge schema mapping > mapping.schema.json\n"
    "  thingbridge schema config > config.schema.json\n"
    "\n"
    "Writes the JSON Schema (draft-07) of mapping files or of the configuration, for editors. Mapping\n"
    "files name it in their first line: # yaml-language-server: $schema=schema/mapping.schema.json\n"
    "What it cannot know (templates, names that refer to others) `thingbridge check` tells.\n";

static struct json_object *schema_of(const char *name)
{
    if (strcmp(name, "config") == 0) {
        return config_schema();
    }
    return strcmp(name, "mapping") == 0 ? mapping_schema() : NULL;
}

int cli_schema(int argc, char **argv)
{
    static const struct cli_option options[] = {{.help = help_text}};
    int code = cli_read_options(argc, argv, options);
    if (code >= 0) {
        return code;
    }
    AUTO_JSON struct json_object *schema = optind + 1 == argc ? schema_of(argv[optind]) : NULL;
    if (schema == NULL) {
        fputs(help_text, stderr);
        return EX_USAGE;
    }
    AUTO_FREE char *text = json_print_pretty(schema);
    puts(text);
    return EX_OK;
}
