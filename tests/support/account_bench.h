/* account_bench.h - an account with one instrument in minutes, for tests.
 *
 * Threads: one at a time.
 */
#ifndef MW_SUPPORT_ACCOUNT_BENCH_H
#define MW_SUPPORT_ACCOUNT_BENCH_H

#include "script/account.h"

struct account_bench {
    struct mw_account *account;
    int64_t now_ms;  /* when the newest bar closed, or was told last */
    int64_t open_ms; /* of the bar that comes next, or forms */
    double volume;
};

/* Without options: 10,000, 0.1 %, no slippage. */
void account_bench_begin(struct account_bench *bench, const struct mw_account_options *options);
void account_bench_end(struct account_bench *bench);

/* Tells of a bar that has closed; time goes on to its end. */
void account_bench_close(struct account_bench *bench, double open, double high, double low,
                         double close);
/* Tells of the bar as it forms, so many seconds after it began. */
void account_bench_form(struct account_bench *bench, int seconds, double open, double high,
                        double low, double close);

/* Place orders that have to be accepted; return their ids. */
uint64_t account_bench_market(struct account_bench *bench, mw_side side, double amount);
uint64_t account_bench_limit(struct account_bench *bench, mw_side side, double amount,
                             double price);
uint64_t account_bench_stop(struct account_bench *bench, mw_side side, double amount, double price);
uint64_t account_bench_place(struct account_bench *bench, const struct mw_order_request *request);

/* A request without price, by amount. */
struct mw_order_request account_bench_request(mw_side side, mw_order_type type, double amount);

/* Fails unless both are equal but for the last digits: 1e-11 of the greater, or 1e-9. */
#define ASSERT_NEAR(got, want) account_bench_near(got, want, #got, __FILE__, __LINE__)
void account_bench_near(double got, double want, const char *what, const char *file, int line);

/* The newest fill. */
struct mw_fill account_bench_fill(const struct account_bench *bench);

#endif
