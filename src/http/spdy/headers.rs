//! Header blocks: names and values, compressed over the whole connection with a dictionary that both sides know.

use std::collections::BTreeMap;
use std::io;

use bytes::{Buf, BufMut, BytesMut};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

pub type Headers = BTreeMap<String, String>;

/// The largest header block, in bytes.
const LIMIT: usize = 64 * 1024;

/// The words of the dictionary, each preceded by its length in 32 bits (SPDY/3, section 2.6.10.1); `_` stands for a space.
const WORDS: &str = "options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow \
    authorization cache-control connection content-base content-encoding content-language content-length content-location content-md5 \
    content-range content-type date etag expect expires from host if-match if-modified-since if-none-match if-range \
    if-unmodified-since last-modified location max-forwards pragma proxy-authenticate proxy-authorization range referer retry-after \
    server te trailer transfer-encoding upgrade user-agent vary via warning www-authenticate method get status 200_OK version HTTP/1.1 \
    url public set-cookie keep-alive origin";

/// What follows them.
const TAIL: &str = "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505\
    203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found\
    500 Internal Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 \
    Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,\
    text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.";

fn dictionary() -> Vec<u8> {
    let mut dictionary = Vec::with_capacity(1423);
    for word in WORDS.split(' ').map(|word| word.replace('_', " ")) {
        dictionary.put_u32(u32::try_from(word.len()).expect("words are short"));
        dictionary.extend_from_slice(word.as_bytes());
    }
    dictionary.extend_from_slice(TAIL.as_bytes());
    dictionary
}

/// Reads the blocks of one direction.
pub struct HeaderReader {
    inflate: Decompress,
    begun: bool,
}

impl Default for HeaderReader {
    /// The dictionary becomes the window that the first block may refer to: it is inflated from a stored block of itself.
    fn default() -> Self {
        let dictionary = dictionary();
        let length = u16::try_from(dictionary.len()).expect("the dictionary fits a stored block");
        let mut stored = vec![0];
        stored.put_u16_le(length);
        stored.put_u16_le(!length);
        stored.extend_from_slice(&dictionary);
        let mut reader = Self { inflate: Decompress::new(false), begun: true };
        let window = reader.inflate_block(&stored).expect("a stored block is valid");
        assert_eq!(window, dictionary, "inflating a stored block gives its content");
        reader.begun = false;
        reader
    }
}

impl HeaderReader {
    /// # Errors
    /// The block is damaged, or longer than anybody needs.
    pub fn read(&mut self, block: &[u8]) -> io::Result<Headers> {
        let deflated = if self.begun { block } else { zlib_content(block)? };
        self.begun = true;
        let plain = self.inflate_block(deflated)?;
        parse(&plain).ok_or_else(|| damaged("a header block ends early"))
    }

    fn inflate_block(&mut self, mut deflated: &[u8]) -> io::Result<Vec<u8>> {
        let mut plain = Vec::with_capacity(4096);
        loop {
            let before = (self.inflate.total_in(), plain.len());
            self.inflate.decompress_vec(deflated, &mut plain, FlushDecompress::Sync).map_err(|error| damaged(&error.to_string()))?;
            let taken = usize::try_from(self.inflate.total_in() - before.0).expect("no more than was given");
            deflated = &deflated[taken..];
            if plain.len() < plain.capacity() && (deflated.is_empty() || taken == 0 && plain.len() == before.1) {
                return Ok(plain);
            }
            if plain.len() > LIMIT {
                return Err(damaged("a header block is too long"));
            }
            plain.reserve(4096);
        }
    }
}

/// What follows the header of a zlib stream, which may name a dictionary: there is only one.
fn zlib_content(block: &[u8]) -> io::Result<&[u8]> {
    let [_, flags, rest @ ..] = block else { return Err(damaged("a header block has no zlib header")) };
    let names_dictionary = flags & 0x20 != 0;
    rest.get(if names_dictionary { 4 } else { 0 }..).ok_or_else(|| damaged("a zlib header ends early"))
}

fn parse(mut plain: &[u8]) -> Option<Headers> {
    let mut headers = Headers::new();
    for _ in 0..plain.try_get_u32().ok()? {
        let (name, value) = (text(&mut plain)?, text(&mut plain)?);
        headers.insert(name.to_ascii_lowercase(), value);
    }
    Some(headers)
}

fn text(plain: &mut &[u8]) -> Option<String> {
    let length = usize::try_from(plain.try_get_u32().ok()?).ok()?;
    let (text, rest) = plain.split_at_checked(length)?;
    *plain = rest;
    String::from_utf8(text.to_vec()).ok()
}

fn damaged(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_owned())
}

/// Writes the blocks of the other direction. It does without the dictionary, as zlib lets it.
pub struct HeaderWriter(Compress);

impl Default for HeaderWriter {
    fn default() -> Self {
        Self(Compress::new(Compression::fast(), true))
    }
}

impl HeaderWriter {
    pub fn write(&mut self, headers: &Headers, block: &mut BytesMut) {
        let mut plain = Vec::new();
        plain.put_u32(u32::try_from(headers.len()).unwrap_or(u32::MAX));
        for text in headers.iter().flat_map(|(name, value)| [name, value]) {
            plain.put_u32(u32::try_from(text.len()).unwrap_or(u32::MAX));
            plain.extend_from_slice(text.as_bytes());
        }
        let mut deflated = Vec::with_capacity(plain.len() + 64);
        self.0.compress_vec(&plain, &mut deflated, FlushCompress::Sync).expect("there is room for the block");
        block.extend_from_slice(&deflated);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two blocks as zlib compresses them with the dictionary: `{"port": "80", "streamtype": "error", "requestid": "0"}` and the same of
    /// the data stream.
    const BLOCKS: [&str; 2] = [
        "78f9e3c6a7c202253a48f95b044aab4c1606e0545752949a980b2d58585341c10e6470164122311394b8190d00000000ffff",
        "22422ba84c4ac4d409000000ffff",
    ];

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn blocks_that_refer_to_the_dictionary_and_to_each_other_are_read() {
        let mut reader = HeaderReader::default();
        for (block, streamtype) in BLOCKS.iter().zip(["error", "data"]) {
            let headers = reader.read(&bytes(block)).unwrap();
            assert_eq!((headers["port"].as_str(), headers["streamtype"].as_str()), ("80", streamtype));
        }
    }

    #[test]
    fn what_is_written_can_be_read() {
        let (mut reader, mut writer) = (HeaderReader::default(), HeaderWriter::default());
        for value in ["a", "b"] {
            let headers = Headers::from([("name".to_owned(), value.to_owned())]);
            let mut block = BytesMut::new();
            writer.write(&headers, &mut block);
            assert_eq!(reader.read(&block).unwrap(), headers);
        }
    }

    #[test]
    fn damaged_blocks_are_refused() {
        for block in [&[][..], &[0x78], &[0x78, 0x9c, 0xff, 0xff, 0xff], &[0x78, 0xbb, 1, 2]] {
            assert!(HeaderReader::default().read(block).is_err(), "{block:?}");
        }
    }
}
