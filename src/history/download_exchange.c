/* download_exchange.c - one request after the other, within the venue's rate and patience. */
#include <math.h>

#include "base/clock.h"
#include "history/download_parts.h"
#include "history/request.h"

enum {
    HTTP_OK = 200,
    HTTP_REFUSED_FIRST = 400, /* the request is at fault, and would be again */
    HTTP_FORBIDDEN = 403,     /* what a venue's firewall says to who asks too often */
    HTTP_TIMEOUT = 408,
    HTTP_BANNED = 418,
    HTTP_EARLY = 425,
    HTTP_BUSY = 429,
    HTTP_SERVER_FAULT = 500,
    SLICE_MS = 100, /* between two looks at whether it is to stop */
};

bool mw_download_is_stopping(const struct mw_download_run *run)
{
    return atomic_load_explicit(&run->download->stopping, memory_order_acquire);
}

void mw_download_tell(struct mw_download_run *run)
{
    if (run->tell == NULL)
        return;
    uint64_t left = mw_download_plan_ahead(&run->plan);
    int64_t wait_ms = run->wait_ms - mw_clock_monotonic_ms();
    const struct mw_download_progress progress = {
        .key = &run->span->key,
        .bucket_count = run->bucket_count,
        .bucket_done = left < run->bucket_count ? run->bucket_count - left : 0,
        .rows = run->result->rows + run->result->replaced,
        .wait_ms = run->wait_ms > 0 && wait_ms > 0 ? wait_ms : 0,
        .failure = run->failure_count > 0 ? &run->err : NULL};
    run->tell(run->user, &progress);
}

/* Serves the network until it is `until_ms`, or nothing is under way any more, or it is to stop. */
static void serve(struct mw_download_run *run, int64_t until_ms)
{
    int64_t left_ms;
    while (!mw_download_is_stopping(run) && (run->busy || until_ms > 0) &&
           (left_ms = run->busy ? SLICE_MS : until_ms - mw_clock_monotonic_ms()) > 0) {
        mw_http_service(run->download->http, left_ms < SLICE_MS ? left_ms : SLICE_MS);
        if (run->busy || left_ms > SLICE_MS)
            mw_download_tell(run);
    }
}

/* 4xx, but those that may be otherwise later. */
static bool is_refused(int code)
{
    return code >= HTTP_REFUSED_FIRST && code < HTTP_SERVER_FAULT && code != HTTP_FORBIDDEN &&
           code != HTTP_TIMEOUT && code != HTTP_BANNED && code != HTTP_EARLY && code != HTTP_BUSY;
}

static void explain(struct mw_download_run *run, const struct mw_http_answer *http)
{
    if (http->err != NULL) {
        run->err = *http->err;
    } else if (!mw_rows_explain(run->download->decoder, http->body, http->length, &run->err)) {
        mw_fail_code(&run->err, MW_EHISTORY, http->code, "the venue answers with status %d",
                     http->code);
    } else {
        mw_fail_within(&run->err, MW_EHISTORY, "status %d", http->code);
    }
    run->status = run->err.status;
    run->final = http->err == NULL && http->retry_after_ms == 0 && is_refused(http->code);
    run->retry_after_ms = http->retry_after_ms < MW_BACKFILL_BAN_MS_MAX ? http->retry_after_ms
                                                                        : MW_BACKFILL_BAN_MS_MAX;
}

static void on_answer(void *user, const struct mw_http_answer *http)
{
    struct mw_download_run *run = user;
    run->busy = false;
    run->sent_ms = http->sent_ms;
    if (http->err != NULL || http->code != HTTP_OK) {
        explain(run, http);
        return;
    }
    const struct mw_rows_answer answer = {.key = &run->span->key,
                                          .from_ms = run->ask.from_ms,
                                          .to_ms = run->ask.to_ms,
                                          .sent_ms = http->sent_ms,
                                          .body = http->body,
                                          .length = http->length};
    run->status = mw_rows_read(run->download->decoder, run->download->source.protocol, &answer,
                               &run->rows, &run->err);
}

/* Sends run->ask when its turn has come, and waits for what becomes of it. */
void mw_download_exchange(struct mw_download_run *run)
{
    struct mw_download *download = run->download;
    serve(run, download->next_ms > run->wait_ms ? download->next_ms : run->wait_ms);
    if (mw_download_is_stopping(run))
        return;
    const struct mw_download_source *source = &download->source;
    double per_second = source->protocol->history.requests_per_second;
    if (per_second > 0)
        download->next_ms = mw_clock_monotonic_ms() + (int64_t)ceil(MW_MS_PER_SECOND / per_second);
    run->final = false;
    run->retry_after_ms = 0;
    run->status = mw_history_request_start(
        download->http,
        &(struct mw_history_request){.protocol = source->protocol,
                                     .base = source->base,
                                     .market_type = source->market_type,
                                     .ca_file = source->ca_file,
                                     .key = &run->span->key,
                                     .from_ms = run->ask.from_ms,
                                     .to_ms = run->ask.to_ms,
                                     .count = run->ask.count,
                                     .timeout_ms = source->timeout_ms,
                                     .answer_bytes_max = source->answer_bytes},
        on_answer, run, &run->err);
    if (run->status != MW_OK) { /* nothing about it will be different the next time */
        run->final = true;
        return;
    }
    run->result->requests++;
    run->busy = true;
    serve(run, 0);
}

/* The last answer is of no use. Returns whether it is worth asking again, after a while. */
bool mw_download_put_off(struct mw_download_run *run)
{
    run->result->failures++;
    int64_t delay_ms = mw_backoff_next_ms(&run->download->backoff);
    if (delay_ms < run->retry_after_ms)
        delay_ms = run->retry_after_ms;
    run->wait_ms = mw_clock_monotonic_ms() + delay_ms;
    run->failure_count++;
    mw_download_tell(run);
    return !run->final && run->failure_count < run->download->source.attempts;
}

void mw_download_settle(struct mw_download_run *run)
{
    run->failure_count = 0;
    run->wait_ms = 0;
    mw_backoff_reset(&run->download->backoff);
}
