// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// dag-cbor (multicodec 0x71) in its strict form: whatever this decodes, it
// encodes to the same bytes. See README.md.

#include "../include/encode.h"

enum { UINT, NINT, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE }; // CBOR's major types

static const char *const major_names[] = {"an integer", "an integer", "bytes", "a string",
                                          "a list",     "a map",      "a tag", "a simple value"};

static const u8 *block, *block_end; // the input of decode and links

static u32 offset_of(const u8 *p) { return (u32)(p - block); }

COLD u64 fail_at(const u8 *p, const char *what) { return fail(IPRT_INVALID, "offset ", offset_of(p), what); }

COLD u64 fail_length(const u8 *p, const char *what, u64 claimed, u32 left) {
  say_at("offset ", offset_of(p));
  say(what);
  say(" of length ");
  say_u64(claimed);
  say(", expected at most the ");
  say_u64(left);
  say(" bytes left");
  return failed(IPRT_INVALID);
}

COLD u64 fail_key(const u8 *p, u32 major) {
  say_at("offset ", offset_of(p));
  say("map key is ");
  say(major_names[major]);
  say(", expected a string");
  return failed(IPRT_INVALID);
}

// argument reads a head whose argument does not fit the first byte; it returns
// what follows, or 0 after setting the error.
COLD const u8 *argument(const u8 *p, u64 *arg) {
  u32 info = *p & 31, size = 1u << (info - 24);
  if (info > 27) {
    fail_at(p, info == 31 ? "indefinite length" : "reserved additional information");
    return 0;
  }
  if ((u32)(block_end - p) <= size) {
    fail_at(p, "block ends inside a head");
    return 0;
  }
  u64 v = __builtin_bswap64(load64(p + 1)) >> (64 - 8 * size);
  if (v < (info == 24 ? 24 : 1ull << (4 * size))) {
    fail_at(p, "integer or length not in its shortest form");
    return 0;
  }
  *arg = v;
  return p + 1 + size;
}

static inline const u8 *head(const u8 *p, u64 *arg) {
  *arg = *p & 31;
  return *arg < 24 ? p + 1 : argument(p, arg);
}

// simple decodes major type 7: false, true, null and 64-bit floats.
COLD const u8 *simple(const u8 *p) {
  u32 info = *p & 31;
  switch (info) {
  case 20:
  case 21:
    put(IPRT_KIND_BOOL, 0, 0, info - 20);
    return p + 1;
  case 22:
    put(IPRT_KIND_NULL, 0, 0, 0);
    return p + 1;
  case 25:
  case 26:
    fail_at(p, "float of 16 or 32 bits, expected 64");
    return 0;
  case 27:
    break;
  default:
    fail_at(p, "simple value other than false, true and null");
    return 0;
  }
  if (block_end - p < 9) {
    fail_at(p, "block ends inside a float");
    return 0;
  }
  u64 bits = __builtin_bswap64(load64(p + 1));
  if ((bits << 1) >= 0xffe0000000000000ull) {
    fail_at(p, "float is NaN or infinite");
    return 0;
  }
  put(IPRT_KIND_FLOAT, 0, 0, bits);
  return p + 9;
}

// link decodes what follows a tag: 42, then bytes: 0x00 and a CID.
COLD const u8 *link(const u8 *tag, const u8 *p, u64 number) {
  u64 n;
  if (number != 42) {
    say_at("offset ", offset_of(tag));
    say("tag ");
    say_u64(number);
    say(", expected 42 (link)");
    failed(IPRT_INVALID);
    return 0;
  }
  if (p == block_end || *p >> 5 != BYTES) {
    fail_at(p, "tag 42 expects bytes");
    return 0;
  }
  const u8 *at = head(p, &n);
  if (!at) return 0;
  if (n > (u32)(block_end - at)) {
    fail_length(p, "bytes", n, (u32)(block_end - at));
    return 0;
  }
  if (!n || *at || !is_cid(at + 1, (u32)n - 1)) {
    fail_at(at, "link is not 0x00 and a binary CID");
    return 0;
  }
  put(IPRT_KIND_LINK, 0, (u32)n - 1, offset_of(at + 1));
  return at + n;
}

// frame is an open list or map. left counts what is still to come in it: items
// or entries. key_len is -1 before the first key.
struct frame {
  u32 rec, left;
  const u8 *key;
  i64 key_len;
  int map;
};

// map_key decodes a key and holds it to the order of the one before.
static inline const u8 *map_key(const u8 *p, struct frame *f) {
  u64 n;
  if (p == block_end) {
    fail_at(p, "block ends, expected a map key");
    return 0;
  }
  if (*p >> 5 != TEXT) {
    fail_key(p, *p >> 5);
    return 0;
  }
  const u8 *key = head(p, &n);
  if (!key) return 0;
  if (n > (u32)(block_end - key)) {
    fail_length(p, "string", n, (u32)(block_end - key));
    return 0;
  }
  int order = (i64)n > f->key_len ? 1 : (i64)n < f->key_len ? -1 : compare(key, f->key, (u32)n);
  if (order <= 0) {
    fail_at(p, order ? "map keys not in length-first order" : "duplicate map key");
    return 0;
  }
  if (!is_utf8(key, (u32)n)) {
    fail_at(p, "string is not valid UTF-8");
    return 0;
  }
  f->key = key;
  f->key_len = (i64)n;
  put(IPRT_KIND_STRING, 0, (u32)n, offset_of(key));
  return key + n;
}

// parse writes the records of the block from record first on.
static u64 parse(u32 first) {
  static struct frame stack[IPRT_MAX_DEPTH];
  struct frame f = {0, 1, 0, 0, 0};
  const u8 *p = block;
  u32 depth = 0;
  u64 pending = 1; // items owed by every open container; each takes a byte
  if (!begin(first + 1)) return out_of_memory();
  written = first;
  for (;;) {
    while (!f.left) {
      if (!depth) {
        if (p != block_end) return fail_at(p, "bytes after the end of the value");
        return IPRT_OK;
      }
      records[f.rec].v = written;
      f = stack[--depth];
    }
    f.left--;
    if (f.map) {
      pending--;
      if (!(p = map_key(p, &f))) return IPRT_INVALID;
    }
    pending--;
    if (p == block_end) return fail_at(p, "block ends, expected a value");
    u32 major = *p >> 5;
    u64 arg;
    if (major == SIMPLE) {
      if (!(p = simple(p))) return IPRT_INVALID;
      continue;
    }
    const u8 *start = p;
    if (!(p = head(p, &arg))) return IPRT_INVALID;
    u32 left = (u32)(block_end - p);
    switch (major) {
    case UINT:
    case NINT:
      put(IPRT_KIND_UINT + major, 0, 0, arg);
      continue;
    case BYTES:
    case TEXT:
      if (arg > left) return fail_length(start, major_names[major], arg, left);
      if (major == TEXT && !is_utf8(p, (u32)arg)) return fail_at(start, "string is not valid UTF-8");
      put(major == TEXT ? IPRT_KIND_STRING : IPRT_KIND_BYTES, 0, (u32)arg, offset_of(p));
      p += arg;
      continue;
    case TAG:
      if (!(p = link(start, p, arg))) return IPRT_INVALID;
      continue;
    }
    if (depth == IPRT_MAX_DEPTH) return fail(IPRT_LIMIT, "offset ", offset_of(start), "nested deeper than 1024");
    u64 items = major == MAP ? 2 * arg : arg;
    if (arg > left) return fail_length(start, major_names[major], arg, left);
    if (items + pending > left) return fail_at(start, "more items announced than bytes left");
    pending += items;
    if (!room_for(written + 1 + (u32)pending)) return out_of_memory();
    stack[depth++] = f;
    f = (struct frame){written, (u32)arg, 0, -1, major == MAP};
    if (major == MAP) put(IPRT_KIND_MAP, IPRT_MAP_LENGTH_FIRST, (u32)arg, 0);
    else put(IPRT_KIND_LIST, 0, (u32)arg, 0);
  }
}

static u64 start(const u8 *p, u32 len, u32 params) {
  iprt_err.status = iprt_err.len = 0;
  call_over = 1;
  block = p;
  block_end = p + len;
  if (!params) return IPRT_OK;
  say("dag-cbor takes no parameters");
  return failed(IPRT_INVALID);
}

IPRT_EXPORT_CODEC_DECODE u64 decode(const u8 *p, u32 len, const u8 *params, u32 params_len) {
  u64 status = start(p, len, params_len);
  if (!status) status = parse(0);
  return status ? status : finish(0);
}

IPRT_EXPORT_CODEC_LINKS u64 links(const u8 *p, u32 len, const u8 *params, u32 params_len) {
  u64 status = start(p, len, params_len);
  if (!status) status = parse(1);
  return status ? status : finish_links();
}

// ---- encode ----

static u8 *out;

COLD u32 head_size(u64 arg) { return arg < 24 ? 1 : arg < 0x100 ? 2 : arg < 0x10000 ? 3 : arg >> 32 ? 9 : 5; }

COLD void put_head(u32 major, u64 arg) {
  u32 size = head_size(arg) - 1;
  if (!size) {
    *out++ = (u8)(major << 5 | arg);
    return;
  }
  *out = (u8)(major << 5 | (24 + __builtin_ctz(size)));
  store64(out + 1, __builtin_bswap64(arg << (64 - 8 * size)));
  out += 1 + size;
}

static void put_data(const u8 *p, u32 n) {
  __builtin_memcpy(out, p, n);
  out += n;
}

// size_of_all adds up what every record takes: the order of entries does not
// matter for that. Records may share heap bytes, so it can exceed the table.
COLD u64 size_of_all(void) {
  u64 size = 0;
  for (u32 i = 0; i < rec_count; i++) {
    const struct record *r = recs + i;
    switch (r->kind) {
    case IPRT_KIND_NULL:
    case IPRT_KIND_BOOL:
      size += 1;
      break;
    case IPRT_KIND_UINT:
    case IPRT_KIND_NINT:
      size += head_size(r->v);
      break;
    case IPRT_KIND_FLOAT:
      size += 9;
      break;
    case IPRT_KIND_LINK:
      size += 3 + head_size(r->n + 1ull) + r->n;
      break;
    default:
      size += head_size(r->n) + (r->kind < IPRT_KIND_LIST ? r->n : 0);
    }
  }
  return size;
}

// key_order compares keys length first, as the format wants them.
COLD int key_order(u32 a, u32 b) {
  u32 n = recs[a].n;
  if (n != recs[b].n) return n < recs[b].n ? -1 : 1;
  return compare(data_of(recs + a), data_of(recs + b), n);
}

static int key_less(u32 a, u32 b) { return key_order(a, b) < 0; }

COLD u64 put_leaf(u32 i) {
  const struct record *r = recs + i;
  switch (r->kind) {
  case IPRT_KIND_NULL:
    *out++ = SIMPLE << 5 | 22;
    break;
  case IPRT_KIND_BOOL:
    *out++ = (u8)(SIMPLE << 5 | 20 | (r->v & 1));
    break;
  case IPRT_KIND_FLOAT:
    if ((r->v << 1) >= 0xffe0000000000000ull) return bad_record(i, "dag-cbor has no NaN and no infinities");
    *out = SIMPLE << 5 | 27;
    store64(out + 1, __builtin_bswap64(r->v));
    out += 9;
    break;
  case IPRT_KIND_UINT:
  case IPRT_KIND_NINT:
    put_head(r->kind - IPRT_KIND_UINT, r->v);
    break;
  case IPRT_KIND_LINK:
    put_head(TAG, 42);
    put_head(BYTES, r->n + 1ull);
    *out++ = 0;
    put_data(data_of(r), r->n);
    break;
  default:
    put_head(r->kind == IPRT_KIND_STRING ? TEXT : BYTES, r->n);
    put_data(data_of(r), r->n);
  }
  return IPRT_OK;
}

// walk is an open list or map of the table. keys, if not 0, is the order in
// which its entries go out; without, they go out as they come.
struct walk {
  u32 left, end, *keys, last;
  int map;
};

// put_key writes the next key of the map and returns its record, or 0.
static u32 put_key(struct walk *w, u32 i) {
  u32 key = w->keys ? *w->keys++ : i;
  int order = w->last ? key_order(w->last, key) : -1;
  if (order >= 0) {
    bad_record(key, order ? "keys not in the order the map promises" : "duplicate map key");
    return 0;
  }
  w->last = key;
  put_leaf(key);
  return key;
}

COLD u64 emit(void) {
  static struct walk stack[IPRT_MAX_DEPTH];
  struct walk w = {1, rec_count, 0, 0, 0};
  u32 depth = 0, i = 0;
  for (;;) {
    while (!w.left) {
      if (!depth) return IPRT_OK;
      i = w.end;
      w = stack[--depth];
    }
    w.left--;
    if (w.map) {
      if (!(i = put_key(&w, i))) return IPRT_INVALID;
      i++;
    }
    const struct record *r = recs + i;
    if (r->kind < IPRT_KIND_LIST) {
      if (put_leaf(i)) return IPRT_INVALID;
      i++;
      continue;
    }
    int map = r->kind == IPRT_KIND_MAP;
    put_head(map ? MAP : ARRAY, r->n);
    stack[depth++] = w;
    w = (struct walk){r->n, (u32)r->v, 0, 0, map};
    if (map && r->flags != IPRT_MAP_LENGTH_FIRST && !(w.keys = sorted(i, key_less))) return out_of_memory();
    i++;
  }
}

IPRT_EXPORT_CODEC_ENCODE u64 encode(u8 *p, u32 len, const u8 *params, u32 params_len) {
  u64 status = start(p, len, params_len);
  if (!status) status = open_table(p, len);
  if (status) return status;
  u64 size = size_of_all();
  u8 *result = out = take(size + 8); // put_head stores eight bytes at once
  if (!out) return out_of_memory();
  status = emit();
  return status ? status : packed(result, size);
}
