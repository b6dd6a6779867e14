// Inputs made from seeds and words by chance. Input number N is a function of N, the seeds and the words alone: it is
// the same with every compiler, on every machine, and in every order. So a run of them shows the same each time, as one
// that coverage guides cannot.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

struct made_parts {
    struct str *items;
    size_t count;
};

struct made {
    struct made_parts seeds;
    struct made_parts words; // of a libFuzzer dictionary
    size_t max_len;          // bytes of an input; one longer seed may be longer
};

// Adds the file as a seed. False if it cannot be read.
bool made_add_seed(struct made *made, const char *path);
// Adds the words of a libFuzzer dictionary: lines of NAME="TEXT" or "TEXT" with \\ \" \xNN. False if it cannot be read.
bool made_add_words(struct made *made, const char *path);
void made_free(struct made *made);

// Makes input `number` into `out`, which is emptied first. There is at least one seed.
void made_input(const struct made *made, uint64_t number, struct buf *out);

// The run of a target:
//
//     fuzz_NAME --made=COUNT [--from=NUMBER] [--words=DICTIONARY] [--findings=PREFIX] [--show] SEED...
//
// calls it with input NUMBER (default 0) and those after it, and prints a checksum of them all. An input that ends the
// target is kept as PREFIXcrash-NUMBER, PREFIXleak-NUMBER or PREFIXtimeout-NUMBER. --show writes the inputs to stdout
// in place of calling the target. Gives the exit code: 2 if a file cannot be read.
int made_run(int argc, char **argv);
