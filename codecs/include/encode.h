// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Reading a token table to encode it: open_table checks all of it once, so that
// what follows walks it without another test; sorted orders a map's entries.
#pragma once

#include "table.h"

static struct record *recs; // the table being encoded
static u32 rec_count;
static const u8 *heap;

COLD u64 bad_record(u32 i, const char *what) { return fail(IPRT_INVALID, "record ", i, what); }

static const char *const kind_names[] = {"no value", "null",  "a boolean", "an integer", "an integer", "a float",
                                         "a string", "bytes", "a link",    "a list",     "a map"};

static inline const u8 *data_of(const struct record *r) { return heap + (u32)r->v; }
static inline u32 children_of(const struct record *r) { return r->kind == IPRT_KIND_MAP ? 2 * r->n : r->n; }

// check_leaf checks the record itself, without what is around it.
static u32 check_record(u32 i, u32 heap_len) {
  const struct record *r = recs + i;
  if (r->zero || r->kind < IPRT_KIND_NULL || r->kind > IPRT_KIND_MAP) return bad_record(i, "unknown kind");
  if (r->kind >= IPRT_KIND_LIST) return IPRT_OK; // open_table looks at these
  if (r->kind < IPRT_KIND_STRING) {
    if (r->flags || r->n) return bad_record(i, "flags or length on a scalar");
    return IPRT_OK;
  }
  if (r->flags != IPRT_FLAG_HEAP) return bad_record(i, "data outside the heap");
  if (r->v > heap_len || r->n > heap_len - r->v) return bad_record(i, "data past the end of the heap");
  if (r->kind == IPRT_KIND_STRING && !is_utf8(data_of(r), r->n)) return bad_record(i, "string is not valid UTF-8");
  if (r->kind == IPRT_KIND_LINK && !is_cid(data_of(r), r->n)) return bad_record(i, "link is not a CID");
  return IPRT_OK;
}

struct open {
  u32 left, end;
  int map;
};

// open_table checks header, bounds, kinds, counts against end indices, depth
// and that map keys are strings. It says nothing about the order of keys.
COLD u32 open_table(u8 *table, u32 len) {
  static struct open stack[IPRT_MAX_DEPTH];
  const u32 *h = (const u32 *)table;
  if (len < IPRT_TABLE_HEADER_SIZE || h[0] != IPRT_TABLE_MAGIC || h[1] || h[6] || h[7])
    return (u32)fail(IPRT_INVALID, "offset ", 0, "not a token table of version 1");
  if (!h[2] || h[3] % 8 || h[3] > len || h[2] > (len - h[3]) / sizeof *recs || h[4] > len || h[5] > len - h[4])
    return (u32)fail(IPRT_INVALID, "offset ", 8, "records or heap outside the table");
  recs = (struct record *)(table + h[3]);
  rec_count = h[2];
  heap = table + h[4];

  struct open in = {1, rec_count, 0};
  u32 depth = 0, i = 0;
  for (;;) {
    while (!in.left) {
      if (i != in.end) return (u32)bad_record(i, "count and end index disagree");
      if (!depth) return IPRT_OK;
      in = stack[--depth];
    }
    if (i == in.end) return (u32)bad_record(i, "count and end index disagree");
    u32 status = check_record(i, h[5]);
    if (status) return status;
    const struct record *r = recs + i;
    if (in.map && !(in.left & 1) && r->kind != IPRT_KIND_STRING) return (u32)bad_record(i, "map key is not a string");
    in.left--;
    i++;
    if (r->kind < IPRT_KIND_LIST) continue;
    if (r->v < i || r->v > in.end || r->n > (u32)r->v - i) return (u32)bad_record(i - 1, "end index out of bounds");
    if (depth == IPRT_MAX_DEPTH)
      return (u32)fail(IPRT_LIMIT, "record ", i - 1, "nested deeper than 1024");
    stack[depth++] = in;
    in = (struct open){children_of(r), (u32)r->v, r->kind == IPRT_KIND_MAP};
  }
}

// next_key returns the record after the value that follows key.
static inline u32 next_key(u32 key) {
  const struct record *value = recs + key + 1;
  return value->kind >= IPRT_KIND_LIST ? (u32)value->v : key + 2;
}

// sorted returns the key records of a map in ascending order as less says, or 0
// when out of memory. A merge sort from the bottom: n log n at worst, and
// one comparison an entry when they are in order already.
COLD u32 *sorted(u32 map, int (*less)(u32, u32)) {
  u32 n = recs[map].n, key = map + 1;
  u32 *a = (u32 *)take((u64)n * 4), *b = (u32 *)take((u64)n * 4);
  if (!a || !b) return 0;
  for (u32 i = 0; i < n; i++, key = next_key(key)) a[i] = key;
  for (u64 run = 1; run < n; run *= 2) {
    for (u64 from = 0; from < n; from += 2 * run) {
      u32 mid = from + run < n ? (u32)(from + run) : n, to = from + 2 * run < n ? (u32)(from + 2 * run) : n;
      u32 l = (u32)from, r = mid, o = (u32)from;
      if (mid == to || !less(a[mid], a[mid - 1])) {
        __builtin_memcpy(b + l, a + l, (to - l) * 4);
        continue;
      }
      while (l < mid && r < to) b[o++] = less(a[r], a[l]) ? a[r++] : a[l++];
      __builtin_memcpy(b + o, a + l, (mid - l) * 4);
      __builtin_memcpy(b + o + mid - l, a + r, (to - r) * 4);
    }
    u32 *swap = a;
    a = b;
    b = swap;
  }
  return a;
}
