/* url_fuzz.c - a URL that is taken reads back the same from its public form, and shows no query. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "net/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct mw_url url, again;
    static char shown[MW_URL_BYTES_MAX + 32];
    char *text = mw_strndup((const char *)data, size);
    struct mw_error err = {0};
    if (mw_url_parse(text, &url, &err) == MW_OK) {
        MW_CHECK(url.host[0] != '\0' && url.path[0] == '/' && url.port != 0);
        mw_url_format_public(&url, shown, sizeof(shown));
        MW_CHECK(strchr(shown, '?') == NULL);
        if (strlen(shown) <= MW_URL_BYTES_MAX) { /* a port that was not there makes it longer */
            MW_CHECK(mw_url_parse(shown, &again, &err) == MW_OK);
            MW_CHECK(strcmp(url.host, again.host) == 0 && url.port == again.port);
            MW_CHECK(url.tls == again.tls && url.websocket == again.websocket);
        }
    } else {
        MW_CHECK(err.message[0] != '\0');
    }
    mw_free(text);
    return 0;
}
