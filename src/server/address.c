/* address.c - names to numbers, and a bind to see whether it works. */
#include "server/address.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"

/* As strerror(EADDRINUSE) and the like, but in the lower case of the rest of a message. */
static const char *reason_of(int error)
{
    switch (error) {
    case EADDRINUSE:
        return "address already in use";
    case EADDRNOTAVAIL:
        return "not an address of this machine";
    case EACCES:
        return "permission denied";
    default:
        return strerror(error);
    }
}

/* Returns 0, or the errno of what failed. */
static int try_listening(const struct addrinfo *found)
{
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    int one = 1, error = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, 1) != 0)
        error = errno;
    close(fd);
    return error;
}

/* A wildcard address is reached by way of loopback. */
static void name_peer(struct mw_address *address)
{
    const char *host = address->text;
    if (strcmp(host, "0.0.0.0") == 0)
        host = "127.0.0.1";
    else if (strcmp(host, "::") == 0)
        host = "::1";
    snprintf(address->peer, sizeof(address->peer), address->ipv6 ? "[%s]" : "%s", host);
}

mw_status mw_address_check(const char *host, uint16_t port, struct mw_address *address,
                           struct mw_error *err)
{
    char service[8];
    snprintf(service, sizeof(service), "%u", port);
    const struct addrinfo wanted = {.ai_family = AF_UNSPEC,
                                    .ai_socktype = SOCK_STREAM,
                                    .ai_flags = AI_NUMERICSERV | AI_PASSIVE};
    /* "localhost" is ::1 first on many machines; the URL that we tell says 127.0.0.1. */
    const char *name = strcasecmp(host, "localhost") == 0 ? "127.0.0.1" : host;
    struct addrinfo *found = NULL;
    int failed = getaddrinfo(name, service, &wanted, &found);
    if (failed != 0)
        return mw_fail(err, MW_ECONNECT, "cannot listen on %.200s port %u: %s", host, port,
                       gai_strerror(failed));
    int error = try_listening(found);
    struct mw_address result = {.ipv6 = found->ai_family == AF_INET6};
    failed = getnameinfo(found->ai_addr, found->ai_addrlen, result.text, sizeof(result.text), NULL,
                         0, NI_NUMERICHOST);
    freeaddrinfo(found);
    if (error != 0 || failed != 0)
        return mw_fail(err, MW_ECONNECT, "cannot listen on %.200s port %u: %s", host, port,
                       error != 0 ? reason_of(error) : gai_strerror(failed));
    name_peer(&result);
    *address = result;
    return MW_OK;
}
