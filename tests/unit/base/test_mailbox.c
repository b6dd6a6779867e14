#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/mailbox.h"
#include "base/mem.h"

struct numbered {
    struct mail mail;
    int maker;
    int number;
};

static void count_wake(void *context)
{
    atomic_fetch_add((atomic_int *)context, 1);
}

static void mails_come_out_in_the_order_of_their_puts(void **state)
{
    (void)state;
    atomic_int wakes = 0;
    struct mailbox *mailbox = mailbox_create(count_wake, &wakes);
    struct numbered mails[5] = {{.number = 0}};
    for (int i = 0; i < 5; i++) {
        mails[i].number = i;
        mailbox_put(mailbox, &mails[i].mail);
    }
    int expected = 0;
    for (struct mail *mail = mailbox_take_all(mailbox); mail != NULL; mail = mail->next) {
        assert_int_equal(((struct numbered *)mail)->number, expected++);
    }
    assert_int_equal(expected, 5);
    mailbox_destroy(mailbox);
}

static void an_empty_box_gives_nothing(void **state)
{
    (void)state;
    atomic_int wakes = 0;
    struct mailbox *mailbox = mailbox_create(count_wake, &wakes);
    assert_null(mailbox_take_all(mailbox));
    assert_int_equal(wakes, 0);
    mailbox_destroy(mailbox);
    mailbox_destroy(NULL);
}

static void only_a_put_into_an_empty_box_wakes(void **state)
{
    (void)state;
    atomic_int wakes = 0;
    struct mailbox *mailbox = mailbox_create(count_wake, &wakes);
    struct mail mails[3];
    mailbox_put(mailbox, &mails[0]);
    mailbox_put(mailbox, &mails[1]);
    assert_int_equal(wakes, 1);
    assert_ptr_equal(mailbox_take_all(mailbox), &mails[0]);
    mailbox_put(mailbox, &mails[2]);
    assert_int_equal(wakes, 2);
    assert_ptr_equal(mailbox_take_all(mailbox), &mails[2]);
    mailbox_destroy(mailbox);
}

#define MAKERS    4
#define PER_MAKER 5000

// A box whose taker sleeps until it is woken, as the core does.
struct post {
    struct mailbox *mailbox;
    pthread_mutex_t mutex;
    pthread_cond_t woken;
    int wakes;
};

static void wake(void *context)
{
    struct post *post = context;
    pthread_mutex_lock(&post->mutex);
    post->wakes++;
    pthread_cond_signal(&post->woken);
    pthread_mutex_unlock(&post->mutex);
}

struct maker {
    struct post *post;
    int number;
};

static void *make(void *context)
{
    struct maker *maker = context;
    for (int i = 0; i < PER_MAKER; i++) {
        struct numbered *mail = mem_alloc(sizeof *mail);
        mail->maker = maker->number;
        mail->number = i;
        mailbox_put(maker->post->mailbox, &mail->mail);
    }
    return NULL;
}

static void wait_for_wake(struct post *post)
{
    pthread_mutex_lock(&post->mutex);
    while (post->wakes == 0) {
        pthread_cond_wait(&post->woken, &post->mutex);
    }
    post->wakes = 0;
    pthread_mutex_unlock(&post->mutex);
}

static void mails_of_many_threads_arrive_each_once_and_in_order(void **state)
{
    (void)state;
    struct post post = {.wakes = 0};
    pthread_mutex_init(&post.mutex, NULL);
    pthread_cond_init(&post.woken, NULL);
    post.mailbox = mailbox_create(wake, &post);
    pthread_t threads[MAKERS];
    struct maker makers[MAKERS];
    for (int i = 0; i < MAKERS; i++) {
        makers[i] = (struct maker){&post, i};
        assert_int_equal(pthread_create(&threads[i], NULL, make, &makers[i]), 0);
    }
    int next[MAKERS] = {0};
    for (int total = 0; total < MAKERS * PER_MAKER;) {
        wait_for_wake(&post);
        for (struct mail *mail = mailbox_take_all(post.mailbox); mail != NULL; total++) {
            struct numbered *numbered = (struct numbered *)mail;
            assert_int_equal(numbered->number, next[numbered->maker]++);
            mail = mail->next;
            free(numbered);
        }
    }
    for (int i = 0; i < MAKERS; i++) {
        pthread_join(threads[i], NULL);
    }
    mailbox_destroy(post.mailbox);
    pthread_cond_destroy(&post.woken);
    pthread_mutex_destroy(&post.mutex);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mails_come_out_in_the_order_of_their_puts),
        cmocka_unit_test(an_empty_box_gives_nothing),
        cmocka_unit_test(only_a_put_into_an_empty_box_wakes),
        cmocka_unit_test(mails_of_many_threads_arrive_each_once_and_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
