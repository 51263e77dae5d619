/* download_parts.h - what the parts of a download share: the download, and the run of one series.
 *
 * Threads: as download.h says.
 */
#ifndef MW_HISTORY_DOWNLOAD_PARTS_H
#define MW_HISTORY_DOWNLOAD_PARTS_H

#include <stdatomic.h>

#include "feed/decoder.h"
#include "history/download.h"
#include "history/download_plan.h"
#include "history/rows.h"
#include "net/backoff.h"
#include "net/http.h"

struct mw_download {
    struct mw_download_source source; /* with the defaults filled in; borrows what it points to */
    struct mw_store *store;           /* borrows */
    struct mw_http *http;             /* owns */
    struct mw_decoder *decoder;       /* owns */
    struct mw_backoff backoff;
    int64_t next_ms; /* the venue's rate: not before, monotonic */
    _Atomic bool stopping;
};

/* One series. */
struct mw_download_run {
    struct mw_download *download;
    const struct mw_download_span *span;
    struct mw_download_result *result;
    mw_download_tell_fn tell;
    void *user;
    struct mw_download_plan plan;
    uint64_t bucket_count;        /* to be asked for when it began */
    struct mw_store_series known; /* what the store has of it, when `is_known` */
    bool is_known;
    int64_t newest_ms;  /* the venue's newest row; INT64_MIN for none */
    int64_t shunned_ms; /* no anchor: the venue does not have it */

    struct mw_download_ask ask;
    bool busy;
    mw_status status; /* of the answer: MW_OK with `rows` */
    struct mw_error err;
    struct mw_rows rows;
    int64_t sent_ms, retry_after_ms;
    bool final; /* asking again is of no use */

    uint32_t failure_count, idle_count; /* in a row: without a good answer, without a proof */
    uint32_t anchor_failure_count;
    int64_t wait_ms; /* after a failure: not before, monotonic; 0 when the last was good */
};

/* download_exchange.c: sends run->ask when its turn has come, and waits for what becomes of it:
 * run->status, with run->rows or run->err. Nothing when it is to stop. */
void mw_download_exchange(struct mw_download_run *run);
/* The last answer is of no use: the next request waits. Returns whether it is worth asking
 * again. */
bool mw_download_put_off(struct mw_download_run *run);
/* The last answer was good: the next failure is the first again. */
void mw_download_settle(struct mw_download_run *run);
/* Tells how far it is. */
void mw_download_tell(struct mw_download_run *run);
bool mw_download_is_stopping(const struct mw_download_run *run);

#endif
