/* tls.c - OpenSSL. */
#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "net/resolve.h"
#include "net/url.h"

struct mw_tls {
    SSL_CTX *context; /* owns */
    void (*on_verified)(void *user);
    void *user;
    char host[MW_HOST_BYTES_MAX + 1];
    char reason[256];
    bool names_set;      /* the current TLS object knows whom to expect */
    bool trusts_systems; /* the system's certificates are loaded */
};

static void set_reason(struct mw_tls *tls, const char *reason)
{
    if (tls->reason[0] == '\0' && reason != NULL) /* the first one is the cause */
        snprintf(tls->reason, sizeof(tls->reason), "%s", reason);
}

static int verify(int good, X509_STORE_CTX *store)
{
    if (good)
        return 1;
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct mw_tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    int error = X509_STORE_CTX_get_error(store);
    if (error == X509_V_ERR_HOSTNAME_MISMATCH || error == X509_V_ERR_IP_ADDRESS_MISMATCH) {
        char text[sizeof(tls->reason)];
        snprintf(text, sizeof(text), "host name mismatch: the certificate is not for %.100s",
                 tls->host);
        set_reason(tls, text);
    } else {
        set_reason(tls, X509_verify_cert_error_string(error));
    }
    return 0;
}

static bool set_names(struct mw_tls *tls, SSL *ssl)
{
    bool address = mw_is_address(tls->host);
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    SSL_set_verify(ssl, SSL_VERIFY_PEER, verify);
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (address)
        return X509_VERIFY_PARAM_set1_host(param, NULL, 0) == 1 &&
               X509_VERIFY_PARAM_set1_ip_asc(param, tls->host) == 1 &&
               SSL_set_tlsext_host_name(ssl, NULL) == 1; /* RFC 6066: no addresses there */
    return X509_VERIFY_PARAM_set1_ip(param, NULL, 0) == 1 &&
           X509_VERIFY_PARAM_set1_host(param, tls->host, 0) == 1 &&
           SSL_set_tlsext_host_name(ssl, tls->host) == 1;
}

static void watch_handshake(const SSL *borrowed, int where, int result)
{
    union {
        const SSL *borrowed;
        SSL *ssl;
    } same = {borrowed}; /* this is the one place to set names before the first byte goes out */
    SSL *ssl = same.ssl;
    struct mw_tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    if (where & SSL_CB_HANDSHAKE_START) {
        tls->names_set = set_names(tls, ssl);
    } else if (where & SSL_CB_HANDSHAKE_DONE) {
        if (tls->names_set && SSL_get_verify_mode(ssl) == SSL_VERIFY_PEER &&
            SSL_get_verify_result(ssl) == X509_V_OK)
            tls->on_verified(tls->user);
        else
            set_reason(tls, "the certificate was not checked");
    } else if (where & SSL_CB_ALERT && where & SSL_CB_READ && result >> 8 == SSL3_AL_FATAL) {
        set_reason(tls, SSL_alert_desc_string_long(result));
    } else if (where & SSL_CB_EXIT && result <= 0) {
        set_reason(tls, ERR_reason_error_string(ERR_peek_error()));
    }
}

static mw_status trust_file(SSL_CTX *context, const char *ca_file, struct mw_error *err)
{
    ERR_clear_error();
    if (SSL_CTX_load_verify_file(context, ca_file) == 1)
        return MW_OK;
    const char *why = ERR_reason_error_string(ERR_peek_last_error());
    mw_status status = mw_fail(err, MW_ETLS, "CA file '%s': want a PEM file with certificates: %s",
                               ca_file, why != NULL ? why : "cannot be read");
    ERR_clear_error();
    return status;
}

mw_status mw_tls_new(const char *ca_file, void (*on_verified)(void *user), void *user,
                     struct mw_tls **out, struct mw_error *err)
{
    struct mw_tls *tls = mw_alloc_zero(sizeof(*tls));
    tls->on_verified = on_verified;
    tls->user = user;
    mw_status status = MW_OK;
    tls->context = SSL_CTX_new(TLS_client_method());
    if (tls->context == NULL || SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION) != 1)
        status = mw_fail(err, MW_ETLS, "OpenSSL cannot make a context");
    else if (ca_file != NULL)
        status = trust_file(tls->context, ca_file, err);
    if (status != MW_OK) {
        mw_tls_free(tls);
        return status;
    }
    SSL_CTX_set_app_data(tls->context, tls);
    SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, verify);
    SSL_CTX_set_mode(tls->context, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(tls->context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_info_callback(tls->context, watch_handshake);
    *out = tls;
    return MW_OK;
}

void mw_tls_free(struct mw_tls *tls)
{
    if (tls == NULL)
        return;
    SSL_CTX_free(tls->context);
    mw_free(tls);
}

SSL_CTX *mw_tls_context(struct mw_tls *tls)
{
    return tls->context;
}

void mw_tls_begin(struct mw_tls *tls, const char *host)
{
    snprintf(tls->host, sizeof(tls->host), "%s", host);
    tls->reason[0] = '\0';
    tls->names_set = false;
    if (!tls->trusts_systems) /* where that fails, the handshake does */
        tls->trusts_systems = SSL_CTX_set_default_verify_paths(tls->context) == 1;
}

const char *mw_tls_reason(const struct mw_tls *tls)
{
    return tls->reason;
}
