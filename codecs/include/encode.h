// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Encoding: a walk over a token table in the order that the format wants, with
// the bytes of it left to the codec. Hosts check a table before a guest sees it;
// the checks here turn what gets past a careless one into a status.
#pragma once

#include "table.h"

// What a codec defines.
static u32 size_of(const iprt_record *r);   // the most bytes that a record becomes, without what it contains
static int key_order(u32 a, u32 b);         // < 0, 0 or > 0: the order of two key records
static bool unsorted(const iprt_record *r); // a map whose entries may not come in that order
static void put_open(const iprt_record *r);
static u32 put_key(u32 i);
static u32 put_leaf(u32 i);
static void put_close(void);

static u8 *out; // where the next byte goes

static iprt_record *recs; // the table being encoded
static u32 rec_count;
static const u8 *heap;

COLD u32 bad_record(u32 i, const char *what) { return fail(IPRT_INVALID, "record ", i, what); }

static const char ends_differ[] = "count and end index disagree";

static inline const u8 *data_of(const iprt_record *r) { return heap + (u32)r->value; }

// check_record checks one record by itself, apart from its data. put_all makes up for what it cannot see.
COLD u32 check_record(u32 i, u32 heap_len) {
  const iprt_record *r = recs + i;
  const char *wrong = NULL;
  if (r->kind < IPRT_KIND_NULL || r->kind > IPRT_KIND_MAP) wrong = "unknown kind";
  else if (r->kind >= IPRT_KIND_LIST) {
    if (r->value <= i || r->value > rec_count) wrong = "end index out of bounds";
  } else if (r->kind >= IPRT_KIND_STRING) {
    if (!(r->flags & IPRT_FLAG_HEAP) || r->value > heap_len || r->n > heap_len - r->value) wrong = "data outside the heap";
  }
  return wrong ? bad_record(i, wrong) : IPRT_OK;
}

// check_data waits until there is room for the output: that bounds how often records can share the bytes it looks at.
COLD u32 check_data(u32 i) {
  const iprt_record *r = recs + i;
  const char *wrong = NULL;
  if (r->kind == IPRT_KIND_STRING && !is_utf8(data_of(r), r->n)) wrong = "string is not valid UTF-8";
  if (r->kind == IPRT_KIND_LINK && !is_cid(data_of(r), r->n)) wrong = "link is not a CID";
  return wrong ? bad_record(i, wrong) : IPRT_OK;
}

static u64 size_of_all;

// open_table checks the header and every record by itself, and adds up what size_of says that each becomes at most; the
// order of entries does not matter for that. Records may share heap bytes, so the sum can exceed the table.
COLD u32 open_table(u8 *table, u32 len) {
  const iprt_table_header *h = (const iprt_table_header *)table;
  if (len < IPRT_TABLE_HEADER_SIZE || h->magic != IPRT_TABLE_MAGIC || h->records_off > len ||
      h->records > (len - h->records_off) / sizeof *recs || h->heap_off > len || h->heap_len > len - h->heap_off)
    return fail(IPRT_INVALID, "offset ", 0, "not a token table");
  recs = (iprt_record *)(table + h->records_off);
  rec_count = h->records;
  heap = table + h->heap_off;
  size_of_all = 0;
  for (u32 i = 0; i < rec_count; i++) {
    u32 status = check_record(i, h->heap_len);
    if (status) return status;
    size_of_all += size_of(recs + i);
  }
  return IPRT_OK;
}

// next_key returns the record after the value that follows key.
static inline u32 next_key(u32 key) {
  const iprt_record *value = recs + key + 1;
  return value->kind >= IPRT_KIND_LIST ? (u32)value->value : key + 2;
}

// sorted returns the key records of a map in the order of key_order, or 0 after setting the error. A merge sort from
// the bottom, for maps that are not in order already.
COLD u32 *sorted(u32 map) {
  u32 n = recs[map].n, end = (u32)recs[map].value, key = map + 1;
  u32 *a = (u32 *)take((u64)n * 8), *b;
  if (!a) {
    out_of_memory();
    return 0;
  }
  b = a + n;
  u32 i = 0, in_order = 1;
  for (; i < n && key + 1 < end && recs[key].kind == IPRT_KIND_STRING; i++, key = next_key(key)) {
    a[i] = key;
    if (i && in_order) in_order = key_order(a[i - 1], key) < 0;
  }
  if (i != n || key != end) {
    bad_record(map, ends_differ);
    return 0;
  }
  if (in_order) return a;
  for (u32 run = 1; run < n; run *= 2) {
    u32 *l = a, *o = b;
    while (l < a + n) {
      u32 *mid = (u32)(a + n - l) > run ? l + run : a + n, *r = mid, *to = (u32)(a + n - r) > run ? r + run : a + n;
      while (l < mid || r < to) *o++ = l < mid && (r == to || key_order(*l, *r) <= 0) ? *l++ : *r++;
      l = to;
    }
    u32 *swap = a;
    a = b;
    b = swap;
  }
  return a;
}

// walk is an open list or map. keys, if not 0, is the order in which its entries go out; without, they go out as they
// come. last is the key before, 0 if there was none.
struct walk {
  u32 rec, left, end, last, *keys;
  int map;
};

// next_entry writes the next key of a map and returns the record of its value, or 0 after setting the error.
COLD u32 next_entry(struct walk *w, u32 i) {
  u32 key = w->keys ? *w->keys++ : i, last = w->last;
  const char *wrong = 0;
  w->last = key;
  if (key + 1 >= w->end || recs[key].kind != IPRT_KIND_STRING) wrong = "expected key and value";
  else if (last) {
    int order = key_order(last, key);
    if (order >= 0) wrong = order ? "keys out of order" : "duplicate map key";
  }
  if (!wrong) return check_data(key) || put_key(key) ? 0 : key + 1;
  bad_record(key, wrong);
  return 0;
}

// put_all writes the whole table by the codec's put_open, put_key, put_leaf and put_close. Every record goes out once:
// a container whose count and end index disagree is found when it ends, or when it is sorted.
COLD u32 put_all(void) {
  static struct walk stack[IPRT_MAX_DEPTH + 1];
  struct walk *w = stack;
  u32 i = 0;
  *w = (struct walk){0, 1, rec_count, 0, 0, 0};
  for (;;) {
    while (!w->left) {
      if (!w->keys && i != w->end) return bad_record(w->rec, ends_differ);
      if (w == stack) return IPRT_OK;
      put_close();
      i = w->end;
      w--;
    }
    w->left--;
    if (w->map && !(i = next_entry(w, i))) return IPRT_INVALID;
    if (i >= w->end) return bad_record(w->rec, ends_differ);
    const iprt_record *r = recs + i;
    if (r->kind < IPRT_KIND_LIST) {
      if (check_data(i) || put_leaf(i)) return IPRT_INVALID;
      i++;
      continue;
    }
    if (w == stack + IPRT_MAX_DEPTH) return fail(IPRT_LIMIT, "record ", i, "nested deeper than 1024");
    put_open(r);
    w++;
    *w = (struct walk){i, r->n, (u32)r->value, 0, 0, r->kind == IPRT_KIND_MAP};
    if (w->map && r->n > 1 && unsorted(r) && !(w->keys = sorted(i))) return iprt_error_record.status;
    i++;
  }
}

// encode_table is encode but for what differs between codecs.
static inline u64 encode_table(u8 *table, u32 len) {
  u32 status = open_table(table, len);
  if (status) return status;
  u8 *start = out = take(size_of_all + 8); // some stores are wider than what they write
  if (!out) return out_of_memory();
  status = put_all();
  return status ? status : (u64)iprt_result(start, (u32)(out - start));
}
