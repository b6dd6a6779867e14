#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/hash_table.h"
#include "base/mem.h"

struct item {
    struct hash_node node;
    uint64_t number;
};

static size_t freed;

static void count_freed(struct hash_node *node)
{
    free(OWNER_OF(node, struct item, node));
    freed++;
}

static struct item *add(struct hash_table *table, uint64_t number, uint64_t hash)
{
    struct item *item = mem_alloc(sizeof *item);
    item->number = number;
    hash_table_add(table, &item->node, hash);
    return item;
}

static struct item *find(const struct hash_table *table, uint64_t number, uint64_t hash)
{
    struct hash_node *node = hash_table_first(table, hash);
    while (node != NULL && OWNER_OF(node, struct item, node)->number != number) {
        node = hash_table_next(node);
    }
    return node == NULL ? NULL : OWNER_OF(node, struct item, node);
}

static void nodes_are_found_while_the_table_grows_and_shrinks(void **state)
{
    (void)state;
    struct hash_table table = {0};
    struct item *items[1000];
    for (uint64_t i = 0; i < 1000; i++) {
        items[i] = add(&table, i, hash_number(i));
        assert_ptr_equal(find(&table, i / 2, hash_number(i / 2)), items[i / 2]);
    }
    assert_int_equal(table.count, 1000);
    assert_true(table.slot_count >= 1000);
    for (uint64_t i = 0; i < 990; i++) {
        hash_table_remove(&table, &items[i]->node);
        free(items[i]);
        assert_null(find(&table, i, hash_number(i)));
        assert_ptr_equal(find(&table, 999, hash_number(999)), items[999]);
    }
    assert_true(table.slot_count < 1000);
    freed = 0;
    hash_table_free(&table, count_freed);
    assert_int_equal(freed, 10);
}

static void nodes_with_one_hash_are_all_given(void **state)
{
    (void)state;
    struct hash_table table = {0};
    for (uint64_t i = 0; i < 40; i++) {
        add(&table, i, i % 2);
    }
    for (uint64_t i = 0; i < 40; i++) {
        assert_non_null(find(&table, i, i % 2));
        assert_null(find(&table, i, (i + 1) % 2));
    }
    hash_table_free(&table, count_freed);
}

static void nothing_is_in_an_empty_table(void **state)
{
    (void)state;
    struct hash_table table = {0};
    assert_null(hash_table_first(&table, 1));
    freed = 0;
    hash_table_free(&table, count_freed);
    assert_int_equal(freed, 0);
}

static void texts_and_digests_give_hashes_of_their_own(void **state)
{
    (void)state;
    assert_int_not_equal(hash_text("a"), hash_text("b"));
    assert_int_not_equal(hash_text(""), hash_text("a"));
    assert_int_not_equal(hash_digest((const unsigned char *)"12345678"),
                         hash_digest((const unsigned char *)"12345679"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_are_found_while_the_table_grows_and_shrinks),
        cmocka_unit_test(nodes_with_one_hash_are_all_given),
        cmocka_unit_test(nothing_is_in_an_empty_table),
        cmocka_unit_test(texts_and_digests_give_hashes_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
