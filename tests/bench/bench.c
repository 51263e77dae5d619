/* bench.c - batches, their median, and how it is printed. */
#include "bench.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"

enum { BATCHES = 101, BATCH_NS = 2000000, QUICK_BATCHES = 3, QUICK_BATCH_NS = 20000 };

static bool quick;

void bench_begin(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--quick") == 0) {
        quick = true;
    } else if (argc != 1) {
        fprintf(stderr, "usage: %s [--quick]\n", argv[0]);
        exit(2);
    }
    setvbuf(stdout, NULL, _IOLBF, 0); /* a figure is seen when it is known */
}

bool bench_is_quick(void)
{
    return quick;
}

void bench_print(const char *name, double value, const char *unit)
{
    for (const char *at = name; *at != '\0'; at++)
        MW_CHECK(isalnum((unsigned char)*at) || *at == '_');
    MW_CHECK(isfinite(value) && unit[0] != '\0' && strchr(unit, ' ') == NULL);
    double size = fabs(value);
    printf("%s %.*f %s\n", name, size >= 1000 ? 0 : size >= 10 ? 1 : 3, value, unit);
}

double bench_time(bench_fn fn, void *user)
{
    int64_t batch_ns = quick ? QUICK_BATCH_NS : BATCH_NS;
    size_t batches = quick ? QUICK_BATCHES : BATCHES;
    uint64_t count = 1;
    for (;; count *= 2) { /* warms up too */
        int64_t start = mw_clock_monotonic_ns();
        fn(user, count);
        if (mw_clock_monotonic_ns() - start >= batch_ns)
            break;
    }
    double each[BATCHES];
    for (size_t i = 0; i < batches; i++) {
        int64_t start = mw_clock_monotonic_ns();
        fn(user, count);
        each[i] = (double)(mw_clock_monotonic_ns() - start) / (double)count;
    }
    return bench_median(each, batches);
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

double bench_median(double *values, size_t count)
{
    MW_CHECK(count >= 1);
    qsort(values, count, sizeof(*values), compare);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

void bench_require(mw_status status, const struct mw_error *err)
{
    if (status == MW_OK)
        return;
    fprintf(stderr, "bench: %s\n", err->message);
    exit(1);
}
