// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// bencode (multicodec 0x63), the encoding of BitTorrent: whatever this decodes,
// it encodes to the same bytes. See README.md.

#include "../include/encode.h"

static const u8 *block, *block_end; // the input of decode and links

static u32 offset_of(const u8 *p) { return (u32)(p - block); }

static u32 fail_at(const u8 *p, const char *what) { return fail(IPRT_INVALID, "offset ", offset_of(p), what); }

static const char past_end[] = "longer than the rest of the block";

HOT bool is_digit(u8 c) { return (u8)(c - '0') < 10; }

// plain tells whether a key is a string of the data model as it is. Any other becomes U+0000 and its bytes in hexadecimal.
HOT bool is_plain(const u8 *s, u32 n) { return !n || (*s && (is_ascii(s, n) || is_utf8(s, n))); }

// order compares byte strings as the keys of a dictionary are sorted.
HOT int order(const u8 *a, u32 a_len, const u8 *b, u32 b_len) {
  int c = compare(a, b, a_len < b_len ? a_len : b_len);
  return c ? c : (a_len > b_len) - (a_len < b_len);
}

// ---- decode ----

// integer decodes i…e. It returns what follows, or 0 after setting the error.
LOOP const u8 *integer(const u8 *start, iprt_record *r) {
  const u8 *p = start + 1;
  const char *wrong = 0;
  bool negative = p < block_end && *p == '-', huge = false;
  p += negative;
  const u8 *digits = p;
  u64 v = 0;
  for (; p < block_end && is_digit(*p); p++) {
    u64 d = *p - '0';
    bool fits = v <= (UINT64_MAX - d) / 10;
    if (huge || (!fits && (!negative || v != UINT64_MAX / 10 || d != 6))) wrong = "integer outside -2^64 to 2^64-1";
    huge = !fits; // -2^64, if it ends here: v is 0 then
    v = v * 10 + d;
  }
  if (p == digits) wrong = "integer without digits";
  else if (*digits == '0' && (negative || p - digits > 1)) wrong = "integer with a leading zero, or -0";
  else if (p == block_end || *p != 'e') wrong = "integer does not end in e";
  if (wrong) {
    fail_at(start, wrong);
    return 0;
  }
  put(r, negative ? IPRT_KIND_NINT : IPRT_KIND_UINT, 0, 0, negative ? v - 1 : v);
  return p + 1;
}

// length reads the length of a byte string and its colon. It returns where the bytes are, or 0 after setting the error.
HOT const u8 *length(const u8 *start, u32 *n) {
  const u8 *p = start;
  const char *wrong = 0;
  u64 v = 0;
  for (; p < block_end && is_digit(*p) && v <= UINT32_MAX; p++) v = v * 10 + *p - '0';
  u32 left = (u32)(block_end - p);
  if (*start == '0' && p - start > 1) wrong = "length with a leading zero";
  else if (v > left) wrong = past_end;
  else if (!left || *p != ':') wrong = "length does not end in a colon";
  else if (v == left) wrong = past_end;
  if (!wrong) {
    *n = (u32)v;
    return p + 1;
  }
  fail_at(start, wrong);
  return 0;
}

// frame is an open list or dictionary. count counts its keys, values and items so far; in a dictionary, what finds it even
// is a key.
struct frame {
  u32 rec, count;
  const u8 *key; // the one before, or 0
  u32 key_len, order;
  bool map;
};

static u32 count;     // index after the last record
static u32 hex_bytes; // of heap that keys will take

// check_key holds a key to the order of the one before it and adds up the heap. It returns what is wrong, or 0.
HOT const char *check_key(struct frame *f, const u8 *key, u32 n, u32 *flags) {
  int c = f->key ? order(f->key, f->key_len, key, n) : -1;
  f->key = key;
  f->key_len = n;
  *flags = 0;
  if (!is_plain(key, n)) {
    f->order = IPRT_MAP_UNORDERED;
    *flags = IPRT_FLAG_HEAP; // for spell_keys
    hex_bytes += 1 + 2 * n;
  }
  return c < 0 ? 0 : c ? "keys not sorted" : "duplicate key";
}

// parse writes the records of the block.
LOOP u32 parse(void) {
  static struct frame stack[IPRT_MAX_DEPTH];
  struct frame f = {0, 0, 0, 0, 0, false};
  const u8 *p = block;
  u32 depth = 0;
  iprt_record *r = begin(), *room = r;
  hex_bytes = 0;
  while (depth || !f.count) {
    if (p == block_end) return fail_at(p, "block ends too early");
    const u8 *start = p;
    u8 c = *p;
    bool is_key = f.map && !(f.count & 1);
    if (c == 'e' && depth) {
      if (f.map && !is_key) return fail_at(p, "dictionary ends after a key");
      iprt_record *open = records + f.rec;
      put(open, open->kind, f.order, f.count >> f.map, index_of(r));
      f = stack[--depth];
      p++;
      continue;
    }
    f.count++;
    if (r == room && !(room = room_for(index_of(r) + 1))) return out_of_memory();
    if (is_digit(c)) {
      u32 n, flags = 0;
      if (!(p = length(start, &n))) return IPRT_INVALID;
      u32 kind = is_key || is_ascii(p, n) || is_utf8(p, n) ? IPRT_KIND_STRING : IPRT_KIND_BYTES;
      const char *wrong = is_key ? check_key(&f, p, n, &flags) : 0;
      if (wrong) return fail_at(start, wrong);
      put(r++, kind, flags, n, offset_of(p));
      p += n;
      continue;
    }
    if (is_key) return fail_at(p, "key is not a byte string");
    if (c == 'i') {
      if (!(p = integer(p, r++))) return IPRT_INVALID;
      continue;
    }
    if (c != 'd' && c != 'l') return fail_at(p, "expected a digit, i, l or d");
    if (depth == IPRT_MAX_DEPTH) return fail(IPRT_LIMIT, "offset ", offset_of(p), "nested deeper than 1024");
    stack[depth++] = f;
    f = (struct frame){index_of(r), 0, 0, 0, c == 'd' ? IPRT_MAP_BYTEWISE : 0, c == 'd'};
    put(r++, c == 'd' ? IPRT_KIND_MAP : IPRT_KIND_LIST, 0, 0, 0);
    p++;
  }
  count = index_of(r);
  return p == block_end ? IPRT_OK : fail_at(p, "bytes after the end of the value");
}

// spell_keys writes the heap: the keys that parse marked, in hexadecimal.
COLD u32 spell_keys(void) {
  u8 *heap_start = (u8 *)(records + count), *h = heap_start;
  if (!reserve((u32)h + (u64)hex_bytes)) return out_of_memory();
  for (iprt_record *r = records; hex_bytes && r < records + count; r++) {
    if (r->kind != IPRT_KIND_STRING || r->flags != IPRT_FLAG_HEAP) continue;
    const u8 *key = block + (u32)r->value;
    u32 n = r->n;
    put(r, IPRT_KIND_STRING, IPRT_FLAG_HEAP, 1 + 2 * n, (u32)(h - heap_start));
    *h++ = 0;
    for (u32 i = 0; i < n; i++) {
      *h++ = (u8)"0123456789abcdef"[key[i] >> 4];
      *h++ = (u8)"0123456789abcdef"[key[i] & 15];
    }
  }
  return IPRT_OK;
}

COLD u32 read(const u8 *p, u32 len, u32 params) {
  u32 status = begin_call(params);
  if (status) return status;
  block = len ? p : (const u8 *)&block; // an empty input has no address
  block_end = block + len;
  return parse();
}

IPRT_EXPORT_CODEC_DECODE u64 decode(const u8 *p, u32 len, const u8 *params, u32 params_len) {
  u32 status = read(p, len, params_len);
  if (!status) status = spell_keys();
  return status ? status : finish(count, hex_bytes);
}

// links: the format has none, but the block has to be valid.
IPRT_EXPORT_CODEC_LINKS u64 links(const u8 *p, u32 len, const u8 *params, u32 params_len) {
  u32 status = read(p, len, params_len);
  return status ? status : finish_links(1);
}

// ---- encode ----

// Integers take 23 bytes at most, i-18446744073709551616e; lengths 11, with the colon.
static u32 size_of(const iprt_record *r) {
  return r->kind < IPRT_KIND_STRING ? 23 : r->kind > IPRT_KIND_LINK ? 2 : 11 + r->n;
}

HOT bool is_hex_key(const iprt_record *r) { return r->kind == IPRT_KIND_STRING && r->n && !*data_of(r); }

HOT u32 nibble(u8 c) { return c < 'a' ? c - '0' : c - 'a' + 10u; }

// raw_key gives byte i of a key as it will be written.
static u8 raw_key(const iprt_record *r, u32 i) {
  const u8 *s = data_of(r);
  return is_hex_key(r) ? (u8)(nibble(s[1 + 2 * i]) << 4 | nibble(s[2 + 2 * i])) : s[i];
}

static u32 raw_len(const iprt_record *r) { return is_hex_key(r) ? r->n / 2 : r->n; }

COLD int key_order(u32 a, u32 b) {
  const iprt_record *x = recs + a, *y = recs + b;
  u32 n = raw_len(x), m = raw_len(y), i = 0;
  if (!is_hex_key(x) && !is_hex_key(y)) return order(data_of(x), n, data_of(y), m);
  while (i < n && i < m && raw_key(x, i) == raw_key(y, i)) i++;
  return i < n && i < m ? raw_key(x, i) - raw_key(y, i) : (n > m) - (n < m);
}

// Bytewise order is lost where a key is hexadecimal. In that order the first one is then, or the one after the empty key.
static bool unsorted(const iprt_record *r) {
  const iprt_record *first = r + 1;
  if (r->flags != IPRT_MAP_BYTEWISE) return true;
  return first < recs + r->value && first->kind == IPRT_KIND_STRING && (!first->n || is_hex_key(first));
}

static void put_open(const iprt_record *r) { *out++ = r->kind == IPRT_KIND_MAP ? 'd' : 'l'; }

static void put_close(void) { *out++ = 'e'; }

static void put_decimal(u64 v) {
  u32 size = 1;
  for (u64 w = v; w >= 10; w /= 10) size++;
  for (u32 i = size; i; v /= 10) out[--i] = (u8)('0' + v % 10);
  out += size;
}

COLD void put_integer(const iprt_record *r) {
  bool negative = r->kind == IPRT_KIND_NINT;
  *out++ = 'i';
  if (negative) *out++ = '-';
  put_decimal(r->value + negative);
  if (negative && r->value == UINT64_MAX) { // 2^64 came out as 0
    __builtin_memcpy(out - 1, "18446744073709551616", 20);
    out += 19;
  }
  *out++ = 'e';
}

static void put_bytes(const u8 *p, u32 n) {
  put_decimal(n);
  *out++ = ':';
  __builtin_memcpy(out, p, n);
  out += n;
}

static u32 put_key(u32 i) {
  const iprt_record *r = recs + i;
  if (!is_hex_key(r)) {
    put_bytes(data_of(r), r->n);
    return IPRT_OK;
  }
  const u8 *s = data_of(r);
  bool good = r->n & 1;
  for (u32 k = 1; k < r->n; k++) good &= is_digit(s[k]) || (s[k] >= 'a' && s[k] <= 'f');
  put_decimal(raw_len(r));
  *out++ = ':';
  u8 *raw = out;
  for (u32 k = 0; k < raw_len(r); k++) *out++ = raw_key(r, k);
  if (good && !is_plain(raw, raw_len(r))) return IPRT_OK;
  return bad_record(i, "key that begins with U+0000 is not the hexadecimal form of one that needs it");
}

static u32 put_leaf(u32 i) {
  const iprt_record *r = recs + i;
  switch (r->kind) {
  case IPRT_KIND_UINT:
  case IPRT_KIND_NINT:
    put_integer(r);
    return IPRT_OK;
  case IPRT_KIND_STRING:
  case IPRT_KIND_BYTES:
    put_bytes(data_of(r), r->n);
    return IPRT_OK;
  }
  bad_record(i, "bencode has no ");
  iprt_error_text(iprt_kind_name(r->kind));
  return IPRT_INVALID;
}

IPRT_EXPORT_CODEC_ENCODE u64 encode(u8 *p, u32 len, const u8 *params, u32 params_len) {
  u32 status = begin_call(params_len);
  return status ? status : encode_table(p, len);
}
