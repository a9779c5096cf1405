// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// What a module in C needs, without a libc. A module is one translation unit
// that includes this file once: the required exports are defined here.
//
//   IPRT_EXPORT_CODEC_DECODE
//   int64_t decode(const uint8_t *block, uint32_t len, const uint8_t *params, uint32_t params_len) {
//     iprt_begin();
//     iprt_writer w;
//     iprt_writer_init(&w, len / 4);
//     iprt_put(&w, IPRT_KIND_BYTES, 0, len, 0);
//     return iprt_writer_finish(&w);
//   }
//
// Every role call starts with iprt_begin and ends with iprt_result, iprt_fail
// or iprt_writer_finish. Memory from iprt_bump lives until the next call.
// Unused functions cost nothing. See README.md for compiler flags.
#ifndef IPRT_H
#define IPRT_H

#include <stdbool.h>
#include <stddef.h>

#include "iprt_abi.h"

#define IPRT_UNUSED __attribute__((unused))

// ---- error text ----

static struct {
  uint32_t status, len;
  uint8_t text[IPRT_ERROR_TEXT_MAX];
} iprt_error_record;

IPRT_EXPORT_MARKER void iprt_abi_marker(void) {}
IPRT_EXPORT_ERROR int32_t iprt_error_address(void) { return (int32_t)(uintptr_t)&iprt_error_record; }

// Append to the text of the error; what does not fit is cut.
IPRT_UNUSED static void iprt_error_text(const char *s) {
  while (*s && iprt_error_record.len < IPRT_ERROR_TEXT_MAX) iprt_error_record.text[iprt_error_record.len++] = (uint8_t)*s++;
}

// Append a number in decimal.
IPRT_UNUSED static void iprt_error_number(uint32_t v) {
  char digits[11], *p = digits + 10;
  *p = 0;
  do *--p = (char)('0' + v % 10);
  while (v /= 10);
  iprt_error_text(p);
}

// The result of a role call that failed. The text replaces an earlier one; end
// it without a full stop.
IPRT_UNUSED static int64_t iprt_fail(uint32_t status, const char *text) {
  iprt_error_record.status = status;
  iprt_error_record.len = 0;
  iprt_error_text(text);
  return (int64_t)status;
}

// The same with a position: "text at byte 17".
IPRT_UNUSED static int64_t iprt_fail_at(uint32_t status, const char *text, uint32_t at) {
  iprt_fail(status, text);
  iprt_error_text(" at byte ");
  iprt_error_number(at);
  return (int64_t)status;
}

// ---- memory ----

extern unsigned char __heap_base;

static uint32_t iprt_top;   // next free address; 0 before the first use
static bool iprt_used;      // a role call has begun since memory was last reset

static uint32_t iprt_align(uint32_t v) { return (v + 15u) & ~15u; }

static void iprt_reset(void) {
  iprt_top = iprt_align((uint32_t)(uintptr_t)&__heap_base);
  iprt_used = false;
}

// Make addresses below end usable. False when memory cannot grow so far.
static bool iprt_ensure(uint64_t end) {
  uint64_t have = (uint64_t)__builtin_wasm_memory_size(0) << 16;
  if (end <= have) return true;
  if (end > 0xffff0000u) return false;
  return __builtin_wasm_memory_grow(0, (size_t)((end - have + 65535) >> 16)) != (size_t)-1;
}

// n bytes at a multiple of 16, not zeroed, or NULL. They live until the role
// call after this one begins.
IPRT_UNUSED static void *iprt_bump(uint32_t n) {
  if (!iprt_top) iprt_reset();
  uint64_t end = (uint64_t)iprt_top + n;
  if (!iprt_ensure(end)) return NULL;
  void *p = (void *)(uintptr_t)iprt_top;
  iprt_top = iprt_align((uint32_t)end);
  return p;
}

// The host asks for memory to fill before a role call; the first time after a
// call, that call's memory and result are given up.
IPRT_EXPORT_ALLOC int32_t iprt_alloc_export(int32_t size) {
  if (iprt_used) iprt_reset();
  return (int32_t)(uintptr_t)iprt_bump((uint32_t)size);
}

// The first statement of every role call.
IPRT_UNUSED static void iprt_begin(void) {
  if (!iprt_top || iprt_used) iprt_reset();
  iprt_used = true;
  iprt_error_record.len = 0;
}

// The result of a role call that succeeded. p may be anything when n is 0.
IPRT_UNUSED static int64_t iprt_result(const void *p, uint32_t n) {
  uint32_t address = n ? (uint32_t)(uintptr_t)p : (uint32_t)(uintptr_t)&iprt_error_record;
  return (int64_t)((uint64_t)address << 32 | n);
}

// A buffer that grows, in place while it is the newest allocation.
typedef struct {
  uint8_t *base;
  uint32_t len, cap;
} iprt_buf;

// Make room for n more bytes after len. False when out of memory; the buffer
// is then as it was.
IPRT_UNUSED static bool iprt_buf_room(iprt_buf *b, uint32_t n) {
  if (n <= b->cap - b->len) return true;
  uint64_t want = (uint64_t)b->len + n, twice = (uint64_t)b->cap * 2;
  if (want < twice) want = twice;
  if (want < 256) want = 256;
  want = (want + 15) & ~(uint64_t)15;
  if (want > 0xffff0000u) return false;
  if (b->base && (uint32_t)(uintptr_t)b->base + b->cap == iprt_top) {
    uint64_t end = (uintptr_t)b->base + want;
    if (!iprt_ensure(end)) return false;
    iprt_top = (uint32_t)end;
  } else {
    uint8_t *p = iprt_bump((uint32_t)want);
    if (!p) return false;
    if (b->len) __builtin_memcpy(p, b->base, b->len);
    b->base = p;
  }
  b->cap = (uint32_t)want;
  return true;
}

IPRT_UNUSED static bool iprt_buf_add(iprt_buf *b, const void *p, uint32_t n) {
  if (!iprt_buf_room(b, n)) return false;
  if (n) __builtin_memcpy(b->base + b->len, p, n);
  b->len += n;
  return true;
}

IPRT_UNUSED static bool iprt_buf_byte(iprt_buf *b, uint8_t c) {
  if (b->len == b->cap && !iprt_buf_room(b, 1)) return false;
  b->base[b->len++] = c;
  return true;
}

// ---- token tables: write ----

typedef struct {
  uint8_t kind, flags;
  uint16_t reserved;
  uint32_t n;
  uint64_t value;
} iprt_record;

typedef struct {
  uint32_t magic, flags, records, records_off, heap_off, heap_len, reserved[2];
} iprt_table_header;

typedef struct {
  iprt_buf blob;    // header, then records
  iprt_buf heap;    // bytes that are not in the input block
  bool failed;      // out of memory; finish says so
} iprt_writer;

// hint is the number of records to expect; 0 if unknown.
IPRT_UNUSED static void iprt_writer_init(iprt_writer *w, uint32_t hint) {
  *w = (iprt_writer){0};
  if (hint > 1u << 20) hint = 1u << 20;
  w->failed = !iprt_buf_room(&w->blob, IPRT_TABLE_HEADER_SIZE + hint * IPRT_RECORD_SIZE);
  w->blob.len = IPRT_TABLE_HEADER_SIZE;
}

// The index that the next record will have.
IPRT_UNUSED static uint32_t iprt_next(const iprt_writer *w) { return (w->blob.len - IPRT_TABLE_HEADER_SIZE) / IPRT_RECORD_SIZE; }

// Append a record. Without memory it does nothing, and finish fails.
IPRT_UNUSED static void iprt_put(iprt_writer *w, uint8_t kind, uint8_t flags, uint32_t n, uint64_t value) {
  if (w->blob.cap - w->blob.len < IPRT_RECORD_SIZE && (w->failed || !iprt_buf_room(&w->blob, IPRT_RECORD_SIZE))) {
    w->failed = true;
    return;
  }
  *(iprt_record *)(w->blob.base + w->blob.len) = (iprt_record){kind, flags, 0, n, value};
  w->blob.len += IPRT_RECORD_SIZE;
}

IPRT_UNUSED static void iprt_put_int(iprt_writer *w, bool negative, uint64_t value) {
  iprt_put(w, negative ? IPRT_KIND_NINT : IPRT_KIND_UINT, 0, 0, value);
}

// Append a string, bytes or link that is not in the input block.
IPRT_UNUSED static void iprt_put_heap(iprt_writer *w, uint8_t kind, const void *p, uint32_t n) {
  uint32_t at = w->heap.len;
  if (!iprt_buf_add(&w->heap, p, n)) w->failed = true;
  iprt_put(w, kind, IPRT_FLAG_HEAP, n, at);
}

// Open a list or map. Its index goes to iprt_close with the number of items or
// entries, and, for a map, the order of its keys.
IPRT_UNUSED static uint32_t iprt_open(iprt_writer *w, uint8_t kind) {
  uint32_t index = iprt_next(w);
  iprt_put(w, kind, 0, 0, 0);
  return index;
}

IPRT_UNUSED static void iprt_close(iprt_writer *w, uint32_t index, uint32_t n, uint8_t order) {
  if (w->failed) return;
  iprt_record *r = (iprt_record *)(w->blob.base + IPRT_TABLE_HEADER_SIZE) + index;
  r->flags = order;
  r->n = n;
  r->value = iprt_next(w);
}

// The result of the role call: the table, or LIMIT when memory ran out.
IPRT_UNUSED static int64_t iprt_writer_finish(iprt_writer *w) {
  // The host takes one range that starts at the header, so the heap has to lie
  // above it. It does, unless the records had to move.
  if (!w->failed && w->heap.len && w->heap.base < w->blob.base) {
    iprt_buf moved = {0};
    w->failed = !iprt_buf_add(&moved, w->heap.base, w->heap.len);
    w->heap = moved;
  }
  if (w->failed) return iprt_fail(IPRT_LIMIT, "out of memory");
  uint32_t heap_off = w->heap.len ? (uint32_t)(w->heap.base - w->blob.base) : w->blob.len;
  *(iprt_table_header *)w->blob.base =
      (iprt_table_header){IPRT_TABLE_MAGIC, 0, iprt_next(w), IPRT_TABLE_HEADER_SIZE, heap_off, w->heap.len, {0, 0}};
  return iprt_result(w->blob.base, heap_off + w->heap.len);
}

// ---- token tables: read ----

typedef struct {
  const iprt_record *records;
  uint32_t count;
  const uint8_t *heap;
} iprt_reader;

// The host has validated the table, so this and the walk trust it. False when
// it is not a table of this version.
IPRT_UNUSED static bool iprt_reader_init(iprt_reader *r, const void *table, uint32_t len) {
  const iprt_table_header *h = table;
  if (len < IPRT_TABLE_HEADER_SIZE || h->magic != IPRT_TABLE_MAGIC || h->flags) return false;
  r->records = (const iprt_record *)((const uint8_t *)table + h->records_off);
  r->count = h->records;
  r->heap = (const uint8_t *)table + h->heap_off;
  return true;
}

// The r->n bytes of a string, bytes or link.
IPRT_UNUSED static const uint8_t *iprt_data(const iprt_reader *r, const iprt_record *rec) { return r->heap + rec->value; }

// The name of a kind, for error text.
IPRT_UNUSED static const char *iprt_kind_name(uint8_t kind) {
  switch (kind) {
  case IPRT_KIND_NULL: return "null";
  case IPRT_KIND_BOOL: return "bool";
  case IPRT_KIND_UINT:
  case IPRT_KIND_NINT: return "integer";
  case IPRT_KIND_FLOAT: return "float";
  case IPRT_KIND_STRING: return "string";
  case IPRT_KIND_BYTES: return "bytes";
  case IPRT_KIND_LINK: return "link";
  case IPRT_KIND_LIST: return "list";
  case IPRT_KIND_MAP: return "map";
  }
  return "unknown kind";
}

// ---- checks ----

// -1, 0 or 1, by bytes and then by length.
IPRT_UNUSED static int iprt_compare(const uint8_t *a, uint32_t a_len, const uint8_t *b, uint32_t b_len) {
  uint32_t n = a_len < b_len ? a_len : b_len;
  for (uint32_t i = 0; i < n; i++)
    if (a[i] != b[i]) return a[i] < b[i] ? -1 : 1;
  return (a_len > b_len) - (a_len < b_len);
}

// Strict UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
IPRT_UNUSED static bool iprt_utf8(const uint8_t *p, uint32_t n) {
  uint32_t i = 0;
  while (i < n) {
    while (n - i >= 8) {
      uint64_t v;
      __builtin_memcpy(&v, p + i, 8);
      if (v & 0x8080808080808080ull) break;
      i += 8;
    }
    if (i == n) break;
    uint8_t c = p[i++];
    if (c < 0x80) continue;
    uint8_t more, low = 0x80, high = 0xbf;
    if (c >= 0xc2 && c <= 0xdf) more = 1;
    else if (c >= 0xe0 && c <= 0xef) {
      more = 2;
      if (c == 0xe0) low = 0xa0;
      if (c == 0xed) high = 0x9f;
    } else if (c >= 0xf0 && c <= 0xf4) {
      more = 3;
      if (c == 0xf0) low = 0x90;
      if (c == 0xf4) high = 0x8f;
    } else return false;
    if (n - i < more || p[i] < low || p[i] > high) return false;
    for (i++; --more; i++)
      if ((p[i] & 0xc0) != 0x80) return false;
  }
  return true;
}

// Read an unsigned varint of at most nine bytes in its shortest form. NULL if
// there is none; else the address after it.
IPRT_UNUSED static const uint8_t *iprt_varint(const uint8_t *p, const uint8_t *end, uint64_t *v) {
  *v = 0;
  for (uint32_t shift = 0; p < end && shift < 63; shift += 7) {
    uint8_t c = *p++;
    *v |= (uint64_t)(c & 0x7f) << shift;
    if (!(c & 0x80)) return c || !shift ? p : NULL;
  }
  return NULL;
}

// Whether n bytes are one binary CID, version 0 or 1, and nothing else.
IPRT_UNUSED static bool iprt_cid(const uint8_t *p, uint32_t n) {
  if (n >= 2 && p[0] == 0x12 && p[1] == 0x20) return n == 34;
  const uint8_t *end = p + n;
  uint64_t version, codec, hash, size;
  return (p = iprt_varint(p, end, &version)) && version == 1 && (p = iprt_varint(p, end, &codec)) &&
         (p = iprt_varint(p, end, &hash)) && (p = iprt_varint(p, end, &size)) && size == (uint64_t)(end - p);
}

#endif // IPRT_H
