// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// A strict DAG-CBOR decoder as one would write it in Rust, with the standard
// library: what metering costs code that nobody wrote with metering in mind. It
// is not a module of iprt: it has the exports that the benchmark calls and no
// more.

use std::alloc::{alloc, Layout};

const MAX_DEPTH: usize = 1024;

#[repr(C)]
struct Record {
    kind: u8,
    flags: u8,
    zero: u16,
    n: u32,
    value: u64,
}

struct Decoder<'a> {
    block: &'a [u8],
    at: usize,
    records: Vec<Record>,
}

type Result<T> = std::result::Result<T, &'static str>;

impl<'a> Decoder<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(n).filter(|&end| end <= self.block.len()).ok_or("block ends too early")?;
        let taken = &self.block[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn head(&mut self) -> Result<(u8, u8, u64)> {
        let first = self.take(1)?[0];
        let (major, info) = (first >> 5, first & 31);
        let arg = match info {
            0..=23 => info as u64,
            24..=27 => self.take(1 << (info - 24))?.iter().fold(0, |v, &b| v << 8 | b as u64),
            _ => return Err("reserved head"),
        };
        let shortest = match info {
            24 => arg >= 24,
            25 => arg >> 8 != 0,
            26 => arg >> 16 != 0,
            27 => arg >> 32 != 0,
            _ => true,
        };
        if major != 7 && !shortest {
            return Err("not in its shortest form");
        }
        Ok((major, info, arg))
    }

    fn put(&mut self, kind: u8, flags: u8, n: u32, value: u64) {
        self.records.push(Record { kind, flags, zero: 0, n, value });
    }

    fn data(&mut self, kind: u8, len: u64) -> Result<&'a [u8]> {
        let at = self.at;
        let data = self.take(len as usize)?;
        self.put(kind, 0, data.len() as u32, at as u64);
        Ok(data)
    }

    fn text(&mut self, len: u64) -> Result<&'a str> {
        std::str::from_utf8(self.data(6, len)?).map_err(|_| "string is not valid UTF-8")
    }

    fn link(&mut self) -> Result<()> {
        let (major, _, len) = self.head()?;
        if major != 2 || len == 0 || self.take(1)?[0] != 0 {
            return Err("link is not 0x00 and a binary CID");
        }
        let cid = self.data(8, len - 1)?;
        match cid {
            [1, codec, 0x12, 32, digest @ ..] if *codec < 128 && digest.len() == 32 => Ok(()),
            _ => Err("not a CIDv1 of sha2-256"),
        }
    }

    fn map(&mut self, entries: u64, depth: usize) -> Result<()> {
        let mut last: Option<&str> = None;
        for _ in 0..entries {
            let (major, _, len) = self.head()?;
            if major != 3 {
                return Err("map key is not a string");
            }
            let key = self.text(len)?;
            if let Some(last) = last {
                if (last.len(), last) >= (key.len(), key) {
                    return Err("map keys not in order");
                }
            }
            last = Some(key);
            self.value(depth)?;
        }
        Ok(())
    }

    fn value(&mut self, depth: usize) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err("nested too deep");
        }
        let (major, info, arg) = self.head()?;
        match major {
            0 => self.put(3, 0, 0, arg),
            1 => self.put(4, 0, 0, arg),
            2 => drop(self.data(7, arg)?),
            3 => drop(self.text(arg)?),
            4 | 5 => {
                if arg > (self.block.len() - self.at) as u64 {
                    return Err("longer than the rest of the block");
                }
                let own = self.records.len();
                let is_map = major == 5;
                self.put(if is_map { 10 } else { 9 }, if is_map { 2 } else { 0 }, arg as u32, 0);
                if is_map {
                    self.map(arg, depth + 1)?;
                } else {
                    for _ in 0..arg {
                        self.value(depth + 1)?;
                    }
                }
                let end = self.records.len() as u64;
                self.records[own].value = end;
            }
            6 if arg == 42 => self.link()?,
            7 if info == 20 || info == 21 => self.put(2, 0, 0, info as u64 - 20),
            7 if info == 22 => self.put(1, 0, 0, 0),
            7 if info == 27 && f64::from_bits(arg).is_finite() => self.put(5, 0, 0, arg),
            _ => return Err("not DAG-CBOR"),
        }
        Ok(())
    }
}

fn decode(block: &[u8]) -> Result<Vec<Record>> {
    let mut d = Decoder { block, at: 0, records: Vec::new() };
    d.value(0)?;
    if d.at == block.len() { Ok(d.records) } else { Err("bytes after the end of the value") }
}

// The input is freed by the call that it is for, the result by the call after.
static mut LAST: Vec<Record> = Vec::new();

#[no_mangle]
pub extern "C" fn iprt_alloc(size: usize) -> *mut u8 {
    unsafe { alloc(Layout::from_size_align_unchecked(size, 16)) }
}

#[no_mangle]
pub extern "C" fn iprt_codec_v1_decode(ptr: *mut u8, len: usize, _params: usize, _params_len: usize) -> u64 {
    unsafe {
        let block = std::slice::from_raw_parts(ptr, len);
        let result = decode(block);
        std::alloc::dealloc(ptr, Layout::from_size_align_unchecked(len, 16));
        match result {
            Ok(records) => {
                LAST = records;
                (LAST.as_ptr() as u64) << 32 | (LAST.len() * 16) as u64
            }
            Err(_) => 1,
        }
    }
}
