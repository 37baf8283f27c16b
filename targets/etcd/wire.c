#include "targets/etcd/wire.h"

#include <stdio.h>

#include "harness/base/json.h"

static const char digits64[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* ---- base64 (RFC 4648, section 4) --------------------------------------- */

void etcd_base64_put(struct ord_buf *out, struct ord_bytes bytes)
{
    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t left = bytes.size - i;
        uint32_t word = (uint32_t)(unsigned char)bytes.at[i] << 16;

        if (left > 1)
            word |= (uint32_t)(unsigned char)bytes.at[i + 1] << 8;
        if (left > 2)
            word |= (uint32_t)(unsigned char)bytes.at[i + 2];
        ord_buf_char(out, digits64[word >> 18]);
        ord_buf_char(out, digits64[word >> 12 & 63]);
        ord_buf_char(out, left > 1 ? digits64[word >> 6 & 63] : '=');
        ord_buf_char(out, left > 2 ? digits64[word & 63] : '=');
    }
}

struct ord_bytes etcd_base64_take(struct ord_bytes text,
                                  struct ord_arena *arena)
{
    const struct ord_bytes bad = {0};
    char *out = ord_arena_alloc(arena, text.size + 1);
    uint32_t word = 0;
    uint32_t bits = 0;
    size_t used = 0;
    size_t size = text.size;

    while (size > 0 && text.size - size < 2 && text.at[size - 1] == '=')
        size--;
    if (out == NULL || text.size % 4 != 0)
        return bad;
    for (size_t i = 0; i < size; i++) {
        const char *digit =
            text.at[i] == '\0' ? NULL : memchr(digits64, text.at[i], 64);

        if (digit == NULL)
            return bad;
        word = word << 6 | (uint32_t)(digit - digits64);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[used++] = (char)(word >> bits & 255);
        }
    }
    out[used] = '\0';
    return (struct ord_bytes){out, used};
}

/* ---- requests ----------------------------------------------------------- */

static void put_member(struct ord_buf *out, const char *name,
                       const char *prefix, const struct ord_client_value *value)
{
    char digits[ORD_CLIENT_DIGITS_SIZE];
    struct ord_buf plain;

    ord_buf_init(&plain, ORD_CLIENT_LINE_MAX);
    ord_buf_text(&plain, prefix);
    ord_buf_add(&plain, ord_client_bytes(value, digits));
    if (plain.failed)
        out->failed = true;
    ord_buf_printf(out, "\"%s\":\"", name);
    etcd_base64_put(out, ord_buf_bytes(&plain));
    ord_buf_char(out, '"');
    ord_buf_fini(&plain);
}

/* The one object of a history without keys is key "k". */
static void put_key(struct ord_buf *out, const struct ord_client_value *key)
{
    put_member(out, "key", "k", key);
}

/* "s3/" of set 3. */
static void set_prefix(const struct ord_client_value *key, char last,
                       char prefix[2 * ORD_CLIENT_DIGITS_SIZE])
{
    char digits[ORD_CLIENT_DIGITS_SIZE];
    struct ord_bytes name = ord_client_bytes(key, digits);

    (void)snprintf(prefix, 2 * ORD_CLIENT_DIGITS_SIZE, "s%.*s%c",
                   (int)(name.size < 24 ? name.size : 24),
                   name.size > 0 ? name.at : "", last);
}

void etcd_put_range(struct ord_buf *out, const struct ord_client_value *key,
                    bool is_serializable)
{
    ord_buf_char(out, '{');
    put_key(out, key);
    ord_buf_text(out, is_serializable ? ",\"serializable\":true}" : "}");
}

void etcd_put_put(struct ord_buf *out, const struct ord_client_value *key,
                  const struct ord_client_value *value)
{
    ord_buf_char(out, '{');
    put_key(out, key);
    ord_buf_char(out, ',');
    put_member(out, "value", "", value);
    ord_buf_char(out, '}');
}

void etcd_put_add(struct ord_buf *out, const struct ord_client_value *key,
                  const struct ord_client_value *element)
{
    char prefix[2 * ORD_CLIENT_DIGITS_SIZE];

    set_prefix(key, '/', prefix);
    ord_buf_char(out, '{');
    put_member(out, "key", prefix, element);
    ord_buf_text(out, ",\"value\":\"\"}");
}

void etcd_put_elements(struct ord_buf *out, const struct ord_client_value *key,
                       bool is_serializable)
{
    const struct ord_client_value none = {.kind = ORD_CLIENT_NIL};
    char from[2 * ORD_CLIENT_DIGITS_SIZE], to[2 * ORD_CLIENT_DIGITS_SIZE];

    set_prefix(key, '/', from);
    set_prefix(key, '/' + 1, to);
    ord_buf_char(out, '{');
    put_member(out, "key", from, &none);
    ord_buf_char(out, ',');
    put_member(out, "range_end", to, &none);
    ord_buf_text(out, is_serializable
                          ? ",\"keys_only\":true,\"serializable\":true}"
                          : ",\"keys_only\":true}");
}

void etcd_put_if_unchanged(struct ord_buf *out,
                           const struct ord_client_value *key,
                           int64_t mod_revision,
                           const struct ord_client_value *value)
{
    ord_buf_text(out, "{\"compare\":[{\"result\":\"EQUAL\",");
    put_key(out, key);
    ord_buf_printf(out, ",\"target\":\"MOD\",\"mod_revision\":\"%lld\"}],",
                   (long long)mod_revision);
    ord_buf_text(out, "\"success\":[{\"requestPut\":");
    etcd_put_put(out, key, value);
    ord_buf_text(out, "}]}");
}

void etcd_put_watch(struct ord_buf *out, const struct ord_client_value *key)
{
    ord_buf_text(out, "{\"create_request\":{");
    put_key(out, key);
    ord_buf_text(out, ",\"start_revision\":\"1\"}}");
}

void etcd_put_grant(struct ord_buf *out, int64_t ttl_s)
{
    ord_buf_printf(out, "{\"TTL\":\"%lld\"}", (long long)ttl_s);
}

void etcd_put_lock(struct ord_buf *out, const struct ord_client_value *key,
                   const struct ord_client_value *holder, int64_t lease)
{
    ord_buf_text(out, "{\"compare\":[{\"result\":\"EQUAL\",");
    put_member(out, "key", "lock", key);
    ord_buf_text(out, ",\"target\":\"CREATE\",\"createRevision\":\"0\"}],"
                      "\"success\":[{\"requestPut\":{");
    put_member(out, "key", "lock", key);
    ord_buf_char(out, ',');
    put_member(out, "value", "", holder);
    ord_buf_printf(out, ",\"lease\":\"%lld\"}}]}", (long long)lease);
}

void etcd_put_unlock(struct ord_buf *out, const struct ord_client_value *key,
                     const struct ord_client_value *holder)
{
    ord_buf_text(out, "{\"compare\":[{\"result\":\"EQUAL\",");
    put_member(out, "key", "lock", key);
    ord_buf_text(out, ",\"target\":\"VALUE\",");
    put_member(out, "value", "", holder);
    ord_buf_text(out, "}],\"success\":[{\"requestDeleteRange\":{");
    put_member(out, "key", "lock", key);
    ord_buf_text(out, "}}]}");
}

void etcd_put_cas(struct ord_buf *out, const struct ord_client_value *key,
                  const struct ord_client_value *was,
                  const struct ord_client_value *to_be)
{
    ord_buf_text(out, "{\"compare\":[{\"result\":\"EQUAL\",");
    put_key(out, key);
    if (was->kind == ORD_CLIENT_NIL) {
        ord_buf_text(out, ",\"target\":\"CREATE\",\"createRevision\":\"0\"");
    } else {
        ord_buf_text(out, ",\"target\":\"VALUE\",");
        put_member(out, "value", "", was);
    }
    ord_buf_text(out, "}],\"success\":[{\"requestPut\":");
    etcd_put_put(out, key, to_be);
    ord_buf_text(out, "}]}");
}

/* ---- replies ------------------------------------------------------------ */

/* 64-bit numbers come as text, small ones as they are. */
static bool read_number(struct ord_json *in, uint64_t *number)
{
    struct ord_bytes text;
    int64_t small;

    if (ord_json_peek(in) == ORD_JSON_NUMBER) {
        if (!ord_json_int(in, &small) || small < 0)
            return false;
        *number = (uint64_t)small;
        return true;
    }
    if (!ord_json_string(in, &text) || text.size == 0)
        return false;
    *number = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.at[i] < '0' || text.at[i] > '9' ||
            __builtin_mul_overflow(*number, 10u, number) ||
            __builtin_add_overflow(*number, (uint64_t)(text.at[i] - '0'),
                                   number))
            return false;
    }
    return true;
}

static bool read_signed(struct ord_json *in, int64_t *out)
{
    uint64_t number;

    if (!read_number(in, &number) || number > INT64_MAX)
        return false;
    *out = (int64_t)number;
    return true;
}

static bool read_header(struct ord_json *in, struct etcd_reply *out)
{
    struct ord_bytes key;

    if (!ord_json_enter(in, '{'))
        return false;
    while (ord_json_member(in, &key)) {
        bool good;

        if (ord_bytes_is(key, "revision"))
            good = read_signed(in, &out->revision);
        else if (ord_bytes_is(key, "raft_term"))
            good = read_signed(in, &out->term);
        else if (ord_bytes_is(key, "member_id"))
            good = read_number(in, &out->member);
        else
            good = ord_json_skip(in);
        if (!good)
            return false;
    }
    return ord_json_left(in, '}');
}

static bool read_base64(struct ord_json *in, struct ord_arena *arena,
                        struct ord_bytes *out)
{
    struct ord_bytes text;

    if (!ord_json_string(in, &text))
        return false;
    *out = etcd_base64_take(text, arena);
    return out->at != NULL;
}

static bool read_kv(struct ord_json *in, struct ord_arena *arena,
                    struct etcd_kv *out)
{
    struct ord_bytes key;

    /* What is empty is left out. */
    *out = (struct etcd_kv){.key = {"", 0}, .value = {"", 0}};
    if (!ord_json_enter(in, '{'))
        return false;
    while (ord_json_member(in, &key)) {
        bool good;

        if (ord_bytes_is(key, "key"))
            good = read_base64(in, arena, &out->key);
        else if (ord_bytes_is(key, "value"))
            good = read_base64(in, arena, &out->value);
        else if (ord_bytes_is(key, "mod_revision"))
            good = read_signed(in, &out->mod_revision);
        else
            good = ord_json_skip(in);
        if (!good)
            return false;
    }
    return ord_json_left(in, '}');
}

/* Room doubles: it is full at 4, 8, 16 ... */
static struct etcd_kv *new_kv(struct ord_arena *arena, struct etcd_reply *out)
{
    uint32_t count = out->kv_count;

    if (count == 0 || (count >= 4 && (count & (count - 1)) == 0)) {
        uint32_t room = count == 0 ? 4 : 2 * count;
        struct etcd_kv *more =
            room > ETCD_KVS_MAX ? NULL
                                : ord_arena_zalloc(arena, room, sizeof *more);

        if (more == NULL)
            return NULL;
        if (count > 0)
            memcpy(more, out->kvs, count * sizeof *more);
        out->kvs = more;
    }
    out->kv_count++;
    return &out->kvs[count];
}

static bool read_kvs(struct ord_json *in, struct ord_arena *arena,
                     struct etcd_reply *out)
{
    if (!ord_json_enter(in, '['))
        return false;
    while (ord_json_element(in)) {
        struct etcd_kv *kv = new_kv(arena, out);

        if (kv == NULL || !read_kv(in, arena, kv))
            return false;
    }
    return ord_json_left(in, ']');
}

bool etcd_reply_parse(struct ord_bytes text, struct ord_arena *arena,
                      struct etcd_reply *out)
{
    struct ord_json in = {.at = text.at, .end = text.at + text.size};
    struct ord_bytes key;

    *out = (struct etcd_reply){.revision = -1, .term = -1};
    if (text.size == 0 || !ord_json_enter(&in, '{'))
        return false;
    while (ord_json_member(&in, &key)) {
        bool good;

        if (ord_bytes_is(key, "header"))
            good = read_header(&in, out);
        else if (ord_bytes_is(key, "kvs"))
            good = read_kvs(&in, arena, out);
        else if (ord_bytes_is(key, "succeeded"))
            good = ord_json_bool(&in, &out->is_succeeded);
        else if (ord_bytes_is(key, "ID"))
            good = read_signed(&in, &out->lease);
        else if (ord_bytes_is(key, "leader"))
            good = read_number(&in, &out->leader);
        else if (ord_bytes_is(key, "error") &&
                 ord_json_peek(&in) == ORD_JSON_STRING)
            good = ord_json_string(&in, &out->error);
        else
            good = ord_json_skip(&in);
        if (!good)
            return false;
    }
    return ord_json_left(&in, '}') && ord_json_done(&in);
}

/* ---- watches ------------------------------------------------------------ */

/* A put says no type.  Deletes are skipped: nobody deletes what is watched. */
static bool read_event(struct ord_json *in, struct ord_arena *arena,
                       struct etcd_reply *out)
{
    struct ord_bytes key, type = {"PUT", 3};
    struct etcd_kv kv = {0};

    if (!ord_json_enter(in, '{'))
        return false;
    while (ord_json_member(in, &key)) {
        bool good;

        if (ord_bytes_is(key, "type"))
            good = ord_json_string(in, &type);
        else if (ord_bytes_is(key, "kv"))
            good = read_kv(in, arena, &kv);
        else
            good = ord_json_skip(in);
        if (!good)
            return false;
    }
    if (ord_bytes_is(type, "PUT")) {
        struct etcd_kv *at = new_kv(arena, out);

        if (at == NULL)
            return false;
        *at = kv;
    }
    return ord_json_left(in, '}');
}

static bool read_events(struct ord_json *in, struct ord_arena *arena,
                        struct etcd_reply *out)
{
    if (!ord_json_enter(in, '['))
        return false;
    while (ord_json_element(in)) {
        if (!read_event(in, arena, out))
            return false;
    }
    return ord_json_left(in, ']');
}

static bool read_result(struct ord_json *in, struct ord_arena *arena,
                        struct etcd_reply *out)
{
    struct ord_bytes key;

    if (!ord_json_enter(in, '{'))
        return false;
    while (ord_json_member(in, &key)) {
        bool good;

        if (ord_bytes_is(key, "header"))
            good = read_header(in, out);
        else if (ord_bytes_is(key, "events"))
            good = read_events(in, arena, out);
        else if (ord_bytes_is(key, "canceled"))
            good = false;
        else
            good = ord_json_skip(in);
        if (!good)
            return false;
    }
    return ord_json_left(in, '}');
}

bool etcd_events_parse(struct ord_bytes line, struct ord_arena *arena,
                       struct etcd_reply *out)
{
    struct ord_json in = {.at = line.at, .end = line.at + line.size};
    struct ord_bytes key;

    if (line.size == 0 || !ord_json_enter(&in, '{') ||
        !ord_json_member(&in, &key) || !ord_bytes_is(key, "result"))
        return false;
    return read_result(&in, arena, out) && !ord_json_member(&in, &key) &&
           ord_json_left(&in, '}') && ord_json_done(&in);
}
