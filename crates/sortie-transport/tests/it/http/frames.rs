//! A peer that speaks HTTP/2 by hand, over a pipe in memory.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use sortie_transport::{Transport, TransportOptions, Versions};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const WINDOW_UPDATE: u8 = 8;

pub(super) const ACK: u8 = 1;
pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

/// `:status: 200`, from the static table.
pub(super) const OK: &[u8] = &[0x88];

#[derive(Debug)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    pub(super) payload: Vec<u8>,
}

impl Frame {
    /// The settings in it.
    pub(super) fn settings(&self) -> Vec<(u16, u32)> {
        let setting = |bytes: &[u8]| {
            let number = |bytes: &[u8]| bytes.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
            (u16::try_from(number(&bytes[..2])).unwrap(), number(&bytes[2..]))
        };
        self.payload.chunks(6).map(setting).collect()
    }

    /// What it says in its first four octets: a reason or an increment.
    pub(super) fn number(&self) -> u32 {
        u32::from_be_bytes(self.payload[..4].try_into().unwrap())
    }
}

pub(super) struct Peer(DuplexStream);

impl Peer {
    /// A transport whose one connection leads to the peer, over a pipe that holds this many octets.
    pub(super) fn new(options: TransportOptions, pipe: usize) -> (Transport, Self) {
        let (ours, theirs) = tokio::io::duplex(pipe);
        let ours = Arc::new(Mutex::new(Some(ours)));
        let transport = Transport::new(options.versions(Versions::Http2Only).connector(move |_| {
            let stream = ours.lock().unwrap().take().expect("one connection");
            async move { Ok::<_, Infallible>(stream) }
        }));
        (transport, Self(theirs))
    }

    /// Reads the client's preface, and answers with these settings.
    pub(super) async fn greet(&mut self, settings: &[(u16, u32)]) -> Frame {
        let mut preface = [0; 24];
        self.0.read_exact(&mut preface).await.unwrap();
        assert_eq!(&preface, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        let theirs = self.read().await;
        assert_eq!(theirs.kind, SETTINGS);
        let ours: Vec<u8> =
            settings.iter().flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()).collect();
        self.write(SETTINGS, 0, 0, &ours).await;
        self.write(SETTINGS, ACK, 0, &[]).await;
        theirs
    }

    pub(super) async fn read(&mut self) -> Frame {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).await.unwrap();
        let mut payload = vec![0; usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2])];
        self.0.read_exact(&mut payload).await.unwrap();
        let stream = u32::from_be_bytes(head[5..].try_into().unwrap());
        Frame { kind: head[3], flags: head[4], stream, payload }
    }

    /// The next frame of one of these kinds.
    pub(super) async fn read_next(&mut self, kinds: &[u8]) -> Frame {
        loop {
            let frame = self.read().await;
            if kinds.contains(&frame.kind) && !(frame.kind == SETTINGS && frame.flags == ACK) {
                return frame;
            }
        }
    }

    pub(super) async fn write(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let frame = [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat();
        self.0.write_all(&frame).await.unwrap();
    }
}
