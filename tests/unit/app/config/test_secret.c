#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/config/secret.h"

static char path[] = "/tmp/thingbridge-secret-XXXXXX";

static int make_file(void **state)
{
    (void)state;
    strcpy(path, "/tmp/thingbridge-secret-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    return 0;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void write_file(const void *data, size_t len)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, len, file), len);
    fclose(file);
}

static enum err read_back(char **secret, const char **warning, struct diag *diag)
{
    struct secret_source source = {.file = path};
    return secret_read(&source, secret, warning, diag);
}

static void expect_secret(const char *content, size_t len, const char *secret)
{
    char *got = NULL;
    const char *warning = "none";
    struct diag diag;
    write_file(content, len);
    assert_int_equal(read_back(&got, &warning, &diag), ERR_OK);
    assert_string_equal(got, secret);
    assert_null(warning);
    secret_free(got);
}

static void expect_refusal(const char *content, size_t len, enum err err, const char *words)
{
    char *got = NULL;
    const char *warning = NULL;
    struct diag diag;
    write_file(content, len);
    assert_int_equal(read_back(&got, &warning, &diag), err);
    assert_null(got);
    assert_non_null(strstr(diag.text, words));
}

static void one_line_end_is_not_part_of_the_secret(void **state)
{
    (void)state;
    expect_secret("s3cret", 6, "s3cret");
    expect_secret("s3cret\n", 7, "s3cret");
    expect_secret("s3cret\r\n", 8, "s3cret");
}

static void expect_warning(const char *content, const char *words)
{
    char *got = NULL;
    const char *warning = NULL;
    struct diag diag;
    write_file(content, strlen(content));
    assert_int_equal(read_back(&got, &warning, &diag), ERR_OK);
    assert_string_equal(got, content);
    assert_non_null(strstr(warning, words));
    secret_free(got);
}

static void quotes_and_blanks_around_a_secret_stay_and_are_told(void **state)
{
    (void)state;
    expect_warning("\"s3cret\"", "in quotes");
    expect_warning("'s3cret'", "in quotes");
    expect_warning(" s3cret", "a blank");
    expect_warning("s3cret\t", "a blank");
    expect_secret("s3\"cret\"", 8, "s3\"cret\"");
    expect_secret("\"", 1, "\"");
    expect_secret("s3 cret", 7, "s3 cret");
}

static void a_file_that_is_no_secret_is_refused(void **state)
{
    (void)state;
    expect_refusal("", 0, ERR_REFUSED, "empty");
    expect_refusal("\n", 1, ERR_REFUSED, "empty");
    expect_refusal("a\nb\n", 4, ERR_REFUSED, "more than one line");
    expect_refusal("\xEF\xBB\xBFs3cret\n", 10, ERR_REFUSED, "byte order mark");
    expect_refusal("a\0b", 3, ERR_REFUSED, "more than one line");
    static char large[SECRET_MAX_LEN + 1];
    memset(large, 'x', sizeof large);
    expect_refusal(large, sizeof large, ERR_LIMIT, "larger");
}

static void a_file_that_others_can_write_is_refused_and_one_they_can_read_is_told(void **state)
{
    (void)state;
    char *got = NULL;
    const char *warning = NULL;
    struct diag diag;
    write_file("s3cret", 6);
    assert_int_equal(chmod(path, 0602), 0);
    assert_int_equal(read_back(&got, &warning, &diag), ERR_REFUSED);
    assert_non_null(strstr(diag.text, "chmod 600"));
    assert_int_equal(chmod(path, 0604), 0);
    assert_int_equal(read_back(&got, &warning, &diag), ERR_OK);
    assert_non_null(strstr(warning, "chmod 600"));
    secret_free(got);
}

static void a_missing_file_and_a_folder_are_named(void **state)
{
    (void)state;
    char *got = NULL;
    const char *warning = NULL;
    struct diag diag;
    struct secret_source missing = {.file = (char *)"/nonexistent/secret"};
    assert_int_equal(secret_read(&missing, &got, &warning, &diag), ERR_IO);
    assert_non_null(strstr(diag.text, "/nonexistent/secret"));
    struct secret_source folder = {.file = (char *)"/tmp"};
    assert_int_equal(secret_read(&folder, &got, &warning, &diag), ERR_REFUSED);
}

static void the_environment_and_a_credential_are_sources(void **state)
{
    (void)state;
    char *got = NULL;
    const char *warning = NULL;
    struct diag diag;
    struct secret_source env = {.env = (char *)"THE_SECRET_OF_THE_TEST"};
    assert_int_equal(secret_read(&env, &got, &warning, &diag), ERR_MISSING);
    setenv("THE_SECRET_OF_THE_TEST", "from-env", 1);
    assert_int_equal(secret_read(&env, &got, &warning, &diag), ERR_OK);
    assert_string_equal(got, "from-env");
    secret_free(got);

    struct secret_source credential = {.credential = strrchr(path, '/') + 1};
    unsetenv("CREDENTIALS_DIRECTORY");
    assert_int_equal(secret_read(&credential, &got, &warning, &diag), ERR_MISSING);
    assert_non_null(strstr(diag.text, "LoadCredential"));
    setenv("CREDENTIALS_DIRECTORY", "/tmp", 1);
    write_file("from-systemd\n", 13);
    assert_int_equal(secret_read(&credential, &got, &warning, &diag), ERR_OK);
    assert_string_equal(got, "from-systemd");
    secret_free(got);
    struct secret_source outside = {.credential = (char *)"../etc/passwd"};
    assert_int_equal(secret_read(&outside, &got, &warning, &diag), ERR_REFUSED);
}

static void no_source_says_what_to_give(void **state)
{
    (void)state;
    char *got = NULL;
    const char *warning = NULL;
    struct diag diag;
    struct secret_source none = {0};
    assert_false(secret_is_set(&none));
    assert_int_equal(secret_read(&none, &got, &warning, &diag), ERR_MISSING);
    assert_non_null(strstr(diag.text, "{file: PATH}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_line_end_is_not_part_of_the_secret, make_file, remove_file),
        cmocka_unit_test_setup_teardown(quotes_and_blanks_around_a_secret_stay_and_are_told, make_file, remove_file),
        cmocka_unit_test_setup_teardown(a_file_that_is_no_secret_is_refused, make_file, remove_file),
        cmocka_unit_test_setup_teardown(a_file_that_others_can_write_is_refused_and_one_they_can_read_is_told,
                                        make_file, remove_file),
        cmocka_unit_test(a_missing_file_and_a_folder_are_named),
        cmocka_unit_test_setup_teardown(the_environment_and_a_credential_are_sources, make_file, remove_file),
        cmocka_unit_test(no_source_says_what_to_give),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
