// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// dag-cbor (multicodec 0x71) in its strict form: whatever this decodes, it
// encodes to the same bytes. See README.md.

#include "../include/encode.h"

enum { UINT, NINT, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE }; // CBOR's major types

static const u8 *block, *block_end; // the input of decode and links

static u32 offset_of(const u8 *p) { return (u32)(p - block); }

COLD u32 fail_at(const u8 *p, const char *what) { return fail(IPRT_INVALID, "offset ", offset_of(p), what); }

static const char past_end[] = "longer than the rest of the block";

#define NOT_FINITE 0xffe0000000000000ull // twice the bits of an infinity: no finite float reaches it

// argument reads the rest of the head at p, whose argument does not fit its first byte. An error is in
// iprt_error_record.
COLD u64 argument(const u8 *p) {
  u32 info = *p & 31, size = 1u << (info - 24);
  if (info > 27) return fail_at(p, info == 31 ? "indefinite length" : "reserved head");
  if ((u32)(block_end - p) <= size) return fail_at(p, "block ends inside a head");
  u64 v = swapped(load64(p + 1)) >> (64 - 8 * size);
  if (v < (info == 24 ? 24 : 1ull << (4 * size))) return fail_at(p, "not in its shortest form");
  return v;
}

// simple decodes major type 7: false, true, null and 64-bit floats. 0 after setting the error.
HOT const u8 *simple(const u8 *p, iprt_record *r) {
  u32 info = *p & 31;
  if (info == 20 || info == 21) {
    put(r, IPRT_KIND_BOOL, 0, 0, info - 20);
    return p + 1;
  }
  if (info == 22) {
    put(r, IPRT_KIND_NULL, 0, 0, 0);
    return p + 1;
  }
  const char *wrong = "block ends inside a head";
  if (info == 27 && block_end - p > 8) {
    u64 bits = swapped(load64(p + 1));
    put(r, IPRT_KIND_FLOAT, 0, 0, bits);
    if (bits << 1 < NOT_FINITE) return p + 9;
    wrong = "float is NaN or infinite";
  } else if (info == 25 || info == 26) {
    wrong = "float not of 64 bits";
  } else if (info != 27) {
    wrong = "simple value not false, true or null";
  }
  fail_at(p, wrong);
  return 0;
}

// frame is an open list or map. left counts the keys, values and items that are still to come in it; in a map, what leaves
// it odd is a key. key_len is -1 before the first key.
struct frame {
  u32 rec, left;
  const u8 *key;
  i32 key_len;
  int map;
};

// check_key holds a key to the order of the one before it. It returns what is wrong, or 0.
HOT const char *check_key(struct frame *f, const u8 *key, i32 n) {
  int order = n > f->key_len ? 1 : n < f->key_len ? -1 : compare(key, f->key, (u32)n);
  f->key = key;
  f->key_len = n;
  return order > 0 ? 0 : order ? "map keys not in length-first order" : "duplicate map key";
}

static u32 count; // index after the last record

// parse writes the records of the block, from record first on.
LOOP u32 parse(u32 first) {
  static struct frame stack[IPRT_MAX_DEPTH];
  struct frame f = {0, 1, 0, 0, 0};
  const u8 *p = block;
  u32 depth = 0;
  u32 pending = 1; // items owed by all open containers; each takes a byte at least
  iprt_record *r = begin() + first;
  if (!room_for(first + 1)) return out_of_memory();
  for (;;) {
    while (!f.left) {
      if (!depth) {
        count = index_of(r);
        return p == block_end ? IPRT_OK : fail_at(p, "bytes after the end of the value");
      }
      records[f.rec].value = index_of(r);
      f = stack[--depth];
    }
    f.left--;
    pending--;
    int is_key = f.map & (int)f.left, is_link = 0;
  head:
    if (p == block_end) return fail_at(p, "block ends too early");
    const u8 *start = p++;
    u32 major = *start >> 5;
    u64 arg = *start & 31;
    if (is_key && major != TEXT) return fail_at(start, "map key is not a string");
    if (is_link && major != BYTES) return fail_at(start, "tag 42 is not on bytes");
    if (major == SIMPLE) {
      if (!(p = simple(start, r++))) return IPRT_INVALID;
      continue;
    }
    if (arg > 23) {
      p += 1u << (arg - 24);
      arg = argument(start);
      if (iprt_error_record.status) return IPRT_INVALID;
    }
    if (major <= NINT) {
      put(r++, IPRT_KIND_UINT + major, 0, 0, arg);
      continue;
    }
    if (major == TAG) {
      if (arg != 42) return fail_at(start, "tag other than 42");
      is_link = 1;
      goto head;
    }
    u32 left = (u32)(block_end - p);
    if (arg > left) return fail_at(start, past_end);
    if (major == TEXT) {
      const char *wrong = is_ascii(p, (u32)arg) || is_utf8(p, (u32)arg) ? 0 : "string is not valid UTF-8";
      if (!wrong && is_key) wrong = check_key(&f, p, (i32)arg);
      if (wrong) return fail_at(start, wrong);
    }
    if (major <= TEXT) {
      u32 kind = major == TEXT ? IPRT_KIND_STRING : IPRT_KIND_BYTES;
      if (is_link) { // 0x00, the multibase for bytes, and a CID
        if (!arg || *p || !is_cid(p + 1, (u32)arg - 1)) return fail_at(start, "link is not 0x00 and a binary CID");
        kind = IPRT_KIND_LINK;
      }
      put(r++, kind, 0, (u32)arg - (u32)is_link, offset_of(p) + (u32)is_link);
      p += arg;
      continue;
    }
    if (depth == IPRT_MAX_DEPTH) return fail(IPRT_LIMIT, "offset ", offset_of(start), "nested deeper than 1024");
    int map = major == MAP;
    u32 items = (u32)arg << map;
    pending += items;
    if (pending > left) return fail_at(start, past_end);
    stack[depth++] = f;
    f = (struct frame){index_of(r), items, 0, -1, map};
    put(r++, IPRT_KIND_LIST + (u32)map, map ? IPRT_MAP_LENGTH_FIRST : 0, (u32)arg, 0);
    if (!room_for(index_of(r) + pending)) return out_of_memory();
  }
}

COLD u64 read(const u8 *p, u32 len, u32 params, bool only_links) {
  u32 status = begin_call(params);
  if (status) return status;
  block = len ? p : (const u8 *)&block; // an empty input has no address
  block_end = block + len;
  status = parse(only_links);
  return status ? status : only_links ? finish_links(count) : finish(count, 0);
}

IPRT_EXPORT_CODEC_DECODE u64 decode(const u8 *p, u32 len, const u8 *params, u32 params_len) {
  return read(p, len, params_len, false);
}

IPRT_EXPORT_CODEC_LINKS u64 links(const u8 *p, u32 len, const u8 *params, u32 params_len) {
  return read(p, len, params_len, true);
}

// ---- encode ----

COLD void put_head(u32 major, u64 arg) {
  if (arg < 24) {
    *out++ = (u8)(major << 5 | arg);
    return;
  }
  u32 log = 0; // of the bytes that the argument takes
  while (log < 3 && arg >> (8 << log)) log++;
  *out = (u8)(major << 5 | (24 + log));
  store64(out + 1, swapped(arg << (64 - (8 << log))));
  out += 1 + (1 << log);
}

// Nothing takes more than a byte of head and eight of argument, apart from data. A link's heads are eight.
static u32 size_of(const iprt_record *r) { return r->kind < IPRT_KIND_STRING || r->kind > IPRT_KIND_LINK ? 9 : 9 + r->n; }

// key_order is the order of the format: by length first.
COLD int key_order(u32 a, u32 b) {
  u32 n = recs[a].n;
  if (n != recs[b].n) return n < recs[b].n ? -1 : 1;
  return compare(data_of(recs + a), data_of(recs + b), n);
}

static bool unsorted(const iprt_record *r) { return r->flags != IPRT_MAP_LENGTH_FIRST; }

static void put_open(const iprt_record *r) { put_head(r->kind == IPRT_KIND_MAP ? MAP : ARRAY, r->n); }

static void put_close(void) {}

static u32 put_key(u32 i) { return put_leaf(i); }

COLD u32 put_leaf(u32 i) {
  const iprt_record *r = recs + i;
  u32 major = BYTES, n = r->n;
  switch (r->kind) {
  case IPRT_KIND_NULL:
  case IPRT_KIND_BOOL:
    *out++ = (u8)(SIMPLE << 5 | (r->kind == IPRT_KIND_NULL ? 22 : 20 | (r->value & 1)));
    return IPRT_OK;
  case IPRT_KIND_FLOAT:
    if (r->value << 1 >= NOT_FINITE) return bad_record(i, "float is NaN or infinite");
    *out = SIMPLE << 5 | 27;
    store64(out + 1, swapped(r->value));
    out += 9;
    return IPRT_OK;
  case IPRT_KIND_UINT:
  case IPRT_KIND_NINT:
    put_head(r->kind - IPRT_KIND_UINT, r->value);
    return IPRT_OK;
  case IPRT_KIND_LINK:
    put_head(TAG, 42);
    put_head(BYTES, n + 1ull);
    *out++ = 0;
    break;
  case IPRT_KIND_STRING:
    major = TEXT; // fallthrough
  default:
    put_head(major, n);
  }
  __builtin_memcpy(out, data_of(r), n);
  out += n;
  return IPRT_OK;
}

IPRT_EXPORT_CODEC_ENCODE u64 encode(u8 *p, u32 len, const u8 *params, u32 params_len) {
  u32 status = begin_call(params_len);
  return status ? status : encode_table(p, len);
}
