/* lws_global.h - one lock around what libwebsockets keeps for the whole process.
 *
 * Making and destroying a context or a vhost touches state that all contexts share: the set-up of
 * OpenSSL, the log level and its function. Whoever does one of these holds this lock; running a
 * context needs none. The first to take it sends the warnings and errors of libwebsockets to our
 * log.
 *
 * Threads: any thread.
 */
#ifndef MW_NET_LWS_GLOBAL_H
#define MW_NET_LWS_GLOBAL_H

void mw_lws_lock(void);
void mw_lws_unlock(void);

#endif
