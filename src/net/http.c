/* http.c - libcurl's multi interface.
 *
 * A request is an easy handle in the one multi handle; connections are kept and used again. libcurl
 * checks certificate and host name. It looks for authorities in one file, so that file is the
 * caller's, and the system's authorities are added to the OpenSSL context where net/tls.c has them
 * from. That way connections that were made with different files are never taken for each other.
 *
 * Our threads have SIGPIPE blocked (mw_thread_start), so libcurl is asked to leave signals alone.
 */
#include "net/http.h"

#include <curl/curl.h>
#include <limits.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/str.h"
#include "net/client.h"
#include "net/url.h"

struct transfer {
    struct mw_http *http;
    struct transfer *next, **link; /* in http->first */
    CURL *easy;                    /* owns */
    struct curl_slist *headers;    /* owns */
    struct mw_str body;
    size_t bytes_max;
    bool over; /* the body is longer */
    int64_t sent_ms, timeout_ms;
    mw_http_done_fn done;
    void *user;
    char shown[MW_ERROR_ENDPOINT_BYTES];
    char reason[CURL_ERROR_SIZE];
};

struct mw_http {
    CURLM *multi; /* owns */
    struct transfer *first;
    uint32_t count;
};

/* A set option can only fail for lack of memory, or for a mistake here. */
#define SET(easy, option, value) MW_CHECK(curl_easy_setopt(easy, option, value) == CURLE_OK)

static CURLcode global_result;

static void global_init(void)
{
    global_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

mw_status mw_http_new(struct mw_http **out, struct mw_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    MW_CHECK(pthread_once(&once, global_init) == 0);
    CURLM *multi = global_result == CURLE_OK ? curl_multi_init() : NULL;
    if (multi == NULL)
        return mw_fail(err, MW_ELIMIT, "libcurl cannot be set up");
    struct mw_http *http = mw_alloc_zero(sizeof(*http));
    http->multi = multi;
    *out = http;
    return MW_OK;
}

static void transfer_free(struct transfer *transfer)
{
    curl_easy_cleanup(transfer->easy);
    curl_slist_free_all(transfer->headers);
    mw_str_deinit(&transfer->body);
    mw_free(transfer);
}

static void unlink_transfer(struct transfer *transfer)
{
    struct mw_http *http = transfer->http;
    MW_CHECK(curl_multi_remove_handle(http->multi, transfer->easy) == CURLM_OK);
    *transfer->link = transfer->next;
    if (transfer->next != NULL)
        transfer->next->link = transfer->link;
    http->count--;
}

void mw_http_free(struct mw_http *http)
{
    if (http == NULL)
        return;
    while (http->first != NULL) {
        struct transfer *transfer = http->first;
        unlink_transfer(transfer);
        transfer_free(transfer);
    }
    curl_multi_cleanup(http->multi);
    mw_free(http);
}

static size_t on_body(char *bytes, size_t size, size_t count, void *user)
{
    struct transfer *transfer = user;
    size_t length = size * count;
    if (length > transfer->bytes_max - transfer->body.length) {
        transfer->over = true;
        return length + 1; /* whatever is not `length` ends the transfer, also where that is 0 */
    }
    MW_CHECK(mw_str_add(&transfer->body, bytes, length));
    return length;
}

/* Without the system's authorities the handshake fails, so that need not be looked at here. */
static CURLcode trust_system(CURL *easy, void *context, void *user)
{
    (void)easy;
    (void)user;
    SSL_CTX_set_default_verify_paths(context);
    return CURLE_OK;
}

static void set_tls(CURL *easy, const char *ca_file)
{
    SET(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    SET(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    SET(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(easy, CURLOPT_CAINFO, ca_file);
    SET(easy, CURLOPT_CAPATH, NULL);
    SET(easy, CURLOPT_SSL_CTX_FUNCTION, trust_system);
}

/* The same proxy as for WebSockets; https_proxy and its like only where that is not set. */
static void set_proxy(CURL *easy, const struct mw_url *url)
{
    const char *proxy = getenv("http_proxy");
    if (mw_url_is_loopback(url))
        SET(easy, CURLOPT_PROXY, ""); /* none, whatever the environment says */
    else if (proxy != NULL && proxy[0] != '\0')
        SET(easy, CURLOPT_PROXY, proxy);
}

static void set_limits(CURL *easy, const struct mw_http_request *request)
{
    long timeout_ms = request->timeout_ms < INT_MAX ? (long)request->timeout_ms : INT_MAX;
    SET(easy, CURLOPT_TIMEOUT_MS, timeout_ms > 0 ? timeout_ms : 1L);
    SET(easy, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms > 0 ? timeout_ms : 1L);
    SET(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)request->bytes_max);
    SET(easy, CURLOPT_NOSIGNAL, 1L);
    SET(easy, CURLOPT_FOLLOWLOCATION, 0L);
    SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
#if LIBCURL_VERSION_NUM >= 0x075500
    SET(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    SET(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
    SET(easy, CURLOPT_QUICK_EXIT, 1L); /* or dropping a request waits for its getaddrinfo */
#endif
}

static void set_body(struct transfer *transfer, const char *body)
{
    transfer->headers = curl_slist_append(NULL, "Content-Type: application/json");
    MW_CHECK(transfer->headers != NULL);
    SET(transfer->easy, CURLOPT_HTTPHEADER, transfer->headers);
    SET(transfer->easy, CURLOPT_COPYPOSTFIELDS, body);
}

static struct transfer *transfer_new(const struct mw_http_request *request,
                                     const struct mw_url *url)
{
    struct transfer *transfer = mw_alloc_zero(sizeof(*transfer));
    transfer->easy = curl_easy_init();
    MW_CHECK(transfer->easy != NULL);
    transfer->bytes_max = request->bytes_max;
    transfer->body.length_max = request->bytes_max + MW_MESSAGE_PADDING;
    transfer->timeout_ms = request->timeout_ms;
    mw_url_format_public(url, transfer->shown, sizeof(transfer->shown));
    CURL *easy = transfer->easy;
    SET(easy, CURLOPT_URL, request->url);
    SET(easy, CURLOPT_USERAGENT, "moonwick/" MW_VERSION);
    SET(easy, CURLOPT_PRIVATE, transfer);
    SET(easy, CURLOPT_ERRORBUFFER, transfer->reason);
    SET(easy, CURLOPT_WRITEFUNCTION, on_body);
    SET(easy, CURLOPT_WRITEDATA, transfer);
    set_limits(easy, request);
    set_proxy(easy, url);
    set_tls(easy, request->ca_file);
    if (request->body != NULL)
        set_body(transfer, request->body);
    return transfer;
}

mw_status mw_http_start(struct mw_http *http, const struct mw_http_request *request,
                        mw_http_done_fn done, void *user, struct mw_error *err)
{
    struct mw_url url;
    mw_status status = mw_url_parse(request->url, &url, err);
    if (status != MW_OK)
        return status;
    if (url.websocket)
        return mw_fail(err, MW_EPARSE, "URL '%.*s': want http:// or https:// in front",
                       (int)strcspn(request->url, "?"), request->url);
    if (http->count >= MW_HTTP_REQUESTS_MAX)
        return mw_fail(err, MW_ELIMIT, "more than %d HTTP requests at once", MW_HTTP_REQUESTS_MAX);
    struct transfer *transfer = transfer_new(request, &url);
    transfer->http = http;
    transfer->done = done;
    transfer->user = user;
    transfer->sent_ms = mw_clock_wall_ms();
    transfer->next = http->first;
    transfer->link = &http->first;
    if (http->first != NULL)
        http->first->link = &transfer->next;
    http->first = transfer;
    http->count++;
    MW_CHECK(curl_multi_add_handle(http->multi, transfer->easy) == CURLM_OK);
    return MW_OK;
}

uint32_t mw_http_count(const struct mw_http *http)
{
    return http->count;
}

static mw_status status_of(CURLcode result)
{
    switch (result) {
    case CURLE_OPERATION_TIMEDOUT:
        return MW_ETIMEOUT;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return MW_ERESOLVE;
    case CURLE_COULDNT_CONNECT:
        return MW_ECONNECT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
        return MW_ETLS;
    case CURLE_FILESIZE_EXCEEDED:
        return MW_ELIMIT;
    case CURLE_UNSUPPORTED_PROTOCOL: /* an answer without a status line counts as HTTP/0.9 */
    case CURLE_WEIRD_SERVER_REPLY:
        return MW_EPROTOCOL;
    default:
        return MW_ECLOSED;
    }
}

static void explain(const struct transfer *transfer, CURLcode result, struct mw_error *err)
{
    const char *reason =
        transfer->reason[0] != '\0' ? transfer->reason : curl_easy_strerror(result);
    mw_status status = transfer->over ? MW_ELIMIT : status_of(result);
    if (status == MW_ELIMIT)
        mw_fail(err, status, "%s: the answer is longer than %zu bytes", transfer->shown,
                transfer->bytes_max);
    else if (status == MW_ETIMEOUT)
        mw_fail(err, status, "%s: no answer within %lld ms", transfer->shown,
                (long long)transfer->timeout_ms);
    else
        mw_fail(err, status, "%s: %s", transfer->shown, reason);
    memcpy(err->endpoint, transfer->shown, sizeof(err->endpoint));
}

static void finish(struct transfer *transfer, CURLcode result)
{
    static const char zeros[MW_MESSAGE_PADDING];
    struct mw_error err = {.status = MW_OK};
    struct mw_http_answer answer = {.sent_ms = transfer->sent_ms, .length = transfer->body.length};
    long code = 0;
    curl_off_t retry_after_s = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &code);
    curl_easy_getinfo(transfer->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
    if (retry_after_s > MW_HTTP_RETRY_AFTER_S_MAX)
        retry_after_s = MW_HTTP_RETRY_AFTER_S_MAX;
    answer.code = (int)code;
    answer.retry_after_ms = retry_after_s > 0 ? retry_after_s * MW_MS_PER_SECOND : 0;
    MW_CHECK(mw_str_add(&transfer->body, zeros, sizeof(zeros)));
    answer.body = transfer->body.data;
    if (result != CURLE_OK) {
        explain(transfer, result, &err);
        answer.err = &err;
    }
    unlink_transfer(transfer);
    transfer->done(transfer->user, &answer);
    transfer_free(transfer);
}

/* Returns whether there was anything. */
static bool finish_all(struct mw_http *http)
{
    bool any = false;
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(http->multi, &left)) != NULL;) {
        char *transfer = NULL;
        CURLcode result = message->data.result; /* it is gone with the handle */
        MW_CHECK(curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer) == CURLE_OK);
        finish((struct transfer *)(void *)transfer, result);
        any = true;
    }
    return any;
}

void mw_http_service(struct mw_http *http, int64_t timeout_ms)
{
    int running;
    MW_CHECK(curl_multi_perform(http->multi, &running) == CURLM_OK);
    if (finish_all(http))
        return;
    int wait_ms = timeout_ms < 0 || timeout_ms > INT_MAX ? INT_MAX : (int)timeout_ms;
    MW_CHECK(curl_multi_poll(http->multi, NULL, 0, wait_ms, NULL) == CURLM_OK);
    MW_CHECK(curl_multi_perform(http->multi, &running) == CURLM_OK);
    finish_all(http);
}

void mw_http_wake(struct mw_http *http)
{
    curl_multi_wakeup(http->multi);
}
