/* heap_test.c - the cap, what is counted, and blocks that are used again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/heap.h"
#include "base/limits.h"
#include "base/random.h"

enum { BLOCKS = 200, STEPS = 20000, SIZE_MAX_TRIED = 5000 };

static void counts_what_is_in_use_to_the_byte(void **state)
{
    (void)state;
    struct mw_heap heap = {.bytes_max = 10000};
    void *small = mw_heap_allocate(&heap, NULL, 4, 17), *large;
    assert_non_null(small);
    assert_int_equal(heap.bytes, 17); /* the kind of a new object is no size */
    large = mw_heap_allocate(&heap, NULL, 0, 3000);
    assert_int_equal(heap.bytes, 3017);
    small = mw_heap_allocate(&heap, small, 17, 32);
    assert_int_equal(heap.bytes, 3032);
    small = mw_heap_allocate(&heap, small, 32, 2049);
    assert_int_equal(heap.bytes, 5049);
    assert_null(mw_heap_allocate(&heap, small, 2049, 0));
    assert_null(mw_heap_allocate(&heap, large, 3000, 0));
    assert_int_equal(heap.bytes, 0);
    assert_null(mw_heap_allocate(&heap, NULL, 0, 0));
    mw_heap_deinit(&heap);
    assert_int_equal(heap.kept_bytes, 0);
}

static void stops_at_the_cap_and_leaves_the_block_alone(void **state)
{
    (void)state;
    struct mw_heap heap = {.bytes_max = 100};
    assert_null(mw_heap_allocate(&heap, NULL, 0, 101));
    char *block = mw_heap_allocate(&heap, NULL, 0, 99);
    memset(block, 'a', 99);
    assert_null(mw_heap_allocate(&heap, NULL, 0, 2));
    assert_null(mw_heap_allocate(&heap, block, 99, 101));
    assert_int_equal(heap.bytes, 99);
    assert_int_equal(block[98], 'a');
    block = mw_heap_allocate(&heap, block, 99, 100);
    assert_non_null(block);
    mw_heap_allocate(&heap, block, 100, 0);
    mw_heap_deinit(&heap);
}

static void takes_a_freed_block_of_the_same_class(void **state)
{
    (void)state;
    struct mw_heap heap = {.bytes_max = 1 << 20};
    if (MW_HEAP_KEPT_BYTES_MAX == 0) /* so that AddressSanitizer sees them */
        skip();
    void *block = mw_heap_allocate(&heap, NULL, 0, 2033);
    mw_heap_allocate(&heap, block, 2033, 0);
    assert_int_equal(heap.kept_bytes, 2048);
    assert_ptr_equal(mw_heap_allocate(&heap, NULL, 0, 2048), block);
    assert_int_equal(heap.kept_bytes, 0);
    mw_heap_allocate(&heap, block, 2048, 0);
    block = mw_heap_allocate(&heap, NULL, 0, 2049); /* one past: not of the lists */
    mw_heap_allocate(&heap, block, 2049, 0);
    assert_int_equal(heap.kept_bytes, 2048);
    mw_heap_deinit(&heap);
}

static void keeps_no_more_than_its_bound(void **state)
{
    (void)state;
    static void *blocks[MW_HEAP_KEPT_BYTES_MAX / 1024 + 2];
    enum { COUNT = sizeof(blocks) / sizeof(blocks[0]) };
    struct mw_heap heap = {.bytes_max = 64 << 20};
    for (size_t i = 0; i < COUNT; i++)
        blocks[i] = mw_heap_allocate(&heap, NULL, 0, 1024);
    for (size_t i = 0; i < COUNT; i++)
        mw_heap_allocate(&heap, blocks[i], 1024, 0);
    assert_int_equal(heap.kept_bytes, MW_HEAP_KEPT_BYTES_MAX);
    assert_int_equal(heap.bytes, 0);
    mw_heap_deinit(&heap);
}

/* Blocks of random sizes grow, shrink and go; each keeps what was written into it. */
static void keeps_what_is_in_every_block(void **state)
{
    (void)state;
    struct mw_heap heap = {.bytes_max = 64 << 20};
    static struct {
        unsigned char *bytes;
        size_t size;
    } blocks[BLOCKS];
    struct mw_random random = {7};
    size_t in_use = 0;
    for (uint32_t step = 0; step < STEPS; step++) {
        uint32_t at = (uint32_t)(mw_random_next(&random) % BLOCKS);
        size_t old_size = blocks[at].size, size = 0;
        if (mw_random_next(&random) % 4 != 0)
            size = (size_t)(mw_random_next(&random) %
                            (mw_random_next(&random) % 2 ? 100 : SIZE_MAX_TRIED));
        unsigned char *moved = mw_heap_allocate(&heap, blocks[at].bytes, old_size, size);
        assert_int_equal(moved == NULL, size == 0);
        for (size_t i = 0; moved != NULL && i < old_size && i < size; i++)
            assert_int_equal(moved[i], (unsigned char)at);
        if (moved != NULL)
            memset(moved, (int)at, size);
        in_use = in_use - old_size + size;
        blocks[at].bytes = moved;
        blocks[at].size = size;
        assert_int_equal(heap.bytes, in_use);
    }
    for (uint32_t at = 0; at < BLOCKS; at++)
        mw_heap_allocate(&heap, blocks[at].bytes, blocks[at].size, 0);
    assert_int_equal(heap.bytes, 0);
    mw_heap_deinit(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_what_is_in_use_to_the_byte),
        cmocka_unit_test(stops_at_the_cap_and_leaves_the_block_alone),
        cmocka_unit_test(takes_a_freed_block_of_the_same_class),
        cmocka_unit_test(keeps_no_more_than_its_bound),
        cmocka_unit_test(keeps_what_is_in_every_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
