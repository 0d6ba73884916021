use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

#[cfg(feature = "tls")]
use crate::tls::MadeWith;

pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// What bytes travel over before TLS.
pub(crate) enum Raw {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
    /// To a proxy, which is spoken to over TLS.
    #[cfg(feature = "tls")]
    Tls(Box<crate::tls::TlsStream<Self>>),
    Other(Box<dyn Duplex>),
}

impl Raw {
    /// The other end's address and the own one.
    pub(crate) fn addresses(&self) -> (Option<SocketAddr>, Option<SocketAddr>) {
        match self {
            Self::Tcp(tcp) => (tcp.peer_addr().ok(), tcp.local_addr().ok()),
            #[cfg(feature = "tls")]
            Self::Tls(tls) => tls.below().addresses(),
            _ => (None, None),
        }
    }

    #[cfg(feature = "tls")]
    fn made_with(&self) -> Option<&MadeWith> {
        match self {
            Self::Tls(tls) => tls.made_with(),
            _ => None,
        }
    }
}

/// What bytes travel over.
pub(crate) enum Stream {
    Plain(Raw),
    #[cfg(feature = "tls")]
    Tls(Box<crate::tls::TlsStream<Raw>>),
}

#[cfg(feature = "tls")]
impl Stream {
    /// With which identities the client came that can change: to the origin, and to the proxy.
    pub(crate) fn made_with(&self) -> impl Iterator<Item = &MadeWith> {
        let (own, raw) = match self {
            Self::Plain(raw) => (None, raw),
            Self::Tls(tls) => (tls.made_with(), tls.below()),
        };
        own.into_iter().chain(raw.made_with())
    }
}

/// Reads and writes by whatever the stream is.
macro_rules! delegate {
    ($stream:ident: $($(#[$cfg:meta])? $variant:ident),+) => {
        impl AsyncRead for $stream {
            #[inline]
            fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    $($(#[$cfg])? Self::$variant(io) => Pin::new(io).poll_read(cx, buf),)+
                }
            }
        }

        impl AsyncWrite for $stream {
            #[inline]
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                match self.get_mut() {
                    $($(#[$cfg])? Self::$variant(io) => Pin::new(io).poll_write(cx, buf),)+
                }
            }

            #[inline]
            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[io::IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                match self.get_mut() {
                    $($(#[$cfg])? Self::$variant(io) => Pin::new(io).poll_write_vectored(cx, bufs),)+
                }
            }

            #[inline]
            fn is_write_vectored(&self) -> bool {
                match self {
                    $($(#[$cfg])? Self::$variant(io) => io.is_write_vectored(),)+
                }
            }

            #[inline]
            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    $($(#[$cfg])? Self::$variant(io) => Pin::new(io).poll_flush(cx),)+
                }
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match self.get_mut() {
                    $($(#[$cfg])? Self::$variant(io) => Pin::new(io).poll_shutdown(cx),)+
                }
            }
        }
    };
}

delegate!(Raw: Tcp, #[cfg(unix)] Unix, #[cfg(feature = "tls")] Tls, Other);
delegate!(Stream: Plain, #[cfg(feature = "tls")] Tls);
