// What libFuzzer calls before the first input of any target.
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "made.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    // json-c's own hash of member names begins with a random number, and no run would be like another.
    int code = json_global_set_string_hash(JSON_C_STR_HASH_PERLLIKE);
    if (*argc > 1 && strncmp((*argv)[1], "--made=", strlen("--made=")) == 0) {
        exit(made_run(*argc, *argv));
    }
    return code;
}
