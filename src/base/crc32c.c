/* crc32c.c - CRC-32C eight bytes at a time, with tables that are made on first use.
 *
 * tables[k][b] is the remainder of the byte b followed by k zero bytes. Because the remainder of a
 * sum is the sum of the remainders, eight look-ups that do not wait for each other take eight bytes
 * further: about 1.5 GB/s where one table alone makes 0.4.
 */
#include "base/crc32c.h"

#include <pthread.h>

enum { STEP = 8 };

static const uint32_t polynomial = 0x82F63B78; /* Castagnoli's, bits reversed */

static uint32_t tables[STEP][256];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void make_tables(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t rest = byte;
        for (int bit = 0; bit < 8; bit++)
            rest = (rest >> 1) ^ ((rest & 1) != 0 ? polynomial : 0);
        tables[0][byte] = rest;
    }
    for (int k = 1; k < STEP; k++)
        for (uint32_t byte = 0; byte < 256; byte++)
            tables[k][byte] = (tables[k - 1][byte] >> 8) ^ tables[0][tables[k - 1][byte] & 0xff];
}

uint32_t mw_crc32c(const void *bytes, size_t length)
{
    pthread_once(&tables_once, make_tables);
    const uint8_t *at = bytes;
    uint32_t crc = 0xffffffff;
    for (; length >= STEP; length -= STEP, at += STEP)
        crc = tables[7][at[0] ^ (crc & 0xff)] ^ tables[6][at[1] ^ (crc >> 8 & 0xff)] ^
              tables[5][at[2] ^ (crc >> 16 & 0xff)] ^ tables[4][at[3] ^ (crc >> 24)] ^
              tables[3][at[4]] ^ tables[2][at[5]] ^ tables[1][at[6]] ^ tables[0][at[7]];
    for (; length > 0; length--, at++)
        crc = (crc >> 8) ^ tables[0][(crc ^ *at) & 0xff];
    return ~crc;
}
