// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// raw (multicodec 0x55): a block is the bytes. See README.md.

#include "../include/table.h"

static u64 one_record(u32 params, u32 kind, u32 n, u64 value) {
  u32 status = begin_call(params);
  if (status) return status;
  iprt_record *r = begin();
  if (!room_for(1)) return out_of_memory();
  put(r, kind, 0, n, value);
  return finish(1, 0);
}

IPRT_EXPORT_CODEC_DECODE u64 decode(const u8 *block, u32 len, const u8 *params, u32 params_len) {
  return one_record(params_len, IPRT_KIND_BYTES, len, 0);
}

IPRT_EXPORT_CODEC_LINKS u64 links(const u8 *block, u32 len, const u8 *params, u32 params_len) {
  return one_record(params_len, IPRT_KIND_LIST, 0, 1);
}

// The block is the part of the heap that the one record names, in place.
IPRT_EXPORT_CODEC_ENCODE u64 encode(const u8 *table, u32 len, const u8 *params, u32 params_len) {
  u32 status = begin_call(params_len);
  if (status) return status;
  iprt_reader r;
  if (!iprt_reader_init(&r, table, len)) return fail(IPRT_INVALID, "offset ", 0, "not a token table");
  if (r.records->kind == IPRT_KIND_BYTES) return (u64)iprt_result(iprt_data(&r, r.records), r.records->n);
  fail(IPRT_INVALID, "record ", 0, "raw holds bytes, not ");
  iprt_error_text(iprt_kind_name(r.records->kind));
  return IPRT_INVALID;
}
