/* crc32c.h - the checksum CRC-32C (Castagnoli), as iSCSI, ext4 and SCTP use it (RFC 3720, 12.1).
 *
 * Finds every burst of up to 32 damaged bits, and up to five single ones in a record of a typical
 * frame's length. It is no protection against anybody who damages on purpose.
 *
 * Threads: any thread.
 */
#ifndef MW_BASE_CRC32C_H
#define MW_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t mw_crc32c(const void *bytes, size_t length);

#endif
