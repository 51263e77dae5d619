/* simulator.c - options checked, the parts of a simulator put together and taken apart.
 *
 * Where simulated time starts unless told: at speed 1 or less now; faster than real time, and at
 * the speed of sockets, 30 days ago at midnight; a replay at its first row.
 */
#include "server/simulator.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "server/address.h"
#include "server/certificate.h"
#include "server/listener.h"
#include "server/saboteur.h"
#include "server/stage.h"
#include "server/venue.h"

enum { URL_BYTES = 128 };

struct mw_simulator {
    const struct mw_venue *venue;
    struct mw_address address;
    struct mw_stage stage;
    struct mw_certificate certificate; /* empty without TLS, and with files */
    struct mw_saboteur *saboteur;      /* owns; NULL when nothing goes wrong on purpose */
    struct mw_listener *listener;      /* owns; borrows all of the above */
    char url[URL_BYTES];
};

static mw_status prepare_tls(struct mw_simulator *simulator,
                             const struct mw_simulator_options *options, struct mw_error *err)
{
    if ((options->certificate_file == NULL) != (options->key_file == NULL))
        return mw_fail(err, MW_EINVAL, "certificate file and key file: want both or neither");
    if (!options->tls && options->certificate_file != NULL)
        return mw_fail(err, MW_EINVAL, "certificate file: of no use without TLS");
    if (!options->tls)
        return MW_OK;
    if (options->certificate_file != NULL)
        return mw_certificate_check(options->certificate_file, options->key_file, err);
    return mw_certificate_make(&simulator->certificate, err);
}

static mw_status listen_on(struct mw_simulator *simulator,
                           const struct mw_simulator_options *options, struct mw_error *err)
{
    const struct mw_listener_options listener = {
        .stage = &simulator->stage,
        .venue = simulator->venue,
        .saboteur = simulator->saboteur,
        .address = &simulator->address,
        .port = options->port,
        .tls = options->tls,
        .certificate_file = options->certificate_file,
        .key_file = options->key_file,
        .certificate_text = simulator->certificate.certificate,
        .key_text = simulator->certificate.key,
    };
    mw_status status = mw_listener_start(&listener, &simulator->listener, err);
    if (status == MW_OK)
        snprintf(simulator->url, sizeof(simulator->url), "%s://%s:%u%s",
                 options->tls ? "wss" : "ws", simulator->address.peer,
                 mw_listener_port(simulator->listener), simulator->venue->paths[0]);
    return status;
}

mw_status mw_simulator_start(const struct mw_simulator_options *options, struct mw_simulator **out,
                             struct mw_error *err)
{
    MW_CHECK(options->protocol != NULL);
    const char *host = options->host != NULL ? options->host : "127.0.0.1";
    struct mw_simulator *simulator = mw_alloc_zero(sizeof(*simulator));
    if (options->faults != NULL)
        simulator->saboteur = mw_saboteur_new(options->faults, options->on_fault, options->user);
    mw_status status = mw_venue_find(options->protocol, &simulator->venue, err);
    if (status == MW_OK)
        status = mw_stage_init(&simulator->stage, options, err);
    if (status == MW_OK)
        status = prepare_tls(simulator, options, err);
    if (status == MW_OK)
        status = mw_address_check(host, options->port, &simulator->address, err);
    if (status == MW_OK)
        status = listen_on(simulator, options, err);
    if (status != MW_OK) {
        mw_simulator_stop(simulator);
        return status;
    }
    *out = simulator;
    return MW_OK;
}

void mw_simulator_stop(struct mw_simulator *simulator)
{
    if (simulator == NULL)
        return;
    mw_listener_stop(simulator->listener);
    mw_saboteur_free(simulator->saboteur);
    mw_certificate_deinit(&simulator->certificate);
    mw_stage_deinit(&simulator->stage);
    mw_free(simulator);
}

uint16_t mw_simulator_port(const struct mw_simulator *simulator)
{
    return mw_listener_port(simulator->listener);
}

const char *mw_simulator_url(const struct mw_simulator *simulator)
{
    return simulator->url;
}

const char *mw_simulator_certificate(const struct mw_simulator *simulator)
{
    return simulator->certificate.certificate;
}

void mw_simulator_fault_counts(const struct mw_simulator *simulator,
                               uint64_t counts[MW_SABOTAGE_KIND_COUNT])
{
    if (simulator->saboteur != NULL)
        mw_saboteur_counts(simulator->saboteur, counts);
    else
        memset(counts, 0, MW_SABOTAGE_KIND_COUNT * sizeof(*counts));
}
