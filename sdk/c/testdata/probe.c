// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// What the test of iprt.h calls. The first byte of the block is the verb.
#define IPRT_USE_LOG
#include "../iprt.h"

// strings writes every byte of the block as a string of its own, through the heap or as a reference.
static int64_t strings(const uint8_t *block, uint32_t len, bool heap, bool disturb) {
  iprt_writer w;
  iprt_writer_init(&w, 0);
  uint32_t list = iprt_open(&w, IPRT_KIND_LIST);
  for (uint32_t i = 0; i < len; i++) {
    if (heap) iprt_put_heap(&w, IPRT_KIND_STRING, block + i, 1);
    else iprt_put(&w, IPRT_KIND_STRING, 0, 1, i);
    if (disturb && i % 7 == 0) iprt_bump(1); // so that nothing can grow in place
  }
  iprt_close(&w, list, len, 0);
  return iprt_writer_finish(&w);
}

static int64_t check(bool ok) {
  iprt_writer w;
  iprt_writer_init(&w, 1);
  iprt_put(&w, IPRT_KIND_BOOL, 0, 0, ok);
  return iprt_writer_finish(&w);
}

static int64_t kinds(void) {
  iprt_writer w;
  iprt_writer_init(&w, 100);
  uint32_t map = iprt_open(&w, IPRT_KIND_MAP);
  iprt_put_heap(&w, IPRT_KIND_STRING, "a", 1);
  iprt_put_int(&w, true, 2);
  iprt_put_heap(&w, IPRT_KIND_STRING, "bb", 2);
  iprt_put(&w, IPRT_KIND_FLOAT, 0, 0, IPRT_CANONICAL_NAN);
  iprt_close(&w, map, 2, IPRT_MAP_LENGTH_FIRST);
  return iprt_writer_finish(&w);
}

IPRT_EXPORT_CODEC_DECODE
int64_t decode(const uint8_t *block, uint32_t len, const uint8_t *params, uint32_t params_len) {
  iprt_begin();
  switch (len ? block[0] : 0) {
  case 'r': return strings(block, len, false, false);
  case 'h': return strings(block, len, true, false);
  case 'd': return strings(block, len, true, true);
  case 'k': return kinds();
  case 'u': return check(iprt_utf8(block + 1, len - 1));
  case 'c': return check(iprt_cid(block + 1, len - 1));
  case '<': return check(iprt_compare(block + 1, len - 1, params, params_len) < 0);
  case 'l': return check(!iprt_log_write(IPRT_LOG_WARN, block + 1, (int32_t)len - 1));
  case 'm':
    while (iprt_bump(1024)) {}
    return strings(block, len, true, true);
  case 'e': return iprt_result(NULL, 0);
  case 't':
    iprt_fail(IPRT_CONFLICT, "said before the trap");
    __builtin_trap();
  }
  return iprt_fail_at(IPRT_UNSUPPORTED, "no such verb", len);
}

// encode gives the bytes of every string, bytes and link, in order.
IPRT_EXPORT_CODEC_ENCODE
int64_t encode(const uint8_t *table, uint32_t len, const uint8_t *params, uint32_t params_len) {
  iprt_begin();
  iprt_reader r;
  if (!iprt_reader_init(&r, table, len)) return iprt_fail(IPRT_INVALID, "not a table");
  iprt_buf out = {0};
  for (uint32_t i = 0; i < r.count; i++) {
    const iprt_record *rec = r.records + i;
    if (rec->kind == IPRT_KIND_LIST) continue;
    if (rec->kind < IPRT_KIND_STRING || rec->kind > IPRT_KIND_LINK) {
      iprt_fail(IPRT_INVALID, "cannot encode a ");
      iprt_error_text(iprt_kind_name(rec->kind));
      return IPRT_INVALID;
    }
    if (!iprt_buf_add(&out, iprt_data(&r, rec), rec->n) || !iprt_buf_byte(&out, ';')) return iprt_fail(IPRT_LIMIT, "out of memory");
  }
  return iprt_result(out.base, out.len);
}

IPRT_EXPORT_CODEC_LINKS
int64_t links(const uint8_t *block, uint32_t len, const uint8_t *params, uint32_t params_len) {
  iprt_begin();
  return strings(block, 0, false, false);
}
