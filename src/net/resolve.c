/* resolve.c - getaddrinfo in detached threads. */
#include "net/resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/check.h"

struct mw_resolve {
    char *host; /* owns; immutable */
    pthread_mutex_t lock;
    /* guarded by lock: */
    int owners;               /* the thread and whoever asked; the last one frees */
    void (*wake)(void *user); /* NULL once nobody waits */
    void *user;
    bool done;
    int failure; /* of getaddrinfo */
    struct mw_addresses addresses;
};

/* Lets go of one share; called with the lock held. */
static void release(struct mw_resolve *resolve)
{
    int owners = --resolve->owners;
    pthread_mutex_unlock(&resolve->lock);
    if (owners > 0)
        return;
    pthread_mutex_destroy(&resolve->lock);
    mw_free(resolve->host);
    mw_free(resolve);
}

/* Whether the last label of `host` is `label`; a dot at the end does not count. */
static bool ends_in(const char *host, const char *label)
{
    size_t length = strlen(host), label_length = strlen(label);
    if (length > 0 && host[length - 1] == '.')
        length--;
    return length >= label_length &&
           strncasecmp(host + length - label_length, label, label_length) == 0 &&
           (length == label_length || host[length - label_length - 1] == '.');
}

static int look_up(const char *host, struct mw_addresses *addresses)
{
    if (ends_in(host, "invalid"))
        return EAI_NONAME;
    if (ends_in(host, "localhost")) {
        *addresses = (struct mw_addresses){.count = 2, .text = {"127.0.0.1", "::1"}};
        return 0;
    }
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    int failure = getaddrinfo(host, NULL, &hints, &list);
    if (failure != 0)
        return failure;
    for (struct addrinfo *at = list; at != NULL && addresses->count < MW_ADDRESSES_MAX;
         at = at->ai_next) {
        if (getnameinfo(at->ai_addr, at->ai_addrlen, addresses->text[addresses->count],
                        MW_ADDRESS_TEXT_BYTES, NULL, 0, NI_NUMERICHOST) == 0)
            addresses->count++;
    }
    freeaddrinfo(list);
    return addresses->count > 0 ? 0 : EAI_NONAME;
}

static void *lookup_main(void *argument)
{
    struct mw_resolve *resolve = argument;
    pthread_setname_np(pthread_self(), "resolve");
    struct mw_addresses addresses = {0};
    int failure = look_up(resolve->host, &addresses);

    pthread_mutex_lock(&resolve->lock);
    resolve->addresses = addresses;
    resolve->failure = failure;
    resolve->done = true;
    if (resolve->wake != NULL)
        resolve->wake(resolve->user); /* under the lock, so that `user` outlives the call */
    release(resolve);
    return NULL;
}

bool mw_is_address(const char *host)
{
    struct in_addr four;
    struct in6_addr six;
    return inet_pton(AF_INET, host, &four) == 1 || inet_pton(AF_INET6, host, &six) == 1;
}

mw_status mw_resolve_start(const char *host, void (*wake)(void *user), void *user,
                           struct mw_resolve **out, struct mw_error *err)
{
    struct mw_resolve *resolve = mw_alloc_zero(sizeof(*resolve));
    resolve->host = mw_strdup(host);
    pthread_mutex_init(&resolve->lock, NULL);
    resolve->owners = 2;
    resolve->wake = wake;
    resolve->user = user;

    pthread_attr_t detached;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    sigset_t all, before;
    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t handle;
    int failed = pthread_create(&handle, &detached, lookup_main, resolve);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&detached);
    if (failed != 0) {
        pthread_mutex_lock(&resolve->lock);
        resolve->owners = 1;
        release(resolve);
        return mw_fail(err, MW_ELIMIT, "cannot start a thread to look up '%s': %s", host,
                       strerror(failed));
    }
    *out = resolve;
    return MW_OK;
}

void mw_resolve_free(struct mw_resolve *resolve)
{
    if (resolve == NULL)
        return;
    pthread_mutex_lock(&resolve->lock);
    resolve->wake = NULL;
    release(resolve);
}

bool mw_resolve_try_done(struct mw_resolve *resolve)
{
    pthread_mutex_lock(&resolve->lock);
    bool done = resolve->done;
    pthread_mutex_unlock(&resolve->lock);
    return done;
}

mw_status mw_resolve_get(struct mw_resolve *resolve, struct mw_addresses *addresses,
                         struct mw_error *err)
{
    pthread_mutex_lock(&resolve->lock);
    MW_CHECK(resolve->done);
    int failure = resolve->failure;
    if (failure == 0)
        *addresses = resolve->addresses;
    pthread_mutex_unlock(&resolve->lock);
    if (failure != 0)
        return mw_fail(err, MW_ERESOLVE, "host name '%s' cannot be resolved: %s", resolve->host,
                       gai_strerror(failure));
    return MW_OK;
}
