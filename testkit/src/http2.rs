//! Frames of HTTP/2 (RFC 9113) by hand, as a client sends them that keeps to nothing: for tests of what a server does about it.

use std::io::{self, Read};

/// Type of a frame with bytes of a body.
pub const DATA: u8 = 0x0;
/// Type of a frame that begins a head.
pub const HEADERS: u8 = 0x1;
/// Type of a frame that gives up a stream.
pub const RST_STREAM: u8 = 0x3;
/// Type of a frame with settings.
pub const SETTINGS: u8 = 0x4;
/// Type of a frame that asks for an answer.
pub const PING: u8 = 0x6;
/// Type of a frame that ends a connection.
pub const GOAWAY: u8 = 0x7;
/// Type of a frame that goes on with a head.
pub const CONTINUATION: u8 = 0x9;
/// Flag of a frame with which a request is whole.
pub const END_STREAM: u8 = 0x1;
/// Flag of an answer to settings or a ping.
pub const ACK: u8 = 0x1;
/// Flag of a frame with which a head is whole.
pub const END_HEADERS: u8 = 0x4;
/// Code of an error: the stream is one too many.
pub const REFUSED_STREAM: u32 = 0x7;
/// Code of an error: the stream is no longer wanted.
pub const CANCEL: u32 = 0x8;
/// Code of an error: the client does too much of something.
pub const ENHANCE_YOUR_CALM: u32 = 0xb;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The largest value that the first byte of a length holds.
const PREFIX_MAX: usize = 0x7f;

/// A frame that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawFrame {
    /// its type
    pub kind: u8,
    /// its flags
    pub flags: u8,
    /// its stream; 0 for the connection
    pub stream: u32,
    /// the bytes behind its head
    pub payload: Vec<u8>,
}

impl RawFrame {
    /// The code of an error in a frame that ends a stream or a connection.
    pub fn code(&self) -> Option<u32> {
        let at = match self.kind {
            RST_STREAM => 0,
            GOAWAY => 4,
            _ => return None,
        };
        let bytes = self.payload.get(at..at + 4)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    }
}

/// The bytes of a frame.
///
/// # Panics
/// The payload is longer than a frame can be.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a payload fits into a frame");
    assert!(length < 1 << 24, "a payload fits into a frame");
    let mut bytes = length.to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// The beginning of a connection: the preface and settings, each a number and its value.
pub fn begin(settings: &[(u16, u32)]) -> Vec<u8> {
    let payload: Vec<u8> =
        settings.iter().flat_map(|(name, value)| [&name.to_be_bytes()[..], &value.to_be_bytes()].concat()).collect();
    [PREFACE, &frame(SETTINGS, 0, 0, &payload)].concat()
}

/// The head of a request, as the payload of a frame; nothing of it is compressed or remembered.
pub fn head(method: &str, path: &str, authority: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let pseudo = [(":method", method), (":scheme", "http"), (":path", path), (":authority", authority)];
    let mut bytes = Vec::new();
    for (name, value) in pseudo.iter().chain(headers) {
        bytes.push(0);
        for text in [name, value] {
            add_length(text.len(), &mut bytes);
            bytes.extend(text.as_bytes());
        }
    }
    bytes
}

/// A whole number with a prefix of seven bits (RFC 7541, 5.1).
fn add_length(length: usize, bytes: &mut Vec<u8>) {
    if length < PREFIX_MAX {
        bytes.push(length as u8);
        return;
    }
    bytes.push(PREFIX_MAX as u8);
    let mut rest = length - PREFIX_MAX;
    while rest > PREFIX_MAX {
        bytes.push((rest & PREFIX_MAX) as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
}

/// Reads a frame; `None` at the end of the connection.
pub fn read_frame(source: &mut impl Read) -> io::Result<Option<RawFrame>> {
    let mut begin = [0; 9];
    let mut filled = 0;
    while filled < begin.len() {
        match source.read(&mut begin[filled..]) {
            Ok(0) => return Ok(None),
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    let length = u32::from_be_bytes([0, begin[0], begin[1], begin[2]]);
    let stream = u32::from_be_bytes([begin[5], begin[6], begin[7], begin[8]]) & 0x7fff_ffff;
    let mut payload = vec![0; length as usize];
    source.read_exact(&mut payload)?;
    Ok(Some(RawFrame { kind: begin[3], flags: begin[4], stream, payload }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_as_it_was_written() {
        let written = [frame(PING, 0, 0, b"12345678"), frame(RST_STREAM, 0, 5, &CANCEL.to_be_bytes())].concat();
        let mut source = &written[..];
        let ping = read_frame(&mut source).unwrap().unwrap();
        assert_eq!((ping.kind, ping.stream, &ping.payload[..], ping.code()), (PING, 0, &b"12345678"[..], None));
        let reset = read_frame(&mut source).unwrap().unwrap();
        assert_eq!((reset.stream, reset.code()), (5, Some(CANCEL)));
        assert_eq!(read_frame(&mut source).unwrap(), None);
    }

    #[test]
    fn lengths_are_written_as_the_example_of_the_standard() {
        let mut bytes = Vec::new();
        add_length(10, &mut bytes);
        add_length(127, &mut bytes);
        add_length(1_337, &mut bytes);
        assert_eq!(bytes, [10, 127, 0, 127, 0xba, 0x09]);
    }
}
