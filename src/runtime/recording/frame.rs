//! How a record stands in a file: a line with the CRC-32 of its text in hexadecimal, a space, and the text, which is JSON.

use serde::Serialize;

const CHECKSUM: usize = 8;

/// Appends a record to a file's text.
///
/// # Errors
/// It is no JSON.
pub fn append(record: &impl Serialize, text: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    let begun = text.len();
    text.extend_from_slice(&[b' '; CHECKSUM + 1]);
    if let Err(error) = serde_json::to_writer(&mut *text, record) {
        text.truncate(begun);
        return Err(error);
    }
    let sum = crc32fast::hash(&text[begun + CHECKSUM + 1..]);
    text[begun..begun + CHECKSUM].copy_from_slice(format!("{sum:08x}").as_bytes());
    text.push(b'\n');
    Ok(())
}

/// The text of a line, without its end.
///
/// # Errors
/// What is wrong with it.
pub fn open(line: &[u8]) -> Result<&[u8], &'static str> {
    let (sum, text) = line.split_at_checked(CHECKSUM).ok_or("it is too short")?;
    let text = text.strip_prefix(b" ").ok_or("it has no checksum")?;
    let sum = std::str::from_utf8(sum).ok().and_then(|sum| u32::from_str_radix(sum, 16).ok()).ok_or("it has no checksum")?;
    if sum == crc32fast::hash(text) { Ok(text) } else { Err("its checksum does not match") }
}
