/* history_server.c - one request a connection. */
#include "history_server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"

#include "protocol_file.h"

enum { WAIT_S = 20, ROW_BYTES_MAX = 80, MINUTE_MS = 60000 };

int64_t mw_history_open_ms(int minute)
{
    return MW_HISTORY_EPOCH_MS + (int64_t)minute * MINUTE_MS;
}

struct mw_candle mw_history_bar(int minute)
{
    double open = 100 + (minute % 50 + 50) % 50;
    return (struct mw_candle){.open_ms = mw_history_open_ms(minute),
                              .open = open,
                              .high = open + 2,
                              .low = open - 1,
                              .close = open + 1,
                              .volume = 1 + (minute % 7 + 7) % 7,
                              .turnover = 1000,
                              .trades = 3,
                              .state = MW_CANDLE_CLOSED,
                              .closed_by = MW_CLOSED_BY_EXCHANGE};
}

static size_t write_row(char *text, size_t size, int minute, bool first)
{
    struct mw_candle bar = mw_history_bar(minute);
    return (size_t)snprintf(text, size, "%s[%lld,%.0f,%.0f,%.0f,\"%.0f\",%.0f,%.0f,%u]",
                            first ? "" : ",", (long long)bar.open_ms, bar.open, bar.high, bar.low,
                            bar.close, bar.volume, bar.turnover, bar.trades);
}

static size_t write_rows(char *text, size_t size, const int *minutes, int count)
{
    size_t used = (size_t)snprintf(text, size, "[");
    for (int i = 0; i < count; i++)
        used += write_row(text + used, size - used, minutes[i], i == 0);
    return used + (size_t)snprintf(text + used, size - used, "]");
}

size_t mw_history_write(char *text, size_t size, int first, int last, const bool *quiet)
{
    int minutes[MW_HISTORY_MINUTES_MAX], count = 0;
    for (int minute = first; minute <= last; minute++)
        if (quiet == NULL || !quiet[minute])
            minutes[count++] = minute;
    return write_rows(text, size, minutes, count);
}

static int minute_of(const char *request, const char *name, int otherwise)
{
    const char *at = strstr(request, name);
    return at == NULL
               ? otherwise
               : (int)((strtoll(at + strlen(name), NULL, 10) - MW_HISTORY_EPOCH_MS) / MINUTE_MS);
}

/* Both bounds: oldest first from the first, as Binance has it; else the newest ones. */
static int select_minutes(const struct mw_history_server *server, const char *request, int *minutes)
{
    int from = minute_of(request, "from=", server->first);
    int to = minute_of(request, "to=", server->last);
    int room = (int)strtol(strstr(request, "count=") + 6, NULL, 10), count = 0;
    room = server->gives > 0 && server->gives < room ? server->gives : room;
    from = from < server->first ? server->first : from;
    to = to > server->last ? server->last : to;
    for (int minute = from; minute <= to; minute++)
        if (!server->quiet[minute] &&
            !(server->mode == MW_HISTORY_WITHOUT && minute == server->without))
            minutes[count++] = minute;
    int dropped = count > room ? count - room : 0;
    if (strstr(request, "from=") == NULL)
        memmove(minutes, minutes + dropped, (size_t)(count - dropped) * sizeof(*minutes));
    count -= dropped;
    for (int i = 0; server->mode == MW_HISTORY_BACKWARDS && i < count / 2; i++) {
        int other = minutes[count - 1 - i];
        minutes[count - 1 - i] = minutes[i];
        minutes[i] = other;
    }
    return count;
}

static void note(struct mw_history_server *server, const char *request)
{
    int at = server->request_count++ % MW_HISTORY_REQUESTS_MAX;
    server->request_ms[at] = mw_clock_monotonic_ms();
    char from[16] = "", to[16] = "";
    if (strstr(request, "from=") != NULL)
        snprintf(from, sizeof(from), "%d", minute_of(request, "from=", 0));
    if (strstr(request, "to=") != NULL)
        snprintf(to, sizeof(to), "%d", minute_of(request, "to=", 0));
    snprintf(server->requests[at], sizeof(server->requests[at]), "%s..%s %ld", from, to,
             strtol(strstr(request, "count=") + 6, NULL, 10));
    pthread_cond_broadcast(&server->changed);
}

/* Returns the mode of this answer, with `answer` filled. */
static int answer_locked(struct mw_history_server *server, const char *request, char *answer,
                         size_t size)
{
    static int minutes[MW_HISTORY_MINUTES_MAX];
    static char body[MW_HISTORY_MINUTES_MAX * ROW_BYTES_MAX];
    int mode = server->mode, code = 200, retry_after_s = 0;
    size_t length = 0;
    if (mode == MW_HISTORY_STATUS) {
        code = server->code;
        retry_after_s = server->retry_after_s;
    }
    if (mode == MW_HISTORY_BODY || (mode == MW_HISTORY_STATUS && server->body != NULL))
        length = (size_t)snprintf(body, sizeof(body), "%s", server->body);
    else if (mode != MW_HISTORY_STATUS)
        length = write_rows(body, sizeof(body), minutes, select_minutes(server, request, minutes));
    body[length] = '\0';
    if (server->mode_count > 0 && --server->mode_count == 0)
        server->mode = MW_HISTORY_GOOD;
    int used =
        snprintf(answer, size, "HTTP/1.1 %d So\r\nConnection: close\r\nContent-Length: %zu\r\n",
                 code, length);
    if (retry_after_s > 0)
        used += snprintf(answer + used, size - (size_t)used, "Retry-After: %d\r\n", retry_after_s);
    if (mode == MW_HISTORY_CUT)
        body[length / 2] = '\0';
    snprintf(answer + used, size - (size_t)used, "\r\n%s", body);
    return mode;
}

static void serve(struct mw_raw_peer *peer, void *user)
{
    struct mw_history_server *server = user;
    static char request[4096], answer[(MW_HISTORY_MINUTES_MAX + 8) * ROW_BYTES_MAX];
    if (!mw_raw_read_request(peer, request, sizeof(request)))
        return;
    *strstr(request, " HTTP/1.1") = '\0';
    pthread_mutex_lock(&server->lock);
    note(server, request);
    int mode = answer_locked(server, request, answer, sizeof(answer));
    pthread_mutex_unlock(&server->lock);
    if (mode == MW_HISTORY_SILENT)
        mw_raw_wait_end(peer);
    else
        mw_raw_write(peer, answer, strlen(answer));
}

void mw_history_server_start(struct mw_history_server *server, int last)
{
    memset(server, 0, sizeof(*server));
    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->changed, NULL);
    server->last = last;
    server->server =
        mw_raw_server_start(&(struct mw_raw_server_options){.serve = serve, .user = server});
    snprintf(server->base, sizeof(server->base), "http://127.0.0.1:%u",
             mw_raw_server_port(server->server));
}

void mw_history_server_stop(struct mw_history_server *server)
{
    mw_raw_server_stop(server->server);
    pthread_cond_destroy(&server->changed);
    pthread_mutex_destroy(&server->lock);
}

void mw_history_server_set(struct mw_history_server *server, int mode, int count)
{
    pthread_mutex_lock(&server->lock);
    server->mode = mode;
    server->mode_count = count;
    pthread_mutex_unlock(&server->lock);
}

void mw_history_server_set_last(struct mw_history_server *server, int last)
{
    pthread_mutex_lock(&server->lock);
    server->last = last;
    pthread_mutex_unlock(&server->lock);
}

int mw_history_server_count(struct mw_history_server *server)
{
    pthread_mutex_lock(&server->lock);
    int count = server->request_count;
    pthread_mutex_unlock(&server->lock);
    return count;
}

void mw_history_server_wait(struct mw_history_server *server, int count)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_S;
    pthread_mutex_lock(&server->lock);
    while (server->request_count < count)
        MW_CHECK(pthread_cond_timedwait(&server->changed, &server->lock, &until) != ETIMEDOUT);
    pthread_mutex_unlock(&server->lock);
}

struct mw_protocol *mw_history_protocol(int row_count_max, int requests_per_second)
{
    char change[1024];
    snprintf(change, sizeof(change),
             "p.history = { count = %d, requests_per_second = %d, rows = '',"
             " request = function(series, from_ms, to_ms, count)"
             "  return '/h?symbol=' .. series.symbol .. '&count=' .. count"
             "   .. (from_ms and '&from=' .. from_ms or '') .. (to_ms and '&to=' .. to_ms or '')"
             " end,"
             " open_time = 1, open = 2, high = 3, low = 4, close = 5, volume = 6, turnover = 7,"
             " trades = 8, error = { { when = { msg = ANY }, message = 'msg', code = 'code' } } }",
             row_count_max, requests_per_second);
    return mw_protocol_file_get(change);
}
