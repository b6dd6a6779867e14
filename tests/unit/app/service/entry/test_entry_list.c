// Commands that the pipeline holds are found by their ids.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/service/entry/entry_list.h"

static struct entry *add(struct entry_list *list, int64_t row_id)
{
    struct arrival arrival = {.row_id = row_id, .command = command_create()};
    struct entry *entry = entry_create(&arrival);
    entry_list_add(list, entry);
    return entry;
}

static void a_stored_command_is_found_by_its_row(void **state)
{
    (void)state;
    struct entry_list list;
    entry_list_init(&list);
    struct entry *first = add(&list, 17);
    struct entry *second = add(&list, 18);
    assert_ptr_equal(entry_list_find_row(&list, 17), first);
    assert_ptr_equal(entry_list_find_row(&list, 18), second);
    assert_ptr_equal(entry_list_find(&list, second->id), second);
    assert_null(entry_list_find_row(&list, 19));
    entry_list_clear(&list);
}

static void commands_without_a_row_have_ids_that_no_row_has(void **state)
{
    (void)state;
    struct entry_list list;
    entry_list_init(&list);
    struct entry *first = add(&list, 0);
    struct entry *second = add(&list, 0);
    assert_int_not_equal(first->id, second->id);
    assert_true(first->id > INT64_MAX);
    assert_ptr_equal(entry_list_find(&list, first->id), first);
    assert_null(entry_list_find_row(&list, 0));
    assert_null(entry_list_find_row(&list, (int64_t)first->id));
    entry_list_clear(&list);
}

static void what_is_removed_is_not_found_and_the_rest_stays_in_order(void **state)
{
    (void)state;
    struct entry_list list;
    entry_list_init(&list);
    for (int64_t row = 1; row <= 100; row++) {
        add(&list, row);
    }
    for (int64_t row = 2; row <= 100; row += 2) {
        struct entry *entry = entry_list_find_row(&list, row);
        entry_list_remove(&list, entry);
        entry_free(entry);
    }
    assert_int_equal(list.by_id.count, 50);
    assert_null(entry_list_find_row(&list, 2));
    int64_t row = 1;
    const struct entry *entry = NULL;
    TAILQ_FOREACH (entry, &list.all, in_list) {
        assert_int_equal(entry->row_id, row);
        row += 2;
    }
    entry_list_clear(&list);
    assert_int_equal(list.by_id.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stored_command_is_found_by_its_row),
        cmocka_unit_test(commands_without_a_row_have_ids_that_no_row_has),
        cmocka_unit_test(what_is_removed_is_not_found_and_the_rest_stays_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
