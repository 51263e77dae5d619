/* url.c - reading and writing of URLs.
 *
 * Messages never show what comes after a '?' or before an '@': tokens and passwords live there.
 */
#include "net/url.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"

enum { LABEL_BYTES_MAX = 63 }; /* RFC 1035, section 2.3.4 */

static const struct {
    const char *name;
    bool tls, websocket;
    uint16_t port;
} schemes[] = {
    {"ws", false, true, 80},
    {"wss", true, true, 443},
    {"http", false, false, 80},
    {"https", true, false, 443},
};

/* A stretch of the text that is being read; not terminated. */
struct span {
    const char *at;
    size_t length;
};

static mw_status refuse(struct mw_error *err, const char *text, const char *why)
{
    int shown = memchr(text, '@', strcspn(text, "?")) != NULL ? 0 : (int)strcspn(text, "?");
    return mw_fail(err, MW_EPARSE, "URL '%.*s': %s", shown > 200 ? 200 : shown, text, why);
}

static const char *read_scheme(struct span scheme, struct mw_url *url)
{
    for (size_t i = 0; i < MW_COUNT(schemes); i++) {
        if (scheme.length != strlen(schemes[i].name) ||
            strncasecmp(scheme.at, schemes[i].name, scheme.length) != 0)
            continue;
        url->tls = schemes[i].tls;
        url->websocket = schemes[i].websocket;
        url->port = schemes[i].port;
        return NULL;
    }
    return "want ws://, wss://, http:// or https:// in front";
}

static const char *read_port(struct span port, struct mw_url *url)
{
    uint32_t value = 0;
    for (size_t i = 0; i < port.length; i++) {
        if (port.at[i] < '0' || port.at[i] > '9' || i >= 5)
            return "want a port of 1 to 65535";
        value = value * 10 + (uint32_t)(port.at[i] - '0');
    }
    if (value < 1 || value > UINT16_MAX)
        return "want a port of 1 to 65535";
    url->port = (uint16_t)value;
    return NULL;
}

static bool is_name_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

static const char *read_name(struct span host, struct mw_url *url)
{
    if (host.length > 1 && host.at[host.length - 1] == '.')
        host.length--; /* "example.com." is the same name, and no certificate has the dot */
    if (host.length == 0)
        return "want a host";
    if (host.length > MW_HOST_BYTES_MAX)
        return "host name longer than 253 bytes";
    size_t label = 0;
    for (size_t i = 0; i < host.length; i++) {
        if (host.at[i] == '.') {
            if (label == 0)
                return "host name with an empty part";
            label = 0;
        } else if (!is_name_character(host.at[i])) {
            return "host name may have letters, digits, '-', '_' and '.'";
        } else if (++label > LABEL_BYTES_MAX) {
            return "part of the host name longer than 63 bytes";
        }
    }
    if (label == 0)
        return "host name with an empty part";
    memcpy(url->host, host.at, host.length);
    url->host[host.length] = '\0';
    return NULL;
}

static const char *read_authority(struct span authority, struct mw_url *url)
{
    if (memchr(authority.at, '@', authority.length) != NULL)
        return "user and password are not taken";
    struct span host = authority, port = {NULL, 0};
    const char *end = authority.at + authority.length;
    if (authority.length > 0 && authority.at[0] == '[') {
        const char *bracket = memchr(authority.at, ']', authority.length);
        if (bracket == NULL)
            return "want ']' after an IPv6 address";
        struct in6_addr address;
        size_t length = (size_t)(bracket - authority.at) - 1;
        if (length >= INET6_ADDRSTRLEN)
            return "want an IPv6 address between '[' and ']'";
        memcpy(url->host, authority.at + 1, length);
        url->host[length] = '\0';
        if (inet_pton(AF_INET6, url->host, &address) != 1)
            return "want an IPv6 address between '[' and ']'";
        if (bracket + 1 == end)
            return NULL;
        if (bracket[1] != ':')
            return "want ':' and a port after ']'";
        port = (struct span){bracket + 2, (size_t)(end - bracket) - 2};
        return read_port(port, url);
    }
    const char *colon = memchr(authority.at, ':', authority.length);
    if (colon != NULL) {
        host.length = (size_t)(colon - authority.at);
        port = (struct span){colon + 1, (size_t)(end - colon) - 1};
    }
    const char *why = read_name(host, url);
    if (why == NULL && colon != NULL)
        why = read_port(port, url);
    return why;
}

static const char *read_url(const char *text, size_t length, struct mw_url *url)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] <= ' ' || text[i] > '~') /* char may be signed: this has all above 127 too */
            return "blanks, control characters and bytes above 127 are not taken";
    }
    const char *colon = strstr(text, "://");
    if (colon == NULL)
        return "want ws://, wss://, http:// or https:// in front";
    const char *why = read_scheme((struct span){text, (size_t)(colon - text)}, url);
    if (why != NULL)
        return why;
    const char *authority = colon + 3;
    size_t authority_length = strcspn(authority, "/?#");
    why = read_authority((struct span){authority, authority_length}, url);
    if (why != NULL)
        return why;
    const char *path = authority + authority_length;
    if (strchr(path, '#') != NULL)
        return "a fragment ('#') is not taken";
    snprintf(url->path, sizeof(url->path), "%s%s", *path == '/' ? "" : "/", path);
    return NULL;
}

mw_status mw_url_parse(const char *text, struct mw_url *url, struct mw_error *err)
{
    size_t length = strnlen(text, MW_URL_BYTES_MAX + 1);
    if (length > MW_URL_BYTES_MAX)
        return mw_fail(err, MW_ELIMIT, "URL is longer than %d bytes", MW_URL_BYTES_MAX);
    struct mw_url read = {0};
    const char *why = read_url(text, length, &read);
    if (why != NULL)
        return refuse(err, text, why);
    *url = read;
    return MW_OK;
}

char *mw_url_format_public(const struct mw_url *url, char *text, size_t size)
{
    const char *scheme = url->websocket ? (url->tls ? "wss" : "ws") : (url->tls ? "https" : "http");
    bool brackets = strchr(url->host, ':') != NULL;
    snprintf(text, size, "%s://%s%s%s:%u%.*s", scheme, brackets ? "[" : "", url->host,
             brackets ? "]" : "", url->port, (int)strcspn(url->path, "?"), url->path);
    return text;
}

bool mw_url_is_loopback(const struct mw_url *url)
{
    struct in_addr four;
    struct in6_addr six;
    if (inet_pton(AF_INET, url->host, &four) == 1)
        return ntohl(four.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, url->host, &six) == 1)
        return memcmp(&six, &in6addr_loopback, sizeof(six)) == 0;
    return strcasecmp(url->host, "localhost") == 0;
}
