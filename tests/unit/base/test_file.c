#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

static void a_file_is_read_whole(void **state)
{
    (void)state;
    AUTO_FREE char *data = NULL;
    size_t len = 0;
    struct diag diag;
    assert_int_equal(file_read(TEST_SOURCE_DIR "/tests/pytest.ini", 4096, &data, &len, &diag), ERR_OK);
    assert_int_equal(strlen(data), len);
    assert_non_null(strstr(data, "[pytest]"));
}

static void assert_refused(const char *path, size_t max_bytes, enum err err, const char *words)
{
    char *data = NULL;
    size_t len = 0;
    struct diag diag = {""};
    assert_int_equal(file_read(path, max_bytes, &data, &len, &diag), err);
    assert_null(data);
    assert_non_null(strstr(diag.text, words));
}

static void what_is_no_file_of_fitting_size_is_refused(void **state)
{
    (void)state;
    assert_refused("/nowhere/file", 4096, ERR_IO, "No such file");
    assert_refused("/", 4096, ERR_IO, "is a directory");
    assert_refused("/dev/null", 4096, ERR_IO, "no regular file");
    assert_refused(TEST_SOURCE_DIR "/tests/pytest.ini", 1, ERR_LIMIT, "larger than 1 bytes");
}

static void an_empty_file_is_refused(void **state)
{
    (void)state;
    char path[] = "/tmp/test_file_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_refused(path, 4096, ERR_SYNTAX, "empty");
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_whole),
        cmocka_unit_test(an_empty_file_is_refused),
        cmocka_unit_test(what_is_no_file_of_fitting_size_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
