use std::io;
use std::net::SocketAddr;

use tokio::net::TcpStream;

pub(super) async fn connect(address: SocketAddr, nodelay: bool) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    if nodelay {
        // A socket that refuses the option still carries the request.
        let _ = stream.set_nodelay(true);
    }
    Ok(stream)
}
