/* window.c - sums and extremes of windows, block by block. */
#include "market/window.h"

#include "base/check.h"

static void fill_nan(double *slots, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        slots[i] = (double)NAN;
}

void mw_window_init(struct mw_window *window, uint32_t n, double **memory)
{
    MW_CHECK(n >= 1);
    *window = (struct mw_window){.slots = *memory, .n = n};
    *memory += n;
    fill_nan(window->slots, n);
}

/* Counts a value. Returns false while there are NaNs only. */
static inline bool begin(struct mw_window *window, double value)
{
    if (!window->begun && isnan(value))
        return false;
    window->begun = true;
    return true;
}

/* Turns the values of a whole block into sums of tails: slot i has those behind value i. */
static void sum_tails(struct mw_window *window)
{
    bool plain = window->n <= MW_WINDOW_PLAIN_MAX;
    struct mw_sum tail = {0, 0};
    for (size_t i = window->n; i-- > 0;) {
        double value = window->slots[i];
        window->slots[i] = mw_window_total(&tail, plain);
        mw_window_add(&tail, value, plain);
    }
    window->at = 0;
    window->head = (struct mw_sum){0, 0};
}

void mw_window_refill(struct mw_window *window, uint32_t count)
{
    MW_CHECK(count >= 1 && count <= window->n);
    bool plain = window->n <= MW_WINDOW_PLAIN_MAX;
    window->begun = true;
    window->at = count;
    window->head = (struct mw_sum){0, 0};
    for (uint32_t i = 0; i < count; i++)
        mw_window_add(&window->head, window->slots[i], plain);
    fill_nan(window->slots + count, window->n - count);
    if (count == window->n)
        sum_tails(window);
}

double mw_window_sum(struct mw_window *window, double value)
{
    if (!begin(window, value))
        return value;
    bool plain = window->n <= MW_WINDOW_PLAIN_MAX;
    uint32_t at = window->at++;
    double tail = window->slots[at];
    mw_window_add(&window->head, value, plain);
    window->slots[at] = value;
    double sum = mw_window_total(&window->head, plain);
    if (window->at < window->n)
        return tail + sum;
    sum_tails(window);
    return sum;
}

/* Weights of a tail are 1, 2, ...: going one value back adds the sum of all behind it once more. */
static void ramp_tails(struct mw_window *window)
{
    bool plain = window->n <= MW_WINDOW_PLAIN_MAX;
    struct mw_sum tail = {0, 0}, ramp = {0, 0};
    for (size_t i = window->n; i-- > 0;) {
        double value = window->slots[i];
        window->slots[i] = mw_window_total(&ramp, plain);
        mw_window_add(&tail, value, plain);
        mw_window_add(&ramp, mw_window_total(&tail, plain), plain);
    }
    window->at = 0;
    window->head = window->ramp = (struct mw_sum){0, 0};
}

double mw_window_ramp(struct mw_window *window, double value)
{
    if (!begin(window, value))
        return value;
    bool plain = window->n <= MW_WINDOW_PLAIN_MAX;
    uint32_t at = window->at++;
    double tail = window->slots[at], behind = window->n - window->at;
    mw_window_add(&window->head, value, plain);
    mw_window_add(&window->ramp, value * window->at, plain);
    window->slots[at] = value;
    double ramp = mw_window_total(&window->ramp, plain);
    if (window->at < window->n) /* the tail has the weights up to `behind` */
        return tail + ramp + behind * mw_window_total(&window->head, plain);
    ramp_tails(window);
    return ramp;
}

/* Both take a NaN. The comparison, false for one, is a single instruction; prices make a jump there
 * go wrong every other time. */
static inline double larger(double a, double b)
{
    double more = a > b ? a : b;
    return isnan(a) ? a : more;
}

static inline double smaller(double a, double b)
{
    double less = a < b ? a : b;
    return isnan(a) ? a : less;
}

/* Inlined with a known function, so that the loop has no call in it. */
static inline double extreme(struct mw_window *window, double value,
                             double (*more)(double a, double b))
{
    if (!begin(window, value))
        return value;
    uint32_t at = window->at++;
    double tail = window->slots[at];
    window->slots[at] = value;
    double head = window->head.total = at == 0 ? value : more(window->head.total, value);
    if (window->at < window->n)
        return more(tail, head);
    /* The last slot, behind which nothing is, is not read. */
    double most = value;
    for (size_t i = window->n - 1; i-- > 0;) {
        double older = window->slots[i];
        window->slots[i] = most;
        most = more(most, older);
    }
    window->at = 0;
    return head;
}

double mw_window_max(struct mw_window *window, double value)
{
    return extreme(window, value, larger);
}

double mw_window_min(struct mw_window *window, double value)
{
    return extreme(window, value, smaller);
}

void mw_wma_init(struct mw_wma *wma, uint32_t n, double **memory)
{
    mw_window_init(&wma->window, n, memory);
    wma->weights = (double)n * ((double)n + 1) / 2;
}

double mw_wma_push(struct mw_wma *wma, double value)
{
    return mw_window_ramp(&wma->window, value) / wma->weights;
}

void mw_ring_init(struct mw_ring *ring, uint32_t n, double **memory)
{
    MW_CHECK(n >= 1);
    *ring = (struct mw_ring){.slots = *memory, .n = n};
    *memory += n;
    fill_nan(ring->slots, n);
}
