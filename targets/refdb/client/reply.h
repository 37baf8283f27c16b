/* reply.h -- RESP2 replies as bytes.  Never reads beyond size. */
#ifndef ORD_REFDB_CLIENT_REPLY_H
#define ORD_REFDB_CLIENT_REPLY_H

#include "harness/base/arena.h"
#include "harness/base/bytes.h"
#include "targets/refdb/client/conn.h"

enum { KV_DEPTH_MAX = 4 };

enum kv_scan { KV_SCAN_WHOLE, KV_SCAN_MORE, KV_SCAN_BAD };

/* How many bytes the first reply takes.  O(size). */
enum kv_scan kv_reply_scan(struct ord_bytes bytes, size_t *size);

/* The reply that kv_reply_scan() found whole.  Texts are lent by bytes, items
 * come from the arena; false when its limit is reached. */
bool kv_reply_parse(struct ord_bytes bytes, struct ord_arena *arena,
                    struct kv_item *out);

#endif
