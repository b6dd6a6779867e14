// What libFuzzer calls before the first input of any target.
#include <json-c/json.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);

// json-c's own hash of member names begins with a random number, and no run would be like another.
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return json_global_set_string_hash(JSON_C_STR_HASH_PERLLIKE);
}
