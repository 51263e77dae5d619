/* window_test.c - sums and extremes of windows against walking through each window. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/random.h"
#include "market/window.h"

enum { ROWS = 2000, ROUNDS = 12 };

/* What a window gives at `row`, and the size of what was added up. */
struct plain {
    double value;
    double size;
};

static struct plain plain_sum(const double *values, size_t row, size_t n)
{
    long double sum = 0, size = 0;
    for (size_t i = row + 1 - n; i <= row; i++) {
        sum += (long double)values[i];
        size += fabsl((long double)values[i]);
    }
    return (struct plain){(double)sum, (double)size};
}

static struct plain plain_ramp(const double *values, size_t row, size_t n)
{
    long double sum = 0, size = 0, weight = 1;
    for (size_t i = row + 1 - n; i <= row; i++, weight++) {
        sum += weight * (long double)values[i];
        size += weight * fabsl((long double)values[i]);
    }
    return (struct plain){(double)sum, (double)size};
}

static struct plain plain_max(const double *values, size_t row, size_t n)
{
    double most = values[row];
    for (size_t i = row + 1 - n; i <= row && !isnan(most); i++)
        most = isnan(values[i]) || values[i] > most ? values[i] : most;
    return (struct plain){most, 0};
}

static struct plain plain_min(const double *values, size_t row, size_t n)
{
    double least = values[row];
    for (size_t i = row + 1 - n; i <= row && !isnan(least); i++)
        least = isnan(values[i]) || values[i] < least ? values[i] : least;
    return (struct plain){least, 0};
}

static const struct {
    const char *name;
    double (*push)(struct mw_window *window, double value);
    struct plain (*plain)(const double *values, size_t row, size_t n);
} kinds[] = {
    {"sum", mw_window_sum, plain_sum},
    {"ramp", mw_window_ramp, plain_ramp},
    {"max", mw_window_max, plain_max},
    {"min", mw_window_min, plain_min},
};

static const uint32_t periods[] = {1, 2, 3, 7, 64, 1024, 1025, 1999, ROWS + 1};

/* Counts from `first`. */
static void check(size_t kind, const double *values, size_t first, uint32_t n)
{
    double *slots = mw_alloc(n * sizeof(*slots)), *memory = slots;
    struct mw_window window;
    mw_window_init(&window, n, &memory);
    assert_ptr_equal(memory, slots + n);
    for (size_t row = 0; row < ROWS; row++) {
        struct plain want = {(double)NAN, 0};
        double got = kinds[kind].push(&window, values[row]);
        if (row + 1 >= first + n)
            want = kinds[kind].plain(values, row, n);
        bool same = isnan(want.value) ? isnan(got) : got == want.value;
        if (!same && !(fabs(got - want.value) <= 1e-13 * want.size))
            fail_msg("%s(%u), row %zu: %.17g, not %.17g", kinds[kind].name, n, row, got,
                     want.value);
    }
    mw_free(slots);
}

static void check_all(const double *values, size_t first)
{
    for (size_t kind = 0; kind < MW_COUNT(kinds); kind++)
        for (size_t p = 0; p < MW_COUNT(periods); p++)
            check(kind, values, first, periods[p]);
}

/* Spikes are what a sum that subtracts never forgets; in whole numbers, extremes are met twice. */
static void windows_agree_with_walking_through_them(void **state)
{
    (void)state;
    struct mw_random random = {3};
    static double values[ROWS];
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t row = 0; row < ROWS; row++) {
            double value = 100 * mw_random_unit(&random) - 50;
            values[row] = round % 2 == 0 ? floor(value) : value;
        }
        values[mw_random_next(&random) % ROWS] = 1e15;
        size_t first = round % 3 == 0 ? mw_random_next(&random) % 50 : 0;
        for (size_t row = 0; row < first; row++)
            values[row] = (double)NAN;
        check_all(values, first);
    }
}

static void a_nan_or_an_infinity_is_gone_once_it_has_left(void **state)
{
    (void)state;
    static const double odd[] = {(double)NAN, (double)INFINITY, -(double)INFINITY};
    struct mw_random random = {4};
    static double values[ROWS];
    for (size_t round = 0; round < MW_COUNT(odd); round++) {
        for (size_t row = 0; row < ROWS; row++)
            values[row] = floor(100 * mw_random_unit(&random));
        for (size_t i = 0; i < 5; i++)
            values[1 + mw_random_next(&random) % (ROWS - 1)] = odd[round];
        check_all(values, 0);
    }
}

static void a_refilled_window_goes_on_as_if_it_had_been_pushed(void **state)
{
    (void)state;
    struct mw_random random = {5};
    for (size_t p = 0; p < MW_COUNT(periods); p++) {
        uint32_t n = periods[p], count = 1 + (uint32_t)(mw_random_next(&random) % n);
        count = p % 2 == 0 ? n : count;
        double *slots = mw_alloc(2 * (size_t)n * sizeof(*slots)), *memory = slots;
        struct mw_window pushed, refilled;
        mw_window_init(&pushed, n, &memory);
        refilled = (struct mw_window){.slots = memory, .n = n};
        for (uint32_t i = 0; i < count; i++) {
            refilled.slots[i] = mw_random_unit(&random);
            mw_window_sum(&pushed, refilled.slots[i]);
        }
        mw_window_refill(&refilled, count);
        for (uint32_t i = 0; i < 2 * n; i++) {
            double value = mw_random_unit(&random);
            double a = mw_window_sum(&pushed, value), b = mw_window_sum(&refilled, value);
            assert_true(a == b || (isnan(a) && isnan(b)));
        }
        mw_free(slots);
    }
}

static void a_ring_gives_back_what_is_n_rows_old(void **state)
{
    (void)state;
    double slots[3], *memory = slots;
    const double values[] = {(double)NAN, (double)NAN, 1, 2, 3, 4, (double)NAN, 6, 7, 8};
    struct mw_ring ring;
    mw_ring_init(&ring, 3, &memory);
    assert_ptr_equal(memory, slots + 3);
    for (size_t row = 0; row < MW_COUNT(values); row++) {
        double oldest = mw_ring_push(&ring, values[row]);
        assert_true(row < 5 || row == 9 ? isnan(oldest) : oldest == values[row - 3]);
    }
    assert_int_equal(ring.count, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_agree_with_walking_through_them),
        cmocka_unit_test(a_nan_or_an_infinity_is_gone_once_it_has_left),
        cmocka_unit_test(a_refilled_window_goes_on_as_if_it_had_been_pushed),
        cmocka_unit_test(a_ring_gives_back_what_is_n_rows_old),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
